"""The reference solver keeps the laws of coarsening foams by construction."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from physgan.errors import InputError
from physgan_foam.solver import initial, laws
from physgan_foam.solver.front_tracking import FrontTracking, Options

K = np.pi / 3


@pytest.fixture(scope="module")
def grain_growth():
    films = initial.voronoi(120, (96, 96), seed=3)
    return FrontTracking(Options(beta=1.0)).run(films, interval=0.02, relative=True, until=40)


@pytest.fixture(scope="module")
def dry_foam():
    films = initial.voronoi(60, (64, 64), seed=4)
    return FrontTracking(Options(beta=0.1)).run(films, interval=0.05, relative=True, until=30)


def test_a_circle_shrinks_at_two_pi():
    circle = initial.circle(16.0, (64, 64))
    frames = FrontTracking().run(circle, interval=10.0, frames=12).frames
    area = np.array([frame.area[frame.ident == 0][0] for frame in frames])
    tau = np.array([frame.tau for frame in frames])
    assert area == pytest.approx(area[0] - 2 * np.pi * tau, rel=1e-10)
    path = frames[-1].points - 32.0
    radius = np.hypot(*path.T)
    assert radius.std() < 0.005 * radius.mean()


def test_a_circle_vanishes_in_its_time():
    circle = initial.circle(8.0, (64, 64), points=40)
    trajectory = FrontTracking().run(circle, interval=1.0, until=1)
    area = float(trajectory.frames[0].area[0])
    small = 64 * 64 / 2 / np.pi * Options().segment ** 2
    assert trajectory.tau[-1] == pytest.approx(area / (2 * np.pi), abs=1.0 + small)
    assert trajectory.bubbles[-1] == 1
    assert trajectory.frames[-1].area == pytest.approx([64 * 64])


@pytest.mark.parametrize("beta", [1.0, 0.1])
def test_hexagons_stand_still(beta):
    films = initial.honeycomb(4, 4, 8.0)
    first, *_, last = FrontTracking(Options(beta=beta)).run(films, interval=50, frames=3).frames
    assert (last.sides == 6).all()
    assert last.area == pytest.approx(first.area, rel=1e-9)
    assert laws.junction_angles(last) == pytest.approx(120.0, abs=1e-3)


def test_a_junction_travels_along_parallel_walls():
    # a wall's end between two arcs of turning pi/3 over the spacing of the walls
    width, options = 10.0, Options(segment=0.1, shortest=0.03)
    trajectory = FrontTracking(options).run(
        initial.fingers(width, 60.0, 90.0), interval=40.0, frames=4
    )
    heights = []
    for frame in trajectory.frames[1:]:
        wall = next(
            path for path, left, right in zip(frame.films(), frame.left, frame.right, strict=True)
            if 2 not in (left, right)
        )  # fmt: skip
        heights.append(np.ptp(wall[:, 1]))
    speed = -np.diff(heights) / 40.0 / 2
    assert speed == pytest.approx(K / width, rel=1e-3)


@pytest.mark.parametrize("run", ["grain_growth", "dry_foam"])
def test_each_bubble_grows_by_von_neumann_s_law(run, request):
    trajectory = request.getfixturevalue(run)
    line = laws.von_neumann(trajectory)
    assert line.slope == pytest.approx(1, abs=0.015)
    assert line.r2 > 0.995
    # without an event nearby the law holds to what the films still owe
    for sides, rate in laws.von_neumann_by_sides(trajectory).items():
        assert rate == pytest.approx(sides - 6, abs=2e-3)


@pytest.mark.parametrize("run", ["grain_growth", "dry_foam"])
def test_area_and_the_mean_side_number_are_kept(run, request):
    for frame in request.getfixturevalue(run).frames:
        assert frame.area.sum() == pytest.approx(frame.area.sum().round(), rel=1e-12)
        assert frame.sides.mean() == 6
        assert len(frame.count) == 3 * len(frame.ident)
        assert frame.area.min() > 0


def test_events_have_happened(grain_growth, dry_foam):
    for trajectory in (grain_growth, dry_foam):
        events = trajectory.about["events"]
        assert events["T1"] > 10
        assert events["T2"] == trajectory.bubbles[0] - trajectory.bubbles[-1]
        assert events["T1 refused"] == events["T2 refused"] == 0


def test_films_meet_at_120_degrees(grain_growth, dry_foam):
    assert laws.angle_deviation(grain_growth.frames[5:]) < 0.5
    assert laws.angle_deviation(dry_foam.frames[5:]) < 0.1


def test_films_of_a_dry_foam_obey_laplace(dry_foam):
    line = laws.laplace(dry_foam.frames[5:], 0.1)
    assert line.r2 > 0.95
    assert line.slope == pytest.approx(1, abs=0.05)


def test_the_sum_of_squares_grows_by_its_identity(grain_growth, dry_foam):
    assert laws.sum_of_squares(grain_growth) == pytest.approx(1, abs=0.02)
    assert laws.sum_of_squares(dry_foam) == pytest.approx(1, abs=0.02)


@settings(deadline=None, max_examples=3)
@given(st.integers(0, 1000), st.sampled_from([1.0, 0.3]))
def test_a_seed_gives_one_trajectory(seed, beta):
    films = [initial.voronoi(20, (32, 32), seed, lloyd=1) for _ in range(2)]
    one, two = (FrontTracking(Options(beta=beta)).run(f, interval=2.0, frames=4) for f in films)
    for a, b in zip(one.frames, two.frames, strict=True):
        for name in ("area", "sides", "points", "pressure", "ident"):
            assert np.array_equal(getattr(a, name), getattr(b, name))


def test_wrong_options_are_refused():
    with pytest.raises(InputError, match="beta"):
        Options(beta=0.0)
    with pytest.raises(InputError, match="unstable"):
        Options(courant=0.2)
    with pytest.raises(InputError, match="an end"):
        FrontTracking().run(initial.honeycomb(4, 4, 8.0), interval=1.0)
