"""Magpie features of a composition, standardised with the benchmark's fixed constants."""

from __future__ import annotations

import json
import warnings
from functools import cache, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pymatgen.core import Composition

WIDTH = 132


@cache
def scaler() -> tuple[np.ndarray, np.ndarray]:
    """Means and standard deviations (132,) of the CDVAE benchmark; see `cdvae_scaler.json`."""
    text = (
        files("physgan_crystal.metrics").joinpath("cdvae_scaler.json").read_text(encoding="utf-8")
    )
    table = json.loads(text)
    return np.array(table["means"]), np.array(table["stds"])


@cache
def _featurizer():
    from matminer.featurizers.composition.composite import ElementProperty

    # The benchmark's matminer knew no imputation: what is missing stays NaN until it is scaled.
    return ElementProperty.from_preset("magpie", impute_nan=False)


@lru_cache(maxsize=200_000)
def _magpie(formula: str) -> np.ndarray:
    from pymatgen.core import Composition

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = np.array(_featurizer().featurize(Composition(formula)), dtype=float)
    values.setflags(write=False)
    return values


def composition_fingerprint(composition: Composition) -> np.ndarray:
    """Standardised Magpie features (132,); a feature that is unknown (NaN) becomes 0."""
    means, stds = scaler()
    whole, _ = composition.element_composition.get_reduced_composition_and_factor()
    return np.nan_to_num((_magpie(whole.formula) - means) / stds, nan=0.0)
