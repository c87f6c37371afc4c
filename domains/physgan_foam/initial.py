"""Label fields of Voronoi foams."""

from __future__ import annotations

from physgan_foam.labels import Labels


def voronoi_labels(bubbles: int, shape: tuple[int, int], seed: int) -> Labels:
    """The periodic Voronoi foam of ``bubbles`` uniform points at pixel centres of ``shape``; the
    same as the first frame of a solver's run from ``solver.initial.voronoi``."""
    from physgan_foam.solver.front_tracking import snapshot
    from physgan_foam.solver.initial import voronoi
    from physgan_foam.solver.network import build
    from physgan_foam.solver.raster import rasterise

    frame, _ = snapshot(build(voronoi(bubbles, shape, seed)), 0.0, 0.0)
    return rasterise(frame, shape, shape)
