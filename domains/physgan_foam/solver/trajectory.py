"""What a solver gives: frames of bubbles and films, as one npz file and as label fields."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from physgan.errors import InputError
from physgan.training.files import write_atomic

PER_BUBBLE = ("ident", "area", "sides", "mean_sides", "pressure")
PER_FILM = ("count", "left", "right", "start", "end")
FORMAT = "physgan foam trajectory 1"


@dataclass(frozen=True)
class Frame:
    """A foam at ``tau = beta M gamma t`` px^2: n bubbles, F films, P points.

    Film ``f`` has the next ``count[f]`` rows of ``points`` and runs from junction ``start[f]`` to
    ``end[f]`` (-1: closed), with the bubbles ``left[f]`` and ``right[f]`` beside it, by name.
    Points may lie outside the box. A solver on a grid has ``labels`` and no films.
    """

    tau: float
    ident: NDArray[np.int32]  # (n,)
    area: NDArray[np.float64]  # (n,) px^2
    sides: NDArray[np.int32]  # (n,)
    mean_sides: NDArray[np.float64]  # (n,) time mean since the frame before
    pressure: NDArray[np.float64]  # (n,) in gamma / px, mean zero
    points: NDArray[np.float64]  # (P, 2)
    count: NDArray[np.int32]  # (F,)
    left: NDArray[np.int32]  # (F,)
    right: NDArray[np.int32]  # (F,)
    start: NDArray[np.int32]  # (F,)
    end: NDArray[np.int32]  # (F,)
    labels: NDArray[np.int32] | None = None

    def films(self) -> list[NDArray[np.float64]]:
        """The polylines, one array ``(n, 2)`` per film."""
        return np.split(self.points, np.cumsum(self.count)[:-1])


@dataclass(frozen=True)
class Trajectory:
    """Frames of one run in a box of ``shape`` (H, W) px at one ``beta``.

    ``about`` says how it was made: solver, options, seconds, events, checks.
    """

    shape: tuple[float, float]
    beta: float
    frames: Sequence[Frame]
    about: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def tau(self) -> NDArray[np.float64]:
        return np.array([frame.tau for frame in self.frames])

    @property
    def bubbles(self) -> NDArray[np.int64]:
        return np.array([len(frame.ident) for frame in self.frames])

    def labels(self, shape: tuple[int, int] | None = None) -> NDArray[np.int32]:
        """Names of bubbles at pixel centres, ``(T, H, W)``; by default one pixel per px."""
        from physgan_foam.solver.raster import rasterise

        size = shape or (round(self.shape[0]), round(self.shape[1]))
        return np.stack([rasterise(frame, self.shape, size) for frame in self.frames])

    def save(self, path: Path) -> None:
        """Write everything to ``path`` (npz), whole or not at all."""
        arrays: dict[str, Any] = {"tau": self.tau, "bubbles": self.bubbles}
        arrays["films"] = np.array([len(frame.count) for frame in self.frames])
        for name in (*PER_BUBBLE, *PER_FILM, "points"):
            arrays[name] = np.concatenate([getattr(frame, name) for frame in self.frames])
        if self.frames[0].labels is not None:
            arrays["labels"] = self.labels_given()
        head = {"format": FORMAT, "shape": self.shape, "beta": self.beta, "about": self.about}
        arrays["head"] = np.frombuffer(json.dumps(head).encode(), np.uint8)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        write_atomic(Path(path), buffer.getvalue())

    def labels_given(self) -> NDArray[np.int32]:
        return np.stack([f.labels for f in self.frames if f.labels is not None])


def load(path: Path) -> Trajectory:
    """Read what ``Trajectory.save`` wrote. Raises InputError for anything else."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        head = json.loads(arrays["head"].tobytes())
        if head["format"] != FORMAT:
            raise KeyError(head["format"])
    except (OSError, KeyError, ValueError) as error:
        raise InputError(
            "this is no foam trajectory", where=str(path), fix="a file of Trajectory.save"
        ) from error
    parts: dict[str, list[Any]] = {}
    for names, sizes in ((PER_BUBBLE, arrays["bubbles"]), (PER_FILM, arrays["films"])):
        for name in names:
            parts[name] = np.split(arrays[name], np.cumsum(sizes)[:-1])
    sizes = np.array([count.sum() for count in parts["count"]], dtype=int)
    parts["points"] = np.split(arrays["points"], np.cumsum(sizes)[:-1])
    if "labels" in arrays:
        parts["labels"] = list(arrays["labels"])
    frames = [
        Frame(tau=float(tau), **{name: values[i] for name, values in parts.items()})
        for i, tau in enumerate(arrays["tau"])
    ]
    height, width = head["shape"]
    return Trajectory((height, width), head["beta"], frames, head["about"])
