"""Sequences against held-out real ones on the framework's terms: a run's samples, or a file's."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from physgan import domain as domains
from physgan.errors import InputError
from physgan.training.files import write_atomic
from physgan_protein.alphabet import AMINO_ACIDS
from physgan_protein.metrics.control import calibration
from physgan_protein.metrics.edits import diversity, nearest, unique_share
from physgan_protein.metrics.family import Profile, coupling_correlation
from physgan_protein.metrics.spectrum import mean_reciprocal_rank, mmd_test

if TYPE_CHECKING:
    from physgan.run import Run
    from physgan_protein.domain import ProteinDomain

Figures = dict[str, Any]
FEWEST = 20
"""Designs of a class below which its rank says nothing."""


def evaluate_proteins(
    domain: ProteinDomain,
    samples: Sequence[str | None],
    reference: Sequence[str],
    *,
    train: Sequence[str] = (),
    run: Run | None = None,
    asked: Mapping[str, Tensor] | None = None,
    rows: Path | None = None,
    seed: int = 0,
    oracle: str | None = None,
    most: int = 1000,
) -> Figures:
    """The figures of ``metrics`` as one flat row; what cannot be had is left out.

    Shares are of all ``samples`` (None: one that does not decode) before any filter; distances are
    taken of at most ``most`` distinct valid ones to as many ``reference`` rows, which training has
    not seen, novelty to all of ``train``; each figure that needs a scale has that of ``train``
    beside it (``*_train``).
    ``oracle`` names one as ``propose`` takes it; what was ``asked`` is held against it and against
    ``run``'s predictor. ``rows`` is a CSV file with a line per sample, with the calibration by
    quantile bin in a JSON file of the same name.
    """
    if run is not None and not torch.equal(run.domain.lengths, domain.lengths):  # type: ignore
        raise InputError(
            "the run makes sequences of other lengths than these data have",
            fix="give --data, those of the run",
        )
    random = np.random.default_rng(seed)
    checks = [domain.validity(s) if s is not None else {} for s in samples]
    valid = [bool(c) and all(c.values()) for c in checks]
    known = set(train)
    sound = dict.fromkeys(s for s, v in zip(samples, valid, strict=True) if s and v)
    some = _some(list(sound), most, random)
    found: Figures = {
        "n": len(samples),
        "valid": _share(valid),
        **{
            f"valid_{name}": _share([c.get(name, False) for c in checks]) for name in _names(checks)
        },
        "unique": unique_share(samples),  # type: ignore[arg-type]
        "novel": _share([s is not None and s not in known for s in samples]),
    }
    if len(some) > 1:
        held = _some(reference, most, random)
        found |= _against(some, held, _some(train, most, random), seed)
        for key, part in (("novelty", some), ("novelty_held_out", held)):
            if train and part:
                found[key] = float(np.median(nearest(part, train)[0]))
    values = _values(domain, samples, run, oracle)
    tables = {}
    for key, column in values.items():
        name = key.partition(" by ")[0]
        if asked is not None and name in asked:
            told = calibration(asked[name].double().numpy(), column)
            tables[key] = told.pop("rows")
            found |= {f"{key}: {k}": v for k, v in told.items()}
    found |= _ranks(run, samples, asked, most)
    if rows is not None:
        write_atomic(rows, _table(samples, checks, values).encode())
        if tables:
            write_atomic(rows.with_suffix(".json"), json.dumps(tables, indent=1).encode())
    return {k: v for k, v in found.items() if not (isinstance(v, float) and math.isnan(v))}


def _against(
    designs: Sequence[str], reference: Sequence[str], train: Sequence[str], seed: int
) -> Figures:
    """Diversity, spectra, residues, and the family where all have one length."""
    found: Figures = {"diversity": diversity(designs)}
    if train:
        found["diversity_train"] = diversity(train)
    if not reference:
        return found
    found["mmd_3mer"], found["mmd_3mer_p"] = mmd_test(designs, reference, seed=seed)
    found["residue_kl"] = _divergence(designs, reference)
    found["length_w1"] = _length_distance(designs, reference)
    if train:
        found["mmd_3mer_train"] = mmd_test(train, reference, seed=seed)[0]
        found["residue_kl_train"] = _divergence(train, reference)
    if train and len({len(s) for s in (*designs, *reference, *train)}) == 1:
        profile = Profile.fit(train)
        found["profile_bits"] = float(np.median(profile.score(designs)))
        found["profile_bits_held_out"] = float(np.median(profile.score(reference)))
        found["coupling_r"] = coupling_correlation(designs, reference)
        found["coupling_r_train"] = coupling_correlation(train, reference)
    return found


def _values(
    domain: ProteinDomain, samples: Sequence[str | None], run: Run | None, oracle: str | None
) -> dict[str, NDArray[Any]]:
    """Columns ``(n,)`` by "property by judge", NaN where unknown."""
    kept = [i for i, s in enumerate(samples) if s is not None]
    natives = [s for s in samples if s is not None]
    found: dict[str, NDArray[Any]] = {}
    predictor = run.predictor() if run is not None else None
    if run is not None and predictor is not None and natives:
        x, good = run.domain.encode(natives)
        said = predictor.predict(x).mean.cpu().numpy()
        for column in predictor.continuous:
            values = np.full(len(samples), np.nan)
            values[[kept[i] for i in good]] = said[:, column]
            found[f"{predictor.names[column]} by predictor"] = values
    if oracle is not None:
        judge = domain.oracle(oracle)
        assert judge is not None
        told = judge.judge(natives)
        for name in judge.properties:
            values = np.full(len(samples), np.nan)
            values[kept] = [row.get(name, math.nan) for row in told]
            found[f"{name} by oracle"] = values
    return found


def _ranks(
    run: Run | None, samples: Sequence[str | None], asked: Mapping[str, Tensor] | None, most: int
) -> Figures:
    """Mean reciprocal rank of each class property that was asked, among the training rows by
    class; nothing where the run's data are not here."""
    if run is None or asked is None:
        return {}
    classes = [p for p in run.schema.properties if p.classes is not None and p.name in asked]
    path = Path(run.config.data) if run.config.data else None
    if not classes or (path is not None and not path.exists()):
        return {}
    fresh = domains.load(run.config.domain, **run.config.domain_options)
    data = fresh.load(path, "train", run.config.properties)
    found: Figures = {}
    for prop in classes:
        assert prop.classes is not None
        known = _groups(data.context["samples"], data.batch["y"][prop.name], prop.classes)
        made = _groups(samples, asked[prop.name], prop.classes)
        made = {k: v[:most] for k, v in made.items() if len(v) >= FEWEST and k in known}
        if len(known) > 1 and made:
            known = {k: v[:most] for k, v in known.items()}
            found[f"{prop.name}: mrr"] = mean_reciprocal_rank(made, known)
    return found


