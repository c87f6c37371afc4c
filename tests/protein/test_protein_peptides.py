import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tensordict import TensorDict

from physgan.errors import InputError
from physgan_protein import ProteinDomain
from physgan_protein.alphabet import AMINO_ACIDS, encode, one_hot
from physgan_protein.peptides import figures, scales
from physgan_protein.peptides.properties import PEPTIDE_PROPERTIES, peptide_figures, within

CECROPIN_A = "KWKLFKKIEKVGQNIRDGIIKAGPAVAVVGQATQIAK"
UBIQUITIN = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG"
PEPTIDES = st.text(AMINO_ACIDS, min_size=1, max_size=30)
MANY = settings(deadline=None, max_examples=60)


def batch(*sequences, length=None):
    size = length or max(map(len, sequences))
    hot = one_hot(encode(sequences, size)).double()
    return TensorDict({"residues": hot}, [len(sequences)])


def figure(name, sequence):
    return float(peptide_figures([sequence], [name])[name][0])


@pytest.mark.parametrize(
    ("name", "sequence", "value", "within"),
    [
        # ProtParam (ExPASy) and Biopython agree on these.
        ("mass", CECROPIN_A, 4004.77, 0.01),
        ("mass", UBIQUITIN, 8564.74, 0.01),
        ("isoelectric_point", CECROPIN_A, 10.39, 0.005),
        ("isoelectric_point", UBIQUITIN, 6.56, 0.005),
        ("gravy", UBIQUITIN, -0.489, 5e-4),
        ("aliphatic_index", UBIQUITIN, 100.0, 1e-9),
        ("mass", "G", 75.067, 1e-3),
        ("gravy", "I", 4.5, 1e-9),
        ("gravy", "RI", 0.0, 1e-9),
        ("isoelectric_point", "G", (7.5 + 3.55) / 2, 1e-6),
    ],
)
def test_known_answers(name, sequence, value, within):
    assert figure(name, sequence) == pytest.approx(value, abs=within)


def test_the_charge_of_one_group_is_half_at_its_pk():
    x = batch("GKG")
    ends = figures.charge(batch("GGG"), 10.0)
    assert torch.allclose(figures.charge(x, 10.0) - ends, torch.tensor([0.5]).double())
    acid = figures.charge(batch("GDG"), 4.05) - figures.charge(batch("GGG"), 4.05)
    assert torch.allclose(acid, torch.tensor([-0.5]).double())


def test_terminal_groups_depend_on_their_residue():
    # Far from every other group only the amine of the first residue is half charged.
    for letter, pk in (("P", 8.36), ("A", 7.59), ("G", 7.5)):
        assert figure_at(letter + "GG", pk) == pytest.approx(0.5 - 1, abs=2e-4)
    assert figure_at("GGE", 4.75) - figure_at("GEG", 4.75) == pytest.approx(
        acid(4.75, 3.55) - acid(4.75, 4.75), abs=1e-9
    )


def figure_at(sequence, ph):
    return float(figures.charge(batch(sequence, length=len(sequence) + 2), ph))


def acid(ph, pk):
    return 1 / (1 + 10 ** (pk - ph))


def test_the_moment_of_a_helix_with_one_face_and_of_one_without():
    # 18 residues make five whole turns: equal residues cancel.
    assert figure("hydrophobic_moment", "L" * 18) == pytest.approx(0.0, abs=1e-9)
    faces = "".join("L" if math.cos(math.radians(100 * n)) > 0 else "K" for n in range(18))
    angles = np.deg2rad(100 * np.arange(18))
    values = np.where(np.array(list(faces)) == "L", 1.06, -1.5)
    expected = abs((values * np.exp(1j * angles)).sum()) / 18
    assert figure("hydrophobic_moment", faces) == pytest.approx(expected)
    assert expected > 0.7


@MANY
@given(PEPTIDES, st.integers(0, 5))
def test_padding_changes_nothing(sequence, more):
    plain, padded = batch(sequence), batch(sequence, length=len(sequence) + more)
    for name, prop in PEPTIDE_PROPERTIES.items():
        assert prop.exact is not None
        assert torch.allclose(prop.exact(plain), prop.exact(padded), atol=1e-9), name


