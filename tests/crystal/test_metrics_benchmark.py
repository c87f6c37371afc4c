"""The whole benchmark on a handful of crystals with known answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matminer")
from pymatgen.core import Lattice, Structure

from physgan.errors import InputError
from physgan_crystal.metrics.benchmark import evaluate
from physgan_crystal.metrics.coverage import Cutoffs
from physgan_crystal.metrics.describe import content_hash, describe
from physgan_crystal.metrics.novelty import unique_and_novel


def _salt(edge: float, cation: str = "Na") -> Structure:
    return Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(edge), [cation, "Cl"], [[0, 0, 0], [0.5] * 3]
    ).get_primitive_structure()


@pytest.fixture(scope="module")
def salts() -> list[Structure]:
    return [_salt(5.64), _salt(6.29, "K"), _salt(6.58, "Rb")]


def _energy(structures: list[Structure]) -> np.ndarray:
    return np.array([structure.volume for structure in structures])


def test_a_set_against_itself(salts: list[Structure], tmp_path: Path) -> None:
    result = evaluate(
        salts,
        salts,
        property_model=_energy,
        processes=1,
        cache=tmp_path,
        train=salts[:1],
        progress=False,
    )
    told = result.summary
    for key in ("struct_valid", "comp_valid", "valid", "cov_recall", "cov_precision", "unique"):
        assert told[key] == 100.0
    for key in ("wdist_density", "wdist_num_elements", "wdist_energy", "amsd_recall"):
        assert told[key] == 0.0
    assert told["novel"] == pytest.approx(200 / 3)
    assert told["vun"] == pytest.approx(200 / 3)
    assert [row["novel"] for row in result.rows] == [False, True, True]
    assert [row["formula"] for row in result.rows] == ["NaCl", "KCl", "RbCl"]
    assert len(list(tmp_path.glob("*.npz"))) == 1


def test_bad_crystals_are_counted(salts: list[Structure], tmp_path: Path) -> None:
    overlapping = Structure(Lattice.cubic(4), ["Na", "Cl"], [[0, 0, 0], [0.05, 0, 0]])
    charged = Structure(Lattice.cubic(4), ["Na", "Cl", "Cl"], [[0] * 3, [0.5] * 3, [0.5, 0.5, 0]])
    result = evaluate(
        [*salts, None, overlapping, charged],
        salts,
        dataset=Cutoffs(0.4, 10.0),
        processes=1,
        cache=tmp_path,
        progress=False,
    )
    assert result.summary["n"] == 6
    assert result.summary["struct_valid"] == pytest.approx(400 / 6)
    assert result.summary["comp_valid"] == pytest.approx(400 / 6)
    assert result.summary["valid"] == pytest.approx(300 / 6)
    assert result.summary["cov_recall"] == 100.0
    assert np.isnan(result.summary["novel"]) and np.isnan(result.summary["wdist_energy"])
    assert result.rows[3]["formula"] is None and result.rows[3]["fingerprint_ok"] is False


def test_processes_and_cache_give_the_same_answer(salts: list[Structure], tmp_path: Path) -> None:
    runs = [
        evaluate(salts[:2], salts, processes=count, cache=tmp_path, progress=False).summary
        for count in (1, 2)
    ]
    np.testing.assert_equal(runs[0], runs[1])
    fresh, stored = (describe(salts, cache=tmp_path, progress=False) for _ in range(2))
    np.testing.assert_array_equal(fresh.struct, stored.struct)


def test_the_cache_key_follows_the_content(salts: list[Structure]) -> None:
    moved = salts[0].copy()
    moved.translate_sites([0], [1e-6, 0, 0])
    assert content_hash([salts[0]]) == content_hash([salts[0].copy()])
    assert content_hash([salts[0]]) != content_hash([moved])


def test_equal_crystals_in_other_cells_are_not_unique(salts: list[Structure]) -> None:
    doubled = salts[0].copy()
    doubled.make_supercell([2, 1, 1])
    swollen = salts[0].copy()
    swollen.apply_strain(0.05)
    caesium = Structure(Lattice.cubic(3.4), ["Na", "Cl"], [[0, 0, 0], [0.5] * 3])
    unique, novel = unique_and_novel([salts[0], doubled, swollen, caesium, None], [doubled])
    assert unique.tolist() == [True, False, False, True, False]
    assert novel is not None and novel.tolist() == [False, False, False, True, False]


def test_wrong_input_is_named(salts: list[Structure]) -> None:
    with pytest.raises(InputError, match="reference"):
        evaluate(salts, [])
    with pytest.raises(InputError, match="mp_20"):
        evaluate(salts, salts, dataset="unknown")
