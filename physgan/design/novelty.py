"""Which samples repeat one another, and which repeat the training data."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from physgan.domain import Domain
from physgan.errors import InputError


def hash_key(key: str) -> int:
    """The first 8 bytes, little-endian, of SHA-256 of a domain key: a stable uint64."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little")


def hash_keys(domain: Domain, samples: Iterable[Any]) -> NDArray[np.uint64]:
    """Sorted distinct key hashes of native samples, as a run stores them in ``train_keys.npy``."""
    return np.unique(np.array([hash_key(domain.key(s)) for s in samples], dtype=np.uint64))


def first_equals(domain: Domain, samples: Sequence[Any]) -> list[int]:
    """For each sample the position of the first one that is the same (its own where new).

    Only samples with equal ``domain.key`` are compared by ``domain.same``.
    """
    buckets: dict[str, list[int]] = defaultdict(list)
    firsts: list[int] = []
    for position, sample in enumerate(samples):
        bucket = buckets[domain.key(sample)]
        found = next((i for i in bucket if domain.same(samples[i], sample)), None)
        if found is None:
            bucket.append(position)
        firsts.append(position if found is None else found)
    return firsts


def is_novel(
    domain: Domain,
    samples: Sequence[Any],
    training: Iterable[Any] | None = None,
    keys: NDArray[np.uint64] | None = None,
) -> list[bool | None]:
    """Whether each sample differs from all training samples; None where nothing is known.

    With ``training`` the answer is by ``domain.same`` inside a key's bucket. With hashed ``keys``
    alone a sample whose key occurs in training counts as known, though it might differ: novelty
    is then never overstated (but for a hash collision, one in 1.8e19 per pair).
    """
    if training is not None:
        wanted: dict[str, list[int]] = defaultdict(list)
        for position, sample in enumerate(samples):
            wanted[domain.key(sample)].append(position)
        novel: list[bool | None] = [True] * len(samples)
        for known in training:
            for position in wanted.get(domain.key(known), ()):
                if novel[position] and domain.same(known, samples[position]):
                    novel[position] = False
        return novel
    if keys is not None:
        own = [domain.key(sample) for sample in samples]
        hashes = np.array([hash_key(key) for key in own], dtype=np.uint64)
        # A domain without keys gives every sample the empty one, which tells nothing.
        known = np.isin(hashes, keys)
        return [(not bool(k)) if key else None for key, k in zip(own, known, strict=True)]
    return [None] * len(samples)


def stored_array(folder: Path, name: str) -> NDArray[Any] | None:
    """An array of a run folder, or None where the run has none. Never unpickles."""
    path = Path(folder) / name
    if not path.exists():
        return None
    try:
        return np.load(path, allow_pickle=False)
    except ValueError as error:
        raise InputError(f"cannot be read as an array: {error}", where=str(path)) from error


def nearest_distances(
    domain: Domain, samples: Sequence[Any], training: NDArray[Any] | None
) -> list[float | None]:
    """Euclidean distance of each sample's fingerprint to the nearest training fingerprint.

    ``training`` is ``(N, F)``; without it, or where the domain has no fingerprint, None.
    """
    if training is None or not samples:
        return [None] * len(samples)
    try:
        mine = np.asarray(domain.fingerprint(samples), dtype=np.float64)
    except InputError:
        return [None] * len(samples)
    distances = []
    for row in mine:
        gap = np.sqrt(np.square(training - row).sum(axis=1).min())
        distances.append(float(gap) if np.isfinite(gap) else None)
    return distances
