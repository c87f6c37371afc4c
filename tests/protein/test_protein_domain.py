"""The protein domain as the framework sees it."""

import csv
import itertools
import random

import numpy as np
import pytest
import torch
from hypothesis import given as every
from hypothesis import settings
from hypothesis import strategies as st
from tensordict import TensorDict

from physgan.errors import InputError
from physgan.testing import assert_domain_contract
from physgan_protein import ProteinDomain
from physgan_protein.alphabet import AMINO_ACIDS

REFERENCE = "MKTAYIAKQRQISFVKSHFSRQ"


def draw(random, length):
    return "".join(random.choice(list(AMINO_ACIDS), length))


def write(path, rows, header=("sequence", "score", "kind", "terms")):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def labelled(sequence):
    terms = ";".join(f"GO:{k}" for k, letter in enumerate("ACD") if letter in sequence)
    kind = "long" if len(sequence) > 14 else "short"
    return [sequence, f"{sequence.count('K') + 0.1:.2f}", kind, terms]


@pytest.fixture(scope="module")
def peptides(tmp_path_factory):
    random = np.random.default_rng(0)
    rows = [labelled(draw(random, int(random.integers(9, 21)))) for _ in range(160)]
    return write(tmp_path_factory.mktemp("peptides") / "peptides.csv", rows)


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    rows = [labelled("".join(s)) for s in itertools.product("ACKW", repeat=4)]
    return write(tmp_path_factory.mktemp("sites") / "sites.csv", rows)


def family(folder, n=120, most=4):
    random = np.random.default_rng(1)
    rows = []
    for _ in range(n):
        letters = list(REFERENCE)
        for place in random.choice(len(letters), random.integers(1, most + 1), replace=False):
            letters[place] = random.choice(list(AMINO_ACIDS))
        rows.append(labelled("".join(letters)))
    return write(folder / "family.csv", rows)


def test_sequences_of_many_lengths_keep_the_contract(peptides):
    assert_domain_contract(ProteinDomain(bins=4), peptides, ("score", "kind", "length"))


def test_four_sites_keep_the_contract(sites):
    assert_domain_contract(ProteinDomain(log={"score": 0.01}), sites, ("score",))


@pytest.mark.parametrize("edit", ["consensus", "rows"])
def test_edits_keep_the_contract(tmp_path, edit):
    assert_domain_contract(ProteinDomain(edit=edit, budget=4), family(tmp_path), ("score",))


def test_labels_become_properties_of_their_own(peptides):
    domain = ProteinDomain(labels=["terms"], least_labels=5)
    data = domain.load(peptides, "train", ("terms", "score"))
    assert {"GO:0", "GO:1", "GO:2", "score"} == {p.name for p in domain.properties}
    for sequence, has in zip(data.context["samples"], data.batch["y", "GO:1"], strict=True):
        # A row without any label has an empty cell: nothing is known of it.
        anything = any(letter in sequence for letter in "ACD")
        assert int(has) == (("C" in sequence) if anything else -1)


def test_bad_rows_are_named_with_their_reason(tmp_path):
    bad = ["ACDE", "ACXE", "", "A" * 9, "acde", "ACDE", "WWWW"]
    rows = [[sequence, "1", "a", ""] for sequence in bad]
    rows += [["".join(s), "2", "a", ""] for s in itertools.product("KR", repeat=4)]
    path = write(tmp_path / "bad.csv", rows)
    domain = ProteinDomain(longest=8, shares=(0, 0), classes=["kind"])
    reasons = dict(domain.load(path, "train", ("kind",)).refused)
    assert reasons["bad.csv:3"] == "'X' at position 3 is no amino acid"
    assert reasons["bad.csv:4"] == "the sequence is empty"
    assert reasons["bad.csv:5"] == "9 residues, more than 8"
    assert reasons["bad.csv:6"] == "'a' at position 1 is no amino acid"
    assert reasons["bad.csv:7"] == "repeats bad.csv:2"
    with pytest.raises(InputError, match=r"is no amino acid.*bad\.csv:3|bad\.csv:3"):
        ProteinDomain(on_bad="refuse").load(path, "train")


