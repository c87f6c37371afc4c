"""Files of sequences: FASTA and CSV, plain and compressed, and the alphabet."""

import gzip
import lzma

import numpy as np
import pytest
import torch
from hypothesis import given as every
from hypothesis import settings
from hypothesis import strategies as st

from physgan.errors import InputError
from physgan_protein import ProteinDomain, alphabet
from physgan_protein.draw import draw_logo, draw_sequence
from physgan_protein.io import read_records, write_csv, write_fasta
from physgan_protein.names import label, mutations

SEQUENCES = st.lists(st.text(alphabet.AMINO_ACIDS, min_size=1, max_size=150), min_size=1)
TABLE = "id,sequence,score\na,ACDE,1.5\nb,WWWW,\n"


@settings(max_examples=50, deadline=None)
@every(SEQUENCES)
def test_tokens_and_letters_are_one_to_one(sequences):
    tokens = alphabet.encode(sequences, 150)
    assert alphabet.decode(tokens) == sequences
    assert alphabet.decode(torch.from_numpy(tokens)) == sequences
    hot = alphabet.one_hot(tokens)
    assert hot.shape == (len(sequences), 150, 21) and bool((hot.sum(dim=2) == 1).all())
    assert np.array_equal(hot.argmax(dim=2).numpy(), tokens)


def test_encoding_names_the_letter_and_the_place():
    with pytest.raises(InputError, match=r"'B' at position 3 .*sequence 2|sequence 2.*'B'"):
        alphabet.encode(["ACD", "ACB"], 4)
    with pytest.raises(InputError, match="at most 2"):
        alphabet.encode(["A", "ACD"], 2)
    assert alphabet.bad_residue("ACDé") == (3, "é")
    assert alphabet.bad_residue(alphabet.AMINO_ACIDS) is None


@settings(max_examples=30, deadline=None)
@every(SEQUENCES)
def test_what_is_written_is_read_again(tmp_path_factory, sequences):
    folder = tmp_path_factory.mktemp("files")
    names = [f"s{i}" for i in range(len(sequences))]
    for path in (
        write_fasta(sequences, names, folder / "a.fasta"),
        write_csv(sequences, names, folder / "a.csv"),
    ):
        found = read_records(path)
        assert found.sequences == sequences and found.ids == names


@pytest.mark.parametrize("ending", ["", ".gz", ".xz"])
def test_tables_may_be_compressed(tmp_path, ending):
    path = tmp_path / f"table.csv{ending}"
    opener = {"": open, ".gz": gzip.open, ".xz": lzma.open}[ending]
    with opener(path, "wt") as file:
        file.write(TABLE)
    found = read_records(path)
    assert found.sequences == ["ACDE", "WWWW"] and found.ids == ["a", "b"]
    assert found.columns["score"] == ["1.5", ""]
    assert found.where == [f"{path.name}:2", f"{path.name}:3"]


def test_headers_of_fasta_are_columns(tmp_path):
    path = tmp_path / "some.fasta"
    path.write_text(">a score=2 kind=x\nACD\nEFG*\n; a remark\n>b score=3\nWW\n")
    found = read_records(path)
    assert found.sequences == ["ACDEFG", "WW"]
    assert found.columns == {"score": ["2", "3"], "kind": ["x", ""]}
    assert found.where == ["some.fasta:1", "some.fasta:5"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "name,score\nx,1\n", "no column of sequences"),
        ("a.fasta", "ACDE\n", "before the first header"),
        ("a.txt", "ACDE\n", "cannot tell the format"),
        ("a.csv.xz", "no archive", "cannot be read"),
    ],
)
def test_files_that_cannot_be_read_are_named(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=said):
        read_records(tmp_path / name)


def test_a_missing_property_column_names_those_that_are_there(tmp_path):
    (tmp_path / "t.csv").write_text(TABLE)
    with pytest.raises(InputError, match=r"no column 'colour'.*score"):
        ProteinDomain(shares=(0, 0)).load(tmp_path / "t.csv", "train", ("colour",))


def test_a_folder_has_a_file_per_side(tmp_path):
    (tmp_path / "train.csv").write_text(TABLE)
    (tmp_path / "valid.fasta").write_text(">x score=2\nKKKK\n>y score=1\nACDE\n")
    domain = ProteinDomain()
    assert domain.load(tmp_path, "train", ("score",)).context["samples"] == ["ACDE", "WWWW"]
    assert "KKKK" in domain.load(tmp_path, "val", ("score",)).context["samples"]
    with pytest.raises(InputError, match="no test file"):
        domain.load(tmp_path, "test", ("score",))


def test_names_of_edits_count_from_one():
    assert mutations("ACDF", "ACDE") == ["E4F"]
    long = "ACDE" * 12
    assert label("A" + long[1:-1] + "W", long) == "E48W"
    assert label(long) == "ACDEACDEACDE...ACDEACDE (48)"
    assert label("ACDE", "ACDF") == "ACDE"


def test_pictures_show_every_residue():
    figure = draw_sequence("ACDEFGHIKL" * 5, "ACDEFGHIKV" * 5)
    (axes,) = figure.axes
    letters = [t.get_text() for t in axes.texts if t.get_text().isalpha()]
    assert "".join(letters) == "ACDEFGHIKL" * 5
    framed = [p for p in axes.patches if p.get_edgecolor()[:3] < (0.1, 0.1, 0.1)]
    assert len(framed) == 5


def test_a_logo_is_as_high_as_the_information():
    figure = draw_logo(["ACD", "ACE", "ACD", "ACE"])
    (axes,) = figure.axes
    tops = {}
    for patch in axes.patches:
        box = patch.get_path().get_extents()
        tops[round(box.x0 - 0.54)] = max(tops.get(round(box.x0 - 0.54), 0), box.y1)
    most = np.log2(20)
    assert [tops[k] for k in (0, 1, 2)] == pytest.approx([most, most, most - 1], abs=1e-6)
    with pytest.raises(InputError, match="one length"):
        draw_logo(["A", "AC"])
