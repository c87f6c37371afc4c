import math

import pytest
import torch
from rectangles import Rectangles
from tensordict import TensorDict

from physgan.conditions import ConditionSchema, Target
from physgan.design.rank import scores
from physgan.design.targets import read_targets, supported
from physgan.errors import InputError


@pytest.fixture(scope="module")
def schema():
    y = {
        "area": torch.linspace(0, 10, 101),
        "strength": torch.linspace(-1, 1, 101),
        "shape": torch.zeros(101, dtype=torch.long),
    }
    return ConditionSchema(Rectangles.properties, TensorDict(y, batch_size=101))


def test_every_kind_of_wish(schema):
    wishes = {"strength": (0, 0.5), "area": 2, "shape": "wide"}
    kinds = [(t.name, t.kind, t.low, t.high) for t in read_targets(wishes, schema)]
    assert kinds == [
        ("strength", "range", 0.0, 0.5),
        ("area", "value", 2.0, 2.0),
        ("shape", "class", 1.0, 1.0),
    ]
    assert read_targets(["area=min"], schema)[0].kind == "min"


@pytest.mark.parametrize("wishes", [{"mass": 1}, ["area=1", "area=2"], ["area"], ["area=x"]])
def test_what_cannot_be_read_is_refused(schema, wishes):
    with pytest.raises(InputError):
        read_targets(wishes, schema)


def test_outside_the_data_moves_to_the_nearest_percentile(schema):
    target = Target("area", "value", 50.0, 50.0)
    moved, warnings = supported([target], schema, strict=False)
    assert math.isclose(moved[0].low, 9.9, rel_tol=1e-5) and len(warnings) == 1
    with pytest.raises(InputError, match="outside"):
        supported([target], schema, strict=True)
    inside = [Target("area", "range", 1.0, 2.0), Target("shape", "class", 1, 1, "wide")]
    assert supported(inside, schema, strict=True) == (inside, [])


def test_score_is_distance_and_half_the_width_in_standard_deviations(schema):
    std = float(schema.std[0])
    values = {"area": torch.tensor([2.0, 2.0, 5.0])}
    bounds = {"area": (torch.tensor([1.0, 0.0, 5.0]), torch.tensor([3.0, 4.0, float("inf")]))}
    score, distance = scores([Target("area", "value", 2, 2)], schema, values, bounds, 3)
    torch.testing.assert_close(distance, torch.tensor([0.0, 0.0, 3 / std]))
    torch.testing.assert_close(score, torch.tensor([1 / std, 2 / std, (3 + 4.5) / std]))


def test_extremes_and_classes_rank(schema):
    values = {"area": torch.tensor([1.0, 3.0]), "shape": torch.tensor([0.0, 1.0])}
    largest, _ = scores([Target("area", "max")], schema, values, {}, 2)
    assert largest[1] < largest[0]
    wide, _ = scores([Target("shape", "class", 1, 1, "wide")], schema, values, {}, 2)
    assert wide.tolist() == [1.0, 0.0]
