"""Heights of 16 bits keep the limit."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from physgan.errors import InputError
from physgan_terrain.slope.envelope import envelopes
from physgan_terrain.slope.integers import decode, project_steps, quantise, whole_steps
from physgan_terrain.slope.operators import OPERATORS

SHAPES = array_shapes(min_dims=2, max_dims=2, min_side=3, max_side=12)
SURFACES = arrays(np.float32, SHAPES, elements=st.floats(-450, 5500, width=32))


@settings(deadline=None, max_examples=150)
@given(SURFACES, st.floats(4, 80), st.sampled_from([10.0, 30.0, 90.0]), st.floats(0.1, 0.5))
def test_decoded_heights_keep_the_limit(z, limit, cell, step):
    numbers = quantise(z, step, -500.0, cell, limit)
    assert numbers.dtype == np.uint16
    heights = decode(numbers, step, -500.0)
    for operator in OPERATORS.values():
        assert operator(heights, cell).max() <= limit
        assert operator(heights.astype(np.float32), cell).max() <= limit
    assert heights.min() >= z.min() - step / 2 - 1e-3
    assert heights.max() <= z.max() + step / 2 + 1e-3


@settings(deadline=None, max_examples=60)
@given(SURFACES, st.data())
def test_decoded_heights_keep_a_map_of_limits(z, data):
    limit = data.draw(arrays(np.float64, z.shape, elements=st.floats(5, 80) | st.just(math.inf)))
    heights = decode(quantise(z, 0.25, -500.0, 30.0, limit), 0.25, -500.0)
    for operator in OPERATORS.values():
        assert (operator(heights, 30.0) <= limit[1:-1, 1:-1]).all()


def neighbours_differ_by(n):
    side = max(np.abs(np.diff(n, axis=0)).max(), np.abs(np.diff(n, axis=1)).max())
    corner = max(np.abs(n[1:, 1:] - n[:-1, :-1]).max(), np.abs(n[1:, :-1] - n[:-1, 1:]).max())
    return side, corner


@settings(deadline=None, max_examples=100)
@given(arrays(np.int64, SHAPES, elements=st.integers(0, 65535)), st.integers(1, 900), st.data())
def test_whole_envelopes_are_exact(n, axis, data):
    diagonal = data.draw(st.integers(axis, 2 * axis))
    limited = project_steps(n, axis, diagonal)
    side, corner = neighbours_differ_by(limited)
    assert side <= axis and corner <= diagonal
    assert np.array_equal(project_steps(limited, axis, diagonal), limited)
    assert n.min() <= limited.min() and limited.max() <= n.max()


@settings(deadline=None, max_examples=100)
@given(SURFACES, st.integers(1, 400), st.floats(0.1, 2.0))
def test_rounding_down_keeps_whole_steps(z, axis, step):
    # powers of two scale without rounding, so that the steps of the envelope are whole
    step = 2.0 ** round(math.log2(step))
    diagonal = math.isqrt(2 * axis * axis)
    lower, upper = envelopes(z.astype(np.float64) / step, axis, diagonal)
    middle = (lower + upper) / 2
    assume(np.array_equal(middle * 2**30, np.rint(middle * 2**30)))
    side, corner = neighbours_differ_by(np.floor(middle))
    assert side <= axis and corner <= diagonal


def test_what_keeps_the_limit_is_written_as_it_is():
    numbers = np.arange(35, dtype=np.uint16).reshape(5, 7) * 3
    assert np.array_equal(quantise(decode(numbers, 0.1, -20), 0.1, -20, 30.0, 35.0), numbers)
    rough = np.random.default_rng(0).integers(0, 65536, (20, 20)).astype(np.uint16)
    assert np.array_equal(quantise(decode(rough, 0.1, 0), 0.1, 0, 30.0, math.inf), rough)


def test_steps_are_counted_down():
    k = math.cos(math.pi / 8) * math.tan(math.radians(35)) * 90
    assert whole_steps(90.0, 35.0, 0.1) == (math.floor(k / 0.1), math.floor(math.sqrt(2) * k / 0.1))


def test_what_cannot_be_written_is_refused():
    z = np.linspace(0, 7000, 25).reshape(5, 5)
    with pytest.raises(InputError, match="16 bits") as refusal:
        quantise(z, 0.1, 0.0, 9000.0, 35.0)
    assert "0.107" in str(refusal.value)
    with pytest.raises(InputError, match="16 bits"):
        quantise(z - 1, 0.5, 0.0, 9000.0, 35.0)
    with pytest.raises(InputError, match="coarser"):
        quantise(z, 1.0, 0.0, 1.0, 35.0)
    with pytest.raises(InputError, match="coarser"):
        quantise(z, 1.0, 0.0, 1.0, np.full(z.shape, 35.0))
    with pytest.raises(InputError, match="map of limits"):
        quantise(z, 1.0, 0.0, 90.0, np.full((4, 5), 35.0))
    with pytest.raises(InputError, match="step"):
        quantise(z, 0.0, 0.0, 90.0, 35.0)
