"""Terrain: the README's table, from training to the last figure.

    python benchmarks/terrain.py --data $PHYSGAN_DATA/terrain

Trains the physics-informed GAN (100 minutes), draws tiles under what training tiles are like, and
holds them against the validation regions, which training has not seen; distances are taken to
training and validation tiles together, since the two splits are farther from each other than the
bars allow (the row "real"). Rows below ours are as the network drew, before heights are settled to
what was asked; are cut from worlds; keep the limit in other ways, from the same settled surfaces;
or are Gaussian surfaces. Worlds are checked tile by tile, across their seams and after 16 bits;
what is larger than a tile (rivers, spectrum, relief) is held against whole regions. Each part is
kept in --work, so an interrupted benchmark goes on where it was.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tensordict import TensorDict

from common import write_results
from physgan.run import Run
from physgan_terrain.answer import world_of
from physgan_terrain.baselines.fbm import FbmPrior
from physgan_terrain.baselines.poisson import clip_gradients
from physgan_terrain.baselines.spectral import SpectralPrior
from physgan_terrain.baselines.thermal import relax
from physgan_terrain.io.tiles import Tiles, read_tiles
from physgan_terrain.job import TerrainJob
from physgan_terrain.laws import SlopeCut
from physgan_terrain.measures.classes import ClassJudge
from physgan_terrain.measures.evaluation import evaluate
from physgan_terrain.networks.windows import Span
from physgan_terrain.settle import Settle
from physgan_terrain.slope.operators import squared_gradient
from runs import kept, train_minutes, train_steps, trained
from terrain_worlds import LIMITS, beyond_tiles, checked_world, memory, moved, timings

HERE = Path(__file__).parent
CONFIG = HERE / "configs" / "terrain.toml"
SEED = 0
PLACE = Span(100, 228)
"""Cells, a side, of a world that its tiles are cut from; away from the borders of its blocks."""
REMARK = (
    "The ready weights, which these figures are of, were trained in three parts whose settings "
    "their card names; the configuration of the benchmark trains in one."
)
KEYS = (
    "two_sample_auc", "slope_w1_worst_class", "hypsometric_gap", "hypsometric_gap_worst_class",
    "fill_ratio", "fill_ratio_worst_class", "spectrum_db", "class_accuracy",
    "class_accuracy_ceiling", "class_accuracy_over_ceiling",
)  # fmt: skip
BEYOND = {
    "hack_exponent": "1", "drainage_density": "1/km", "area_exponent": "1",
    "large_exponent": "1", "growth": "1", "relief_deviation": "1", "relief_nugget": "1",
    "height_correlation": "1",
}  # fmt: skip
"""Of windows of 512 cells, of real regions and of worlds with and without the structure above a
tile; units."""
UNITS = {
    "cells_checked": "cells", "cells_over_limit": "cells", "share_moved_35_mountain": "%",
    "share_moved_35_alpine": "%", "share_near_35_mountain": "%", "share_near_35_alpine": "%",
    "share_near_35_mountain_real": "%", "share_near_35_alpine_real": "%", "two_sample_auc": "1",
    "slope_w1_worst_class": "deg", "hypsometric_gap": "1", "hypsometric_gap_worst_class": "1",
    "fill_ratio": "1", "fill_ratio_worst_class": "1", "spectrum_db": "dB", "class_accuracy": "1",
    "class_accuracy_ceiling": "1", "class_accuracy_over_ceiling": "1", "seams_checked": "seams",
    "seconds_1024": "s", "seconds_16384": "s", "peak_mib_16384": "MiB",
    "projection_ms_1024": "ms", "train_minutes": "min", "train_steps": "steps",
    "cells_over_own_limit": "%", "largest_excess": "deg",
    **{
        f"{name}_{of}": unit
        for name, unit in BEYOND.items()
        for of in ("real", "made", "made_without")
    },
}  # fmt: skip
Stacks = dict[str, NDArray[np.float32]]


def main() -> None:
    options = arguments()
    work: Path = options.work
    index = options.data / "tiles64_90m.csv"
    run = trained(options.run or work / "gan", CONFIG, index)
    train, val = (read_tiles(index, split) for split in ("train", "val"))
    cell = val.cell
    plain, raw, limits = drawn(run, options.n)
    known, real = stacks(train), stacks(val)
    wide = {name: np.concatenate([known[name], real[name]]) for name in real}
    judge: list[ClassJudge] = []

    def row(
        name: str, draw: Callable[[], Stacks], made: bool = True, limited: bool = True
    ) -> dict[str, Any]:
        """Figures of tiles; those that were not ``made`` were asked for no class, those not
        ``limited`` for no limit."""

        def compute() -> dict[str, Any]:
            if made and not judge:
                pairs = ((t.z, [str(label) for label in t.label]) for t in (train, val))
                judge.append(ClassJudge.fit(*pairs, cell=cell, seed=SEED))
            tiles = draw()
            found = evaluate(tiles, real, cell, judge[0] if made else None, SEED, reference=wide)
            worst = {n: c["slope_w1"] for n, c in found.classes.items()}
            told = {key: found.summary[key] for key in KEYS if key in found.summary}
            kept_limits = excess(tiles, limits, cell) if made and limited else {}
            return {**told, **kept_limits, "slope_w1": worst}

        return kept(work / f"row-{name.replace(' ', '-')}-{options.n}.json", compute)

    def each(keep: Callable[..., NDArray[Any]]) -> Stacks:
        return {
            name: np.stack(
                [keep(z, cell, float(s)) for z, s in zip(raw[name], limits[name], strict=True)]
            )
            for name in raw
        }

    ours = row("ours", lambda: projected(raw, limits, cell))
    labels = [str(label) for label in train.label]
    fbm, spectral = FbmPrior.fit(train.z, labels), SpectralPrior.fit(train.z, labels, cell)
    n = options.n
    baselines = {
        "ours, as the network drew": row("drawn", lambda: projected(plain, limits, cell)),
        "ours, tiles of worlds": row("worlds", lambda: of_worlds(run, n), limited=False),
        "ours, penalty only": row("penalty", lambda: raw),
        "ours, Poisson with clipped gradients": row("poisson", lambda: each(clip_gradients)),
        "ours, thermal relaxation": row("thermal", lambda: each(relax)),
        "fBm": row("fbm", lambda: {c: fbm.sample(c, n, 64, SEED) for c in raw}),
        "spectral prior": row(
            "spectral", lambda: {c: spectral.sample(c, n, 64, SEED) for c in raw}
        ),
        "real training tiles": row("real", lambda: even(known, n), made=False),
    }
    worlds = [
        kept(work / f"world-{s}.json", lambda s=s: checked_world(run, s, work, SEED))
        for s in LIMITS
    ]
    shares = kept(work / "moved.json", lambda: moved(run, real, cell, SEED))
    large_scale = kept(work / "beyond.json", lambda: beyond_tiles(run, options.data, cell, SEED))
    speed = kept(work / "timings.json", lambda: timings(run, SEED))
    large = kept(work / "large.json", lambda: memory(run, work))
    figures = {
        "cells_checked": sum(world["cells"] for world in worlds),
        "cells_over_limit": sum(world["over"] for world in worlds),
        "seams_checked": sum(world["seams"] for world in worlds),
        **shares,
        **{f"{name}_{of}": large_scale[of][name] for of in large_scale for name in BEYOND},
        **ours,
        **speed,
        **large,
        "train_minutes": train_minutes(run.folder),
        "train_steps": train_steps(run.folder),
    }
    write_results(
        "terrain",
        figures,
        baselines,
        units=UNITS,
        command="python benchmarks/terrain.py --data $PHYSGAN_DATA/terrain",
        seeds=[SEED],
        extra={"worlds": worlds, "remark": REMARK},
    )


def arguments() -> argparse.Namespace:
    default = os.environ.get("PHYSGAN_DATA")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(default) / "terrain" if default else None)
    parser.add_argument("--work", type=Path, default=Path("runs") / "terrain-benchmark")
    parser.add_argument("--run", type=Path, help="a trained run")
    parser.add_argument("--n", type=int, default=200, help="tiles of a class")
    options = parser.parse_args()
    if options.data is None or not options.data.exists():
        sys.exit("give --data, the folder with tiles64_90m.csv, or set PHYSGAN_DATA")
    return options


def drawn(run: Run, n: int) -> tuple[Stacks, Stacks, Stacks]:
    """``n`` tiles of each class as the network drew them and settled to what was asked, and the
    limit in degrees that each was asked to keep."""
    domain: Any = run.domain
    count = n * len(domain.classes)
    _, given = run.ask(count, seed=SEED)
    x = run.sample(count, seed=SEED)
    settled = Settle(domain.cell)(x, given)
    parts = {name: slice(i * n, (i + 1) * n) for i, name in enumerate(domain.classes)}
    plain, raw, limit = (
        v.numpy() for v in (x["height"][:, 0], settled["height"][:, 0], given["limit"])
    )
    return tuple({k: v[s] for k, s in parts.items()} for v in (plain, raw, limit))  # type: ignore[return-value]


def of_worlds(run: Run, n: int) -> Stacks:
    """``n`` tiles of each class, four by four out of worlds without a slope limit, each under the
    figures of another real tile."""
    found = {}
    for name in run.domain.classes:  # type: ignore[attr-defined]
        tiles = []
        for k in range(-(-n // 4)):
            world = world_of(run, TerrainJob(landscape=name), SEED + k)
            z = world.metres(world.window(PLACE, PLACE).n)
            tiles += [z[i : i + 64, j : j + 64] for i in (0, 64) for j in (0, 64)]
        found[name] = np.stack(tiles[:n])
    return found


def projected(raw: Stacks, limits: Stacks, cell: float) -> Stacks:
    cut = SlopeCut(cell)
    out = {}
    for name, z in raw.items():
        x = TensorDict({"height": torch.from_numpy(z)[:, None]}, [len(z)])
        given = TensorDict({"limit": torch.from_numpy(limits[name])}, [len(z)])
        out[name] = cut(x, given)["height"][:, 0].numpy()
    return out


def excess(tiles: Stacks, limits: Stacks, cell: float) -> dict[str, float]:
    """Cells over their tile's limit by Horn or Zevenbergen-Thorne, and by how much at most."""
    over = cells = 0
    most = 0.0
    for name, stack in tiles.items():
        for z, limit in zip(stack, limits[name], strict=True):
            pair = [squared_gradient(z, cell, o) for o in ("horn", "zevenbergen-thorne")]
            steepest = np.degrees(np.arctan(np.sqrt(np.maximum(*pair))))
            over += int((steepest > limit).sum())
            cells += steepest.size
            most = max(most, float(steepest.max() - limit))
    return {"cells_over_own_limit": 100 * over / cells, "largest_excess": max(most, 0.0)}


def stacks(tiles: Tiles) -> Stacks:
    return {str(name): tiles.z[tiles.label == name] for name in np.unique(tiles.label)}


def even(known: Stacks, n: int) -> Stacks:
    """At most ``n`` tiles of each class, spread over the data."""
    return {
        name: z[np.linspace(0, len(z) - 1, min(n, len(z))).astype(int)] for name, z in known.items()
    }


if __name__ == "__main__":
    main()
