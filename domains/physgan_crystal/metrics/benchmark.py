"""All metrics of the CDVAE benchmark for one set of generated crystals, in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from physgan.errors import InputError
from physgan_crystal.metrics.coverage import CUTOFFS, Cutoffs, coverage
from physgan_crystal.metrics.describe import Descriptions, describe, pool
from physgan_crystal.metrics.distances import distribution_distance
from physgan_crystal.metrics.novelty import unique_and_novel

if TYPE_CHECKING:
    from pymatgen.core import Structure

PropertyModel = Callable[[list], np.ndarray]
Row = dict[str, object]


@dataclass(frozen=True)
class Result:
    """`rows`: one record per generated crystal, in order. `summary`: the figures of the table.

    Shares are in percent, densities in g/cm^3, energies in the unit of the property model.
    """

    rows: list[Row]
    summary: dict[str, float]


def default_cache() -> Path:
    """The user's cache folder for fingerprints of reference sets."""
    from physgan_crystal.io.parse import cache_folder

    return cache_folder() / "crystal_fingerprints"


def _cutoffs(dataset: str | Cutoffs) -> Cutoffs:
    if isinstance(dataset, str):
        if dataset not in CUTOFFS:
            known = ", ".join(CUTOFFS)
            raise InputError(
                f"no cutoffs for {dataset!r}", where="dataset", fix=f"one of {known}, or Cutoffs"
            )
        return CUTOFFS[dataset]
    return Cutoffs(*dataset)


def _properties(model: PropertyModel | None, crystals: Sequence, mask: np.ndarray) -> np.ndarray:
    """Predictions (n,) for the crystals in `mask`, NaN elsewhere."""
    out = np.full(len(crystals), np.nan)
    if model is not None and mask.any():
        chosen = np.flatnonzero(mask).tolist()
        out[chosen] = np.asarray(model([crystals[row] for row in chosen]), dtype=float)
    return out


def evaluate(
    structures: Sequence[Structure | None],
    reference: Sequence[Structure],
    *,
    dataset: str | Cutoffs = "mp_20",
    property_model: PropertyModel | None = None,
    executor: Executor | None = None,
    processes: int = 2,
    cache: Path | None = None,
    train: Sequence[Structure] | None = None,
    novelty: bool = True,
    draws: int = 100,
    size: int = 1000,
    seed: int = 0,
    progress: bool = True,
) -> Result:
    """Judge `structures` against the test set `reference`.

    None among `structures` stands for a crystal that could not be built: it counts as invalid.
    `dataset` chooses the coverage cutoffs by name or gives them. `property_model` maps n crystals
    to n values (n,); without it `wdist_energy` is NaN. Work runs on `executor`, else on
    `processes` processes. Fingerprints of `reference` are kept in `cache` (default: the user's
    cache folder).

    Keys of the summary: n, struct_valid, comp_valid, valid (percent of n); cov_recall,
    cov_precision (percent), amsd_*, amcd_*; wdist_density, wdist_num_elements, wdist_energy, each
    the mean over `draws` draws of `size` valid crystals, with `_sd`, and `_all` for all valid
    ones; unique and novel (percent of the structurally valid crystals, see `novelty`) and
    vun, the percent of n that are valid, unique and novel. NaN where it was not computed.

    Raises `InputError` when either set is empty or the data set is unknown.
    """
    if not len(structures) or not len(reference):
        empty = "structures" if not len(structures) else "reference"
        raise InputError("no crystals to evaluate", where=empty)
    cutoffs = _cutoffs(dataset)
    cache = default_cache() if cache is None else cache
    with pool(executor, processes) as workers:
        known = describe(
            reference, executor=workers, cache=cache, label="reference", progress=progress
        )
        made = describe(structures, executor=workers, label="generated", progress=progress)
        unique, novel = np.zeros(len(made), bool), None
        if novelty:
            unique, novel = unique_and_novel(
                structures, train, mask=made.struct_valid, executor=workers
            )
    has = made.has_fingerprint
    covered = coverage(
        made.struct[has],
        made.comp[has],
        known.struct[known.has_fingerprint],
        known.comp[known.has_fingerprint],
        cutoffs,
        len(made),
    )
    energy = _properties(property_model, structures, made.valid)
    true_energy = _properties(property_model, reference, np.ones(len(reference), bool))
    summary: dict[str, float] = {
        "n": float(len(made)),
        "struct_valid": 100.0 * float(made.struct_valid.mean()),
        "comp_valid": 100.0 * float(made.comp_valid.mean()),
        "valid": 100.0 * float(made.valid.mean()),
        "cov_recall": covered.recall,
        "cov_precision": covered.precision,
        "amsd_recall": covered.amsd_recall,
        "amsd_precision": covered.amsd_precision,
        "amcd_recall": covered.amcd_recall,
        "amcd_precision": covered.amcd_precision,
    }
    for name, ours, theirs in (
        ("density", made.density, known.density),
        ("num_elements", made.num_elements, known.num_elements),
        ("energy", energy, true_energy),
    ):
        distance = distribution_distance(
            ours[made.valid], theirs, size=size, draws=draws, seed=seed
        )
        summary[f"wdist_{name}"] = distance.mean
        summary[f"wdist_{name}_sd"] = distance.sd
        summary[f"wdist_{name}_all"] = distance.all
    sound = made.struct_valid
    share = {"unique": unique if novelty else None, "novel": novel}
    for name, flags in share.items():
        told = flags if sound.any() else None
        summary[name] = float("nan") if told is None else 100.0 * float(told[sound].mean())
    all_three = None if novel is None else made.valid & unique & novel
    summary["vun"] = float("nan") if all_three is None else 100.0 * float(all_three.mean())
    struct_distance, comp_distance = np.full((2, len(made)), np.nan)
    struct_distance[has], comp_distance[has] = covered.struct_distance, covered.comp_distance
    columns = {
        "struct_distance": struct_distance,
        "comp_distance": comp_distance,
        "property": energy,
        **{name: flags for name, flags in share.items() if flags is not None},
    }
    return Result(_rows(structures, made, columns), summary)


def _rows(
    structures: Sequence[Structure | None], made: Descriptions, columns: dict[str, np.ndarray]
) -> list[Row]:
    table = {
        "struct_valid": made.struct_valid,
        "comp_valid": made.comp_valid,
        "fingerprint_ok": made.has_fingerprint,
        "valid": made.valid,
        "density": made.density,
        "num_elements": made.num_elements,
        **columns,
    }
    lists = {name: values.tolist() for name, values in table.items()}
    missing: Row = {name: None for name in ("unique", "novel") if name not in lists}
    return [
        {
            "formula": None if structure is None else structure.composition.reduced_formula,
            **{name: values[row] for name, values in lists.items()},
            **missing,
        }
        for row, structure in enumerate(structures)
    ]
