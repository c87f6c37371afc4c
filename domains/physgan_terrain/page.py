"""The page of a piece: pictures, the certificate, and its figures beside real terrain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from physgan.report.figures import to_png
from physgan.report.html import el, number, page, table

if TYPE_CHECKING:
    from physgan.report.html import Html
    from physgan.run import Run
    from physgan_terrain.answer import Piece
    from physgan_terrain.job import TerrainJob

PICTURE = 1024
"""Cells a side that a picture shows at most."""
MOST_TILES = 256


def piece_page(run: Run, job: TerrainJob, piece: Piece, seed: int) -> str:
    """A self-contained HTML page."""
    from physgan_terrain.io.draw import draw_hillshade, draw_slope

    every = -(-job.size // PICTURE)
    shown = piece.metres(every)
    # Slopes are those of full cells: a coarser picture would flatter the terrain.
    corner = piece.metres() if every == 1 else _corner(piece)
    name = job.landscape or "terrain"
    part = "" if every == 1 else " (a corner, at full resolution)"
    return page(
        f"{name}, seed {seed}",
        el("h1", f"{name}, seed {seed}"),
        to_png(draw_hillshade(shown), "Hillshade"),
        to_png(draw_slope(corner, job.max_slope), f"Slopes{part}"),
        el("h2", "Certificate"),
        _certificate(piece, job),
        el("h2", "Beside real terrain"),
        _beside(run, job, piece),
    )


def _corner(piece: Piece) -> Any:
    from physgan_terrain.heightmap import Heightmap

    n = np.asarray(piece.n[:PICTURE, :PICTURE], dtype=np.float64)
    return Heightmap(n * piece.world.step + piece.offset, piece.world.cell)


def _certificate(piece: Piece, job: TerrainJob) -> Html:
    told = piece.certificate
    rows: list[list[Any]] = [
        ["cells checked", told.cells, ""],
        *([f"largest slope, {name}", number(value), "deg"] for name, value in told.slopes.items()),
    ]
    if job.max_slope is not None:
        rows += [
            ["limit", number(job.max_slope), "deg"],
            ["cells over the limit", told.over, ""],
            [f"moved by more than {told.moved_by:g} m", number(told.share_moved), "%"],
            ["within 1 % of the limit", number(told.share_near_limit), "%"],
        ]
    if told.share_filled is not None:
        rows.append(["raised to drain", number(told.share_filled), "%"])
    return table(["", "figure", "unit"], rows, numeric=(1,))


def _beside(run: Run, job: TerrainJob, piece: Piece) -> Html:
    """Medians of the features of tiles of the piece, and of training tiles of its class."""
    from physgan_terrain.measures.features import FEATURES, features

    domain: Any = run.domain
    side = domain.tile
    corners = [
        (i, j)
        for i in range(0, job.size - side + 1, side)
        for j in range(0, job.size - side + 1, side)
    ]
    if not corners:
        return el("p", f"The piece is smaller than a tile of {side} cells.")
    chosen = np.linspace(0, len(corners) - 1, min(MOST_TILES, len(corners))).astype(int)
    cut = [piece.n[i : i + side, j : j + side] for i, j in (corners[c] for c in chosen)]
    z = np.stack(cut).astype(np.float64) * piece.world.step + piece.offset
    own = np.nanmedian(features(z, domain.cell), axis=0)
    real = domain.typical.get(job.landscape or "", domain.typical.get("", {}))
    rows = [
        [name, number(float(value)), *(number(q) for q in real.get(name, (None,) * 3))]
        for name, value in zip(FEATURES, own, strict=True)
    ]
    head = ["median of tiles", "here", "real, 10 %", "real, 50 %", "real, 90 %"]
    return table(head, rows, numeric=(1, 2, 3, 4))