def test_a_word_among_numbers_is_told_and_makes_no_classes(tmp_path):
    rows = [["ACD", 1.0, "", ""], ["ACE", "n/a", "", ""], ["ACF", 2.0, "", ""]]
    rows += [["ACG", 3.0, "", ""], ["ACH", "", "", ""]]
    domain = ProteinDomain(shares=(0.0, 0.0))
    data = domain.load(write(tmp_path / "word.csv", rows), "train", ("score",))
    assert domain.properties[0].classes is None
    assert data.refused == [("word.csv:3", "score is no finite number: 'n/a': unknown")]
    assert torch.isfinite(data.batch["y", "score"]).tolist() == [True, False, True, True, False]


def test_repeats_with_other_labels_are_averaged_and_told(tmp_path):
    rows = [["ACDE", "1", "a", ""], ["WWWW", "5", "b", ""], ["ACDE", "3", "c", ""]]
    path = write(tmp_path / "twice.csv", rows)
    domain = ProteinDomain(shares=(0, 0))
    data = domain.load(path, "train", ("score", "kind"))
    assert data.context["samples"] == ["ACDE", "WWWW"]
    assert data.batch["y", "score"].tolist() == [2.0, 5.0]
    assert data.batch["y", "kind"].tolist() == [-1, 1]
    assert data.refused == [
        (
            "twice.csv:4",
            "repeats twice.csv:2 with other labels: score 1 to 3, averaged; kind is unknown",
        )
    ]


@settings(max_examples=20, deadline=None)
@every(st.integers(0, 10_000))
def test_a_sequence_is_on_one_side_only(tmp_path_factory, seed):
    random = np.random.default_rng(seed)
    some = [draw(random, 6) for _ in range(60)]
    rows = [[s, str(i), "a", ""] for i, s in enumerate(random.choice(some, 200))]
    path = write(tmp_path_factory.mktemp("split") / "rows.csv", rows)
    domain = ProteinDomain(shares=(0.3, 0.3), split_seed=seed)
    sides = [set(domain.load(path, s).context["samples"]) for s in ("train", "val", "test")]
    assert not sides[0] & sides[1] and not sides[0] & sides[2] and not sides[1] & sides[2]
    assert set().union(*sides) == {row[0] for row in rows}


def test_a_column_divides_but_no_sequence_is_on_two_sides(tmp_path):
    rows = [
        ["ACDE", "1", "train"],
        ["WWWW", "2", "train"],
        ["ACDE", "1", "test"],
        ["KKKK", "3", "test"],
    ]
    path = write(tmp_path / "sided.csv", rows, ("sequence", "score", "split"))
    domain = ProteinDomain(shares=(0, 0))
    domain.load(path, "train")
    held = domain.load(path, "test")
    assert held.context["samples"] == ["KKKK"]
    assert held.refused == [("sided.csv:4", "the sequence of sided.csv:2 is in train")]


def test_a_subset_is_read_alone(tmp_path):
    rows = [["ACDE", "1", "1"], ["WWWW", "2", "0"], ["KKKK", "3", ""]]
    path = write(tmp_path / "marked.csv", rows, ("sequence", "score", "hard"))
    data = ProteinDomain(subset="hard", shares=(0, 0)).load(path, "train", ("score",))
    assert data.context["samples"] == ["ACDE"]


def test_rare_high_values_are_drawn_more_often(sites):
    plain = ProteinDomain().load(sites, "train", ("score",))
    tailed = ProteinDomain(tail=0.9).load(sites, "train", ("score",))
    assert plain.weights is None and tailed.weights is not None
    value = tailed.batch["y", "score"].double()
    z = (value - value.mean()) / value.std()
    ratio = tailed.weights.double() / (0.9 * z).exp()
    assert torch.allclose(ratio, ratio[0].expand_as(ratio), rtol=1e-4)


def test_edits_stay_within_the_budget_and_off_fixed_positions(tmp_path):
    path, fixed = family(tmp_path), (1, 5, 22)
    for edit in ("consensus", "rows"):
        domain = ProteinDomain(edit=edit, budget=3, fixed=fixed)
        data = domain.load(path, "train", ("score",))
        torch.manual_seed(0)
        generator = domain.generator(2, latent_dim=8)
        with torch.no_grad():
            generator.out.bias[-1] += 6.0  # asks for edits nearly everywhere
        z, c = torch.randn(len(data), 8), torch.zeros(len(data), 2)
        made = generator(z, c, data.batch["given"])["residues"].argmax(dim=2)
        changed = made != data.batch["given", "reference"]
        assert int(changed.sum(dim=1).max()) == 3
        assert not changed[:, [place - 1 for place in fixed]].any()
        free = generator(z, c, TensorDict({}, [len(z)]))["residues"].argmax(dim=2)
        apart = (free[:, None] != domain.pool[None].long()).sum(dim=2).min(dim=1).values
        assert int(apart.max()) <= 3


