"""Fractional Brownian terrain by spectral synthesis (Saupe 1988, in The Science of Fractal Images):
Gaussian noise of radial power k^-beta."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from physgan.errors import InputError

from .gaussian import Noise, with_relief


def fbm(
    n: int,
    size: int | tuple[int, int],
    beta: float,
    relief: float | ArrayLike,
    seed: int,
    periodic: bool = False,
) -> NDArray[np.float32]:
    """``n`` heightmaps ``(n, H, W)`` in m with spectral exponent ``beta``, lowest cell at 0 m.

    ``relief`` in m, one value or one per map, is what 64-cell tiles have; ``size`` is a side or
    (H, W); a ``periodic`` map tiles without a seam. Map i depends on ``seed`` and i alone.
    """
    reliefs = np.broadcast_to(np.asarray(relief, dtype=np.float64), (n,))
    maps = []
    for i, height in enumerate(reliefs):
        noise = Noise(size, np.random.default_rng([seed, i]), periodic)
        maps.append(with_relief(noise.filtered(lambda f: f**-beta), float(height)))
    return np.asarray(maps, dtype=np.float32)


@dataclass(frozen=True)
class FbmPrior:
    """fBm with a class's median exponent and its tiles' reliefs.

    ``classes`` holds, by name, beta and the reliefs in m that are drawn from.
    """

    classes: Mapping[str, tuple[float, tuple[float, ...]]]

    @classmethod
    def fit(cls, z: ArrayLike, labels: Sequence[str]) -> FbmPrior:
        """Fit on tiles ``z (N, H, W)`` in m and N class names; flat tiles are left out."""
        from ..measures.hypsometry import relief
        from ..measures.spectrum import spectral_exponent

        names, heights, betas = np.asarray(labels), relief(z), spectral_exponent(z)
        kept = np.isfinite(betas)
        return cls(
            {
                str(name): (
                    float(np.median(betas[kept & (names == name)])),
                    tuple(np.sort(heights[kept & (names == name)]).tolist()),
                )
                for name in np.unique(names[kept])
            }
        )

    def sample(
        self,
        label: str,
        n: int,
        size: int | tuple[int, int],
        seed: int,
        periodic: bool = False,
    ) -> NDArray[np.float32]:
        """``n`` heightmaps of class ``label``, see ``fbm``; InputError for an unknown class."""
        if label not in self.classes:
            raise InputError(f"no class {label!r}", fix=f"known: {', '.join(self.classes)}")
        beta, reliefs = self.classes[label]
        drawn = [np.random.default_rng([seed, i, 1]).choice(reliefs) for i in range(n)]
        return fbm(n, size, beta, drawn, seed, periodic)

    def state(self) -> dict[str, Any]:
        """This prior as JSON-able values, for ``from_state``."""
        return {
            name: {"beta": beta, "relief": list(reliefs)}
            for name, (beta, reliefs) in self.classes.items()
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> FbmPrior:
        """The prior that ``state`` describes."""
        return cls({name: (row["beta"], tuple(row["relief"])) for name, row in state.items()})
