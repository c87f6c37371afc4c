"""A piece of a world as files, with the certificate of its slope limit."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from physgan.conditions import Target, parse_target
from physgan.errors import InputError
from physgan.files import replace_folder
from physgan_terrain.heightmap import Heightmap
from physgan_terrain.land import HIGHEST_GAIN
from physgan_terrain.lots import COLUMNS, draw_lots, keeping, values_of
from physgan_terrain.networks.generator import TerrainGenerator
from physgan_terrain.networks.windows import Span
from physgan_terrain.slope.certificate import Certificate, CertificateBuilder
from physgan_terrain.world import HIGHEST, World

if TYPE_CHECKING:
    from physgan.run import Run
    from physgan_terrain.job import TerrainJob


def answer(run: Run, job: TerrainJob, seed: int, out: Path, say: Callable[[str], None]) -> None:
    """Make the piece that ``job`` asks for in the folder ``out``, which appears whole.

    Raises InputError for a class or a property that the run does not know, another cell size, and
    heights that 16 bits do not hold in steps of ``job.step``.
    """
    world = world_of(run, job, seed)
    limit = (
        "no slope limit" if job.max_slope is None else f"no slope over {job.max_slope:g} degrees"
    )
    say(f"{job.size} x {job.size} cells of {world.cell:g} m, {limit}")
    with replace_folder(out) as draft:
        piece = Piece.make(world, job, draft / ".heights.npy", say)
        _write(piece, job, draft, _about(run, job, seed, world, piece))
        if job.max_slope is not None:
            told = piece.certificate
            slopes = ", ".join(f"{name} {value:.3f}" for name, value in told.slopes.items())
            say(f"largest slopes in degrees: {slopes}; {told.over} of {told.cells} cells over")
        from physgan_terrain.page import piece_page

        (draft / "report.html").write_text(piece_page(run, job, piece, seed), encoding="utf-8")
        piece.close()
        (draft / ".heights.npy").unlink()


def world_of(run: Run, job: TerrainJob, seed: int) -> World:
    """The world of ``seed`` under the conditions of ``job``."""
    domain, generator = run.domain, run.core.generator
    assert isinstance(generator, TerrainGenerator)
    cell: float = domain.cell  # type: ignore[attr-defined]
    if job.cell is not None and abs(job.cell - cell) > 1e-3 * cell:
        raise InputError(
            f"this model makes cells of {cell:g} m, not of {job.cell:g} m",
            fix=f"--cell {cell:g}, or a run trained on data of that cell size",
        )
    wishes: list[Target] = []
    if job.landscape is not None:
        wishes.append(parse_target(f"class={job.landscape}", run.schema.properties))
    for name, value in job.wishes.items():
        wishes.append(parse_target(f"{name}={value}", run.schema.properties))
    asked = run.schema.request([w for w in wishes if w.kind != "class"], 1)
    asked |= {w.name: torch.tensor([w.low]) for w in wishes if w.kind == "class"}
    room = _room(job.max_slope, job.max_slope)
    if not job.wishes:
        # A class alone leaves open how high and how rough: as one of its real tiles is
        # that such a limit leaves as it is.
        names = [prop.name for prop in run.schema.properties if prop.name in COLUMNS]
        place = int(asked["class"]) if "class" in asked else -1
        dice = torch.Generator().manual_seed(seed)
        lots: torch.Tensor = domain.lots  # type: ignore[attr-defined]
        own = lots if place < 0 else lots[lots[:, 0] == place]
        kept = keeping(own, math.inf if job.max_slope is None else job.max_slope)
        lot = draw_lots(kept, [place], dice)
        asked |= values_of(lot, names)
        room = _room(job.max_slope, float(lot[0, -1]))
    return World(
        generator,
        run.schema(asked),
        seed,
        cell=cell,
        limit=job.max_slope,
        step=job.step,
        large_scale=job.large_scale,
        room=min(room, HIGHEST_GAIN),
        asked={name: float(value) for name, value in asked.items()},
    )


def _room(limit: float | None, own: float | None) -> float:
    """Log of the gain at which tiles that just keep ``own`` degrees reach ``limit``."""
    if limit is None or own is None:
        return math.inf
    wanted, has = (math.tan(math.radians(min(angle, 89.0))) for angle in (limit, own))
    return math.log(wanted / has)


class Piece:
    """Heights ``n (S, S)`` uint16 on disk, ``offset + step n`` in metres, and their certificate."""

    def __init__(
        self, n: NDArray[np.uint16], world: World, lowest: int, certificate: Certificate
    ) -> None:
        self.n, self.world, self.lowest, self.certificate = n, world, lowest, certificate

    @classmethod
    def make(cls, world: World, job: TerrainJob, path: Path, say: Callable[[str], None]) -> Piece:
        """Compute the piece strip by strip into the file ``path``."""
        from rich.progress import track

        side, pace = job.size, job.size - 1
        rows = Span(job.row * pace, job.row * pace + side)
        columns = Span(job.column * pace, job.column * pace + side)
        if world.highest - world.lowest > HIGHEST:
            low, high = world.lowest * world.step, world.highest * world.step
            least = (high - low) / HIGHEST
            raise InputError(
                f"heights between {low:.0f} and {high:.0f} m do not fit into 16 bits in steps of"
                f" {world.step:g} m",
                fix=f"--step of at least {least:.2g}",
            )
        shape = (side, side)
        n = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint16, shape=shape)
        builder = CertificateBuilder(world.cell, 90.0 if job.max_slope is None else job.max_slope)
        strips = world.strips(rows, columns)
        if job.fill:
            _filled(world, strips, n, builder)
        else:
            total = -(-side // 512)
            last: tuple[NDArray[Any], NDArray[Any]] | None = None
            for strip in track(strips, "heights", total=total, transient=True):
                at = strip.first - rows.low
                n[at : at + len(strip.n)] = strip.n - world.lowest
                last = _measure(world, builder, strip.n, strip.raw, last)
        n.flush()
        return cls(n, world, world.lowest, builder.build())

    @property
    def offset(self) -> float:
        """Metres of the number 0."""
        return self.lowest * self.world.step

    def metres(self, every: int = 1) -> Heightmap:
        """The piece, or each ``every``-th cell of it, in metres."""
        n = np.asarray(self.n[::every, ::every], dtype=np.float64)
        return Heightmap((n * self.world.step + self.offset), self.world.cell * every)

    def close(self) -> None:
        """Let go of the file."""
        del self.n


def _measure(
    world: World,
    builder: CertificateBuilder,
    n: NDArray[np.int64],
    raw: NDArray[np.int64],
    last: tuple[NDArray[Any], NDArray[Any]] | None,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Add rows to the certificate, with the two before them; gives their last two."""
    if last is not None:
        n, raw = np.concatenate([last[0], n]), np.concatenate([last[1], raw])
    if len(n) >= 3:
        builder.add(world.metres(n), world.metres(raw))
    return n[-2:], raw[-2:]


