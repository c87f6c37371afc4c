from types import SimpleNamespace

import numpy as np
import pytest

from physgan.design.search import search_rounds
from physgan.errors import InputError
from physgan_protein.alphabet import AMINO_ACIDS
from physgan_protein.baselines import random_mutants
from physgan_protein.design.search import search_for
from physgan_protein.domain import ProteinDomain
from physgan_protein.guides.descriptors import VOLUME, descriptors
from physgan_protein.oracles.base import SequenceOracle
from physgan_protein.oracles.ehrlich import Ehrlich
from physgan_protein.oracles.landscape import Landscape

PAIRS = {a + b: VOLUME[a] - VOLUME[b] for a in AMINO_ACIDS for b in AMINO_ACIDS[:10]}


def test_descriptors_are_standardised_and_tell_residues_apart():
    table = descriptors()
    assert table.shape == (20, 6)
    assert np.allclose(table.mean(axis=0), 0) and np.allclose(table.std(axis=0), 1)
    gaps = np.linalg.norm(table[:, None] - table[None], axis=-1)
    assert (gaps + np.eye(20) * 9 > 0).all()
    at = AMINO_ACIDS.index
    assert gaps[at("I"), at("V")] < gaps[at("I"), at("D")] and gaps[at("D"), at("E")] < 2.5


def test_a_landscape_is_searched_among_what_was_measured():
    search = search_for(ProteinDomain(), Landscape(PAIRS, source="test"))
    assert search.space.library is not None and len(search.space.library) == 200
    assert "200 measured variants" in search.notes[0]
    ledger = search_rounds(search, 4, 12, seed=0)
    assert np.isfinite(ledger.values).all()
    assert search.space.spell(ledger.best()[0][None]) == ["WG"]


def test_an_ehrlich_function_of_more_than_twenty_states_is_solved_from_its_answers():
    oracle = Ehrlich(24, 24, motifs=2, motif_length=3, seed=1)
    search = search_for(ProteinDomain(), oracle)
    ledger = search_rounds(search, 10, 150, seed=0)
    assert ledger.best()[1] == pytest.approx(1.0) and ledger.feasible.mean() >= 0.95
    assert oracle.calls == len(ledger) <= 1500


class Tryptophans(SequenceOracle):
    """How many W there are."""

    name = "tryptophans"

    def score(self, sequences):
        return np.array([s.count("W") for s in sequences], dtype=float)


def test_another_oracle_is_searched_around_the_run_and_fixed_positions_stay():
    domain = ProteinDomain(edit="consensus", budget=3, fixed=(1,))
    domain.fit(["ACDEF", "ACDEG", "ACHEF"])

    def sample(n, seed):
        made = random_mutants(["ACDEF"], n, edits=2, fixed=(1,), seed=seed)
        return domain.encode(made)[0]

    search = search_for(domain, Tryptophans(), SimpleNamespace(sample=sample))
    assert search.space.start is not None
    assert search.space.spell(search.space.start) == ["ACDEF"]
    ledger = search_rounds(search, 3, 10, seed=0)
    assert {s[0] for s in search.space.spell(ledger.tokens)} == {"A"}
    assert ledger.best()[1] >= 2 and set(ledger.sources) > {"start"}


def test_another_oracle_needs_a_run():
    class Own(Landscape):
        pass

    with pytest.raises(InputError, match="start from"):
        search_for(ProteinDomain(), Own({"AC": 1.0, "ACD": 2.0}))
