"""A multi-phase field: the ordinary simulator of grain growth, as a baseline.

The same runs as ``FrontTracking`` on a grid of diffuse interfaces, at beta = 1 only. It needs
about seven pixels across an interface and bubbles several interfaces wide.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from physgan.errors import InputError
from physgan_foam.solver.front_tracking import snapshot
from physgan_foam.solver.network import Films, build
from physgan_foam.solver.phase_field_kernel import PHASES, step, summarise
from physgan_foam.solver.raster import rasterise
from physgan_foam.solver.trajectory import Frame, Trajectory

COUNTS = 4
"""How often side numbers are counted between two frames, for their time mean."""


@dataclass(frozen=True)
class Options:
    """``pixels`` per px of the box, interface ``width`` in pixels, ``dt`` in pixels squared."""

    pixels: int = 2
    width: float = 6.0
    dt: float = 0.15

    def __post_init__(self) -> None:
        if self.pixels < 1:
            raise InputError(f"pixels = {self.pixels}", fix="1 or more")
        if self.width < 4:
            raise InputError(f"an interface of {self.width} pixels pins", fix="4 or more")
        if not 0 < self.dt <= 0.3:
            raise InputError(f"dt = {self.dt} pixels squared is unstable", fix="at most 0.3")


class PhaseField:
    """Deterministic: the same films and options give the same frames, bit by bit."""

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()

    def run(
        self,
        initial: Films,
        *,
        interval: float,
        frames: int | None = None,
        until: int | None = None,
        relative: bool = False,
    ) -> Trajectory:
        """As ``FrontTracking.run``; frames hold labels of the grid and no films."""
        if interval <= 0 or (frames is None and until is None):
            raise InputError("a run needs an interval and an end", fix="frames=... or until=...")
        begun = time.perf_counter()
        first, _ = snapshot(build(initial), 0.0, 0.0)
        scale = self.options.pixels
        height, width = (round(s * scale) for s in initial.shape)
        phase = Phase(rasterise(first, initial.shape, (height, width)), self.options)
        saved = [phase.frame(0.0, None)]
        while True:
            now = saved[-1]
            if len(saved) == frames or len(now.ident) <= (until or 1):
                break
            length = interval * (now.area.mean() if relative else 1.0)
            total = np.zeros(phase.bubbles)
            for _ in range(COUNTS):
                phase.advance(length / COUNTS)
                total += phase.sides()
            saved.append(phase.frame(now.tau + length, total / COUNTS))
        about = {
            "solver": "multi-phase field",
            "options": asdict(self.options),
            "seconds": time.perf_counter() - begun,
            "steps": phase.steps,
        }
        return Trajectory(initial.shape, 1.0, saved, about)


class Phase:
    """The fields of one run, from labels ``(H, W)`` on."""

    def __init__(self, labels: NDArray[np.int32], options: Options) -> None:
        self.options = options
        self.bubbles = int(labels.max()) + 1
        self.name = np.full((*labels.shape, PHASES), -1, np.int32)
        self.share = np.zeros((*labels.shape, PHASES))
        self.name[..., 0], self.share[..., 0] = labels, 1.0
        self.spare = np.full_like(self.name, -1), np.zeros_like(self.share)
        self.steps = 0

    def advance(self, tau: float) -> None:
        """Move by ``tau`` px^2 of the box in equal steps."""
        pixels = tau * self.options.pixels**2
        number = int(np.ceil(pixels / self.options.dt))
        for _ in range(number):
            step(self.name, self.share, *self.spare, self.options.width, pixels / number)
            (self.name, self.share), self.spare = self.spare, (self.name, self.share)
        self.steps += number

    def sides(self) -> NDArray[np.int64]:
        """Number of neighbours ``(bubbles,)``: bubbles that share an edge of a pixel."""
        return contacts(summarise(self.name, self.share, self.bubbles)[1], self.bubbles)

    def frame(self, tau: float, mean_sides: NDArray[np.float64] | None) -> Frame:
        area, labels = summarise(self.name, self.share, self.bubbles)
        ident = np.unique(labels)
        sides = contacts(labels, self.bubbles)[ident].astype(np.int32)
        mean = sides.astype(float) if mean_sides is None else mean_sides[ident]
        none = np.empty(0, np.int32)
        return Frame(
            tau, ident, area[ident] / self.options.pixels**2, sides, mean, np.zeros(len(ident)),
            np.empty((0, 2)), none, none, none, none, none, labels,
        )  # fmt: skip


def contacts(labels: NDArray[np.int32], bubbles: int) -> NDArray[np.int64]:
    """How many other labels each of ``bubbles`` touches along pixel edges of ``labels (H, W)``.

    On a torus. A pair counts once however often it meets.
    """
    keys = []
    for axis in (0, 1):
        other = np.roll(labels, -1, axis)
        differ = labels != other
        low = np.minimum(labels[differ], other[differ]).astype(np.int64)
        keys.append(low * bubbles + np.maximum(labels[differ], other[differ]))
    pairs = np.unique(np.concatenate(keys))
    return np.bincount(np.concatenate([pairs // bubbles, pairs % bubbles]), minlength=bubbles)
