from collections import Counter

import pytest

from physgan.errors import InputError
from physgan_protein.baselines import consensus_mutants, random_mutants
from physgan_protein.oracles.measured import AAV

ROWS = ["ACDE", "ACDF", "ACDF", "GCDF", "ACDF"]


def hamming(a, b):
    return sum(x != y for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("edits", [1, 3])
def test_random_mutants_are_so_many_edits_from_a_row_and_keep_what_is_fixed(edits):
    made = random_mutants([AAV.wild_type], 200, edits=edits, fixed=(1, 2), seed=1)
    assert {hamming(m, AAV.wild_type) for m in made} == {edits}
    assert {m[:2] for m in made} == {AAV.wild_type[:2]}
    assert made == random_mutants([AAV.wild_type], 200, edits=edits, fixed=(1, 2), seed=1)


def test_random_mutants_of_several_lengths():
    assert {len(m) for m in random_mutants(["AC", "DEF"], 50)} == {2, 3}


def test_consensus_mutants_by_frequency_use_what_was_seen_as_often():
    counts = Counter(consensus_mutants(ROWS, 2000, 1, seed=0))
    assert set(counts) == {"ACDE", "GCDF"}  # E and G were each seen once off the consensus ACDF
    assert abs(counts["ACDE"] / 2000 - 0.5) < 0.05


def test_consensus_mutants_drawn_evenly_go_everywhere():
    made = consensus_mutants(ROWS, 500, 2, by_frequency=False)
    assert {hamming(m, "ACDF") for m in made} == {2} and len(set(made)) > 300


def test_what_cannot_be_is_said():
    with pytest.raises(InputError, match="one length"):
        consensus_mutants(["AC", "ACD"], 5, 1)
    with pytest.raises(InputError, match="can change"):
        consensus_mutants(ROWS, 5, 3)
