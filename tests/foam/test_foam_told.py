"""What pixels are told of their bubbles: closed forms on bricks, and one answer on any device."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tensordict import TensorDict

from physgan_foam import labels as fields
from physgan_foam.networks.stepper import FoamStepper
from physgan_foam.told import LARGEST, SMALLEST, bubbles_of, table


def bricks(rows=4, columns=4, height=8, width=12):
    """Courses of bricks, every second one moved by half a brick: six sides each, one size."""
    y, x = np.mgrid[: rows * height, : columns * width]
    course = y // height
    return (course * columns + (x + course % 2 * width // 2) // width % columns).astype(np.int32)


def test_bricks_have_six_sides_and_the_mean_area():
    assert table(bricks()) == pytest.approx(np.zeros((16, 2)), abs=1e-6)


def test_a_bubble_of_twice_the_area_is_told_so():
    labels = bricks()
    labels[labels == 1] = 0
    told = table(labels)
    mean = labels.size / 15
    assert told[0, 0] == pytest.approx(math.log(2 * 96 / mean), rel=1e-6)
    assert told[5, 0] == pytest.approx(math.log(96 / mean), rel=1e-6)
    # two bricks of six sides share one, and two neighbours touch both
    assert told[0, 1] == (8 - 6) / 2
    # the name of a bubble that has gone has no pixels and asks nothing of any
    assert told[1].tolist() == [pytest.approx(math.log(1 / mean)), -3.0] or told[1, 0] == SMALLEST


def test_extremes_are_clipped():
    labels = np.zeros((64, 64), np.int32)
    labels[:, 32:] = 1
    labels[5, 5] = 2
    for name in range(3, 60):
        labels[2 * (name // 8), 32 + 3 * (name % 8)] = name
    told = table(labels)
    assert told[2, 0] == SMALLEST and told[0, 0] == LARGEST


@given(st.integers(0, 1000), st.integers(2, 40))
@settings(max_examples=15, deadline=None)
def test_devices_and_processors_tell_the_same(seed, bubbles):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, bubbles, (2, 8, 8))
    rows = coarse.repeat(4, 1).repeat(4, 2).astype(np.int32)
    found = bubbles_of(torch.from_numpy(rows))
    for row, field in zip(rows, found, strict=True):
        expected = table(row)[row]
        assert field.permute(1, 2, 0).numpy() == pytest.approx(expected, abs=1e-6)


def test_a_pass_depends_on_what_is_told_only_where_asked():
    labels = torch.from_numpy(bricks())[None]
    grown = labels.clone()
    grown[grown == 1] = 0
    condition = torch.zeros(1, 4)
    state = TensorDict({"labels": labels, "block": torch.ones(1, dtype=torch.int16)}, [1])
    moved = state.copy().set("labels", grown)
    # far from the two bricks pixels see the same neighbours, but the mean area is another
    far = np.s_[0, :, 20:24, 30:34]
    for bubbles in (True, False):
        torch.manual_seed(0)
        stepper = FoamStepper(4, width=8, dilations=(1,), fold=1, bubbles=bubbles).eval()
        torch.nn.init.normal_(stepper.net.head.weight)
        one, two = (stepper(s, condition, None, None)[0]["logits"][far] for s in (state, moved))
        assert torch.equal(one, two) is not bubbles
    assert fields.areas(grown[0].numpy())[1] == 0
