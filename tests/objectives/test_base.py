"""What every objective of the catalogue keeps, whichever family it is of."""

import inspect

import pytest
import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.conditions import ConditionSchema
from physgan.cores import PhysicsGAN
from physgan.domain import Verdict
from physgan.errors import InputError
from physgan.objectives import OBJECTIVES, Objective, build
from physgan.testing import GaussianRing

each = pytest.mark.parametrize("name", sorted(OBJECTIVES))


def verdict(seed: int, rows: int = 6) -> Verdict:
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(rows, 3, generator=generator)
    back = TensorDict({"x": features}, batch_size=[rows])
    return Verdict(features.square().sum(1).requires_grad_(), features.requires_grad_(), back)


def game(name: str) -> tuple[Verdict, ...]:
    return tuple(verdict(seed) for seed in range(1 + OBJECTIVES[name].fakes))


@each
def test_it_is_rebuilt_from_its_constants_and_its_state(name: str) -> None:
    objective, played = build(name), game(name)
    with torch.no_grad():
        objective.after_critic_step(nn.Linear(2, 2), *played)
    again = type(objective)(**objective.hparams)
    again.load_state_dict(objective.state_dict())
    assert again.critic_loss(*played) == objective.critic_loss(*played)
    assert again.generator_loss(*played) == objective.generator_loss(*played)
    assert all(isinstance(value, float) for value in objective.report().values())


@each
def test_losses_are_finite_scalars_that_reach_what_they_judge(name: str) -> None:
    objective, played = build(name), game(name)
    for loss in (objective.critic_loss(*played), objective.generator_loss(*played)):
        assert loss.shape == () and torch.isfinite(loss)
    fakes = [leaf for v in played[1:] for leaf in (v.score, v.features)]
    loss = objective.generator_loss(*played)
    slopes = torch.autograd.grad(loss, fakes, allow_unused=True)
    assert any(slope is not None and slope.abs().sum() > 0 for slope in slopes)


@each
def test_the_witness_is_one_number_per_sample(name: str) -> None:
    objective, played = build(name), game(name)
    judged = verdict(9)
    found = objective.witness(judged, *played)
    assert found.shape == judged.score.shape
    slopes = torch.autograd.grad(found.sum(), [judged.score, judged.features], allow_unused=True)
    assert any(slope is not None and slope.abs().sum() > 0 for slope in slopes)


@each
def test_what_is_said_of_the_real_verdict_in_the_generator_loss_is_true(name: str) -> None:
    objective, (_, *fakes) = build(name), game(name)
    losses = [objective.generator_loss(verdict(seed), *fakes) for seed in (10, 11)]
    assert (losses[0] != losses[1]) == objective.real_in_generator


@each
def test_equal_constants_play_without_a_critic_only_where_they_say_so(name: str) -> None:
    objective, played = build(name), game(name)
    assert (objective.critic_loss(*played).item() == 0) == (not objective.needs_critic)


@each
def test_a_sign_means_undecided_where_the_best_critic_turns_at_equal_densities(name: str) -> None:
    """Over two places, one with 3 : 1 of p to q and one with 1 : 3, the best of a grid of scores;
    and over one with 1 : 1 the best ones, which lie around zero. Scores that matter by their
    differences alone have no zero."""
    objective, grid = build(name), torch.linspace(-4, 4, 33).tolist()
    shared = torch.tensor([True] * 15 + [False] * 5)

    def loss(here: float, there: float, first: torch.Tensor, second: torch.Tensor) -> float:
        scores = [torch.where(rows, here, there) for rows in (first, second)]
        played = scores[0], *[scores[1]] * objective.fakes
        found = [Verdict(s, s[:, None], TensorDict({"x": s[:, None]}, [20])) for s in played]
        return float(objective.critic_loss(*found))

    def near(a: float, b: float) -> bool:
        return a == pytest.approx(b, abs=1e-4)

    split = {(a, b): loss(a, b, shared, ~shared.flip(0)) for a in grid for b in grid}
    here, there = min(split, key=lambda pair: split[pair])
    differences = all(near(split[a, b], split[a + 1, b + 1]) for a, b in split if max(a, b) <= 3)
    same = [loss(a, a, shared, shared) for a in grid]
    best = [a for a, value in zip(grid, same, strict=True) if near(value, min(same))]
    turns = here > 0 > there and near(sum(best), 0)
    assert objective.signed == (turns and not differences)


def test_unknown_names_and_constants_are_explained() -> None:
    with pytest.raises(InputError, match="wgan-clip") as unknown:
        build("wasserstien")
    assert "wasserstien" in unknown.value.what
    with pytest.raises(InputError, match=r"c=0\.01"):
        build("wgan-clip", clip=1.0)
    with pytest.raises(InputError, match="none"):
        build("hinge", margin=2.0)
    with pytest.raises(InputError, match="c of the objective 'wgan-clip' is 'big'"):
        build("wgan-clip", c="big")


class Exponential(Objective):
    """L_D = E_p e^-D + E_q e^D, whose best critic is half the log of the ratio of densities."""

    signed = True

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale

    def critic_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        here, there = self.scale * real.score, self.scale * fake[0].score
        return (-here).exp().mean() + there.exp().mean()

    def generator_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return (-self.scale * fake[0].score).exp().mean()


def test_a_new_objective_is_a_short_class_and_one_line(monkeypatch) -> None:
    assert len(inspect.getsource(Exponential).splitlines()) < 40
    monkeypatch.setitem(OBJECTIVES, "exponential", Exponential)
    with pytest.raises(InputError, match="scale"):
        build("exponential", scale="wide")
    domain = GaussianRing(rows=64)
    batch = domain.load(None, "train").batch
    schema = ConditionSchema(domain.properties, batch["y"])
    core = PhysicsGAN(
        domain, schema, objective="exponential", objective_constants={"scale": 0.5}, latent_dim=4
    )
    turns = list(core.turns(lambda: batch, step=0))
    assert [turn.step for turn in turns] == [("critic",), ("generator",)]
    # Four draws of p and of q over two places, under the best critic for scale 1/2.
    p, q = torch.tensor([0.25, 0.75]), torch.tensor([0.5, 0.5])
    best = (p / q).log()
    real, fake = Verdict(best[[0, 1, 1, 1]]), Verdict(best[[0, 0, 1, 1]])
    # There the game is twice the Bhattacharyya coefficient.
    loss = core.objective.critic_loss(real, fake)
    assert loss.item() == pytest.approx(2 * (p * q).sqrt().sum().item(), abs=1e-6)
