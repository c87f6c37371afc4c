"""``python -m physgan_foam.validation --out DIR``: figures as a table, pictures as files."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from physgan.training.files import write_atomic
from physgan_foam.validation import exact, scaling


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m physgan_foam.validation", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of pictures and figures")
    parser.add_argument("--bubbles", type=int, default=2000, help="at the start of a run")
    parser.add_argument("--runs", type=int, default=1, help="runs at each beta")
    parser.add_argument("--beta", type=float, nargs="*", default=[1.0, 0.1])
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    figures: dict[str, float] = {}
    for case in (exact.shrinking_circle, exact.travelling_junction, exact.hexagons):
        show(figures, case(options.out))
    for beta in options.beta:
        show(figures, scaling.scaling_state(options.out, beta, options.bubbles, options.runs))
    write_atomic(options.out / "figures.json", json.dumps(figures, indent=1).encode())


def show(figures: dict[str, float], found: dict[str, float]) -> None:
    """Print what a case found and keep it."""
    for name, value in found.items():
        print(f"{name:50s} {value:.6g}", flush=True)
    figures.update(found)


if __name__ == "__main__":
    main()
