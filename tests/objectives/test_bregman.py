import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from physgan.objectives.bregman import bregman


def half_square(v: Tensor) -> Tensor:
    return v.square().sum(1) / 2


def negative_entropy(v: Tensor) -> Tensor:
    return torch.xlogy(v, v).sum(1)


def rows(*values: float) -> Tensor:
    return torch.tensor([values], dtype=torch.double)


def test_half_the_square_gives_half_the_squared_distance() -> None:
    x, y = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    torch.testing.assert_close(bregman(half_square, x, y), half_square(x - y))


def test_negative_entropy_on_the_simplex_gives_the_kullback_leibler_divergence() -> None:
    x, y = rows(0.2, 0.8), rows(0.5, 0.5)
    found = bregman(negative_entropy, x, y).item()
    assert found == pytest.approx(0.192744757, abs=1e-9)
    assert found == pytest.approx(0.2 * math.log(0.4) + 0.8 * math.log(1.6), abs=1e-12)
    # It is not symmetric, which is why the box of the critic's weights is not.
    assert bregman(negative_entropy, y, x).item() != pytest.approx(found, abs=1e-2)


@settings(deadline=None, max_examples=40)
@given(p=st.floats(0.01, 0.99), q=st.floats(0.01, 0.99))
def test_a_cost_is_zero_at_home_and_positive_elsewhere(p: float, q: float) -> None:
    x, y = rows(p, 1 - p), rows(q, 1 - q)
    for phi in (half_square, negative_entropy):
        assert bregman(phi, x, x).item() == 0.0
        # Half the square is (p-q)^2 here; the divergence is at least twice that (Pinsker).
        assert bregman(phi, x, y).item() >= (p - q) ** 2 - 1e-12


def test_it_is_differentiable_in_both_places() -> None:
    x, y = rows(0.2, 0.8).requires_grad_(), rows(0.5, 0.5).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: bregman(negative_entropy, a, b), (x, y))
