"""Cases whose answer is known: a circle, a travelling junction, hexagons at rest."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from physgan_foam.solver import initial, laws
from physgan_foam.solver.front_tracking import FrontTracking, Options
from physgan_foam.solver.phase_field import PhaseField
from physgan_foam.solver.trajectory import Trajectory
from physgan_foam.validation.pictures import draw_films, new_figure, strip

WIDTH = 12.0
"""Spacing of the parallel walls in px."""


def shrinking_circle(out: Path) -> dict[str, float]:
    """dA/dtau = -2 pi exactly; the phase field beside it."""
    films = initial.circle(24.0, (64, 64))
    figure = new_figure(9, 3.6)
    left, right = figure.subplots(1, 2)
    figures = {}
    for name, solver, style in (
        ("front tracking", FrontTracking(), "o"),
        ("phase field", PhaseField(), "x"),
    ):
        run = solver.run(films, interval=20.0, frames=14)
        area = np.array([frame.area[frame.ident == 0][0] for frame in run.frames])
        left.plot(run.tau, area, style, label=name)
        slope = float(np.polyfit(run.tau[1:], area[1:], 1)[0])
        figures[f"circle rate over -2 pi, {name}"] = slope / (-2 * np.pi)
        if name == "front tracking":
            for frame in run.frames[::3]:
                draw_films(right, frame, run.shape)
    tau = np.linspace(0, 260, 2)
    left.plot(tau, np.pi * 24.0**2 - 2 * np.pi * tau, "k-", lw=0.8, label="A0 - 2 pi tau")
    left.set(xlabel="tau / px²", ylabel="area / px²")
    left.legend()
    figure.savefig(out / "circle.png", dpi=130)
    return figures


def travelling_junction(out: Path) -> dict[str, float]:
    """Junctions run along parallel walls at (pi/3) / spacing, in a shape known in closed form."""
    options = Options(segment=0.1, shortest=0.03)
    run = FrontTracking(options).run(initial.fingers(WIDTH, 80.0, 110.0), interval=60.0, frames=6)
    height = []
    for frame in run.frames:
        films = zip(frame.films(), frame.left.tolist(), frame.right.tolist(), strict=True)
        wall = next(path for path, i, j in films if 2 not in (i, j))
        height.append(float(np.ptp(wall[:, 1])))
    speed = -float(np.polyfit(run.tau[2:], height[2:], 1)[0]) / 2
    figure = new_figure(9, 4)
    left, right = figure.subplots(1, 2)
    for frame in run.frames:
        draw_films(left, frame, run.shape)
    error = _grim_reaper(run, right)
    figure.savefig(out / "junction.png", dpi=130)
    return {
        "junction speed over pi / (3 w)": speed * 3 * WIDTH / np.pi,
        "largest distance from the closed form over w": error,
    }


def _grim_reaper(run: Trajectory, axes) -> float:
    """Draw a travelling arc beside y = -ln cos(v x) / v; the largest distance over the width."""
    speed = np.pi / (3 * WIDTH)
    frame = run.frames[-1]
    films = zip(frame.films(), frame.left.tolist(), frame.right.tolist(), strict=True)
    arcs = [path for path, i, j in films if 2 in (i, j) and 0 in (i, j)]
    arc = min(arcs, key=lambda path: path[:, 1].mean())
    x = arc[:, 0] - 0.5 * (arc[0, 0] + arc[-1, 0])
    exact = -np.log(np.cos(speed * x)) / speed
    measured = arc[:, 1] - arc[0, 1]
    sign = np.sign(measured[len(x) // 2])
    shape = sign * (exact[0] - exact)
    axes.plot(x, measured, "o", label="front tracking")
    axes.plot(x, shape, "k-", lw=0.8, label="-ln cos(v x) / v")
    axes.set(xlabel="x / px", ylabel="y / px")
    axes.legend()
    return float(np.abs(measured - shape).max() / WIDTH)


def hexagons(out: Path) -> dict[str, float]:
    """A honeycomb whose films were bent keeps its areas and comes to rest with straight films."""
    films = initial.honeycomb(6, 6, 8.0)
    rng = np.random.default_rng(0)
    bent = []
    for path in films.paths:
        along = path[1] - path[0]
        shift = 1.5 * rng.standard_normal() * np.array([-along[1], along[0]]) / 8.0
        bent.append(np.stack([path[0], path.mean(0) + shift, path[1]]))
    start = initial.Films(bent, films.left, films.right, films.shape)
    run = FrontTracking(Options(beta=1.0)).run(start, interval=20.0, frames=9)
    strip(run, out / "hexagons.png")
    first, last = run.frames[0], run.frames[-1]
    bow = [_bow(path) for path in last.films()]
    return {
        "hexagons: largest change of an area": float(np.abs(last.area / first.area - 1).max()),
        "hexagons: angle deviation / degree": laws.angle_deviation([last]),
        "hexagons: largest bow of a film over its length": max(bow),
    }


def _bow(path) -> float:
    """Largest distance of the points of ``path`` from its chord, over the chord."""
    along, off = path[-1] - path[0], path - path[0]
    return float(np.abs(along[0] * off[:, 1] - along[1] * off[:, 0]).max() / (along @ along))
