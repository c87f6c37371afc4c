import pytest
import torch

from physgan.domain import Verdict
from physgan.errors import InputError
from physgan.objectives import build

P = torch.tensor([0.5, 0.3, 0.2], dtype=torch.double)
Q = torch.tensor([0.2, 0.2, 0.6], dtype=torch.double)


def draws(value: torch.Tensor, probability: torch.Tensor) -> Verdict:
    return Verdict(value.repeat_interleave((10 * probability).round().long()))


@pytest.mark.parametrize(("a", "b"), [(-1.0, 1.0), (0.0, 1.0), (2.0, -3.0)])
def test_best_critic_mixes_the_labels_by_the_densities(a: float, b: float) -> None:
    best = ((b * P + a * Q) / (P + Q)).requires_grad_()
    loss = build("lsgan", a=a, b=b).critic_loss(draws(best, P), draws(best, Q))
    (slope,) = torch.autograd.grad(loss, best)
    assert slope.abs().max() < 1e-9


def test_generator_side_is_a_pearson_divergence() -> None:
    objective = build("lsgan", a=-1.0, b=1.0, c=0.0)
    best = (P - Q) / (P + Q)
    # Twice L_G on either population is E(D-c)^2; their sum is chi^2(p+q || 2q).
    on_p = objective.generator_loss(draws(best, P), draws(best, P))
    on_q = objective.generator_loss(draws(best, P), draws(best, Q))
    assert 2 * (on_p + on_q).item() == pytest.approx(0.3485714286, abs=1e-6)


def test_critic_loss_at_given_scores() -> None:
    objective = build("lsgan", a=-1.0, b=1.0, c=0.0)
    real, fake = Verdict(torch.tensor([3.0])), Verdict(torch.tensor([1.0]))
    assert objective.critic_loss(real, fake).item() == 4.0
    assert objective.generator_loss(real, fake).item() == 0.5


def test_equal_labels_are_refused() -> None:
    with pytest.raises(InputError, match="labels"):
        build("lsgan", a=1.0, b=1.0)
