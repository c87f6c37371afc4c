"""What a condition says of properties on a logarithmic scale, and how far samples are from it."""

import math

import torch
from tensordict import TensorDict

from physgan.conditions import ConditionSchema
from physgan.domain import Property


def decades():
    return TensorDict({"relief": torch.tensor([1.0, 10.0, 100.0, 1000.0])}, [4])


def test_decades_are_equally_far_apart():
    schema = ConditionSchema([Property("relief", "m", log=True)], decades())
    code = schema(decades())[:, 0]
    assert torch.allclose(code.diff(), code.diff()[:1].expand(3), atol=1e-5)
    assert torch.allclose(code.mean(), torch.zeros(()), atol=1e-6)
    # Percentiles, which users read, stay in metres.
    assert float(schema.quantiles[0, -1]) == 1000


def test_nothing_is_infinitely_small():
    schema = ConditionSchema([Property("relief", "m", log=True)], decades())
    assert torch.isfinite(schema({"relief": torch.zeros(2)})).all()


def test_the_gap_is_the_huber_distance_over_what_both_know():
    y = TensorDict({"a": torch.tensor([-1.0, 1.0]), "b": torch.tensor([0.0, 2.0])}, [2])
    schema = ConditionSchema([Property("a"), Property("b")], y)
    asked = schema({"a": torch.tensor([0.0, 0.0]), "b": torch.tensor([1.0, math.nan])})
    own = torch.tensor([math.sqrt(2) / 2, 0.0], requires_grad=True)
    gap = schema.gap({"a": own, "b": torch.tensor([1.0, 9.0])}, asked)
    # In a: half a deviation off, then none; in b: none, then unknown. Three pairs are known.
    assert torch.allclose(gap, torch.tensor(0.5 * 0.25 / 3), atol=1e-6)
    gap.backward()
    assert own.grad is not None and float(own.grad[0]) > 0
    assert float(schema.gap({"a": own}, schema.unknown(2))) == 0


def test_a_condition_gives_back_the_values_that_it_encodes():
    y = TensorDict(
        {"relief": torch.tensor([1.0, 10.0, math.nan]), "kind": torch.tensor([1, -1, 0])}, [3]
    )
    schema = ConditionSchema([Property("relief", "m", log=True), Property("kind", "", ("a", "b"))])
    schema.fit(y)
    back = schema.values(schema(y))
    assert torch.allclose(back["relief"], y["relief"], equal_nan=True)
    assert torch.equal(back["kind"], y["kind"])


def test_a_shift_lets_zero_have_a_logarithm():
    y = TensorDict({"fitness": torch.tensor([0.0, 0.99, 9.99])}, [3])
    schema = ConditionSchema([Property("fitness", log=True, shift=0.01)], y)
    code = schema(y)[:, 0]
    assert torch.allclose(code[1] - code[0], 2 * (code[2] - code[1]), atol=1e-5)
    assert torch.allclose(schema.values(schema(y))["fitness"], y["fitness"], atol=1e-6)


def test_bins_hold_equal_shares_of_the_rows():
    values = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    y = TensorDict({"a": values}, [1000])
    schema = ConditionSchema([Property("a", bins=4), Property("b", "", ("x", "y"))])
    schema.fit(TensorDict({"a": values, "b": torch.zeros(1000)}, [1000]))
    code = schema(y)
    assert schema.dim == code.shape[1] == (1 + 4 + 1) + (2 + 1)
    hot = code[:, 1:5]
    assert torch.equal(hot.sum(dim=0), torch.full((4,), 250.0))
    assert values[hot[:, 0] > 0].max() < values[hot[:, 1] > 0].min()
    unknown = schema({"a": torch.tensor([math.nan])})
    assert not unknown.any()


def test_rows_that_are_drawn_more_often_get_finer_bins():
    values = torch.arange(100.0)
    weights = torch.where(values >= 90, 9.0, 1.0)
    schema = ConditionSchema([Property("a", bins=2)], TensorDict({"a": values}, [100]), weights)
    # 90 rows weigh as much as the ten at the end, so the middle is where these begin.
    assert float(schema.get_buffer("edges")[0, 0]) in (89.0, 90.0)


def test_a_bin_changes_nothing_in_the_gap_of_values():
    y = TensorDict({"a": torch.tensor([-1.0, 1.0])}, [2])
    plain, binned = (ConditionSchema([Property("a", bins=b)], y) for b in (0, 3))
    own = {"a": torch.tensor([0.3, -0.4])}
    assert torch.allclose(plain.gap(own, plain(y)), binned.gap(own, binned(y)))


def test_values_that_do_not_differ_leave_others_at_a_finite_distance():
    schema = ConditionSchema([Property("a")], TensorDict({"a": torch.full((9,), 0.2)}, [9]))
    told = schema({"a": torch.tensor([0.2, 0.5])})
    assert torch.allclose(told, torch.tensor([[0.0, 1.0], [0.3, 1.0]]), atol=1e-6)
    assert torch.allclose(schema.values(told)["a"], torch.tensor([0.2, 0.5]))


def test_without_properties_the_condition_is_empty():
    schema = ConditionSchema([], TensorDict({}, [5]))
    assert schema(TensorDict({}, [5])).shape == (5, 0)