def test_a_row_that_differs_at_a_fixed_position_is_refused(tmp_path):
    letters = list(REFERENCE)
    letters[0] = "W"
    rows = [labelled(REFERENCE)] * 1 + [labelled("".join(letters))]
    rows += [labelled(REFERENCE[:-1] + letter) for letter in "ACD"]
    path = write(tmp_path / "fixed.csv", rows)
    domain = ProteinDomain(edit="consensus", fixed=[1], shares=(0, 0))
    data = domain.load(path, "train", ("score",))
    assert ("fixed.csv:3", "a fixed position differs from the reference") in data.refused
    assert len(data) == 4 and domain.reference[0] == "M"


def test_degenerate_sequences_are_not_valid(peptides):
    domain = ProteinDomain()
    domain.load(peptides, "train")
    good = domain.validity("ACDEFGHIKLMN")
    assert all(good.values())
    assert not domain.validity("WWWWWWAKWWWW")["runs"]
    assert not domain.validity("AKAKAKAKAKAKAKA")["complexity"]
    assert not domain.validity("ACDEF")["length"]
    assert not domain.validity("ACDEFGHIKLMB")["alphabet"]


def test_edits_of_unequal_lengths_are_an_error(peptides):
    with pytest.raises(InputError, match="one length"):
        ProteinDomain(edit="consensus").load(peptides, "train")


@pytest.mark.parametrize(
    "options",
    [
        {"edit": "some"},
        {"budget": 0},
        {"bins": 1},
        {"shares": (0.6, 0.6)},
        {"fixed": (0,)},
        {"on_bad": "x"},
    ],
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(InputError):
        ProteinDomain(**options)


def test_the_squared_distance_of_aligned_fingerprints_is_the_hamming_distance(sites):
    domain = ProteinDomain()
    domain.load(sites, "train")
    a, b = domain.fingerprint(["ACKW", "ACAA"])
    assert np.square(a - b).sum() == pytest.approx(2)


@pytest.mark.parametrize("name", ["peptides", "ehrlich"])
def test_embedded_data_are_read_without_a_path(name):
    domain = ProteinDomain(embedded=name)
    sizes = {s: len(domain.load(None, s)) for s in ("train", "val", "test")}
    assert sizes["train"] > 3000 and min(sizes.values()) > 300
    assert not domain.load(None, "train").refused
    with pytest.raises(InputError, match="one of peptides, ehrlich"):
        ProteinDomain(embedded="none").load(None, "train")


def test_the_judge_is_the_oracle_where_none_is_named():
    assert ProteinDomain().oracle() is None
    assert ProteinDomain(judge="ehrlich").oracle().name == "ehrlich"


def test_a_row_is_edited_from_another_within_its_budget(tmp_path):
    domain = ProteinDomain(edit="rows", budget=4)
    data = domain.load(family(tmp_path), "train", ("score",))
    rows, reference = data.batch["x", "residues"].argmax(dim=2), data.batch["given", "reference"]
    apart = (rows[:, None] != rows[None]).sum(dim=2)
    apart = torch.where(apart == 0, 99, apart).min(dim=1).values
    own = (rows != reference).sum(dim=1)
    assert int(own.min()) > 0
    # Within the budget wherever any other row is; else the nearest.
    assert torch.equal(own <= 4, apart <= 4) and torch.equal(own[apart > 4], apart[apart > 4])
    again = ProteinDomain(edit="rows", budget=4).load(tmp_path / "family.csv", "train", ("score",))
    assert torch.equal(again.batch["given", "reference"], reference)


def test_columns_of_labels_are_learned_where_no_property_is_named(tmp_path):
    path = tmp_path / "terms.csv"
    draw = random.Random(0)
    words = {"".join(draw.choices("ACDEFGHIKL", k=9)) for _ in range(60)}
    lines = [f"{word},GO:1;GO:2" if i % 2 else f"{word},GO:1" for i, word in enumerate(words)]
    path.write_text("\n".join(["sequence,terms", *lines]) + "\n")
    domain = ProteinDomain(labels=["terms"], least_labels=5)
    assert len(domain.load(path, "train")) > 0
    assert [prop.name for prop in domain.properties] == ["GO:1", "GO:2"]
