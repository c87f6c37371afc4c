"""The landscapes that are shipped, their builder, and the laws of the model that made them."""

import hashlib
import importlib.util
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from physgan.cli.datasets import cards_of
from physgan.errors import InputError
from physgan.testing import assert_domain_contract
from physgan_terrain import TerrainDomain
from physgan_terrain.baselines.landscape import Law, drainage, evolve
from physgan_terrain.classes import CLASSES
from physgan_terrain.domain import EMBEDDED

ROOT = Path(__file__).parents[2]
CELL = 90.0


@pytest.fixture(scope="module")
def build():
    """The builder, which lies outside every package."""
    file = ROOT / "datasets" / "terrain" / "build.py"
    spec = importlib.util.spec_from_file_location("build_terrain", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def parts():
    with np.load(EMBEDDED, allow_pickle=False) as found:
        return {name: found[name] for name in found.files}


def heights(parts, rows):
    return parts["n"][rows] * parts["step"] + parts["offset"][rows][:, None, None]


def test_the_contract_holds_on_what_is_shipped():
    assert_domain_contract(TerrainDomain())


def test_what_is_shipped_is_as_its_card_says(parts):
    data = EMBEDDED.read_bytes()
    card = tomllib.loads(EMBEDDED.with_suffix(".toml").read_text())
    assert len(data) <= 2.5e6 and hashlib.sha256(data).hexdigest() == card["sha256"]
    assert parts["n"].shape == (card["rows"], 64, 64) and float(parts["cell"]) == CELL
    names, counts = np.unique(parts["label"], return_counts=True)
    assert dict(zip(names.tolist(), counts.tolist(), strict=True)) == card["classes"]
    assert set(names.tolist()) <= set(CLASSES) and len(names) == 7 and counts.min() >= 20


def test_the_shipped_card_is_listed():
    card = next(card for card in cards_of(TerrainDomain()) if card["name"] == "tiles")
    assert card["domain"] == "terrain" and card["file"].endswith(EMBEDDED.name)
    assert {"rows", "licence", "description", "citation", "sha256"} <= card.keys()


def test_both_splits_load_with_every_class():
    domain = TerrainDomain()
    train, val = domain.load(None, "train"), domain.load(None, "val")
    assert domain.cell == CELL and domain.classes == CLASSES
    assert set(train.context["labels"]) == set(val.context["labels"])
    assert len(train) + len(val) == tomllib.loads(EMBEDDED.with_suffix(".toml").read_text())["rows"]


def test_splits_share_no_world_and_no_ground(parts):
    simulated = parts["place"] != "jacksboro"
    train, val = parts["split"] == "train", parts["split"] == "val"
    assert (train | val).all() and simulated.sum() > 400
    sides = [set(parts["place"][simulated & side].tolist()) for side in (train, val)]
    assert sides[1] and not sides[0] & sides[1]
    assert len(np.unique(parts["n"].reshape(len(train), -1), axis=0)) == len(train)


def test_relief_and_sea_are_what_the_labels_say(parts):
    bounds = {"alpine": (900, 9e3), "mountain": (300, 900), "hills": (90, 300), "plain": (3, 90)}
    for name, (low, high) in bounds.items():
        z = heights(parts, parts["label"] == name)
        relief = np.ptp(z, axis=(1, 2))
        assert relief.min() >= low - 0.5 and relief.max() <= high + 0.5, name
    sea = (heights(parts, parts["label"] == "coast") <= 0).mean(axis=(1, 2))
    assert sea.min() > 0.04 and sea.max() < 0.65


def test_the_builder_makes_again_what_is_shipped(parts, build):
    """The second volcano, from its seed alone."""
    kinds = tomllib.loads((build.HERE / "worlds.toml").read_text())["kind"]
    at = next(i for i, kind in enumerate(kinds) if kind["name"] == "volcanic")
    made = build.pack(build.tiles_of(kinds[at], 0, at, 1))
    own = parts["place"] == "volcanic-1"
    assert own.sum() > 4
    for name in ("n", "offset", "label", "split"):
        assert np.array_equal(made[name], parts[name][own]), name


def test_an_archive_is_the_same_bytes_each_time(build, tmp_path):
    arrays = {"n": np.arange(12, dtype=np.uint16), "label": np.array(["plain", "coast"])}
    data = build.archive(arrays)
    assert data == build.archive(arrays)
    (tmp_path / "a.npz").write_bytes(data)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as found:
        assert all(np.array_equal(found[name], array) for name, array in arrays.items())


@pytest.mark.parametrize(
    ("share", "sea", "low", "relief", "label"),
    [(1, 0.3, 0, 500, "coast"), (1, 0.7, 0, 500, ""), (1, 0, 5, 500, "volcanic"),
     (0.2, 0, 5, 500, "mountain"), (0.2, 0, 5, 1000, "alpine"), (0.2, 0, 5, 50, "plain"),
     (0.2, 0, 5, 2, "")],
)  # fmt: skip
def test_the_first_rule_that_matches_names_a_tile(build, share, sea, low, relief, label):
    z = low + np.linspace(0, relief, 100).reshape(10, 10)
    z.ravel()[: round(100 * sea)] = 0.0
    assert build.label_of(z, "volcanic", share) == label


def slope_area(n, m):
    rng = np.random.default_rng(0)
    base = np.zeros((40, 40), dtype=bool)
    base[0] = True
    law = Law(uplift=1e-3, erodibility=2e-5 if n == 1 else 4e-5, m=m, n=n)
    z = evolve(rng.random((40, 40)), base, law, CELL, 4e7, 800)
    water = drainage(z, base, CELL)
    slope = (z.ravel() - z.ravel()[water.receiver]) / water.fall
    return law, slope, water.area, ~base.ravel()


@pytest.mark.parametrize(("n", "m"), [(1.0, 0.5), (1.0, 0.4), (1.6, 0.7)])
def test_steady_rivers_are_as_steep_as_their_area_says(n, m):
    """S = (U / K)^(1/n) A^(-m/n), where uplift and incision balance."""
    law, slope, area, inner = slope_area(n, m)
    expected = (law.uplift / law.erodibility) ** (1 / n) * area[inner] ** (-m / n)
    np.testing.assert_allclose(slope[inner], expected, rtol=1e-6)


def test_creep_lowers_a_wave_between_two_outlets_exponentially():
    """z = exp(-D k^2 t) sin(k x)."""
    base = np.zeros((41, 5), dtype=bool)
    base[[0, -1]] = True
    wave = 100 * np.sin(np.pi * np.arange(41) / 40)[:, None] * np.ones(5)
    law = Law(uplift=0.0, erodibility=0.0, diffusivity=0.5)
    z = evolve(wave, base, law, CELL, 2e6, 40)
    k = np.pi / (40 * CELL)
    np.testing.assert_allclose(z, wave * np.exp(-0.5 * k**2 * 2e6), rtol=2e-3, atol=1e-9)


def test_slopes_fail_at_the_critical_gradient():
    base = np.zeros((32, 32), dtype=bool)
    base[0] = True
    law = Law(uplift=1e-2, erodibility=1e-9, critical=0.6)
    z = evolve(np.random.default_rng(1).random((32, 32)), base, law, CELL, 1e6, 50)
    water = drainage(z, base, CELL)
    fall = (z.ravel() - z.ravel()[water.receiver])[~base.ravel()]
    assert (fall <= 0.6 * water.fall[~base.ravel()] + 1e-6).all() and fall.max() > 50


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.integers(3, 20), st.integers(3, 20))
def test_all_rain_leaves_through_the_base(seed, rows, columns):
    rng = np.random.default_rng(seed)
    z, base = rng.integers(0, 5, (rows, columns)).astype(float), np.zeros((rows, columns), bool)
    base[0, rng.integers(columns)] = base[-1, rng.integers(columns)] = True
    water = drainage(z, base, CELL)
    assert sorted(water.order.tolist()) == list(range(z.size))
    assert water.area[base.ravel()].sum() == pytest.approx(z.size * CELL**2)
    place = np.argsort(water.order)
    inner = ~base.ravel()
    assert (place[water.receiver[inner]] < place[inner]).all()
    assert (water.receiver[~inner] == np.flatnonzero(~inner)).all()


def test_what_cannot_evolve_is_refused():
    z, base = np.zeros((5, 5)), np.zeros((5, 5), dtype=bool)
    with pytest.raises(InputError, match="base level"):
        drainage(z, base, CELL)
    base[0] = True
    with pytest.raises(InputError, match="steps"):
        evolve(z, base, Law(1e-3, 1e-5), CELL, 1e4, 0)
    with pytest.raises(InputError, match="exponents"):
        evolve(z, base, Law(1e-3, 1e-5, n=0.0), CELL, 1e4, 1)
