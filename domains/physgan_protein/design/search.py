"""How sequences are searched: what may be chosen, for each kind of oracle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from physgan.design.ledger import Ledger
from physgan.design.rounds import Source
from physgan.design.search import Search
from physgan.design.site_kernel import SiteKernelProcess
from physgan.design.space import TokenSpace
from physgan.domain import Oracle
from physgan.errors import InputError
from physgan_protein.alphabet import AMINO_ACIDS, encode
from physgan_protein.guides.descriptors import descriptors

if TYPE_CHECKING:
    from physgan_protein.domain import ProteinDomain

STARTS = 100
"""Feasible sequences that an Ehrlich function is asked for before a search."""


def search_for(
    domain: ProteinDomain, oracle: Oracle | None, run: Any = None, seed: int = 0
) -> Search:
    """The search that suits ``oracle`` (None: an Ehrlich function of 20 states).

    A measured landscape is searched among its measured variants, all of them listed; an Ehrlich
    function from feasible sequences; any other oracle around the reference, or from samples, of
    ``run``, whose generator then offers candidates beside evolution. Raises InputError where none
    of this is possible.
    """
    from physgan_protein.oracles.base import SequenceOracle
    from physgan_protein.oracles.ehrlich import Ehrlich
    from physgan_protein.oracles.landscape import Landscape

    oracle = Ehrlich(seed=seed) if oracle is None else oracle
    if not isinstance(oracle, SequenceOracle):
        raise InputError(f"the oracle {oracle.name!r} does not score sequences")
    if isinstance(oracle, Ehrlich):
        return _ehrlich(oracle)
    if isinstance(oracle, Landscape):
        lengths = {len(sequence) for sequence in oracle.table}
        if len(lengths) == 1:
            return _landscape(oracle, lengths.pop())
    if run is None:
        raise InputError(
            f"a search for the oracle {oracle.name!r} needs sequences to start from",
            fix="give --run, a run trained on some",
        )
    return _free(domain, oracle, run)


def _ehrlich(oracle: Any) -> Search:
    plain = TokenSpace(oracle.states, oracle.length, letters=oracle.alphabet)
    start = plain.read(oracle.initial_solution(STARTS))
    space = TokenSpace(oracle.states, oracle.length, start=start, letters=oracle.alphabet)
    note = f"started from {STARTS} feasible sequences; the search uses values alone"
    return _search(space, oracle, method="patterns", goal=1.0 - 1e-9, notes=(note,))


def _landscape(oracle: Any, length: int) -> Search:
    library = encode(list(oracle.table), length)
    space = TokenSpace(
        len(AMINO_ACIDS), length, library=library, scales=descriptors(), letters=AMINO_ACIDS
    )
    note = (
        f"all {len(library):,} measured variants were listed and compared by the model: "
        "no generator was needed"
    )
    return _search(space, oracle, notes=(note,))


def _free(domain: ProteinDomain, oracle: Any, run: Any) -> Search:
    if int(domain.lengths.sum()) != 1:
        raise InputError("a search in rounds needs sequences of one length")
    free = ~domain.fixed_mask().numpy()
    if len(domain.pool):
        start: NDArray[np.int64] = domain.pool[:STARTS].long().numpy()
        note = f"started from {len(start)} reference sequences of the run"
    else:
        start = _drawn(domain, run, STARTS, 0)
        note = f"started from {len(start)} samples of the run"
    space = TokenSpace(
        len(AMINO_ACIDS), domain.length, start=start, scales=descriptors(),
        free=None if free.all() else free, letters=AMINO_ACIDS,
    )  # fmt: skip

    def generator(n: int, ledger: Ledger, rng: np.random.Generator) -> NDArray[np.int64]:
        return _drawn(domain, run, n, int(rng.integers(2**31)))

    sources: tuple[tuple[str, Source], ...] = (("generator", generator),)
    notes = (note, "candidates came from the generator and from evolution on the model")
    return _search(space, oracle, sources=sources, notes=notes)


def _drawn(domain: ProteinDomain, run: Any, n: int, seed: int) -> NDArray[np.int64]:
    """Different samples of ``run`` as tokens ``(<= n, L)``."""
    found = [s for s in domain.decode(run.sample(n, seed=seed)) if s is not None]
    whole = [s for s in dict.fromkeys(found) if len(s) == domain.length]
    return encode(whole, domain.length)


def _search(space: TokenSpace, oracle: Any, **options: Any) -> Search:
    def ask(tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        return oracle(space.spell(tokens))

    return Search(
        space=space,
        ask=ask,
        surrogate=lambda: SiteKernelProcess(space.words, space.scales),
        decode=space.spell,
        oracle=oracle.name,
        **options,
    )
