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
