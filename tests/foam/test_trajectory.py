"""Frames as files and as label fields."""

import numpy as np
import pytest

from physgan.errors import InputError
from physgan_foam.solver import initial, laws, statistics
from physgan_foam.solver.front_tracking import FrontTracking, Options
from physgan_foam.solver.phase_field import Options as GridOptions
from physgan_foam.solver.phase_field import PhaseField, contacts
from physgan_foam.solver.trajectory import load


@pytest.fixture(scope="module")
def run():
    films = initial.voronoi(30, (64, 48), seed=2, lloyd=2)
    return FrontTracking(Options(beta=0.5)).run(films, interval=10.0, frames=4)


def test_labels_have_the_bubbles_areas(run):
    labels = run.labels((640, 480))
    for frame, field in zip(run.frames, labels, strict=True):
        found = np.bincount(field.ravel(), minlength=30)[frame.ident] / 100
        assert found == pytest.approx(frame.area, abs=0.3)
        assert set(np.unique(field)) == set(frame.ident)


def test_labels_name_the_nearest_site_of_a_voronoi_foam():
    rng = np.random.default_rng(0)
    sites = rng.random((12, 2)) * [30, 20]
    films = initial.films_of_sites(sites, (20, 30))
    labels = FrontTracking().run(films, interval=1.0, frames=1).labels()[0]
    y, x = np.mgrid[:20, :30] + 0.5
    away = np.abs(np.stack([x, y], -1)[..., None, :] - sites)
    away = np.minimum(away, [30, 20] - away)
    assert np.array_equal(labels, (away**2).sum(-1).argmin(-1))


def test_labels_of_a_bubble_inside_another_and_of_bands():
    field = FrontTracking().run(initial.circle(5.0, (32, 40)), interval=1, frames=1).labels()[0]
    y, x = np.mgrid[:32, :40] + 0.5
    inside = np.hypot(x - 20, y - 16)
    assert (field[inside < 4.8] == 0).all()
    assert (field[inside > 5.1] == 1).all()
    bands = FrontTracking().run(initial.fingers(10.0, 20.0, 40.0), interval=1, frames=1)
    field = bands.labels()[0]
    assert (field[:10] == 2).all() and (field[30:] == 2).all()
    assert (field[10:30, :10] == 0).all() and (field[10:30, 10:] == 1).all()


def test_a_trajectory_is_read_as_it_was_written(run, tmp_path):
    path = tmp_path / "run.npz"
    run.save(path)
    again = load(path)
    assert (again.shape, again.beta, again.about) == (run.shape, run.beta, run.about)
    for a, b in zip(run.frames, again.frames, strict=True):
        for name, value in vars(a).items():
            assert np.array_equal(value, getattr(b, name), equal_nan=False) or value is None
    (tmp_path / "other.npz").write_bytes(b"nothing")
    with pytest.raises(InputError, match="no foam trajectory"):
        load(tmp_path / "other.npz")


def test_contacts_count_neighbours_once():
    labels = np.kron(np.arange(9).reshape(3, 3), np.ones((4, 4), int)).astype(np.int32)
    assert (contacts(labels, 9) == 4).all()


def test_side_statistics_of_a_honeycomb():
    frame = FrontTracking().run(initial.honeycomb(4, 4, 5.0), interval=1, frames=1).frames[0]
    probability = statistics.side_distribution([frame])
    assert probability[6] == 1
    assert statistics.mu2([frame]) == 0
    assert statistics.side_distance(probability, {"5": 0.5, "6": 0.5}) == pytest.approx(1.0)
    assert statistics.relative_areas([frame]) == pytest.approx(1.0)
    assert statistics.area_weighted_sides([frame]) == pytest.approx(6.0)


def test_the_phase_field_shrinks_a_circle_and_keeps_area():
    solver = PhaseField(GridOptions(pixels=1, width=7.0))
    run = solver.run(initial.circle(20.0, (64, 64)), interval=40.0, frames=5)
    area = np.array([frame.area[frame.ident == 0][0] for frame in run.frames])
    rate = np.diff(area)[1:] / 40.0 / (-2 * np.pi)
    assert rate == pytest.approx(1.0, abs=0.06)
    assert [frame.area.sum() for frame in run.frames] == pytest.approx([4096.0] * 5, rel=1e-9)


def test_the_phase_field_grows_large_bubbles_and_shrinks_small_ones():
    films = initial.voronoi(20, (64, 64), seed=5, lloyd=1)
    run = PhaseField(GridOptions(pixels=1)).run(films, interval=20.0, frames=5)
    line = laws.von_neumann(run)
    assert line.slope == pytest.approx(1.0, abs=0.25)
    assert run.labels((64, 64)).shape == (5, 64, 64)
