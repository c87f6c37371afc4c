"""Statistics of foams from pixels, the same for solvers and surrogates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from physgan_foam import labels as fields
from physgan_foam.foam import Foam
from physgan_foam.solver.laws import COEFFICIENT, Line, through_origin


def mu2(sides: NDArray[np.integer]) -> float:
    """Second moment of the side numbers about 6, of labels that there are."""
    return float(((sides[sides > 0] - 6.0) ** 2).mean())


def sides_of(foams: Sequence[Foam]) -> NDArray[np.int32]:
    """Side numbers of all bubbles of ``foams``."""
    found = [fields.sides(foam.grid) for foam in foams]
    return np.concatenate([n[n > 0] for n in found])


def relative_areas(foams: Sequence[Foam]) -> NDArray[np.float64]:
    """A/<A> of all bubbles, each foam by its own mean."""
    found = [fields.areas(foam.labels) for foam in foams]
    return np.concatenate([a[a > 0] / a[a > 0].mean() for a in found])


def summary(foams: Sequence[Foam]) -> dict[str, float]:
    """Bubbles a foam, mean area, mean side number, mu2 and <A^2>/<A>^2 over ``foams``."""
    sides, area = sides_of(foams), relative_areas(foams)
    return {
        "bubbles": float(np.mean([foam.bubbles for foam in foams])),
        "mean_area": float(np.mean([foam.mean_area for foam in foams])),
        "mean_sides": float(sides.mean()),
        "mu2": mu2(sides),
        "area_spread": float((area**2).mean()),
    }


def area_distance(a: Sequence[Foam], b: Sequence[Foam]) -> float:
    """Kolmogorov-Smirnov distance of the distributions of A/<A>."""
    from scipy.stats import ks_2samp

    return float(ks_2samp(relative_areas(a), relative_areas(b)).statistic)  # type: ignore[union-attr]


def von_neumann(
    runs: Sequence[Sequence[Foam]], tau: Sequence[NDArray[np.float64]], span: float = 0.5
) -> Line:
    """dA/dtau / (pi/3) against the time mean of n - 6, by pixels, over intervals of about ``span``
    mean areas: each bubble that lives through one is a point. Means are by the trapezoid rule over
    all frames of the interval."""
    x, y = [np.empty(0)], [np.empty(0)]
    for foams, times in zip(runs, tau, strict=True):
        first = 0
        while first < len(foams) - 1:
            last = first + 1
            while (
                last < len(foams) - 1 and times[last] - times[first] < span * foams[first].mean_area
            ):
                last += 1
            found = _interval(foams[first : last + 1], times[first : last + 1])
            x.append(found[0])
            y.append(found[1])
            first = last
    return through_origin(np.concatenate(x), np.concatenate(y))


def _interval(
    foams: Sequence[Foam], times: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    number = int(foams[0].labels.max()) + 1
    sides = np.stack([fields.sides(foam.grid, number) for foam in foams]).astype(float)
    start, end = (fields.areas(foam.labels, number) for foam in (foams[0], foams[-1]))
    lived = (start > 0) & (end > 0)
    length = times[-1] - times[0]
    mean = np.trapezoid(sides, times, axis=0) / length
    return (mean - 6)[lived], ((end - start) / (length * COEFFICIENT))[lived]
