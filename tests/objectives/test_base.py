"""What every objective of the catalogue keeps, whichever family it is of."""

import pytest
import torch
from tensordict import TensorDict
from torch import nn

from physgan.domain import Verdict
from physgan.errors import InputError
from physgan.objectives import OBJECTIVES, build

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


def test_a_sign_means_undecided_only_where_the_best_critic_is_zero_at_equal_densities() -> None:
    signed = {name for name, kind in OBJECTIVES.items() if kind.signed}
    assert signed == {"minimax", "non-saturating", "hinge"}


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
