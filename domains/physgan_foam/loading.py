"""Sequences of label fields as windows that a stepper is trained on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tensordict import TensorDict

from physgan.domain import Data
from physgan.errors import InputError
from physgan_foam.labels import areas, compact

NEEDED = ("labels", "tau", "beta", "mean_sides")
SPLITS = {"train": "train", "val": "validation", "test": "test"}
AREAS = (45.0, 320.0)
"""Mean areas in pixels of the first states of windows; beyond the last a grid is coarsened."""
STRIDES = (1, 2)
"""A pass spans so many intervals between frames."""


def read_arrays(path: Path | None) -> dict[str, NDArray[Any]]:
    """The arrays of ``datasets/foam``'s file at ``path``; with None, made by the solver.

    Raises InputError for a file that lacks some of them.
    """
    if path is None:
        from physgan_foam.data import own_sequences

        return own_sequences()
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError) as error:
        raise InputError(
            "this is no npz file of sequences", where=str(path),
            fix="make one with datasets/foam/build.py",
        ) from error  # fmt: skip
    if missing := [name for name in NEEDED if name not in arrays]:
        raise InputError(
            f"there is no array {', '.join(missing)}", where=str(path),
            fix=f"arrays {', '.join(NEEDED)} as in datasets/foam/README.md",
        )  # fmt: skip
    shape = arrays["labels"].shape
    if len(shape) != 5 or shape[2] != 1 or arrays["tau"].shape != shape[:2]:
        raise InputError(
            f"labels {shape} and tau {arrays['tau'].shape}", where=str(path),
            fix="labels (R, T, 1, H, W) and tau (R, T)",
        )  # fmt: skip
    return arrays


def load_windows(path: Path | None, split: str, passes: int) -> Data:
    """Windows of ``passes`` passes of the runs in ``split``, at both STRIDES.

    Bubbles are renamed 0 to n - 1 in each window. Raises InputError where there are none.
    """
    if split not in SPLITS:
        raise InputError(f"there is no split {split!r}", fix=", ".join(SPLITS))
    arrays = read_arrays(path)
    runs = np.arange(len(arrays["labels"]))
    if "split" in arrays:
        runs = runs[arrays["split"] == SPLITS[split]]
    else:
        tenth = runs % 10
        wanted = {"train": tenth < 8, "val": tenth == 8, "test": tenth == 9}
        runs = runs[wanted[split]]
    rows, ids = [], []
    for run in runs:
        for stride in STRIDES:
            for start in range(arrays["tau"].shape[1] - stride * passes):
                row = window(arrays, run, start, stride, passes)
                if row is not None:
                    rows.append(row)
                    ids.append(f"run {run}, frames {start} + {stride} k")
    if not rows:
        raise InputError(
            f"no windows of {passes} passes in the split {split!r}", where=str(path or "foam"),
            fix="longer runs, or more: one of ten validates, one tests",
        )  # fmt: skip
    return Data(_stack(rows), ids)


def window(
    arrays: Mapping[str, NDArray[Any]], run: int, start: int, stride: int, passes: int
) -> dict[str, Any] | None:
    """The fields of one window, or None where its bubbles are too small or too large."""
    frames = [start + stride * k for k in range(passes + 1)]
    names, labels = _renamed(arrays["labels"][run, frames, 0])
    mean = labels[0].size / len(names)
    if not AREAS[0] <= mean <= AREAS[1]:
        return None
    tau = arrays["tau"][run]
    sides = np.stack(
        [_mean_over(arrays["mean_sides"][run], tau, a, a + stride)[names] for a in frames[:-1]]
    )
    dtau = np.diff(tau[frames])
    alive = [np.count_nonzero(areas(field)) for field in labels[:-1]]
    step = (dtau * np.array(alive) / labels[0].size).mean()
    return {
        "labels": labels,
        "mean_sides": sides.astype(np.float32),
        "dtau": dtau.astype(np.float32),
        "step": float(step),
        "beta": float(arrays["beta"][run]),
    }


def _renamed(labels: NDArray[np.integer]) -> tuple[NDArray[np.integer], NDArray[np.int32]]:
    """The names in the first of ``labels (T, H, W)``, and all fields in their order. A bubble that
    came into sight later, smaller than a pixel before, takes the name of no other."""
    _, names = compact(labels[0])
    known = np.concatenate([names, np.setdiff1d(labels[1:], names)])
    place = np.zeros(int(known.max()) + 1, np.int32)
    place[known] = np.arange(len(known))
    return known, place[labels]


def _mean_over(
    mean_sides: NDArray[np.float32], tau: NDArray[np.float64], first: int, last: int
) -> NDArray[np.float32]:
    """Time means ``(N,)`` of side numbers from frame ``first`` to ``last``; NaN for the dead."""
    length = np.diff(tau[first : last + 1])
    return (mean_sides[first + 1 : last + 1] * length[:, None]).sum(0) / length.sum()


def _stack(rows: list[dict[str, Any]]) -> TensorDict:
    count = len(rows)
    labels = torch.from_numpy(np.stack([row["labels"] for row in rows]).astype(np.int16))
    most = max(row["mean_sides"].shape[1] for row in rows)
    passes = labels.shape[1] - 1
    sides = torch.full((count, passes, most), float("nan"))
    for place, row in enumerate(rows):
        sides[place, :, : row["mean_sides"].shape[1]] = torch.from_numpy(row["mean_sides"])
    ones = torch.ones(count, passes, dtype=torch.int16)
    dtau = torch.from_numpy(np.stack([row["dtau"] for row in rows]))
    y = {
        name: torch.tensor([row[name] for row in rows], dtype=torch.float32)
        for name in ("step", "beta")
    }
    given = {
        "labels": labels[:, 0].contiguous(),
        "block": ones[:, 0].contiguous(),
        "passes": TensorDict({"mean_sides": sides, "dtau": dtau}, [count]),
    }
    x = {"labels": labels[:, 1:].contiguous(), "block": ones}
    return TensorDict(
        {
            "x": TensorDict(x, [count]),
            "y": TensorDict(y, [count]),
            "given": TensorDict(given, [count]),
        },
        [count],
    )
