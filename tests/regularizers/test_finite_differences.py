import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tensordict import TensorDict
from torch import Tensor

from physgan.errors import InputError
from physgan.regularizers import build

W = torch.tensor([3.0, 4.0], dtype=torch.double)


def flat(rows: Tensor) -> TensorDict:
    return TensorDict({"x": rows, "kind": torch.zeros(len(rows), dtype=torch.long)}, [len(rows)])


def linear(td: TensorDict) -> Tensor:
    assert td["kind"].dtype == torch.long
    return td["x"] @ W


def noise_like(rows: Tensor) -> Tensor:
    """Of twelve rows in the plane: odd moments, second and fourth are those of N(0, I)."""
    angle = torch.arange(6, dtype=torch.double) * torch.pi / 3
    circle = 2 * torch.stack([angle.cos(), angle.sin()], dim=1)
    assert len(rows) == 12
    return torch.cat([circle, 0 * circle])


def test_linear_critic_within_the_statistical_error() -> None:
    torch.manual_seed(0)
    x = flat(torch.zeros(200_000, 2, dtype=torch.double))
    sigma = 0.3
    term = build("approximate-r1", weight=1.0, sigma=sigma)(linear, x, x).item()
    # 4.5 standard errors: the mean of n squares of a normal has relative deviation sqrt(2 / n).
    assert term == pytest.approx(sigma**2 * 25, rel=4.5 * (2 / 200_000) ** 0.5)


@pytest.mark.parametrize("sigma", [1.0, 0.1, 1e-3])
def test_divided_by_the_square_of_sigma_it_becomes_r1(
    sigma: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For D = |x|^2 / 2 in the plane it is sigma^2 (|x|^2 + 2 sigma^2), whose limit is R1."""
    monkeypatch.setattr(torch, "randn_like", noise_like)
    x = torch.tensor([[1.3, -0.4]], dtype=torch.double).expand(12, 2)
    approximate = build("approximate-r1", weight=sigma**-2, sigma=sigma)
    exact = build("r1", gamma=2.0)

    def critic(td: TensorDict) -> Tensor:
        return td["x"].square().sum(1) / 2

    gap = approximate(critic, flat(x), flat(x)) - exact(critic, flat(x), flat(x))
    assert gap.item() == pytest.approx(2 * sigma**2, abs=1e-9)
    term = approximate(linear, flat(x), flat(x))
    assert term.item() == pytest.approx(25.0, abs=1e-9)


@settings(deadline=None)
@given(rows=st.integers(1, 9), seed=st.integers(0, 99), target=st.floats(0, 10))
def test_dragan_of_a_linear_critic_for_any_batch(rows: int, seed: int, target: float) -> None:
    x = 10 * torch.randn(rows, 2, generator=torch.Generator().manual_seed(seed)).double()
    term = build("dragan", weight=1.0, target=target)(linear, flat(x), flat(-x))
    assert term.item() == pytest.approx((5 - target) ** 2, abs=1e-6)


def test_dragan_looks_around_the_data_and_not_at_the_fakes() -> None:
    seen: list[Tensor] = []

    def critic(td: TensorDict) -> Tensor:
        seen.append(td["x"].detach())
        return td["x"].sum(1)

    x = torch.tensor([[0.0, 0.0], [4.0, 4.0]]).repeat(20, 1)
    build("dragan", spread=0.5)(critic, flat(x), flat(x - 1000))
    away = seen[0] - x
    assert away.min() >= 0 and away.max() <= 0.5 * 2 and away.unique().numel() > 20
    build("dragan", spread=0.0)(critic, flat(x), flat(x))
    assert torch.equal(seen[1], x)


@settings(deadline=None)
@given(rows=st.integers(1, 9), seed=st.integers(0, 99), weight=st.floats(0, 5))
def test_one_sided_penalty_acts_only_above_its_target(rows: int, seed: int, weight: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    x, y = (flat(torch.randn(rows, 2, generator=generator).double()) for _ in range(2))
    above = build("one-sided-gp", weight=weight)(linear, x, y).item()
    assert above == pytest.approx(weight * 16, abs=1e-6)
    assert build("one-sided-gp", weight=weight, target=6.0)(linear, x, y).item() == 0.0


def test_nothing_is_an_option() -> None:
    x = flat(torch.zeros(2, 2).double())
    assert build("none")(linear, x, x) is None


@pytest.mark.parametrize(
    ("name", "constants"),
    [
        ("approximate-r1", {"sigma": 0.0}),
        ("approximate-r1", {"weight": -1.0}),
        ("dragan", {"spread": -0.1}),
        ("consistency", {"weight": -1.0}),
        ("consistency", {"transform": "turn"}),
        ("gp", {"weight": "much"}),
    ],
)
def test_impossible_constants_are_refused(name: str, constants: dict) -> None:
    with pytest.raises(InputError):
        build(name, **constants)
