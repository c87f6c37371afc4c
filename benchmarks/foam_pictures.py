"""The README's picture of foams: the solver above, the surrogate below, from the same start.

    python benchmarks/foam_pictures.py --work runs/foam-pictures

Uses the ready weights and writes docs/foam_side_by_side.png. Nothing is chosen: the start is that
of seed 9, which training never sees, and the frames are the surrogate's at equal shares of bubbles.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from physgan.run import Run
from physgan_foam.domain import STEP, FoamDomain
from physgan_foam.draw import picture
from physgan_foam.evaluation import Course, follow, solve

OUT = Path(__file__).parent.parent / "docs" / "foam_side_by_side.png"
SEED, BUBBLES, SIZE, BETA = 9, 1000, 256, 0.1
SHOWN = (1000, 600, 350, 200, 130)


def at(course: Course, bubbles: int) -> int:
    """The frame whose number of bubbles is nearest to ``bubbles``."""
    return int(np.argmin([abs(foam.bubbles - bubbles) for foam in course.foams]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("runs") / "foam-pictures")
    options = parser.parse_args()
    domain = FoamDomain()
    run = Run.open(domain.shipped_run())
    solver = solve(SEED, BETA, bubbles=BUBBLES, size=SIZE, work=options.work)
    assert isinstance(run.domain, FoamDomain)
    made = follow(run.core, run.domain, solver.foams[0], BETA, step=STEP, until=SHOWN[-1])
    figure = Figure(figsize=(2.1 * len(SHOWN) + 0.4, 4.7), layout="constrained")
    axes = figure.subplots(2, len(SHOWN))
    for row, (name, course) in enumerate((("solver", solver), ("surrogate", made))):
        for column, bubbles in enumerate(SHOWN):
            frame, panel = at(course, bubbles), axes[row, column]
            foam = course.foams[frame]
            panel.imshow(picture(foam), interpolation="nearest")
            panel.set(xticks=[], yticks=[])
            panel.set_title(f"{foam.bubbles} bubbles, tau {course.tau[frame]:.0f} px²", fontsize=8)
        axes[row, 0].set_ylabel(name)
    FigureCanvasAgg(figure).print_png(OUT)
    print(OUT)


if __name__ == "__main__":
    main()
