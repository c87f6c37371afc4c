"""The embedded sets are what their cards say."""

import csv
import hashlib
import lzma
import subprocess
import sys
import tomllib
from collections import defaultdict
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from physgan_protein.alphabet import AMINO_ACIDS
from physgan_protein.oracles.ehrlich import Ehrlich
from physgan_protein.oracles.landscape import Landscape
from physgan_protein.peptides.properties import peptide_figures

DATA = Path(str(files("physgan_protein") / "data"))
ROOT = Path(__file__).parents[2]


def rows_of(name):
    with lzma.open(DATA / f"{name}.csv.xz", "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", ["peptides", "ehrlich"])
def test_the_file_is_the_one_of_its_card(name):
    content = (DATA / f"{name}.csv.xz").read_bytes()
    card = tomllib.loads((DATA / f"{name}.toml").read_text())
    rows = rows_of(name)
    assert len(content) < 2e5 and hashlib.sha256(content).hexdigest() == card["sha256"]
    assert card["rows"] == len(rows) and card["columns"] == list(rows[0])
    assert {"title", "description", "licence", "citation", "caution", "command"} <= card.keys()
    sequences = [row["sequence"] for row in rows]
    assert len(set(sequences)) == len(rows)
    assert set("".join(sequences)) <= set(AMINO_ACIDS)
    shares = [np.mean([row["split"] == side for row in rows]) for side in ("train", "val", "test")]
    assert np.allclose(shares, [0.8, 0.1, 0.1], atol=0.02)


def test_the_function_gives_the_values_of_its_sample():
    rows = rows_of("ehrlich")
    oracle = Ehrlich()
    values = oracle([row["sequence"] for row in rows])
    for row, value in zip(rows, values, strict=True):
        assert (row["feasible"] == "yes") == np.isfinite(value)
        assert row["fitness"] == (f"{value:.8g}" if np.isfinite(value) else "")
    known = values[np.isfinite(values)]
    assert known.max() <= 0.4 < oracle([oracle.optimal_solution()])[0]
    assert len(Landscape.read(DATA / "ehrlich.csv.xz").table) == len(known)


def test_a_helix_and_its_shuffle_differ_in_their_moment_only():
    rows = rows_of("peptides")
    figures = peptide_figures([row["sequence"] for row in rows])
    for name in ("charge", "isoelectric_point", "gravy", "hydrophobic_moment", "mass"):
        told = np.array([float(row[name]) for row in rows])
        assert np.allclose(told, figures[name], atol=0.006), name
    pairs = defaultdict(dict)
    for row in rows:
        pairs[row["pair"]][row["kind"]] = row
    for pair in pairs.values():
        helix, shuffled = pair["helix"], pair["shuffled"]
        assert sorted(helix["sequence"]) == sorted(shuffled["sequence"])
        assert helix["split"] == shuffled["split"]
    moments = [
        np.median([float(pair[kind]["hydrophobic_moment"]) for pair in pairs.values()])
        for kind in ("helix", "shuffled")
    ]
    assert moments == pytest.approx([0.57, 0.22], abs=0.01)


@pytest.mark.slow
def test_the_sets_are_built_again_byte_for_byte(tmp_path):
    command = [sys.executable, str(ROOT / "datasets/protein/build.py"), "--out", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    for name in ("peptides.csv.xz", "ehrlich.csv.xz"):
        assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes()