@MANY
@given(PEPTIDES)
def test_the_chain_is_neutral_at_its_isoelectric_point_and_positive_below(sequence):
    x = batch(sequence)
    point = figures.isoelectric_point(x)
    assert torch.allclose(figures.charge(x, point), torch.zeros(1).double(), atol=1e-8)
    assert (figures.charge(x, point - 0.5) > 0).all()


@pytest.mark.parametrize("name", list(PEPTIDE_PROPERTIES))
def test_gradients_are_those_of_finite_differences(name):
    function = PEPTIDE_PROPERTIES[name].exact
    assert function is not None
    torch.manual_seed(0)
    soft = torch.randn(1, 3, 21, dtype=torch.float64).softmax(-1).requires_grad_()

    def of(residues):
        return function(TensorDict({"residues": residues}, [1]))

    assert torch.autograd.gradcheck(of, (soft,), atol=1e-5, eps=1e-5)


def test_gradients_stay_finite_where_the_moment_is_zero_and_where_nothing_is_left():
    for x in (batch("L" * 18), batch("", "A", length=3)):
        x["residues"].requires_grad_()
        for name, prop in PEPTIDE_PROPERTIES.items():
            assert prop.exact is not None
            (slope,) = torch.autograd.grad(prop.exact(x).sum(), x["residues"])
            assert slope.isfinite().all(), name


@MANY
@given(st.lists(PEPTIDES, min_size=1, max_size=4), st.integers(1, 3))
def test_batches_do_not_matter(sequences, size):
    whole, parts = peptide_figures(sequences), peptide_figures(sequences, batch=size)
    for name in whole:
        assert np.allclose(whole[name], parts[name]), name


def test_a_penalty_is_the_distance_to_its_range():
    law = within("charge", 2, 5, tolerance=0.2)
    x = batch("KKK", "DDD", "K" * 12)
    charges = figures.charge(x)
    expected = torch.tensor([0.0, 2 - charges[1], charges[2] - 5]).double()
    assert torch.allclose(law.function(x, TensorDict({}, [3])), expected)
    assert (law.name, law.unit, law.tolerance) == ("charge_within", "e", 0.2)
    for wrong in (("colour", 0, 1), ("charge", 3, 3)):
        with pytest.raises(InputError):
            within(*wrong)


def test_the_domain_takes_figures_as_properties_and_as_laws():
    domain = ProteinDomain(within={"gravy": [0, 1, 0.3]})
    (law,) = domain.penalties()
    assert (law.name, law.tolerance) == ("gravy_within", 0.3)
    data = domain.load(None, "train", ("charge",))
    told = peptide_figures(data.context["samples"], ["charge"])["charge"]
    assert np.allclose(data.batch["y"]["charge"].numpy(), told, atol=1e-4)
    assert domain.properties == (PEPTIDE_PROPERTIES["charge"],)
    for wrong in ({"gravy": [1]}, {"gravy": [1, 0]}, {"colour": [0, 1]}):
        with pytest.raises(InputError):
            ProteinDomain(within=wrong)


def test_what_is_no_peptide_is_refused():
    with pytest.raises(InputError, match="empty"):
        peptide_figures(["A", ""])
    with pytest.raises(InputError, match="no amino acid"):
        peptide_figures(["AXA"])
    assert peptide_figures([], ["charge"])["charge"].shape == (0,)


def test_every_scale_has_the_expected_order():
    at = AMINO_ACIDS.index
    assert scales.HYDROPATHY.argmax() == at("I") and scales.HYDROPATHY.argmin() == at("R")
    assert scales.EISENBERG.argmax() == at("I") and scales.EISENBERG.argmin() == at("R")
    assert scales.MASS.argmax() == at("W") and scales.MASS.argmin() == at("G")
    assert scales.MASS[at("I")] == scales.MASS[at("L")]
