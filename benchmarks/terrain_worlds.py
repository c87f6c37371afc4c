"""What the terrain benchmark measures on worlds: limits across seams, shares moved, what is larger
than a tile (rivers, spectrum, relief from tile to tile), speed."""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from physgan.run import Run
from physgan_terrain.answer import world_of
from physgan_terrain.io.read import read_heightmap
from physgan_terrain.io.rows import Quantised
from physgan_terrain.io.write import write
from physgan_terrain.job import TerrainJob
from physgan_terrain.measures.large_scale import large_exponent, large_scale
from physgan_terrain.measures.rivers import network
from physgan_terrain.networks.windows import Span
from physgan_terrain.slope.certificate import CertificateBuilder
from physgan_terrain.slope.envelope import project

LIMITS = (15, 25, 35, 45)
STEEP = ("alpine", "mountain")
TILE = 400
ACROSS = 8
"""Tiles a side of a checked world: 64 tiles, 112 seams, 10.2 million cells."""
BOTH = ("horn", "zevenbergen-thorne")
WINDOW = 512
"""Cells a side on which rivers and spectra are read: 46 km at 90 m, real or made."""
HOLE = 65535
"""Where a region has no data; it holds half metres above -500 m."""
RIVERS = ("hack_exponent", "drainage_density", "area_exponent")


def checked_world(run: Run, limit: int, work: Path, seed: int) -> dict[str, Any]:
    """A world of tiles that were asked one by one in random order, as one surface: cells over
    ``limit`` as generated and as read back from a 16-bit file."""
    job = TerrainJob(landscape=STEEP[LIMITS.index(limit) % 2], max_slope=float(limit))
    world = world_of(run, job, seed)
    side = ACROSS * TILE + 1
    whole = np.full((side, side), -1, dtype=np.int64)
    order = np.random.default_rng(seed).permutation(ACROSS * ACROSS)
    differing = 0
    for place in order.tolist():
        i, j = divmod(place, ACROSS)
        n = world.tile(i, j, TILE).n
        held = whole[i * TILE : (i + 1) * TILE + 1, j * TILE : (j + 1) * TILE + 1]
        differing += int(((held >= 0) & (held != n)).sum())
        held[:] = n
    made = world.metres(whole)
    over, slopes, cells = _over(made, world.cell, limit)
    low = int(whole.min())
    numbers = Quantised((whole - low).astype(np.uint16), world.step, low * world.step, world.cell)
    target = work / f"world-{limit}.png"
    file = write(numbers.heightmap(), target, ("png",), quantised=numbers)[0]
    again, read_slopes, _ = _over(read_heightmap(file).z, world.cell, limit)
    return {
        "limit": limit,
        "landscape": job.landscape,
        "cells": cells,
        "over": over + again,
        "over_as_generated": over,
        "over_as_read": again,
        "largest_slopes": slopes,
        "largest_slopes_as_read": read_slopes,
        "seams": 2 * ACROSS * (ACROSS - 1),
        "border_cells_that_differ": differing,
    }


def _over(z: NDArray[np.float32], cell: float, limit: float) -> tuple[int, dict[str, float], int]:
    builder = CertificateBuilder(cell, limit, operators=BOTH)
    builder.add(z)
    told = builder.build()
    return told.over, told.slopes, told.cells


def moved(run: Run, real: dict[str, NDArray[Any]], cell: float, seed: int) -> dict[str, float]:
    """Shares moved by the projection at 35 degrees and left within 1 % of it, with real ones.

    Sixteen worlds a class, each under the figures of another real tile, 256 x 256 cells.
    """
    found = {}
    for name in STEEP:
        builder = CertificateBuilder(cell, 35.0, operators=BOTH)
        for k in range(16):
            world = world_of(run, TerrainJob(landscape=name, max_slope=35.0), seed + k)
            strip = world.window(Span(0, 256), Span(0, 256))
            builder.add(world.metres(strip.n), world.metres(strip.raw))
        told = builder.build()
        found[f"share_moved_35_{name}"] = told.share_moved
        found[f"share_near_35_{name}"] = told.share_near_limit
        plain = CertificateBuilder(cell, 35.0, operators=BOTH)
        for z in real[name]:
            plain.add(z)
        found[f"share_near_35_{name}_real"] = plain.build().share_near_limit
    return found


