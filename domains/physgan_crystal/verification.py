"""What the oracle says of the properties that were asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

LEAST_R2 = 0.5

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from physgan.domain import Data
    from physgan_crystal.verified import CalibratedEnergy


def verified_rows(
    calibration: Mapping[str, CalibratedEnergy],
    samples: Sequence[Structure],
    judged: Sequence[Mapping[str, Any]],
) -> list[dict[str, float]]:
    """For each sample its calibrated properties, from the unrelaxed ``energy_per_atom`` (eV) of
    its row in ``judged``; the structure that was proposed is the one that is verified."""
    energies = np.array([float(row.get("energy_per_atom") or np.nan) for row in judged])
    columns = {name: c.verify(samples, energies=energies) for name, c in calibration.items()}
    return [
        {name: float(column[row]) for name, column in columns.items()}
        for row in range(len(samples))
    ]


def calibrate(
    data: Data, names: Sequence[str], rows: int = 1500, seed: int = 0
) -> dict[str, CalibratedEnergy]:
    """References for those of ``names`` that behave like energies, from ``rows`` training rows.

    A property is kept where the potential explains half of its held-out variance; a band gap is
    no energy and drops out.
    """
    from physgan_crystal.oracle import CHGNetOracle
    from physgan_crystal.verified import FEWEST_ROWS, CalibratedEnergy

    structures, y = data.context["samples"], data.batch["y"]
    chosen = np.random.default_rng(seed).permutation(len(structures))[:rows]
    picked = [structures[i] for i in chosen]
    energies = CHGNetOracle(relax=False).energies(picked)
    found: dict[str, CalibratedEnergy] = {}
    for name in names:
        values = y[name].double().numpy()[chosen]
        if np.isfinite(values).sum() < FEWEST_ROWS:
            continue
        fitted = CalibratedEnergy.fit(picked, values, energies=energies, seed=seed)
        if fitted.r2 >= LEAST_R2:
            found[name] = fitted
    return found
