"""Every format reads the same crystals, and every kind of bad input has its reason."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure
from pymatgen.io.cif import CifWriter

from physgan.errors import InputError
from physgan_crystal.io import find_split, hash_split, read_split, read_table, write_structures
from physgan_crystal.io import parse as parsing
from physgan_crystal.io.packed import pack

HALITE = Structure.from_spacegroup(225, Lattice.cubic(5.6), ["Na", "Cl"], [[0, 0, 0], [0.5] * 3])
CAESIUM = Structure(Lattice.cubic(4.1), ["Cs", "Cl"], [[0, 0, 0], [0.5] * 3])


def _cif(structure: Structure) -> str:
    return str(CifWriter(structure))


def _csv(path: Path, rows: list[tuple[str, str, str]], header: str = "id,gap,cif") -> Path:
    lines = [header, *(f'{i},{gap},"{cif}"' for i, gap, cif in rows)]
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt") as stream:
        stream.write("\n".join(lines))
    return path


@pytest.fixture(params=["csv", "csv.gz", "folder", "json", "npz", "extxyz"])
def data(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    both = [HALITE, CAESIUM]
    if request.param.startswith("csv"):
        rows = [("NaN", "5.0", _cif(HALITE)), ("b", "", _cif(CAESIUM))]
        return _csv(tmp_path / f"data.{request.param}", rows)
    if request.param == "folder":
        write_structures(both, ["a", "b"], tmp_path / "set", formats=["cif"])
        (tmp_path / "set" / "properties.csv").write_text("file,gap\na.cif,5.0\nb.cif,\n")
        return tmp_path / "set"
    if request.param == "json":
        entries = [
            {"structure": HALITE.as_dict(), "properties": {"gap": 5.0}, "id": "a"},
            {"structure": CAESIUM.as_dict(), "properties": {"gap": None}, "id": "b"},
        ]
        (tmp_path / "data.json").write_text(json.dumps(entries))
        return tmp_path / "data.json"
    if request.param == "npz":
        np.savez(tmp_path / "data.npz", gap=np.array([5.0, np.nan]), **pack(both))
        return tmp_path / "data.npz"
    from ase.io import write
    from pymatgen.io.ase import AseAtomsAdaptor

    frames = [AseAtomsAdaptor.get_atoms(structure) for structure in both]
    frames[0].info["gap"] = 5.0
    write(tmp_path / "data.extxyz", frames)
    return tmp_path / "data.extxyz"


def test_every_format_reads_the_same(data: Path) -> None:
    table = read_table(data, ["gap"])
    assert [s.reduced_formula for s in table.structures] == ["NaCl", "CsCl"]
    volumes = [s.volume / len(s) for s in table.structures]
    assert volumes == pytest.approx([5.6**3 / 8, 4.1**3 / 2], rel=1e-5)
    assert table.y["gap"].dtype == float
    np.testing.assert_array_equal(table.y["gap"], [5.0, np.nan])
    assert table.refused == []
    with pytest.raises(InputError, match="no property column hardness"):
        read_table(data, ["hardness"])


def test_an_id_that_looks_missing_is_kept(tmp_path: Path) -> None:
    path = _csv(tmp_path / "a.csv", [("NaN", "1", _cif(HALITE))])
    assert read_table(path).ids == ["NaN"]


HEAD = _cif(CAESIUM).split("  Cs  Cs0")[0]


@pytest.mark.parametrize(
    ("cif", "gap", "reason"),
    [
        ("not a structure", "1", "not a CIF"),
        ("", "1", "not a CIF"),
        (HEAD + "  Qq  Qq0  1  0  0  0  1\n", "1", "unknown element Qq"),
        (HEAD + "  Na  Na0  1  0  0  0  0.5\n", "1", "partly occupied"),
        (HEAD + "  Rf  Rf0  1  0  0  0  1\n", "1", "beyond Z = 100"),
        (HEAD, "1", "empty"),
        (_cif(CAESIUM), "wide", "gap is not a number: 'wide'"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, cif: str, gap: str, reason: str) -> None:
    path = _csv(tmp_path / "a.csv", [("good", "1", _cif(HALITE)), ("bad", gap, cif)])
    table = read_table(path, ["gap"])
    assert table.ids == ["good"]
    ((where, why),) = table.refused
    assert where == "row 2"
    assert reason in why
    with pytest.raises(InputError, match="1 of 2 rows cannot be used: row 2"):
        read_table(path, ["gap"], on_bad="refuse")


def test_files_that_are_no_data(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_table(tmp_path / "absent.csv")
    with pytest.raises(InputError, match="columns: id, gap, text"):
        read_table(_csv(tmp_path / "a.csv", [("a", "1", "x")], "id,gap,text"))
    for name, content, message in [
        ("a.npz", "hello", "not a readable .npz"),
        ("a.json", "{", "not JSON"),
        ("b.json", "{}", "not a list"),
        ("c.json", "[]", "no structures"),
        ("a.txt", "", "cannot tell the format"),
    ]:
        (tmp_path / name).write_text(content)
        with pytest.raises(InputError, match=message):
            read_table(tmp_path / name)
    np.savez(tmp_path / "b.npz", num_atoms=np.array([1]))
    with pytest.raises(InputError, match="arrays missing: atomic_numbers, frac_coords"):
        read_table(tmp_path / "b.npz")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no structure files"):
        read_table(tmp_path / "empty")


def test_a_bad_file_in_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.cif").write_text(_cif(HALITE))
    (tmp_path / "b.cif").write_text("nothing")
    (tmp_path / "POSCAR-c").write_text(CAESIUM.to(fmt="poscar"))
    (tmp_path / "d.vasp").write_text("nothing")
    (tmp_path / "e.xyz").write_text("nothing")
    table = read_table(tmp_path)
    assert table.ids == ["POSCAR-c", "a"]
    assert [where for where, _ in table.refused] == ["b.cif", "d.vasp", "e.xyz"]


def test_split_files(tmp_path: Path) -> None:
    _csv(tmp_path / "train.csv", [("a", "1", _cif(HALITE))])
    _csv(tmp_path / "validation.csv.gz", [("b", "2", _cif(CAESIUM))])
    assert find_split(tmp_path, "val") == tmp_path / "validation.csv.gz"
    assert read_split(tmp_path, "train", ["gap"]).ids == ["a"]
    with pytest.raises(InputError, match="no test split"):
        find_split(tmp_path, "test")
    with pytest.raises(InputError, match="unknown split"):
        find_split(tmp_path, "dev")


def test_a_single_file_is_divided_by_id(tmp_path: Path) -> None:
    ids = [f"mp-{i}" for i in range(3000)]
    parts = [hash_split(ids, split) for split in ("train", "val", "test")]
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(3000))
    assert [round(len(part) / 3000, 1) for part in parts] == [0.8, 0.1, 0.1]
    backwards = hash_split(ids[::-1], "test")
    assert {ids[::-1][i] for i in backwards} == {ids[i] for i in parts[2]}
    path = _csv(tmp_path / "a.csv", [(i, "1", _cif(HALITE)) for i in ids[:20]])
    read = [read_split(path, split).ids for split in ("train", "val", "test")]
    assert sorted(i for part in read for i in part) == sorted(ids[:20])


def test_many_texts_are_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(parsing, "PARALLEL_FROM", 3)
    texts = [_cif(HALITE), "nothing", _cif(CAESIUM)]
    first = parsing.parse_all(texts)
    assert len(list((tmp_path / "physgan").iterdir())) == 1
    monkeypatch.setattr(parsing, "_parse_chunk", None)
    again = parsing.parse_all(texts)
    assert first[1] == again[1]
    for k in (0, 2):
        assert np.allclose(first[k].frac_coords, again[k].frac_coords)
        assert first[k].composition == again[k].composition
