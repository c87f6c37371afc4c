"""What exchanges cost, by hand, and how designs are ranked by it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from physgan_protein.alphabet import AMINO_ACIDS, encode
from physgan_protein.metrics.family import Profile
from physgan_protein.metrics.grantham import grantham
from physgan_protein.metrics.tolerance import costs, plausibility, standardised

LETTERS = st.text(AMINO_ACIDS, min_size=6, max_size=6)


def tokens(*rows):
    return encode(list(rows), len(rows[0]))


def test_the_three_costs_by_hand():
    found = costs(tokens("ACDI", "ACDV", "APDV", "ACEI"), tokens("ACDI")[0])
    at, distance = AMINO_ACIDS.index, grantham()
    iv, cp = distance[at("I"), at("V")], distance[at("C"), at("P")]
    assert found[0] == pytest.approx([0, 0, 0])
    assert found[1] == pytest.approx([iv, 4.5, 0])
    assert found[2] == pytest.approx([iv + cp, 4.5 + 2.5, 1])
    assert found[3, 1:] == pytest.approx([-3.5, 0])


@given(LETTERS, LETTERS)
def test_costs_add_up_over_positions(row, reference):
    base = tokens(reference)[0]
    whole = costs(tokens(row), base)[0]
    each = [reference[:i] + row[i] + reference[i + 1 :] for i in range(len(row))]
    assert costs(tokens(*each), base).sum(axis=0) == pytest.approx(whole)


def test_a_proline_that_is_there_costs_nothing():
    assert costs(tokens("PA"), tokens("PG")[0])[0, 2] == 0


def test_the_cheapest_exchange_ranks_first():
    shares = Profile.fit(["KIDE"] * 5).shares
    assert np.argmax(plausibility(["RIDE", "KPDE", "KIDP"], shares)) == 0


def test_predictions_count_in_deviations():
    shares = Profile.fit(["KIDE", "RIDE", "KVDE"]).shares
    designs, said = ["RIDE", "KVDE", "KIDP"], np.array([0.0, 1.0, 5.0])
    alone = plausibility(designs, shares)
    both = plausibility(designs, shares, 10 * said + 3)
    assert both - alone == pytest.approx(standardised(said))
    assert plausibility(designs, shares, np.ones(3)) == pytest.approx(alone)


def test_the_density_is_that_of_the_profile():
    profile, designs = Profile.fit(["KIDE", "RIDE", "KVDE"]), ["RIDE", "KVDE", "KIDP"]
    base = tokens(*designs)
    bad = -np.sum([standardised(c) for c in costs(base, tokens("KIDE")[0]).T], axis=0)
    expected = standardised(profile.log_density(designs)) + standardised(bad)
    assert plausibility(designs, profile.shares) == pytest.approx(expected)