def beyond_tiles(run: Run, data: Path, cell: float, seed: int, worlds: int = 2) -> dict[str, Any]:
    """Means over windows of 512 cells of the figures of river networks, and what is larger than a
    tile, of real regions, of worlds, and of worlds whose structure ends with the tile.

    ``worlds`` of each class, without a slope limit; of regions every whole window with at most a
    twentieth of sea and nothing missing.
    """
    classes: tuple[str, ...] = run.domain.classes  # type: ignore[attr-defined]
    told = {"real": _figures(real_windows(data, cell), cell)}
    for name, strength in (("made", 1.0), ("made_without", 0.0)):
        windows = []
        for place, landscape in enumerate(classes * worlds):
            job = TerrainJob(landscape=landscape, large_scale=strength)
            world = world_of(run, job, seed + place)
            z = world.metres(world.window(Span(0, WINDOW), Span(0, WINDOW)).n)
            if (z > 0).mean() >= 0.95:
                windows.append(z)
        told[name] = _figures(windows, cell)
    return told


def real_windows(data: Path, cell: float, side: int = WINDOW) -> list[NDArray[np.float32]]:
    """Windows ``(side, side)`` in metres, side by side, of the regions of ``data`` with cells of
    ``cell`` metres."""
    found = []
    with (data / "regions.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if float(row["cell_m"]) == cell]
    for row in rows:
        z = _region(data / row["file"])
        for i in range(0, z.shape[0] - side + 1, side):
            for j in range(0, z.shape[1] - side + 1, side):
                part = z[i : i + side, j : j + side]
                if np.isfinite(part).all() and (part > 0).mean() >= 0.95:
                    found.append(part)
    return found


def _region(path: Path) -> NDArray[np.float32]:
    import rasterio

    with rasterio.open(path) as file:
        steps = file.read(1)
    return np.where(steps == HOLE, np.nan, steps * np.float32(0.5) - 500).astype(np.float32)


def _figures(windows: list[NDArray[np.float32]], cell: float) -> dict[str, float]:
    rivers = [network(z, cell).as_dict() for z in windows]
    told = {name: float(np.nanmean([row[name] for row in rivers])) for name in RIVERS}
    told["large_exponent"] = float(large_exponent(np.stack(windows)).mean())
    return {**told, **large_scale(windows).as_dict(), "windows": len(windows)}


def timings(run: Run, seed: int, repeats: int = 5) -> dict[str, float]:
    """Medians: 1024 x 1024 alpine cells under 35 degrees, and the projection alone."""
    world = world_of(run, TerrainJob(landscape="alpine", max_slope=35.0), seed)
    span = Span(0, 1024)
    world.window(Span(0, 64), Span(0, 64))  # compiled kernels are read from their cache
    whole, alone = [], []
    for _ in range(repeats):
        began = time.perf_counter()
        strip = world.window(span, span)
        whole.append(time.perf_counter() - began)
        z = world.metres(strip.raw)
        began = time.perf_counter()
        project(z, world.cell, 35.0)
        alone.append(1000 * (time.perf_counter() - began))
    return {
        "seconds_1024": float(np.median(whole)),
        "projection_ms_1024": float(np.median(alone)),
        "torch_threads": torch.get_num_threads(),
    }


def memory(run: Run, work: Path) -> dict[str, float]:
    """Seconds and peak memory of ``physgan propose terrain`` at 16384 x 16384, to a GeoTIFF."""
    measured = (
        "import resource, sys; from physgan.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as end:\n"
        "    print('PEAK', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss); raise end\n"
    )
    asked = ["propose", "terrain", "--run", str(run.folder), "--class", "mountain", "--max-slope",
             "35", "--size", "16384", "--seed", "7", "--format", "geotiff16", "--out",
             str(work / "large")]  # fmt: skip
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", measured, *asked], capture_output=True, text=True, check=True
    )
    seconds = time.perf_counter() - began
    peak = next(line for line in done.stdout.splitlines() if line.startswith("PEAK"))
    return {"seconds_16384": seconds, "peak_mib_16384": int(peak.split()[1]) / 1024}
