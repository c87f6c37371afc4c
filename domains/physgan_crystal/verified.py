"""Formation-type properties verified by CHGNet: energies minus fitted elemental references.

A data set states energies against references of its own (formation energy, heat of formation).
With x_e the atomic fraction of element e,

    property per atom  =  energy per atom  -  sum_e x_e mu_e,

so the references mu_e, and nothing else, are fitted by ridge regression on training rows. The
slope of the energy is fixed at one: what is left over is the disagreement between CHGNet and the
data set, and is reported as the held-out error of every verified figure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from physgan.errors import InputError

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from physgan_crystal.oracle import CHGNetOracle

Per = Literal["atom", "cell"]
ALPHAS = 10.0 ** np.arange(-8, 1)
FOLDS = 5
FEWEST_ROWS = 20


@dataclass(frozen=True)
class CalibratedEnergy:
    """Elemental references ``mu`` (eV/atom) and how well they hold.

    ``per`` says whether the property counts an atom or the whole cell. ``mae`` and ``r2`` are
    five-fold held-out figures in the property's own unit, ``rival_mae`` that of the other choice
    of ``per`` (NaN if it was not tried), and ``slope`` is the held-out least-squares slope of the
    property against the verified figure: near one where model and unit are right.
    """

    per: Per
    mu: dict[str, float] = field(repr=False)
    mae: float
    r2: float
    slope: float
    rows: int
    rival_mae: float = math.nan

    @classmethod
    def fit(
        cls,
        structures: Sequence[Structure],
        values: Sequence[float] | NDArray[np.floating],
        per: Per | None = None,
        energies: Sequence[float] | NDArray[np.floating] | None = None,
        oracle: CHGNetOracle | None = None,
        seed: int = 0,
    ) -> CalibratedEnergy:
        """References from ``values`` (n,) eV of ``structures``, which must be training rows.

        ``per`` None takes the choice with the smaller held-out error. ``energies`` (n,) eV/atom
        are computed by ``oracle`` where they are not given. Rows with NaN are left out.
        Raises InputError where fewer than 20 rows remain.
        """
        energy = _energies(structures, energies, oracle)
        value = np.asarray(values, dtype=float)
        known = np.isfinite(energy) & np.isfinite(value)
        if known.sum() < FEWEST_ROWS:
            raise InputError(
                f"{int(known.sum())} rows with both a value and a CHGNet energy",
                fix=f"give at least {FEWEST_ROWS}",
            )
        kept = [s for s, k in zip(structures, known, strict=True) if k]
        elements, fractions = _fractions(kept)
        sizes = np.array([len(s) for s in kept], dtype=float)
        value, energy = value[known], energy[known]
        choices: tuple[Per, ...] = (per,) if per else ("atom", "cell")
        tried = {
            choice: _held_out(fractions, energy, value, _scale(choice, sizes), seed)
            for choice in choices
        }
        best: Per = min(choices, key=lambda choice: float(np.abs(tried[choice] - value).mean()))
        held = tried[best]
        rival = [np.abs(tried[c] - value).mean() for c in tried if c != best]
        mu = _references(fractions, energy - value / _scale(best, sizes))
        spread = ((value - value.mean()) ** 2).sum()
        return cls(
            per=best,
            mu=dict(zip(elements, mu.tolist(), strict=True)),
            mae=float(np.abs(held - value).mean()),
            r2=float(1 - ((held - value) ** 2).sum() / spread) if spread > 0 else math.nan,
            slope=float(np.polyfit(held, value, 1)[0]) if np.ptp(held) > 0 else math.nan,
            rows=int(known.sum()),
            rival_mae=float(rival[0]) if rival else math.nan,
        )

    def verify(
        self,
        structures: Sequence[Structure | None],
        energies: Sequence[float] | NDArray[np.floating] | None = None,
        oracle: CHGNetOracle | None = None,
    ) -> NDArray[np.floating]:
        """The property (n,) of ``structures`` by CHGNet, in the unit it was fitted in.

        NaN where CHGNet cannot judge or an element has no reference.
        """
        energy = _energies(structures, energies, oracle)
        out = np.full(len(structures), math.nan)
        for row, structure in enumerate(structures):
            if structure is None:
                continue
            fractions = structure.composition.element_composition.fractional_composition
            reference = sum(
                share * self.mu.get(element.symbol, math.nan)
                for element, share in fractions.items()
            )
            out[row] = (energy[row] - reference) * (len(structure) if self.per == "cell" else 1)
        return out

    def state(self) -> dict[str, Any]:
        """JSON-able form for a run folder."""
        return asdict(self) | {"rival_mae": None if math.isnan(self.rival_mae) else self.rival_mae}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> CalibratedEnergy:
        """Rebuild from ``state()``."""
        rival = state["rival_mae"]
        return cls(**{**state, "rival_mae": math.nan if rival is None else rival})


def _energies(
    structures: Sequence[Structure | None],
    energies: Sequence[float] | NDArray[np.floating] | None,
    oracle: CHGNetOracle | None,
) -> NDArray[np.floating]:
    if energies is None:
        from physgan_crystal.oracle import CHGNetOracle

        energies = (oracle or CHGNetOracle(relax=False)).energies(structures)
    if len(energies) != len(structures):
        raise InputError(f"{len(energies)} energies for {len(structures)} structures")
    return np.asarray(energies, dtype=float)


def _scale(per: Per, sizes: NDArray[np.floating]) -> NDArray[np.floating]:
    return sizes if per == "cell" else np.ones_like(sizes)


def _fractions(structures: Sequence[Structure]) -> tuple[list[str], NDArray[np.floating]]:
    compositions = [s.composition.element_composition.fractional_composition for s in structures]
    elements = sorted({e.symbol for c in compositions for e in c})
    return elements, np.array([[c[e] for e in elements] for c in compositions])


def _references(fractions: NDArray[np.floating], target: NDArray[np.floating]) -> NDArray:
    """Ridge on atomic fractions; fractions sum to one, so the intercept is a shared reference."""
    from sklearn.linear_model import RidgeCV

    ridge = RidgeCV(alphas=ALPHAS).fit(fractions, target)
    return ridge.coef_ + ridge.intercept_


def _held_out(
    fractions: NDArray[np.floating],
    energy: NDArray[np.floating],
    value: NDArray[np.floating],
    scale: NDArray[np.floating],
    seed: int,
) -> NDArray[np.floating]:
    """Five-fold out-of-sample figures (n,) in the property's unit."""
    from sklearn.model_selection import KFold

    out = np.empty_like(value)
    for train, test in KFold(FOLDS, shuffle=True, random_state=seed).split(fractions):
        mu = _references(fractions[train], (energy - value / scale)[train])
        out[test] = (energy[test] - fractions[test] @ mu) * scale[test]
    return out
