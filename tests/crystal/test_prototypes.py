from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pymatgen.core import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

import physgan_crystal
from physgan_crystal.io.split import SPLITS, hash_split
from physgan_crystal.oracle import CHGNetOracle

SAMPLE = Path(physgan_crystal.__file__).parent / "data" / "prototypes.csv.xz"
CARDS = Path(__file__).parents[2] / "datasets" / "prototypes"


@pytest.fixture(scope="module")
def card() -> dict:
    return tomllib.loads((CARDS / "card.toml").read_text())


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return pd.read_csv(SAMPLE, keep_default_na=False)


@pytest.fixture(scope="module")
def drawn(table: pd.DataFrame) -> list[tuple[dict, Structure]]:
    """Three rows of every prototype."""
    rows = table.groupby("prototype").sample(3, random_state=0).to_dict("records")
    return [(row, Structure.from_str(row["cif"], fmt="cif")) for row in rows]


def test_the_sample_is_the_one_on_the_card(card: dict, table: pd.DataFrame) -> None:
    assert hashlib.sha256(SAMPLE.read_bytes()).hexdigest() == card["sha256"]
    assert len(table) == card["rows"]
    assert list(table.columns) == card["columns"]
    assert SAMPLE.stat().st_size < 400_000


def test_ids_are_unique_and_splits_follow_them(table: pd.DataFrame) -> None:
    assert table["id"].is_unique
    for split in SPLITS:
        rows = hash_split(table["id"].tolist(), split)
        assert (table["split"].to_numpy()[rows] == split).all()
    shares = table["split"].value_counts(normalize=True)
    assert shares["train"] == pytest.approx(0.8, abs=0.04)
    assert shares["val"] == pytest.approx(0.1, abs=0.03)


def test_every_prototype_of_the_list_is_there_in_its_space_group(
    drawn: list[tuple[dict, Structure]], table: pd.DataFrame
) -> None:
    listed = tomllib.loads((CARDS / "prototypes.toml").read_text())["prototype"]
    groups = {p["name"]: p["group"] for p in listed}
    assert len(groups) >= 10
    assert set(table["prototype"]) == groups.keys()
    for row, structure in drawn:
        found = SpacegroupAnalyzer(structure, symprec=0.01).get_space_group_number()
        assert found == groups[row["prototype"]], row["id"]


def test_geometry_labels_are_those_of_the_cells(drawn: list[tuple[dict, Structure]]) -> None:
    for row, structure in drawn:
        assert row["id"] == f"{row['prototype']}-{structure.composition.reduced_formula}"
        assert row["density"] == pytest.approx(float(structure.density), rel=1e-4)
        assert row["volume_per_atom"] == pytest.approx(structure.volume / len(structure), rel=1e-4)
        distances = structure.distance_matrix[~np.eye(len(structure), dtype=bool)]
        assert distances.min() > 0.9


def test_energy_labels_are_chgnets_and_lie_at_a_minimum_of_volume(
    drawn: list[tuple[dict, Structure]],
) -> None:
    few = [pair for pair in drawn if len(pair[1]) <= 5][::4]
    oracle = CHGNetOracle(relax=False)
    labels = np.array([row["energy_per_atom"] for row, _ in few])
    assert oracle.energies([s for _, s in few]) == pytest.approx(labels, abs=2e-3)
    for factor in (0.9, 1.12):
        moved = [s.copy().scale_lattice(s.volume * factor) for _, s in few]
        assert (np.array(oracle.energies(moved)) > labels).all()
