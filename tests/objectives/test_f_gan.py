"""Every divergence of the table against its definition, and f-GAN against the divergence."""

import math
from statistics import NormalDist

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.polynomial.legendre import leggauss
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.special import wrightomega

from physgan.domain import Verdict
from physgan.objectives import OBJECTIVES, build
from physgan.objectives.divergences import DIVERGENCES, Divergence
from physgan.objectives.wright_omega import log_wright_omega

P = torch.tensor([0.5, 0.3, 0.2], dtype=torch.double)
Q = torch.tensor([0.2, 0.2, 0.6], dtype=torch.double)
VALUES = {
    "kl": 0.3600624406,
    "reverse-kl": 0.3948162052,
    "jeffreys": 0.7548786458,
    "hellinger": 0.1848261964,
    "bhattacharyya": 0.0924130982,
    "tv": 0.4,
    "pearson": 0.7666666667,
    "js": 0.1811316999,
    "gan": -1.2051626612,
}
BEST = {
    "kl": lambda r: 1 + r,
    "reverse-kl": lambda r: r,
    "jeffreys": lambda r: 1 + r - (-r).exp(),
    "hellinger": lambda r: r / 2,
    "bhattacharyya": lambda r: r / 2 + math.log(2),
    "tv": lambda r: 40 * r.sign(),  # tanh(40) is 1
    "pearson": lambda r: 2 * r.expm1(),
    "js": lambda r: r,
    "gan": lambda r: r,
}
"""The best critic g^-1(f'(p/q)) of each divergence, of log p/q."""
each = pytest.mark.parametrize("name", sorted(DIVERGENCES))


def scalar(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.double)


def draws(value: torch.Tensor, probability: torch.Tensor) -> Verdict:
    return Verdict(value.repeat_interleave((10 * probability).round().long()))


def test_the_table_is_whole() -> None:
    assert set(VALUES) == set(DIVERGENCES)
    assert {f"f-{name}" for name in VALUES} <= set(OBJECTIVES)


@each
def test_definition_and_best_critic_give_the_value(name: str) -> None:
    d, ratio = DIVERGENCES[name], P / Q
    assert (Q * d.f(ratio)).sum().item() == pytest.approx(VALUES[name], abs=1e-9)
    best = d.slope(ratio)
    gain = (P * best).sum() - (Q * d.conjugate(best)).sum()
    assert gain.item() == pytest.approx(VALUES[name], abs=1e-9)


@each
def test_the_objective_at_its_best_critic_is_the_divergence_and_stationary(name: str) -> None:
    critic = BEST[name]((P / Q).log()).requires_grad_()
    loss = build(f"f-{name}").critic_loss(draws(critic, P), draws(critic, Q))
    assert -loss.item() == pytest.approx(VALUES[name], abs=1e-9)
    (slope,) = torch.autograd.grad(loss, critic)
    assert slope.abs().max() < 1e-9


@each
def test_the_generator_side(name: str) -> None:
    d, score = DIVERGENCES[name], torch.tensor([0.3, -1.2], dtype=torch.double)
    fake = Verdict(score)
    plain = build(f"f-{name}").generator_loss(fake, fake)
    torch.testing.assert_close(plain, -d.activation(score).mean())
    exact = build(f"f-{name}", saturating=True)
    torch.testing.assert_close(
        exact.generator_loss(fake, fake), -d.conjugate(d.activation(score)).mean()
    )
    # Its gradient is that of the divergence: the opposite of what the critic's loss has there.
    torch.testing.assert_close(
        exact.generator_loss(fake, fake),
        -exact.critic_loss(fake, fake) - d.activation(score).mean(),
    )


def supremum(d: Divergence, t: float) -> float:
    """sup over u >= 0 of u t - f(u), concave in u: at a kink (0 or 1) or at a maximum between."""

    def gain(u: float) -> float:
        return u * t - d.f(scalar(u)).item()

    inner = minimize_scalar(lambda s: -gain(math.exp(s)), bounds=(-12, 12), method="bounded",
                            options={"xatol": 1e-9})  # fmt: skip
    return max(gain(0.0), gain(1.0), -inner.fun)


@each
def test_slope_and_conjugate_are_what_their_definitions_say(name: str) -> None:
    d = DIVERGENCES[name]
    u = torch.tensor([0.05, 0.3, 0.9, 1.7, 6.0], dtype=torch.double, requires_grad=True)
    (slope,) = torch.autograd.grad(d.f(u).sum(), u)
    torch.testing.assert_close(slope, d.slope(u))
    for t in (-3.0, -1.2, -0.4, -0.1, 0.3, 0.5, 0.6):
        if t < d.limit or (d.closed and t == d.limit):
            assert d.conjugate(scalar(t)).item() == pytest.approx(supremum(d, t), abs=1e-9)
    t = torch.tensor([-1.9, -0.45, -0.2], dtype=torch.double, requires_grad=True)
    (reached,) = torch.autograd.grad(d.conjugate(t).sum(), t, create_graph=True)
    inside = (d.slope(reached) - t).abs() < 1e-6
    at_kink = (reached == 0) | (reached == 1)
    assert bool((inside | at_kink).all())


@each
@settings(deadline=None, max_examples=60)
@given(u=st.floats(1e-6, 1e4), t=st.floats(-50, 20))
def test_young_fenchel_inequality(name: str, u: float, t: float) -> None:
    d = DIVERGENCES[name]
    assume(t <= d.limit if d.closed else t < d.limit - 1e-6)
    left = (d.f(scalar(u)) + d.conjugate(scalar(t))).item()
    assert left >= u * t - 1e-9 * (1 + abs(u * t))


