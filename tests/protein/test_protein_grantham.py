"""Grantham's distances against published ones."""

import numpy as np
import pytest

from physgan_protein.alphabet import AMINO_ACIDS, encode
from physgan_protein.metrics.grantham import exchange_distance, grantham


@pytest.mark.parametrize(
    ("a", "b", "published"),
    [
        ("S", "R", 110),
        ("L", "I", 5),
        ("C", "W", 215),
        ("D", "E", 45),
        ("K", "R", 26),
        ("F", "Y", 22),
    ],
)
def test_published_distances(a, b, published):
    table = grantham()
    assert table[AMINO_ACIDS.index(a), AMINO_ACIDS.index(b)] == pytest.approx(published, abs=1.0)


def test_it_is_a_metric_whose_mean_over_pairs_is_a_hundred():
    table = grantham()
    assert np.array_equal(table, table.T) and np.all(np.diag(table) == 0)
    assert table[np.triu_indices(20, 1)].mean() == pytest.approx(100, abs=1)
    assert np.all(table[:, None] <= table[:, :, None] + table[None].transpose(0, 2, 1) + 1e-9)


def test_exchanges_add_up():
    reference = encode(["ACDL"], 4)[0]
    found = exchange_distance(encode(["ACDL", "ACEL", "ACEI"], 4), reference)
    assert found[0] == 0 and found[2] > found[1] > 40
    table = grantham()
    at = AMINO_ACIDS.index
    assert found[2] == pytest.approx(table[at("D"), at("E")] + table[at("L"), at("I")])
