"""Coverage, distances and balance at their known answers."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tensordict import TensorDict

from physgan.audit import Coverage, balance, frechet, frechet_gaussians, kid, prdc, spread_ratio
from physgan.audit.balance import Balance, best_accuracy, saturation, separation
from physgan.audit.verdict import advised, on_attacks, on_balance, on_coverage, on_sight
from physgan.cores.adversarial import AdversarialOptions
from physgan.cores.bigan import BiGANOptions
from physgan.cores.cycle_gan import CycleGANOptions
from physgan.errors import InputError
from physgan.objectives import build


@settings(deadline=None, max_examples=20)
@given(
    rows=st.integers(8, 60), width=st.integers(1, 5), k=st.integers(1, 6), seed=st.integers(0, 99)
)
def test_identical_sets_are_perfect(rows, width, k, seed):
    points = np.random.default_rng(seed).normal(size=(rows, width))
    found = prdc(points, points, k)
    assert (found.precision, found.recall, found.coverage) == (1, 1, 1)
    assert found.density == pytest.approx(1, abs=1e-12)
    assert spread_ratio(points, points) == pytest.approx(1)


def test_the_four_figures_by_hand():
    """Reals at 0, 1, 10, 11: balls of radius 1 (k = 1). Fakes at 0.5, 0.6, 0.4, 50."""
    real, fake = np.array([[0.0], [1.0], [10.0], [11.0]]), np.array([[0.5], [0.6], [0.4], [50.0]])
    found = prdc(real, fake, 1)
    assert found.precision == 3 / 4 and found.coverage == 2 / 4
    assert found.density == pytest.approx(6 / 4)
    # Fake balls: radius 0.1, 0.1, 0.1 and 49.4, which holds 1, 10 and 11 (strictly), not 0.
    assert found.recall == 3 / 4


def test_one_mode_of_two_is_precise_but_covers_half():
    random = np.random.default_rng(0)
    real = np.concatenate([random.normal(0, 1, (200, 2)), random.normal(50, 1, (200, 2))])
    found = prdc(real, random.normal(0, 1, (400, 2)))
    assert found.precision > 0.9 and 0.45 < found.coverage <= 0.5
    repeated = np.repeat(real[:4], 100, axis=0) + random.normal(0, 1e-3, (400, 2))
    assert spread_ratio(repeated, real) < 0.1
    missing = on_coverage(Coverage(0.95, 0.5, 1.0, 0.4), 1.0)
    assert not missing[0].good and "Modes are missing" in missing[0].text and missing[0].change
    assert "repeat" in on_coverage(found, 0.1)[-1].text


def test_too_few_points_are_refused():
    with pytest.raises(InputError, match="fake points"):
        prdc(np.zeros((9, 2)), np.zeros((3, 2)), 5)


def test_frechet_distances_of_gaussians():
    zero, one = np.zeros(3), np.array([1.0, 2.0, -2.0])
    assert frechet_gaussians(zero, np.eye(3), one, np.eye(3)) == pytest.approx(9)
    a, b = np.diag([4.0, 9.0, 0.0]), np.diag([1.0, 1.0, 0.25])
    wanted = (2 - 1) ** 2 + (3 - 1) ** 2 + 0.5**2
    assert frechet_gaussians(zero, a, zero, b) == pytest.approx(wanted)
    random = np.random.default_rng(0)
    points, turn = random.normal(size=(50, 3)), np.linalg.qr(random.normal(size=(3, 3)))[0]
    assert frechet(points, points) == pytest.approx(0, abs=1e-9)
    assert frechet(points, points + one) == pytest.approx(9)
    other = random.normal(size=(40, 3)) * 2
    assert frechet(points @ turn, other @ turn) == pytest.approx(frechet(points, other))


def test_kid_is_the_unbiased_estimate():
    random = np.random.default_rng(0)
    a, b = random.normal(size=(5, 2)), random.normal(1, 1, size=(4, 2))
    k = lambda x, y: (x @ y / 2 + 1) ** 3  # noqa: E731
    within = np.mean([k(a[i], a[j]) for i in range(5) for j in range(5) if i != j])
    other = np.mean([k(b[i], b[j]) for i in range(4) for j in range(4) if i != j])
    across = np.mean([k(x, y) for x in a for y in b])
    assert kid(a, b) == pytest.approx(within + other - 2 * across)
    draws = [kid(*np.split(random.normal(size=(40, 2)), 2)) for _ in range(300)]
    assert abs(np.mean(draws)) < 4 * np.std(draws) / 300**0.5


def test_separation_and_accuracy_by_hand():
    real, fake = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([0.0, 2.0, 2.5, -1.0])
    assert separation(real, fake) == pytest.approx((2 + 2.5 + 4 + 4) / 16)
    assert best_accuracy(real, fake) == pytest.approx(0.75)
    assert separation(real, real) == 0.5 and best_accuracy(real, real - 10) == 1.0
    assert separation(real + 7, fake + 7) == separation(real, fake)


def test_saturation_is_the_minimax_losses_and_not_its_successors():
    real, lost = torch.full((8,), 6.0), torch.full((8,), -9.0)
    assert saturation(build("minimax"), real, lost) == 1.0
    assert saturation(build("non-saturating"), real, lost) == 0.0
    assert saturation(build("wgan"), real, lost) == 0.0
    assert saturation(build("minimax"), real, real) == 0.0
    assert saturation(build("gmmn"), real, lost) is None


def test_balance_of_a_linear_critic():
    weight = torch.tensor([3.0, 4.0])
    x = TensorDict({"p": torch.randn(64, 2, generator=torch.Generator().manual_seed(0))}, [64])
    away = TensorDict({"p": x["p"] - 100 * weight}, [64])
    critic = lambda x: x["p"] @ weight  # noqa: E731
    found = balance((critic, critic), build("minimax"), x, away)
    assert found.separation == found.accuracy == 1.0 and found.saturation == 1.0
    assert found.slope_real == pytest.approx(5) and found.slope_fake == pytest.approx(5)
    assert found.slope_ratio == pytest.approx(1)
    said = on_balance(found)
    assert (
        not any(f.good for f in said)
        and "has won" in said[0].text
        and "critic_lr" in said[0].change
    )
    even = balance((critic, critic), build("minimax"), x, x)
    assert even.separation == 0.5 and "cannot tell" in on_balance(even)[0].text


def test_a_verdict_advises_only_what_the_core_has():
    lost = Balance(0.2, 0.9, None, 1.0, 1.0, 30.0)
    kinds = (AdversarialOptions, CycleGANOptions, BiGANOptions)
    for kind in kinds:
        told = [f.change for f in on_balance(lost, kind.__dataclass_fields__)]
        assert "n_critic" in told[0] and "spectral_norm" in told[1]
        spread = on_coverage(Coverage(0.95, 0.5, 1.0, 0.4), 0.1, kind.__dataclass_fields__)
        words = " ".join(f.change for f in [*spread, *on_sight(0.0, kind.__dataclass_fields__)])
        for name in ("feature", "adversarial"):
            assert (name in words) == (name in kind.__dataclass_fields__), (kind, name)
    rows = [{"eps": 0.05, "attack": "pgd inf", "rise": 3.0}]
    for name, wanted in (("r1", "gamma of the regulariser r1"), ("none", "add a gradient penalty"),
                         ("gp", "weight of the regulariser gp")):  # fmt: skip
        options = {"regularizer": name, "spectral_norm": False}
        (attacked,) = on_attacks(rows, options)
        assert wanted in attacked.change and "set spectral_norm" in attacked.change
        assert "spectral_norm" not in on_attacks(rows, options | {"spectral_norm": True})[0].change
    assert advised(["a"], ("x", "a"), ("y", "b")) == "x" and advised(None, "x", "y") == "x or y"
    assert advised([], "x", "y", ("w", "a"), "z") == "x, y, or z"
