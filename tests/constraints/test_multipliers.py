from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save
from torch import Tensor

from physgan.constraints import Multipliers
from physgan.errors import InputError


def minimise(
    laws: Multipliers, residuals: Callable[[Tensor], dict[str, Tensor]], rounds: int = 80
) -> Tensor:
    """min (x-2)^2 under ``laws``, by gradient descent with one update every tenth step."""
    x = torch.zeros((), requires_grad=True)
    optimizer = torch.optim.SGD([x], lr=0.05)
    for step in range(10 * rounds):
        optimizer.zero_grad()
        ((x - 2).square() + laws(residuals(x))).backward()
        optimizer.step()
        if step % 10 == 9:
            laws.update(residuals(x))
    return x.detach()


def test_known_multiplier_of_a_convex_problem() -> None:
    laws = Multipliers({"box": 1.0}, rate=0.5, growth=1.0, decay=0.5)
    x = minimise(laws, lambda x: {"box": x})
    assert x.item() == pytest.approx(1.0, abs=1e-4)
    report = laws.report()
    assert report["box/multiplier"] == pytest.approx(2.0, abs=1e-3)
    assert report["box/mean"] == pytest.approx(1.0, abs=1e-4)


def test_inactive_law_costs_nothing() -> None:
    laws = Multipliers({"box": 5.0, "tight": 1.0}, rate=0.5, growth=1.0, decay=0.5)
    x = minimise(laws, lambda x: {"box": x, "tight": x})
    assert x.item() == pytest.approx(1.0, abs=1e-4)
    report = laws.report()
    assert report["box/multiplier"] == 0.0 and report["box/holds"] == 1.0
    assert report["tight/multiplier"] == pytest.approx(2.0, abs=1e-3)


@settings(deadline=None, max_examples=10)
@given(st.sampled_from([2.0**-12, 2.0**-4, 2.0**6]))
def test_the_unit_of_a_residual_is_immaterial(unit: float) -> None:
    plain, scaled = Multipliers({"box": 1.0}), Multipliers({"box": unit})
    a = minimise(plain, lambda x: {"box": x}, rounds=8)
    b = minimise(scaled, lambda x: {"box": unit * x}, rounds=8)
    torch.testing.assert_close(a, b)
    torch.testing.assert_close(plain.multiplier, unit * scaled.multiplier)


def test_term_is_the_augmented_lagrangian() -> None:
    laws = Multipliers({"law": 1.0}, penalty=2.0)
    laws.multiplier.fill_(3.0)
    for value in (-2.0, 0.2, 1.0):  # g = -3 (multiplier at rest), -0.8, 0
        residual = torch.tensor([value - 0.1, value + 0.1], requires_grad=True)
        g = value - 1.0
        term = laws({"law": residual})
        expected = (max(3 + 2 * g, 0.0) ** 2 - 9) / 4
        assert term.item() == pytest.approx(expected, abs=1e-5)
        (slope,) = torch.autograd.grad(term, residual)
        assert slope.sum().item() == pytest.approx(max(3 + 2 * g, 0.0), abs=1e-5)


@settings(deadline=None)
@given(st.floats(0, 30))
def test_no_residual_is_large_enough_to_break_the_step(decades: float) -> None:
    laws = Multipliers({"law": 1e-3}, penalty=1.0)
    residual = torch.tensor([10.0**decades], requires_grad=True)
    term = laws({"law": residual})
    (slope,) = torch.autograd.grad(term, residual)
    assert torch.isfinite(term) and 0 <= slope.item() <= 1.001 / 10.0**decades


def test_restart_forgets_and_growth_is_capped() -> None:
    laws = Multipliers({"law": 1.0}, growth=2.0, max_penalty=5.0, decay=0.0, restart=True)
    for _ in range(10):
        laws.update({"law": torch.tensor([3.0])})
    report = laws.report()
    assert report["law/penalty"] == 5.0
    assert report["law/multiplier"] > 0 and report["law/holds"] == 0.0
    laws.update({"law": torch.tensor([0.5])})
    assert laws.report()["law/multiplier"] == 0.0


def test_decisions_follow_the_running_mean() -> None:
    laws = Multipliers({"law": 1.0}, decay=0.5)
    for value in (2.0, 0.0, 0.0):
        laws.update({"law": torch.tensor([value, value])})
    assert laws.report()["law/mean"] == pytest.approx(0.5)  # 2, (2+0)/2, (1+0)/2


def test_a_residual_that_is_not_finite_changes_nothing() -> None:
    laws = Multipliers({"a": 1.0, "b": 1.0})
    laws.update({"a": torch.tensor([3.0]), "b": torch.tensor([3.0])})
    before = laws.report()
    laws.update({"a": torch.tensor([float("nan")]), "b": torch.tensor([3.0])})
    after = laws.report()
    assert {k: v for k, v in after.items() if k[0] == "a"}.items() <= before.items()
    assert after["b/multiplier"] > before["b/multiplier"]


def test_ten_updates_equal_five_a_stop_and_five() -> None:
    batches = [{"a": torch.rand(4) * 3, "b": torch.rand(4)} for _ in range(10)]
    whole, first, second = (Multipliers({"a": 1.0, "b": 0.5}) for _ in range(3))
    for residuals in batches:
        whole.update(residuals)
    for residuals in batches[:5]:
        first.update(residuals)
    second.load_state_dict(load(save(first.state_dict())))
    for residuals in batches[5:]:
        second.update(residuals)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, second.state_dict()[name])
    assert torch.equal(whole(batches[0]), second(batches[0]))


def test_no_laws_no_term() -> None:
    laws = Multipliers({})
    laws.update({})
    assert laws({}).item() == 0.0 and laws.report() == {}


def test_what_cannot_be_met_is_refused() -> None:
    with pytest.raises(InputError, match="projection"):
        Multipliers({"law": 0.0})
    with pytest.raises(InputError, match="growth"):
        Multipliers({"law": 1.0}, growth=0.5)
    with pytest.raises(KeyError, match="other"):
        Multipliers({"law": 1.0})({"other": torch.ones(1)})
