"""Flips and removals keep Euler's formula, the half-edges, and every bubble's area."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from physgan.errors import InputError
from physgan_foam.solver import flip, initial, vanish
from physgan_foam.solver.geometry import areas
from physgan_foam.solver.network import Films, build, compact


@njit
def flip_film(net, e, size):
    if not flip.may_flip(net, e):
        return False
    flip.flip(net, e, size)
    return True


@njit
def remove(net, c, size):
    while net.sides[c] > 3:
        e = flip.shortest_side(net, c)
        if e < 0:
            return False
        flip.flip(net, e, size)
    return vanish.remove_triangle(net, c)


@njit
def remove_lens(net, c):
    return vanish.remove_lens(net, c)


def promised(net):
    """Area of each bubble once its films have swept what they owe."""
    out = areas(net)
    np.add.at(out, net.cell[0::2], -net.debt)
    np.add.at(out, net.cell[1::2], net.debt)
    return out


def check_network(net):
    films, alive = np.flatnonzero(net.count > 0), np.flatnonzero(net.rim >= 0)
    half = np.concatenate([2 * films, 2 * films + 1])
    assert (net.before[net.after[half]] == half).all()
    assert (net.cell[net.after[half]] == net.cell[half]).all()
    assert (net.origin[net.after[half]] == net.origin[half ^ 1]).all()
    assert (np.bincount(net.origin[half])[np.flatnonzero(net.spoke >= 0)] == 3).all()
    assert np.array_equal(np.bincount(net.cell[half], minlength=len(net.rim))[alive],
                          net.sides[alive])  # fmt: skip
    assert len(films) == 3 * len(alive)
    assert net.sides[alive].mean() == 6
    for start in net.rim[alive]:
        x, steps = start, 0
        while steps == 0 or x != start:
            x, steps = net.after[x], steps + 1
        assert steps == net.sides[net.cell[start]]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.integers(12, 40))
def test_a_flip_moves_one_side_from_two_bubbles_to_two_and_no_area(seed, bubbles):
    net = build(initial.voronoi(bubbles, (40, 40), seed))
    before, sides = promised(net), net.sides.copy()
    rng = np.random.default_rng(seed)
    for e in rng.permutation(len(net.count))[:5]:
        done = flip_film(net, e, 0.5)
        change = np.sort(net.sides - sides)
        assert change.tolist() == [-1, -1] + [0] * (bubbles - 4) + [1, 1] or not done
        sides = net.sides.copy()
        check_network(net)
    assert promised(net) == pytest.approx(before, abs=1e-9)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000))
def test_a_vanished_bubble_leaves_its_gas_in_equal_parts(seed):
    net = build(initial.voronoi(24, (40, 40), seed))
    before = promised(net)
    c = int(np.argmin(before))
    if not remove(net, c, 0.5):
        return
    check_network(net)
    gains = np.delete(promised(net) - before, c)
    heirs = gains > 1e-6
    assert heirs.sum() == 3
    assert gains[heirs] == pytest.approx(before[c] / 3, rel=1e-6)
    assert gains[~heirs] == pytest.approx(0, abs=1e-9)
    small = compact(net)
    check_network(small)
    assert small.bubbles == 23
    assert small.area == pytest.approx(promised(small), abs=1e-9)


def lens_on_a_film(seed):
    """A Voronoi foam with a straight-sided lens put on its longest film."""
    films = initial.voronoi(16, (40, 40), seed)
    paths = list(films.paths)
    e = int(np.argmax([np.hypot(*(p[1] - p[0])) for p in paths]))
    a, b = paths[e]
    u, w = a + 0.4 * (b - a), a + 0.6 * (b - a)
    bow = 0.1 * np.array([-(b - a)[1], (b - a)[0]])
    left, right = films.left[e], films.right[e]
    paths[e] = np.stack([a, u])
    paths += [np.stack([w, b]), np.stack([u, 0.5 * (u + w) + bow, w]),
              np.stack([u, 0.5 * (u + w) - bow, w])]  # fmt: skip
    lefts = np.concatenate([films.left, [left, left, 16]])
    rights = np.concatenate([films.right, [right, 16, right]])
    return Films(paths, lefts, rights, films.shape), left, right


@pytest.mark.parametrize("seed", range(4))
def test_a_lens_leaves_half_its_gas_to_each_side(seed):
    films, left, right = lens_on_a_film(seed)
    net = build(films)
    before = promised(net)
    assert net.sides[16] == 2
    assert remove_lens(net, 16)
    check_network(net)
    gains = promised(net) - before
    assert gains[[left, right]] == pytest.approx(before[16] / 2, rel=1e-9)
    rest = np.delete(gains, [left, right, 16])
    assert rest == pytest.approx(0, abs=1e-9)


def test_films_that_do_not_meet_in_threes_are_refused():
    cross = [np.array([[8.0, 8.0], [x, y]]) for x, y in ((12, 8), (8, 12), (4, 8), (8, 4))]
    with pytest.raises(InputError, match="films meet"):
        build(Films(cross, np.arange(4), np.roll(np.arange(4), 1), (16, 16)))