def _groups(
    samples: Sequence[str | None], labels: Tensor, names: Sequence[str]
) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for sample, label in zip(samples, labels.tolist(), strict=True):
        if sample is not None and label >= 0:
            groups.setdefault(names[int(label)], []).append(sample)
    return groups


def _divergence(a: Sequence[str], b: Sequence[str]) -> float:
    """Kullback-Leibler divergence of the residues of ``a`` from those of ``b`` in bits, one
    residue of each kind added to both."""
    p, q = (_shares("".join(part)) for part in (a, b))
    return float((p * np.log2(p / q)).sum())


def _shares(text: str) -> NDArray[np.float64]:
    counts = Counter(text)
    found = np.array([counts[letter] + 1.0 for letter in AMINO_ACIDS])
    return found / found.sum()


def _length_distance(a: Sequence[str], b: Sequence[str]) -> float:
    """Wasserstein-1 distance of the lengths, in residues."""
    from scipy.stats import wasserstein_distance

    return float(wasserstein_distance([len(s) for s in a], [len(s) for s in b]))


def _some(sequences: Sequence[str], most: int, random: np.random.Generator) -> list[str]:
    if len(sequences) <= most:
        return list(sequences)
    return [sequences[int(i)] for i in random.choice(len(sequences), most, replace=False)]


def _share(flags: Sequence[bool]) -> float:
    return float(np.mean(flags)) if len(flags) else math.nan


def _names(checks: Sequence[Mapping[str, bool]]) -> list[str]:
    return list(dict.fromkeys(name for check in checks for name in check))


def _table(
    samples: Sequence[str | None],
    checks: Sequence[Mapping[str, bool]],
    values: Mapping[str, NDArray[Any]],
) -> str:
    names = _names(checks)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["sequence", *names, *values])
    for row, (sample, check) in enumerate(zip(samples, checks, strict=True)):
        cells = [
            "" if math.isnan(column[row]) else repr(float(column[row]))
            for column in values.values()
        ]
        writer.writerow([sample or "", *(int(check.get(n, False)) for n in names), *cells])
    return text.getvalue()
