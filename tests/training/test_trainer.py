from __future__ import annotations

import csv
from typing import Any

import pytest
import torch
from toy import Toy, gaussian, make

from physgan.cores.base import Loss, Turn
from physgan.errors import InputError, RunError
from physgan.training import Trainer, TrainerOptions
from physgan.training.batches import Batches
from physgan.training.optimisers import rate_factor


def contents(trainer: Trainer) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    return trainer.checkpoints.load()


def equal(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(equal, a, b))
    return bool(a == b)


@pytest.mark.parametrize("stop", [1, 4, 5, 9])
def test_a_resumed_run_is_bitwise_the_unbroken_one(trainer: Any, stop: int) -> None:
    whole = trainer("whole")
    assert whole.fit().reason == "steps"
    first = trainer("parts")
    assert first.fit(until=stop).reason == "interrupted"
    torch.manual_seed(99)
    second = trainer("parts", core=make(seed=5))
    assert second.fit(resume=True).step == 10
    (tensors, state), (again, state_again) = contents(whole), contents(second)
    assert equal(tensors, again)
    for key in ("optimisers", "rng", "cursor", "order", "best", "step", "extra"):
        assert equal(state[key], state_again[key]), key
    assert not torch.equal(tensors["ema.generator.bias"], tensors["generator.bias"])
    assert float(tensors["multiplier"]) != 0
    with (second.folder / "metrics.csv").open() as file:
        steps = [int(row["step"]) for row in csv.DictReader(file)]
    assert steps == sorted(set(steps)) and steps[-1] == 10


def test_the_toy_generator_finds_the_mean(trainer: Any) -> None:
    learner = trainer(steps=600, ema_decay=0.98, log_every=200, checkpoint_every=600)
    before = learner.core.generator.bias.detach().clone()
    learner.fit()
    with learner.average.applied():
        found = learner.core.generator.bias.detach().clone()
    aim = torch.tensor([1.0, -1.0])
    assert (found - aim).norm() < 0.35 < (before - aim).norm()


class TwoPlayers(Toy):
    """Both losses read both players; each belongs to one."""

    def turns(self, draw: Any, step: int) -> Any:
        x = draw()["x", "value"]
        y = self.critic[0](self.generator(x)).square().mean()
        losses = (Loss(y, ("generator",)), Loss(3 * y, ("critic",)))
        yield Turn(losses, ("generator", "critic"))


def test_a_gradient_reaches_only_the_players_of_its_loss(trainer: Any) -> None:
    torch.manual_seed(0)
    core = TwoPlayers()
    learner = trainer(core=core, gradient_clip=None)
    batch = learner.batches.data[:4]
    y = core.critic[0](core.generator(batch["x", "value"])).square().mean()
    own = torch.autograd.grad(y, core.generator.weight, retain_graph=True)[0]
    other = torch.autograd.grad(3 * y, core.critic[0].weight)[0]
    learner.optimisers["generator"].step = learner.optimisers["critic"].step = lambda: None
    from physgan.training.metrics import Meter

    learner.game.play(lambda: batch, 0, Meter())
    assert torch.allclose(core.generator.weight.grad, own)
    assert torch.allclose(core.critic[0].weight.grad, other)
    assert core.critic[3].weight.grad is None


def test_divergence_returns_to_the_last_good_checkpoint_and_then_gives_up(trainer: Any) -> None:
    core = make(poison_from=6)
    learner = trainer(core=core)
    with pytest.raises(
        RunError, match=r"diverged at step 8 and again after 3 fresh starts.*step 4"
    ):
        learner.fit()
    assert core.poisoned.count(6) == 4
    tensors, _ = contents(learner)
    assert all(torch.isfinite(t).all() for t in tensors.values())
    assert learner._scale == 0.125 and learner.batches.order == 3


