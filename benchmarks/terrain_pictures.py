"""The README's picture of terrain: each class as generated, beside real tiles of it.

    python benchmarks/terrain_pictures.py --data $PHYSGAN_DATA/terrain

Uses the ready weights and writes docs/terrain_classes.png. Nothing is chosen: tiles are the first
of seed 0, real ones are spread evenly over the validation regions.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from physgan.run import Run
from physgan_terrain.domain import TerrainDomain
from physgan_terrain.heightmap import Heightmap
from physgan_terrain.io.draw import relief
from physgan_terrain.io.tiles import read_tiles
from terrain import arguments, drawn, projected, stacks

OUT = Path(__file__).parent.parent / "docs" / "terrain_classes.png"
EACH = 5


def main() -> None:
    options = arguments()
    run = Run.open(options.run or TerrainDomain().shipped_run())
    _, raw, limits = drawn(run, EACH)
    val = read_tiles(options.data / "tiles64_90m.csv", "val")
    made, real = projected(raw, limits, val.cell), stacks(val)
    names = [name for name in made if name in real]
    figure = Figure(figsize=(1.2 * (2 * EACH + 0.6), 1.2 * len(names) + 0.3), layout="constrained")
    widths = [*[1.0] * EACH, 0.15, *[1.0] * EACH]
    axes = figure.subplots(len(names), 2 * EACH + 1, width_ratios=widths)
    for row, name in enumerate(names):
        some = real[name][np.linspace(0, len(real[name]) - 1, EACH).astype(int)]
        for column, z in enumerate([*made[name], None, *some]):
            place = axes[row, column]
            place.set(xticks=[], yticks=[])
            for side in place.spines.values():
                side.set_visible(False)
            if z is not None:
                place.imshow(relief(Heightmap(z, val.cell)), interpolation="lanczos")
        axes[row, 0].set_ylabel(name.replace("_", " "), fontsize=8)
    axes[0, EACH // 2].set_title("generated", fontsize=10)
    axes[0, EACH + 1 + EACH // 2].set_title("real, validation regions", fontsize=10)
    OUT.parent.mkdir(exist_ok=True)
    FigureCanvasAgg(figure)
    figure.savefig(OUT, dpi=110)


if __name__ == "__main__":
    main()