@each
@settings(deadline=None, max_examples=60)
@given(u=st.floats(1e-3, 1e3))
def test_the_inequality_is_tight_at_the_slope(name: str, u: float) -> None:
    assume(name != "tv" or abs(u - 1) > 1e-9)
    d = DIVERGENCES[name]
    t = d.slope(scalar(u))
    left = (d.f(scalar(u)) + d.conjugate(t)).item()
    assert left == pytest.approx((u * t).item(), rel=1e-6, abs=1e-6)


@each
@settings(deadline=None, max_examples=60)
@given(v=st.floats(-15, 15))
def test_the_activation_stays_in_the_domain_and_composes(name: str, v: float) -> None:
    d = DIVERGENCES[name]
    t = d.activation(scalar(v))
    assert t.item() <= d.limit
    assume(d.closed or t.item() < d.limit - 1e-5)
    torch.testing.assert_close(
        d.conjugate_of_activation(scalar(v)), d.conjugate(t), rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("name", ["reverse-kl", "js", "gan", "tv", "jeffreys"])
def test_a_sure_critic_stays_finite(name: str) -> None:
    score = torch.tensor([-80.0, 80.0], requires_grad=True)
    loss = build(f"f-{name}", saturating=True).generator_loss(Verdict(score), Verdict(score))
    (slope,) = torch.autograd.grad(loss, score)
    assert math.isfinite(loss.item()) and torch.isfinite(slope).all()


def jensen_shannon(shift: float) -> float:
    """E_p log 2p/(p+q) + E_q log 2q/(p+q); both terms are the same by symmetry."""
    normal = NormalDist()
    low = quad(lambda x: normal.pdf(x) * math.log1p(math.exp(shift * x - shift**2 / 2)), -12, 12,
               epsabs=1e-12)[0]  # fmt: skip
    return 2 * (math.log(2) - low)


EQUAL_SPREAD = {
    "kl": lambda d: d**2 / 2,
    "reverse-kl": lambda d: d**2 / 2,
    "jeffreys": lambda d: d**2,
    "hellinger": lambda d: 2 * (1 - math.exp(-(d**2) / 8)),
    "bhattacharyya": lambda d: 1 - math.exp(-(d**2) / 8),
    "tv": lambda d: math.erf(d / math.sqrt(8)),
    "pearson": lambda d: math.exp(d**2) - 1,
    "js": jensen_shannon,
    "gan": lambda d: jensen_shannon(d) - 2 * math.log(2),
}
"""D_f of p = N(d, 1) and q = N(0, 1)."""


def critic_of_gaussians(name: str, shift: float, x: torch.Tensor) -> Verdict:
    """The best critic's verdict on rows ``x`` of N(shift, 1) or N(0, 1)."""
    return Verdict(BEST[name](shift * x - shift**2 / 2))


@each
@settings(deadline=None, max_examples=10)
@given(shift=st.floats(0.1, 1.5))
def test_two_gaussians_under_the_best_critic_have_their_divergence(name: str, shift: float) -> None:
    """The objective's own loss, row by row, against a normal weight on either side of p = q."""
    nodes, weights = map(torch.as_tensor, leggauss(60))
    ends = torch.tensor([-12.0, shift / 2, 12.0], dtype=torch.double)
    half, middle = ends.diff()[:, None] / 2, (ends[1:] + ends[:-1])[:, None] / 2
    t = (middle + half * nodes).flatten()
    chance = (half * weights).flatten() * torch.exp(-(t**2) / 2) / math.sqrt(2 * math.pi)
    # t is N(0, 1), as q is; shift - t is p.
    game = build(f"f-{name}")
    rows = (critic_of_gaussians(name, shift, at).score[:, None] for at in (shift - t, t))
    loss = torch.stack(
        [game.critic_loss(Verdict(p), Verdict(q)) for p, q in zip(*rows, strict=True)]
    )
    assert -(chance * loss).sum().item() == pytest.approx(EQUAL_SPREAD[name](shift), abs=1e-9)


@each
def test_draws_of_two_gaussians_estimate_the_divergence(name: str) -> None:
    shift, rows, d = 0.7, 200_000, DIVERGENCES[name]
    x = torch.randn(2, rows, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    real, fake = (critic_of_gaussians(name, shift, at) for at in (x[0] + shift, x[1]))
    gains = d.activation(real.score), d.conjugate_of_activation(fake.score)
    error = math.sqrt(sum(gain.var().item() for gain in gains) / rows)
    found = -build(f"f-{name}").critic_loss(real, fake).item()
    exact = EQUAL_SPREAD[name](shift)
    # 4.5 standard errors, estimated from the sample itself.
    assert found == pytest.approx(exact, abs=4.5 * error)
    assert 4.5 * error < 0.1 * abs(exact)


def test_the_catalogues_gaussian_figures() -> None:
    figures = {"kl": 0.405, "hellinger": 0.1925858443, "pearson": 1.247907987, "tv": 0.3472895594}
    for name, value in figures.items():
        assert EQUAL_SPREAD[name](0.9) == pytest.approx(value, abs=1e-9)


def test_wright_omega_is_scipys_and_differentiable_twice() -> None:
    y = torch.linspace(-40, 60, 101, dtype=torch.double, requires_grad=True)
    s = log_wright_omega(y)
    expected = torch.as_tensor(wrightomega(y.detach().numpy()).real)
    torch.testing.assert_close(s.exp(), expected, rtol=1e-10, atol=1e-300)
    torch.testing.assert_close(s.exp() + s, y)
    inner = torch.tensor([-3.0, 0.5, 1.0, 4.0], dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(log_wright_omega, inner)
    assert torch.autograd.gradgradcheck(log_wright_omega, inner)
