"""physgan evaluate on files of another model, and what it refuses."""

import csv
import json
from functools import cache

import pytest
from pymatgen.core import Lattice, Structure

from physgan.cli import main

FIGURES = ["size=4", "draws=2", "processes=1", "progress=false"]


@cache
def salts():
    pairs = (("Na", "Cl", 5.6), ("Mg", "O", 4.2), ("K", "Cl", 6.3), ("Li", "F", 4.0))
    return [
        Structure.from_spacegroup(225, Lattice.cubic(a), [m, x], [[0] * 3, [0.5] * 3])
        for m, x, a in pairs
    ]


@pytest.fixture
def data(tmp_path):
    for split, count in (("train", 4), ("val", 2), ("test", 4)):
        with (tmp_path / f"{split}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "cif"])
            for row, salt in enumerate(salts()[:count]):
                writer.writerow([row, salt.to(fmt="cif")])
    return tmp_path


def run(*arguments):
    options = [part for figure in FIGURES for part in ("--option", figure)]
    with pytest.raises(SystemExit) as stopped:
        main(["evaluate", "crystal", *map(str, arguments), *options])
    return stopped.value.code


def test_a_folder_of_cifs_is_scored_and_each_crystal_has_a_row(data, tmp_path):
    folder, out = tmp_path / "theirs", tmp_path / "figures"
    folder.mkdir()
    for row, salt in enumerate(salts()):
        salt.to(filename=str(folder / f"{row}.cif"))
    assert run(folder, "--data", data, "--out", out) == 0
    figures = json.loads((out / "summary.json").read_text())["given"]
    assert figures["struct_valid"] == figures["comp_valid"] == figures["cov_recall"] == 100
    assert figures["wdist_density"] == pytest.approx(0, abs=1e-9) and figures["novel"] == 0
    assert len((out / "given.csv").read_text().splitlines()) == 5


def test_a_folder_without_crystals_is_one_clear_error(data, tmp_path, capsys):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert run(empty, "--data", data) == 2
    assert "empty" in capsys.readouterr().err


def test_a_run_that_is_not_there_is_one_clear_error(data, capsys):
    assert run("no-such-run", "--data", data) == 2
    assert "no-such-run" in capsys.readouterr().err