def _filled(
    world: World, strips: Iterator[Any], n: NDArray[np.uint16], builder: CertificateBuilder
) -> None:
    from physgan_terrain.slope.fill import fill

    parts = list(strips)
    projected = np.concatenate([strip.n for strip in parts])
    raw = np.concatenate([strip.raw for strip in parts])
    full = fill(projected)
    n[:] = full - world.lowest
    builder.add(world.metres(full), world.metres(raw), unfilled=world.metres(projected))


def _about(run: Run, job: TerrainJob, seed: int, world: World, piece: Piece) -> dict[str, Any]:
    told = {"class": job.landscape, **job.wishes, "row": job.row, "column": job.column}
    return {
        "seed": seed,
        "asked": {name: value for name, value in told.items() if value is not None},
        "max_slope": job.max_slope,
        "filled": job.fill,
        "certificate": piece.certificate.to_dict(),
        "model": run.config.identity,
    }


def _write(piece: Piece, job: TerrainJob, folder: Path, about: dict[str, Any]) -> None:
    from physgan_terrain.io.rows import Rows
    from physgan_terrain.io.write_geotiff import write_geotiff
    from physgan_terrain.io.write_png import write_png
    from physgan_terrain.io.write_raw import write_raw

    step, offset, cell = piece.world.step, piece.offset, piece.world.cell
    shape = (piece.n.shape[0], piece.n.shape[1])

    def blocks(whole: bool) -> Rows:
        parts = (np.asarray(piece.n[i : i + 256]) for i in range(0, shape[0], 256))
        if whole:
            return Rows(parts, shape, cell, step=step, offset=offset)
        metres = ((p.astype(np.float64) * step + offset).astype(np.float32) for p in parts)
        return Rows(metres, shape, cell)

    for name in dict.fromkeys(job.formats):
        if name in ("geotiff", "geotiff16"):
            stem = "terrain_16" if name == "geotiff16" and "geotiff" in job.formats else "terrain"
            write_geotiff(folder / f"{stem}.tif", blocks(name == "geotiff16"), about)
        elif name == "png":
            write_png(folder / "terrain.png", blocks(True), about)
        elif name == "raw":
            write_raw(folder / "terrain.r16", blocks(True), about, job.engine)
        else:
            from physgan_terrain.io.write import write

            write(piece.metres(), folder, (name,), sidecar=about)
    text = json.dumps(about, indent=2)
    (folder / "certificate.json").write_text(text + "\n", encoding="utf-8")
