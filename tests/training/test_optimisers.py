"""Optimisers that look at a second point: their closed forms, the rotation that they damp, and
bitwise resumption."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from tensordict import TensorDict
from torch import nn
from torch.optim import AdamW
from toy import Toy, make

from physgan.conditions import ConditionSchema
from physgan.cores import VAEGAN, AugmentedCycleGAN, CycleGAN, PhysicsGAN
from physgan.cores.base import Loss, Turn
from physgan.errors import InputError
from physgan.pair import Pair
from physgan.testing import GaussianRing
from physgan.training import Trainer, TrainerOptions
from physgan.training.config import override
from physgan.training.optimisers import make_optimisers
from physgan.training.sam import worse_point
from physgan.training.second_points import ExtraAdam, OptimisticAdam


class Replayed(Toy):
    """The toy game whose turns can be computed again."""

    def turns(self, draw: Any, step: int) -> Iterator[Turn]:
        real = draw()["x", "value"]
        noise = torch.randn_like(real)

        def critic() -> tuple[Loss, ...]:
            fake = self.generator(noise).detach()
            gap = self.critic[0](fake).square().mean() - self.critic[0](real).mean()
            return (Loss(gap, ("critic",)),)

        def generator() -> tuple[Loss, ...]:
            return (Loss(-self.critic[0](self.generator(noise)).mean(), ("generator",)),)

        for name, losses in (("critic", critic), ("generator", generator)):
            yield Turn(losses(), (name,), {}, losses)


KINDS = [
    {"optimiser": "optimistic-adam"},
    {"optimiser": "extra-adam"},
    {"optimiser": "sam", "sam_rho": 0.1},
    {"optimisers": {"critic": "extra-adam", "generator": "sam"}},
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: str(next(iter(k.values()))))
@pytest.mark.parametrize("stop", [3, 4])
def test_a_resumed_run_is_bitwise_the_unbroken_one(trainer: Any, stop: int, kind: dict) -> None:
    torch.manual_seed(0)
    start = Replayed().state_dict()

    def core() -> Replayed:
        made = Replayed()
        made.load_state_dict(start)
        return made

    whole = trainer("whole", core=core(), **kind)
    whole.fit()
    trainer("parts", core=core(), **kind).fit(until=stop)
    torch.manual_seed(99)
    second = trainer("parts", core=core(), **kind)
    second.fit(resume=True)
    (tensors, state), (again, state_again) = (t.checkpoints.load() for t in (whole, second))
    assert all(torch.equal(tensors[name], again[name]) for name in tensors)
    for name, optimiser in state["optimisers"].items():
        assert str(optimiser) == str(state_again["optimisers"][name])
    plain = trainer("plain", core=core())
    plain.fit()
    weights = plain.checkpoints.load()[0]
    assert not torch.equal(weights["generator.weight"], tensors["generator.weight"])


def test_sam_takes_the_gradient_of_a_quadratic_at_the_worse_point() -> None:
    matrix = torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=torch.double)
    weight = nn.Parameter(torch.tensor([1.0, -3.0], dtype=torch.double))
    before, rho = weight.detach().clone(), 0.3
    weight.grad = matrix @ before
    with worse_point([weight], rho):
        loss = weight @ matrix @ weight / 2
        (found,) = torch.autograd.grad(loss, weight)
    slope = matrix @ before
    torch.testing.assert_close(found, matrix @ (before + rho * slope / slope.norm()))
    assert torch.equal(weight.detach(), before)


def test_the_norm_is_of_all_parameters_together_and_idle_ones_stay() -> None:
    a, b, idle = (nn.Parameter(torch.zeros(2)) for _ in range(3))
    a.grad, b.grad = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 4.0])
    with worse_point([a, b, idle], 5.0):
        assert torch.allclose(a, torch.tensor([3.0, 0.0]))
        assert torch.allclose(b, torch.tensor([0.0, 4.0]))
        assert torch.equal(idle, torch.zeros(2))
    with worse_point([idle], 5.0):
        pass


class Bowl(Toy):
    """One player on a quadratic."""

    def turns(self, draw: Any, step: int) -> Iterator[Turn]:
        def losses() -> tuple[Loss, ...]:
            weight = self.generator.weight
            return (Loss((weight * weight * torch.tensor([[1.0, 2.0], [3.0, 4.0]])).sum() / 2,
                         ("generator",)),)  # fmt: skip

        yield Turn(losses(), ("generator",), {}, losses)


def test_the_game_moves_by_the_gradient_at_the_worse_point(trainer: Any) -> None:
    core = Bowl()
    learner = trainer(core=core, optimisers={"generator": "sam"}, sam_rho=0.2, gradient_clip=None)
    start = core.generator.weight.detach().clone()
    from physgan.training.metrics import Meter

    learner.game.play(lambda: learner.batches.data, 0, Meter())
    scale = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    slope = scale * start
    wanted = scale * (start + 0.2 * slope / slope.norm())
    torch.testing.assert_close(core.generator.weight.grad, wanted)
    assert not torch.equal(core.generator.weight, start)


def test_a_core_that_cannot_repeat_its_turns_is_refused(trainer: Any) -> None:
    with pytest.raises(InputError, match="which sam needs"):
        trainer(core=make(), optimiser="sam").fit()


def test_optimistic_adam_is_two_updates_less_the_one_before() -> None:
    torch.manual_seed(0)
    gradients = torch.randn(5, 3)
    plain, moved = (nn.Parameter(torch.ones(3)) for _ in range(2))
    adam = AdamW([plain], lr=0.1, weight_decay=0.0)
    optimistic = OptimisticAdam([moved], lr=0.1, weight_decay=0.0)
    wanted, before = torch.ones(3), torch.zeros(3)
    for place, gradient in enumerate(gradients):
        old = plain.detach().clone()
        plain.grad, moved.grad = gradient.clone(), gradient.clone()
        adam.step()
        optimistic.step()
        update = plain.detach() - old
        wanted = wanted + (2 * update - before if place else update)
        before = update
        torch.testing.assert_close(moved.detach(), wanted)


def test_extra_adam_steps_back_before_it_steps_on() -> None:
    """The first of two steps is Adam's; the second moves the old weights by Adam's next update."""
    torch.manual_seed(0)
    one, two = torch.randn(2, 3)
    plain, moved = (nn.Parameter(torch.ones(3)) for _ in range(2))
    adam = AdamW([plain], lr=0.1, weight_decay=0.0)
    extra = ExtraAdam([moved], lr=0.1, weight_decay=0.0)
    plain.grad, moved.grad = one.clone(), one.clone()
    adam.step()
    extra.step()
    torch.testing.assert_close(plain, moved)
    ahead = plain.detach().clone()
    plain.grad, moved.grad = two.clone(), two.clone()
    adam.step()
    extra.step()
    torch.testing.assert_close(moved.detach(), 1 + plain.detach() - ahead)
    assert "anchor" not in extra.state[moved]


def distance(kind: type[AdamW], steps: int) -> float:
    """min over x, max over y of x y, from (1, 1): how far from the equilibrium it ends.

    Gradients are normalised away, so that Adam makes plain steps: eps is large, betas are zero.
    """
    x, y = (nn.Parameter(torch.ones((), dtype=torch.double)) for _ in range(2))
    lr, eps = 0.1, 1e8
    players = [kind([p], lr=lr * eps, betas=(0.0, 0.0), eps=eps, weight_decay=0.0) for p in (x, y)]
    for _ in range(steps):
        x.grad, y.grad = y.detach().clone(), -x.detach().clone()
        for player in players:
            player.step()
    return float((x**2 + y**2).sqrt())


def test_the_second_point_damps_the_rotation_of_the_bilinear_game() -> None:
    """Simultaneous gradient steps grow by sqrt(1 + lr^2), extragradient ones shrink by
    sqrt(1 - lr^2 + lr^4), optimistic ones shrink too."""
    start = 2**0.5
    assert distance(AdamW, 100) == pytest.approx(start * 1.01**50, rel=1e-6)
    shrunk = start * (1 - 0.01 + 0.0001) ** 50
    assert distance(ExtraAdam, 200) == pytest.approx(shrunk, rel=1e-6)
    assert distance(OptimisticAdam, 200) < 0.6 * start


def test_adam_is_corrected_for_a_lazy_regulariser() -> None:
    players = {"generator": nn.Linear(1, 1), "critic": nn.Linear(1, 1)}
    options = TrainerOptions(lr=1.0, betas=(0.0, 0.99), lazy={"critic": 16})
    made = make_optimisers(players, options, torch.device("cpu"))
    (critic,), (generator,) = made["critic"].param_groups, made["generator"].param_groups
    assert critic["lr"] == options.rate("critic") == pytest.approx(0.9411764706)
    assert critic["betas"] == pytest.approx((0.0, 0.99 ** (16 / 17)))
    assert generator["lr"] == 1.0 and generator["betas"] == (0.0, 0.99)
    with pytest.raises(InputError, match="lazy"):
        make_optimisers(players, TrainerOptions(lazy={"judge": 4}), torch.device("cpu"))


def test_kinds_belong_to_players() -> None:
    options = TrainerOptions(optimiser="extra-adam", optimisers={"critic": "adamw"})
    players = {"generator": nn.Linear(1, 1), "critic": nn.Linear(1, 1)}
    made = make_optimisers(players, options, torch.device("cpu"))
    assert {n: type(o) for n, o in made.items()} == {"generator": ExtraAdam, "critic": AdamW}
    wrong = TrainerOptions(optimisers={"critc": "sam"})
    with pytest.raises(InputError) as refused:
        make_optimisers(players, wrong, torch.device("cpu"))
    key = "trainer.optimisers.critic"
    assert refused.value.fix == f"did you mean {key!r}?"
    assert override({}, [f"{key}=sam"]) == {"trainer": {"optimisers": {"critic": "sam"}}}


@pytest.mark.parametrize("kind", [CycleGAN, AugmentedCycleGAN])
def test_every_critic_has_the_rate_of_critics(kind: Any) -> None:
    torch.manual_seed(0)
    pair = Pair(GaussianRing(rows=32), GaussianRing(rows=32))
    batch = pair.load(None, "train").batch
    core = kind(pair, ConditionSchema((), batch["y"]))
    options = TrainerOptions(critic_lr=0.25, lr=0.5, lrs={"critic_b": 0.75})
    made = make_optimisers(core.players, options, torch.device("cpu"))
    rates = {name: optimiser.param_groups[0]["lr"] for name, optimiser in made.items()}
    critics = {"critic_a", "critic_b"} | ({"critic_za", "critic_zb"} & set(core.players))
    assert critics < set(rates) and rates.pop("critic_b") == 0.75
    assert rates == {name: 0.25 if name in critics else 0.5 for name in rates}


@pytest.mark.parametrize("kind", [PhysicsGAN, VAEGAN])
@pytest.mark.parametrize("optimiser", ["optimistic-adam", "extra-adam", "sam"])
def test_both_cores_train_with_each(kind: Any, optimiser: str, tmp_path: Any) -> None:
    torch.manual_seed(0)
    ring = GaussianRing(rows=64)
    data: TensorDict = ring.load(None, "train").batch
    extra = {"start": 1} if kind is VAEGAN else {}
    core = kind(ring, ConditionSchema(ring.properties, data["y"]), latent_dim=2, **extra)
    options = TrainerOptions(
        steps=4, batch_size=16, optimiser=optimiser, accelerator="cpu", log_every=2
    )
    before = {n: p.clone() for n, p in core.named_parameters()}
    assert Trainer(core, data, None, options, tmp_path).fit().step == 4
    assert all(torch.isfinite(p).all() for p in core.parameters())
    assert core.regularizer.calls == (4 if kind is PhysicsGAN else 3)
    assert any(not torch.equal(before[n], p) for n, p in core.named_parameters())
