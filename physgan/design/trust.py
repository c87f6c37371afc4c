"""Where a conformal interval still means what it says: rows like those it was calibrated on.

Coverage rests on exchangeability with the calibration rows. Designs are made to differ, so each
is held against three thresholds learned from held-out rows, and flagged beyond any of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from physgan.design.density import ChainDensity
from physgan.design.space import Tokens, Values, distances
from physgan.errors import InputError

LEAST_ROWS = 50


@dataclass(frozen=True)
class Trust:
    """Limits beyond which an interval is not to be relied on.

    ``distance``: exchanges to the nearest training row; ``spread``: the ensemble's; ``density``:
    log-likelihood under the training rows' chain.
    """

    train: Tokens
    chain: ChainDensity
    distance: float
    spread: float
    density: float

    @staticmethod
    def learn(
        train: Tokens, held: Tokens, spread: Values, words: int, level: float = 0.99
    ) -> Trust:
        """Limits that a share ``level`` of the ``held (m, L)`` rows, with the ensemble's
        ``spread (m,)`` for them, stay within, each limit by itself."""
        if len(held) < LEAST_ROWS:
            raise InputError(
                f"{len(held)} held-out rows say too little", fix=f"{LEAST_ROWS} or more"
            )
        chain = ChainDensity(words).fit(train)
        return Trust(
            train,
            chain,
            float(np.quantile(distances(held, train), level, method="higher")),
            float(np.quantile(spread, level)),
            float(np.quantile(chain.log_prob(held), 1.0 - level)),
        )

    def flags(self, tokens: Tokens, spread: Values) -> dict[str, NDArray[np.bool_]]:
        """By reason, which of ``tokens (n, L)`` lie beyond the limit; ``any`` joins them."""
        found = {
            "far from training": distances(tokens, self.train) > self.distance,
            "members disagree": spread > self.spread,
            "unusual": self.chain.log_prob(tokens) < self.density,
        }
        return {**found, "any": np.logical_or.reduce(list(found.values()))}
