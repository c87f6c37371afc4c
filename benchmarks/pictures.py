"""The README's picture: candidates for three targets, drawn with what was predicted of them.

    python benchmarks/pictures.py

Uses the ready weights alone and writes docs/perov5_candidates.png.
"""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imread

from physgan.design import propose
from physgan.run import Run
from physgan_crystal import CrystalDomain

OUT = Path(__file__).parent.parent / "docs" / "perov5_candidates.png"
TARGETS = (0.5, 1.0, 2.0)
EACH = 2


def main() -> None:
    domain = CrystalDomain()
    run = Run.open(domain.shipped_run())
    figure = Figure(figsize=(12, 8.2), layout="constrained")
    axes = figure.subplots(EACH, len(TARGETS))
    for column, target in enumerate(TARGETS):
        found = propose(run, [f"heat_ref={target}"], EACH, seed=1, oracle=False)
        for row, candidate in enumerate(found):
            place = axes[row, column]
            place.imshow(picture(domain, candidate.sample))
            place.axis("off")
            said = candidate.predicted["heat_ref"]
            place.set_title(
                f"asked {target:g}, predicted {said.value:.2f} "
                f"({said.low:.2f} to {said.high:.2f}) eV/atom",
                fontsize=10,
            )
    OUT.parent.mkdir(exist_ok=True)
    FigureCanvasAgg(figure)
    figure.savefig(OUT, dpi=90)


def picture(domain: CrystalDomain, sample: object) -> object:
    """One crystal as an RGB array."""
    drawn = domain.draw(sample)  # type: ignore[arg-type]
    FigureCanvasAgg(drawn)
    data = io.BytesIO()
    drawn.savefig(data, dpi=110, format="png")
    data.seek(0)
    return imread(data)


if __name__ == "__main__":
    main()
