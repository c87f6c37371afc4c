"""What the oracle says of the properties that were asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

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
    """References for each of ``names`` from at most ``rows`` training structures.

    Only properties in eV are energies that a potential can verify; the caller names them.
    """
    from physgan_crystal.oracle import CHGNetOracle
    from physgan_crystal.verified import CalibratedEnergy

    structures = data.context["samples"]
    chosen = np.random.default_rng(seed).permutation(len(structures))[:rows]
    picked = [structures[i] for i in chosen]
    energies = CHGNetOracle(relax=False).energies(picked)
    y = data.batch["y"]
    return {
        name: CalibratedEnergy.fit(picked, y[name].numpy()[chosen], energies=energies)
        for name in names
    }
