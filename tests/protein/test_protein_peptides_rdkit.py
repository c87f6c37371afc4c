import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from physgan.errors import InputError
from physgan_protein.alphabet import AMINO_ACIDS
from physgan_protein.peptides.properties import peptide_figures

PEPTIDES = st.text(AMINO_ACIDS, min_size=1, max_size=20)
WITHOUT_RDKIT = """
import sys
sys.modules["rdkit"] = None
from physgan.errors import InputError
import physgan_protein.peptides.properties
try:
    import physgan_protein.peptides.molecules
except InputError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def molecules():
    pytest.importorskip("rdkit")
    from physgan_protein.peptides import molecules

    return molecules


@settings(deadline=None, max_examples=80)
@given(st.lists(PEPTIDES, min_size=1, max_size=3))
def test_figures_from_tables_are_those_of_the_molecule(molecules, sequences):
    names = ("mass", "logp", "tpsa", "donors", "acceptors", "rotatable_bonds")
    ours, theirs = peptide_figures(sequences, names), molecules.descriptors(sequences, names)
    for name in names:
        assert np.allclose(ours[name], theirs[name], atol=0.03 if name == "mass" else 1e-6), name


def test_alanine_and_cecropin_a(molecules):
    found = molecules.descriptors(["A", "KWKLFKKIEKVGQNIRDGIIKAGPAVAVVGQATQIAK"])
    assert found["mass"] == pytest.approx([89.094, 4004.8], abs=0.05)
    assert found["donors"][0] == 2 and found["acceptors"][0] == 2
    assert found["tpsa"][0] == pytest.approx(63.32) and found["fraction_sp3"][0] == pytest.approx(
        2 / 3
    )
    assert found["logp"][1] == pytest.approx(-12.6, abs=0.05)


def test_tanimoto_by_hand(molecules):
    bits = np.array([[1, 1, 0, 0], [0, 1, 1, 1], [0, 0, 0, 0]], dtype=bool)
    expected = [[1, 0.25, 0], [0.25, 1, 0], [0, 0, 1]]
    assert np.allclose(molecules.tanimoto(bits, bits), expected)


def test_diversity_and_novelty_of_like_and_unlike_peptides(molecules):
    assert molecules.diversity(["KLAK", "KLAK"]) == 0
    assert 0 < molecules.diversity(["KLAK", "KLAR"]) < molecules.diversity(["GGGG", "WWWW"]) <= 1
    assert np.isnan(molecules.diversity(["KLAK"]))
    near = molecules.novelty(["KLAK", "WWWW"], ["KLAK", "KLAR"])
    assert near[0] == 0 and near[1] > 0.3
    assert molecules.fingerprints([]).shape == (0, molecules.BITS)
    with pytest.raises(InputError):
        molecules.novelty(["KLAK"], [])


def test_a_picture_is_svg_of_its_size(molecules):
    text = molecules.picture("ACDP", 320, 200)
    assert "<svg" in text and "width='320px'" in text


def test_what_is_no_peptide_is_refused(molecules):
    for wrong in ("", "AXA", "A-C", "klak"):
        with pytest.raises(InputError):
            molecules.molecule(wrong)
    with pytest.raises(InputError, match="qed"):
        molecules.descriptors(["A"], ["qed"])


def test_without_rdkit_only_molecules_are_missing_and_the_hint_says_how_to_get_it():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_RDKIT], capture_output=True, text=True, check=True
    )
    assert 'pip install "physgan[protein]"' in done.stdout
