"""Front tracking of films: the reference solver of two-dimensional coarsening foams.

Viscous froth with gas diffusion: a film moves at v = M (gamma kappa - P_i + P_j), gas crosses it
at D (P_i - P_j). Then dA/dt = beta (pi/3) M gamma (n - 6) for every bubble, with beta = D/(D + M):
1 is grain growth (no pressures), small beta a dry foam near mechanical equilibrium. Time is
tau = beta M gamma t in px^2, so that dA/dtau = (pi/3)(n - 6) at every beta.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass

import numpy as np

from physgan.errors import InputError, RunError
from physgan_foam.solver.advance import advance
from physgan_foam.solver.geometry import areas
from physgan_foam.solver.network import Films, Network, build, compact
from physgan_foam.solver.trajectory import Frame, Trajectory

AREA_TOLERANCE = 1e-9
"""Largest relative error of the total area."""
LEAST_AREA = -1e-4
"""Least area of a bubble in units of the mean area."""


@dataclass(frozen=True)
class Options:
    """``beta`` in (0, 1]. The rest is accuracy against time.

    ``segment`` and ``shortest`` are the length of a film's segments and of a film that flips
    (T1), in radii of the mean bubble; ``courant`` is the time step in segments squared;
    ``tolerance`` the largest error of dA/dt (gamma M) that the pressures leave to the next step.
    """

    beta: float = 1.0
    segment: float = 0.25
    shortest: float = 0.05
    courant: float = 0.04
    tolerance: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.beta <= 1:
            raise InputError(f"beta = {self.beta}", fix="above 0, at most 1")
        for name in ("segment", "shortest", "courant", "tolerance"):
            if not 0 < getattr(self, name) < 1:
                raise InputError(f"{name} = {getattr(self, name)}", fix="between 0 and 1")
        stable = (self.shortest / self.segment) ** 2
        if self.courant > stable * (1 + 1e-9):
            raise InputError(
                f"courant = {self.courant} is unstable for the shortest films",
                fix=f"at most (shortest / segment)^2 = {stable:.3g}",
            )


class FrontTracking:
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
        """Frames every ``interval`` (px^2 of tau; with ``relative`` in mean areas) from 0 on.

        Stops after ``frames`` frames or, at the next frame, when at most ``until`` bubbles are
        left. Raises RunError when a bubble's area is negative or the total area is not kept.
        """
        if interval <= 0 or (frames is None and until is None):
            raise InputError("a run needs an interval and an end", fix="frames=... or until=...")
        options = self.options
        begun = time.perf_counter()
        net = build(initial)
        tau, saved, worst = 0.0, [], 0.0
        while True:
            frame, error = snapshot(net, tau, saved[-1].tau if saved else tau)
            worst = max(worst, error)
            saved.append(frame)
            if len(saved) == frames or len(frame.ident) <= (until or 1):
                break
            step = interval * (frame.area.mean() if relative else 1.0)
            end = tau + step
            while tau < end and net.bubbles > 1:
                net = compact(net)
                tau = advance(
                    net, options.beta, options.segment, options.courant, options.shortest,
                    options.tolerance, tau, end, 1,
                )  # fmt: skip
        about = {
            "solver": "front tracking",
            "options": asdict(options),
            "seconds": time.perf_counter() - begun,
            "events": dict(
                zip(("T1", "T2", "T1 refused", "T2 refused"), net.counts.tolist(), strict=True)
            ),
            "total_area_error": worst,
        }
        return Trajectory(initial.shape, options.beta, saved, about)


def snapshot(net: Network, tau: float, last: float) -> tuple[Frame, float]:
    """The frame at ``tau``, checked, and the relative error of its total area.

    Resets the integrals of side numbers since the frame at ``last``.
    """
    alive = np.flatnonzero(net.rim >= 0)
    films = np.flatnonzero(net.count > 0)
    area = areas(net)[alive]
    box = float(net.box.prod())
    error = abs(area.sum() / box - 1)
    if error > AREA_TOLERANCE:
        raise RunError(f"total area off by {error:.1e} at tau = {tau:.1f}; refine the time step")
    mean = box / len(alive)
    if area.min() < LEAST_AREA * mean:
        raise RunError(
            f"bubble {net.ident[alive][area.argmin()]} has the area {area.min():.3g} px^2 "
            f"at tau = {tau:.1f}; refine the time step"
        )
    sides = net.sides[alive]
    mean_sides = net.side_time[alive] / (tau - last) if tau > last else sides.astype(float)
    net.side_time[:] = 0.0
    pressure = net.pressure[alive]
    names = net.ident[net.cell.reshape(-1, 2)[films]].astype(np.int32)
    ends = net.origin.reshape(-1, 2)[films].astype(np.int32)
    points = [net.points[e, : net.count[e]] for e in films]
    frame = Frame(
        tau, net.ident[alive].astype(np.int32), area, sides.astype(np.int32), mean_sides,
        pressure - pressure.mean(),
        np.concatenate(points) if points else np.empty((0, 2)), net.count[films].astype(np.int32),
        names[:, 0], names[:, 1], ends[:, 0], ends[:, 1],
    )  # fmt: skip
    return frame, float(error)
