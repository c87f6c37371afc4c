"""The Gaussian field of a class: its measured spectrum, relief and mean slope, and nothing else.

What a network adds (valleys, unlike ridges, flat floors) is measured against this field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from physgan.errors import InputError
from physgan_terrain.slope.operators import horn

from .gaussian import Noise, Power, with_relief

_TILT = 3.0
"""Largest change of the spectral exponent that meets a drawn mean slope."""
_HALVINGS = 10
_PIVOT = 1 / 16
_LONGEST = 256
"""Wavelength in cells beyond which the power is taken as constant."""
_PAIRS = 512


@dataclass(frozen=True)
class ClassField:
    """A class: mean power (K,) at k = 0..K-1 cycles per tile of ``side`` cells, and pairs of
    relief (m) and mean Horn slope (degrees) of its tiles."""

    side: int
    power: tuple[float, ...]
    relief: tuple[float, ...]
    mean_slope: tuple[float, ...]

    def spectrum(self) -> Power:
        """Power at any frequency: log-log interpolation from k = 2 to Nyquist, straight lines
        beyond, constant past wavelengths of 256 cells."""
        k = np.arange(2, len(self.power))
        x, y = np.log(k / self.side), np.log(np.asarray(self.power)[2:])
        low, high = np.polyfit(x[:4], y[:4], 1)[0], np.polyfit(x[-8:], y[-8:], 1)[0]

        def power(f: NDArray[np.float64]) -> NDArray[np.float64]:
            at = np.log(np.maximum(f, 1 / _LONGEST))
            inside = np.interp(at, x, y)
            below, above = np.minimum(at - x[0], 0), np.maximum(at - x[-1], 0)
            return np.exp(inside + low * below + high * above)

        return power


class SpectralPrior:
    """Class-conditional Gaussian random fields, fitted in seconds, sampled at any size."""

    def __init__(self, cell: float, classes: Mapping[str, ClassField]) -> None:
        self.cell, self.classes = cell, dict(classes)

    @classmethod
    def fit(cls, z: ArrayLike, labels: Sequence[str], cell: float) -> SpectralPrior:
        """Fit on tiles ``z (N, H, W)`` in m on ``cell`` m and N class names.

        Flat tiles are left out; of a class, at most 512 evenly ranked pairs of relief and mean
        slope are kept.
        """
        from ..measures.hypsometry import relief
        from ..measures.slopes import horn_slopes
        from ..measures.spectrum import class_spectra
        from ..measures.stacks import as_stack

        stack = as_stack(z, smallest=32)
        spectra, names, heights = class_spectra(stack, labels), np.asarray(labels), relief(stack)
        slopes = horn_slopes(stack, cell).mean(axis=(1, 2))
        classes = {}
        for name, power in spectra.items():
            mine = np.flatnonzero((names == name) & (heights > 0))
            mine = mine[np.argsort(heights[mine], kind="stable")]
            mine = mine[np.linspace(0, len(mine) - 1, min(len(mine), _PAIRS)).astype(int)]
            classes[name] = ClassField(
                min(stack.shape[1:]),
                tuple(power.tolist()),
                tuple(heights[mine].tolist()),
                tuple(slopes[mine].tolist()),
            )
        return cls(cell, classes)

    def power(self, label: str) -> Power:
        """The class's spectrum over cycles per cell, up to a factor; InputError if unknown."""
        if label not in self.classes:
            raise InputError(f"no class {label!r}", fix=f"known: {', '.join(self.classes)}")
        return self.classes[label].spectrum()

    def sample(
        self,
        label: str,
        n: int,
        size: int | tuple[int, int],
        seed: int,
        periodic: bool = False,
    ) -> NDArray[np.float32]:
        """``n`` heightmaps ``(n, H, W)`` in m of class ``label``, lowest cell at 0 m.

        Each draws a pair of relief (over 64-cell tiles) and mean slope from the class's tiles;
        the spectrum is tilted by a power of k until the field meets both, or by 3 at most. A
        ``periodic`` map tiles without a seam. Map i depends on ``seed`` and i alone. Raises
        InputError for an unknown class.
        """
        power, field = self.power(label), self.classes[label]
        maps = []
        for i in range(n):
            rng = np.random.default_rng([seed, i])
            pair = int(rng.integers(len(field.relief)))
            noise = Noise(size, rng, periodic)
            maps.append(self._meet(noise, power, field.relief[pair], field.mean_slope[pair]))
        return np.asarray(maps, dtype=np.float32)

    def _meet(
        self, noise: Noise, power: Power, relief: float, mean_slope: float
    ) -> NDArray[np.float64]:
        def tilted(by: float) -> NDArray[np.float64]:
            return with_relief(noise.filtered(lambda f: power(f) * (f / _PIVOT) ** -by), relief)

        smoother, rougher = _TILT, -_TILT
        for _ in range(_HALVINGS):
            middle = (smoother + rougher) / 2
            if horn(tilted(middle), self.cell).mean() > mean_slope:
                rougher = middle
            else:
                smoother = middle
        return tilted((smoother + rougher) / 2)

    def state(self) -> dict[str, Any]:
        """This prior as JSON-able values, for ``from_state``."""
        return {"cell": self.cell, "classes": {k: asdict(v) for k, v in self.classes.items()}}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> SpectralPrior:
        """The prior that ``state`` describes."""
        classes = {
            name: ClassField(
                int(row["side"]),
                tuple(row["power"]),
                tuple(row["relief"]),
                tuple(row["mean_slope"]),
            )
            for name, row in state["classes"].items()
        }
        return cls(float(state["cell"]), classes)
