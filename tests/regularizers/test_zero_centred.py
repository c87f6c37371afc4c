import cmath

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tensordict import TensorDict
from torch import Tensor

from physgan.domain import Verdict
from physgan.errors import InputError
from physgan.objectives import build as build_objective
from physgan.regularizers import build


def flat(rows: Tensor) -> TensorDict:
    return TensorDict({"x": rows}, batch_size=[len(rows)])


@settings(deadline=None)
@given(rows=st.integers(1, 8), gamma=st.floats(0, 20))
@pytest.mark.parametrize(("name", "factor"), [("r1", 1), ("r2", 1), ("r1r2", 2)])
def test_linear_critic(name: str, factor: int, rows: int, gamma: float) -> None:
    weight = torch.tensor([3.0, 4.0], dtype=torch.double)
    x = flat(torch.arange(2.0 * rows, dtype=torch.double).reshape(rows, 2))
    term = build(name, gamma=gamma)(lambda td: td["x"] @ weight, x, flat(-x["x"]))
    assert term.item() == pytest.approx(factor * gamma / 2 * 25, abs=1e-9)


def test_each_side_reads_its_own_batch() -> None:
    x, y = torch.randn(6, 3), 2 * torch.randn(6, 3)

    def critic(td: TensorDict) -> Tensor:
        return td["x"].square().sum(1) / 2

    on_x, on_y = (2.0 / 2 * rows.square().sum(1).mean() for rows in (x, y))
    for name, value in (("r1", on_x), ("r2", on_y), ("r1r2", on_x + on_y)):
        torch.testing.assert_close(build(name, gamma=2.0)(critic, flat(x), flat(y)), value)


@settings(deadline=None, max_examples=20)
@given(width=st.integers(1, 6), gamma=st.floats(0, 20))
def test_half_square_critic_on_the_normal_distribution(width: int, gamma: float) -> None:
    """gamma d / 2, on the 2 d points +-sqrt(d) e_i, whose second moments are those of N(0, I)."""
    x = width**0.5 * torch.eye(width, dtype=torch.double)
    x = flat(torch.cat([x, -x]))
    term = build("r1", gamma=gamma)(lambda td: td["x"].square().sum(1) / 2, x, x)
    assert term.item() == pytest.approx(gamma * width / 2, abs=1e-9)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 3.0])
def test_dirac_gan_eigenvalues(gamma: float) -> None:
    """Data at 0, model at theta, D(x) = psi x: the gradient field around the equilibrium."""
    theta = torch.zeros((), dtype=torch.double, requires_grad=True)
    psi = torch.zeros((), dtype=torch.double, requires_grad=True)
    objective, r1 = build_objective("non-saturating"), build("r1", gamma=gamma)
    real, fake = flat(torch.zeros(1, 1).double()), theta.reshape(1, 1)

    def critic(td: TensorDict) -> Tensor:
        return psi * td["x"].squeeze(1)

    verdicts = Verdict(critic(real)), Verdict(critic(flat(fake)))
    critic_loss = objective.critic_loss(*verdicts) + r1(critic, real, flat(fake))
    losses = ((objective.generator_loss(*verdicts), theta), (critic_loss, psi))
    field = [-torch.autograd.grad(loss, at, create_graph=True)[0] for loss, at in losses]
    rows = [torch.autograd.grad(part, (theta, psi), retain_graph=True) for part in field]
    found = torch.linalg.eigvals(torch.tensor(rows)).tolist()
    root = cmath.sqrt(gamma**2 / 4 - 0.25)
    expected = [-gamma / 2 - root, -gamma / 2 + root]
    for a, b in zip(sorted(found, key=_order), sorted(expected, key=_order), strict=True):
        assert a == pytest.approx(b, abs=1e-6)


def _order(value: complex) -> tuple[float, float]:
    return round(value.real, 6), round(value.imag, 6)


def test_negative_gamma_is_refused() -> None:
    with pytest.raises(InputError, match="gamma"):
        build("r1", gamma=-1.0)