def test_a_run_that_recovers_goes_on_to_the_end(trainer: Any) -> None:
    core = make(poison_from=6)
    learner = trainer(core=core)
    play = learner.game.play

    def heal(*args: Any) -> None:
        if len(core.poisoned) >= 2:
            core.poison_from = None
        play(*args)

    learner.game.play = heal
    assert learner.fit().step == 10
    _, state = contents(learner)
    assert state["recoveries"] == 1 and state["scale"] == 0.5
    assert learner.optimisers["generator"].param_groups[0]["lr"] == pytest.approx(
        5e-3 * 0.5 * rate_factor(learner.options, 9, 0)
    )


def test_a_run_ends_by_the_clock(trainer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trainer, "minutes", property(lambda self: self.step / 10))
    outcome = trainer(steps=None, max_minutes=0.65, schedule="cosine").fit()
    assert (outcome.reason, outcome.step) == ("minutes", 7)
    assert contents(trainer())[1]["step"] == 7


def test_a_folder_in_use_is_not_overwritten(trainer: Any) -> None:
    trainer().fit(until=2)
    with pytest.raises(InputError, match="already holds a run"):
        trainer().fit()


def test_rates_belong_to_players() -> None:
    options = TrainerOptions(lr=1e-3, critic_lr=2e-3, lrs={"encoder": 3e-3})
    rates = {n: options.rate(n) for n in ("generator", "critic", "encoder")}
    assert rates == {"generator": 1e-3, "critic": 2e-3, "encoder": 3e-3}


def test_a_rate_for_nobody_is_refused(trainer: Any) -> None:
    with pytest.raises(InputError, match=r"lr.critc.*did you mean 'lr.critic'"):
        trainer(lrs={"critc": 1e-3})


def test_the_schedule_has_its_closed_form() -> None:
    options = TrainerOptions(steps=100, warmup_steps=10, schedule="cosine")
    assert rate_factor(options, 0, 0) == pytest.approx(0.1)
    assert rate_factor(options, 50, 0) == pytest.approx(0.5)
    assert rate_factor(options, 100, 0) == pytest.approx(0, abs=1e-12)
    timed = TrainerOptions(max_minutes=4, warmup_steps=0, schedule="cosine")
    assert rate_factor(timed, 7, 2.0) == pytest.approx(0.5)


def test_the_average_is_the_recursion(trainer: Any) -> None:
    learner = trainer(ema_decay=0.9)
    bias = learner.core.generator.bias
    expected = bias.detach().clone()
    for step in range(100):
        with torch.no_grad():
            bias += 1
        learner.average.update(step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * bias.detach()
    assert torch.allclose(learner.average.shadow["generator.bias"], expected)
    assert "critic.0.bias" not in learner.average.shadow


def test_every_row_is_drawn_once_in_an_epoch_and_ranks_share_a_batch() -> None:
    data = gaussian(96)
    one = Batches(data, 32, seed=3)
    whole = [one.draw()["x", "value"] for _ in range(6)]
    first, second = torch.cat(whole[:3]), torch.cat(whole[3:])
    rows = data["x", "value"]
    assert torch.equal(first.sort(0).values, rows.sort(0).values)
    assert torch.equal(second.sort(0).values, rows.sort(0).values)
    assert not torch.equal(first, second)
    parts = [Batches(data, 32, seed=3, rank=rank, world=2) for rank in range(2)]
    assert torch.equal(torch.cat([part.draw()["x", "value"] for part in parts]), whole[0])


def test_validation_does_not_touch_the_stream_of_random_numbers(trainer: Any) -> None:
    often, never = trainer("a", validate_every=1), trainer("b", validate_every=1000)
    never.validation = None
    often.fit()
    never.fit()
    assert equal(contents(often)[0], contents(never)[0])
    assert (often.folder / "best.safetensors").exists()


def test_bf16_trains(trainer: Any) -> None:
    learner = trainer(precision="bf16-mixed")
    assert learner.fit().step == 10
    assert all(p.dtype == torch.float32 for p in learner.core.parameters())


def test_a_player_at_rest_takes_no_gradient(trainer: Any) -> None:
    core = make()
    core.critic[3].requires_grad_(False)
    frozen = core.critic[3].weight.clone()
    trainer(core=core).fit()
    assert torch.equal(core.critic[3].weight, frozen)
