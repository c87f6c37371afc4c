"""Build training sequences of coarsening foams with the reference solver.

``python datasets/foam/build.py --out build/foam.npz --work build/foam`` goes on from the runs
that the folder ``--work`` already holds; a run is the same whenever its settings are.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from pathlib import Path

import numpy as np

from physgan_foam.data import INTERVALS, Run, archive, gather, make, make_all, planned
from physgan_foam.solver.trajectory import load

__all__ = ["Run", "gather", "load", "make", "main"]
MATURE = 1000
"""Bubbles that a mature run starts from."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="npz file of all sequences")
    parser.add_argument("--work", type=Path, required=True, help="folder of finished runs")
    parser.add_argument("--runs", type=int, default=10, help="runs at each beta")
    parser.add_argument(
        "--mature", type=int, default=0, help=f"more runs at each beta, from {MATURE} bubbles"
    )
    parser.add_argument("--beta", type=float, nargs="+", default=[1.0, 0.1])
    parser.add_argument("--bubbles", type=int, default=250, help="in the first frame")
    parser.add_argument("--size", type=int, default=128, help="pixels a side")
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument(
        "--interval", type=float, nargs="+", default=list(INTERVALS), help="mean areas, by turns"
    )
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    common = {"size": options.size, "frames": options.frames, "intervals": options.interval}
    runs = planned(options.runs, options.beta, bubbles=options.bubbles, **common)
    for interval in sorted(set(options.interval)):
        # until about as few bubbles are left as a fresh run starts with
        skip = round(np.log(MATURE / options.bubbles) / np.log(1 + 1.1 * interval))
        mature = planned(options.mature, options.beta, bubbles=MATURE, skip=skip, **common)
        runs += [run for run in mature if run.interval == interval]
    begun = time.perf_counter()
    # the longest first, so that no process is left alone with one
    spent = make_all(sorted(runs, key=lambda r: (-r.skip, r.beta)), options.work, options.processes)
    content = archive(gather(runs, [load(run.path(options.work)) for run in runs]), options.out)
    made = sum(seconds > 0 for seconds in spent)
    print(f"{made} of {len(runs)} runs made, {sum(spent):.0f} s of solver", end=", ")
    print(f"{time.perf_counter() - begun:.0f} s in all")
    print(f"{options.out}: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
