"""A picture of a crystal: its cell, its atoms with their boundary images, its nearest bonds.

Drawn as flat vector shapes, farthest first, in a mild perspective; colours are Jmol's and radii
Cordero's covalent radii, both as tabulated by ASE.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch
    from pymatgen.core import Structure

ATOM_SCALE = 0.36
"""Drawn radius over covalent radius."""
BOND_TOLERANCE = 1.2
"""Bonded up to this multiple of the sum of covalent radii."""
NEAREST_SHELL = 1.15
"""... and up to this multiple of the shortest such ratio of either atom."""
AZIMUTH, ELEVATION = 20.0, 13.0
DISTANCE = 6.0
"""Of the eye from the centre, in radii of the scene; larger is flatter."""
EDGE = 1e-3
SHADES = 16
BOND_WIDTH, EDGE_WIDTH = 0.075, 0.014
"""Half widths in A."""
EDGE_PIECES = 24


def draw_crystal(structure: Structure, conventional: bool = True, size: float = 4.5) -> Figure:
    """A square Figure of ``size`` inches; ``conventional`` shows the standard cell if found.

    Deterministic, and free of pyplot's state.
    """
    from matplotlib.figure import Figure

    shown = _conventional(structure) if conventional else structure
    numbers, places = atoms_with_images(shown)
    figure = Figure(figsize=(size, size), facecolor="white")
    axes = figure.add_axes((0.0, 0.04, 1.0, 0.86))
    axes.set_aspect("equal")
    axes.set_axis_off()
    corners = np.array(list(product((0, 1), repeat=3)), dtype=float) @ shown.lattice.matrix
    view = _View(np.concatenate([places, corners]), shown.lattice.matrix)
    scene = _Scene()
    _draw_cell(axes, scene, view, corners, (numbers, places))
    _draw_bonds(scene, view, numbers, places)
    _draw_atoms(scene, view, numbers, places)
    scene.draw(axes)
    _legend(figure, axes, shown)
    axes.autoscale_view()
    axes.margins(0.03)
    return figure


def atoms_with_images(structure: Structure) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """Atomic numbers (n,) and Cartesian places (n, 3) in A of every atom in the closed cell.

    An atom on a face, an edge or a corner appears on all of them.
    """
    numbers, places = [], []
    for site in structure:
        inside = site.frac_coords - np.floor(site.frac_coords + EDGE)
        choices = [(x, x + 1) if abs(x) < 2 * EDGE else (x,) for x in inside]
        for image in product(*choices):
            numbers.append(site.specie.Z)
            places.append(image)
    return np.array(numbers), np.array(places) @ structure.lattice.matrix


def bonds(numbers: NDArray[np.int64], places: NDArray[np.floating]) -> list[tuple[int, int]]:
    """Pairs of drawn atoms in contact, in the nearest shell of both.

    Where elements differ, only pairs whose electronegativities differ by half of the largest
    difference count: cation and anion, not cation and cation.
    """
    from ase.data import covalent_radii

    if len(numbers) < 2:
        return []
    distance = np.linalg.norm(places[:, None] - places[None], axis=-1)
    np.fill_diagonal(distance, np.inf)
    ratio = distance / (covalent_radii[numbers][:, None] + covalent_radii[numbers][None])
    contrast = _contrast(numbers)
    polar = (contrast > 0) & (contrast >= contrast.max() / 2)
    if (polar & (ratio < BOND_TOLERANCE)).any():
        ratio = np.where(polar, ratio, np.inf)
    nearest = ratio.min(axis=1)
    shell = NEAREST_SHELL * np.minimum(nearest[:, None], nearest[None])
    touching = (ratio < BOND_TOLERANCE) & (ratio <= shell)
    return [(int(i), int(j)) for i, j in np.argwhere(np.triu(touching, 1))]


def _contrast(numbers: NDArray[np.int64]) -> NDArray[np.floating]:
    """|difference| of Pauling electronegativities (n, n); zero where one is unknown."""
    from pymatgen.core import Element

    table = {int(z): float(Element.from_Z(int(z)).X) for z in np.unique(numbers)}
    values = np.array([table[int(z)] for z in numbers])
    return np.nan_to_num(np.abs(values[:, None] - values[None]))


class _Scene:
    """Filled shapes with their depths, drawn in one go from far to near."""

    def __init__(self) -> None:
        self.shapes: list[tuple[float, Patch]] = []

    def add(self, depth: float, patch: Patch) -> None:
        self.shapes.append((depth, patch))

    def draw(self, axes: Axes) -> None:
        from matplotlib.collections import PatchCollection

        ordered = [patch for _, patch in sorted(self.shapes, key=lambda shape: shape[0])]
        axes.add_collection(PatchCollection(ordered, match_original=True))


class _View:
    """Perspective onto the picture plane, chosen from the cell: c upwards, seen a little from
    above and from the right of a."""

    def __init__(self, points: NDArray[np.floating], matrix: NDArray[np.floating]) -> None:
        self.centre = (points.min(axis=0) + points.max(axis=0)) / 2
        up = matrix[2] / np.linalg.norm(matrix[2])
        right = matrix[1] - (matrix[1] @ up) * up
        right /= np.linalg.norm(right)
        toward = np.cross(right, up)
        azimuth, elevation = np.radians([AZIMUTH, ELEVATION])
        turned = np.cos(azimuth) * right + np.sin(azimuth) * toward
        ahead = -np.sin(azimuth) * right + np.cos(azimuth) * toward
        self.axes = np.stack(
            [
                turned,
                np.cos(elevation) * up - np.sin(elevation) * ahead,
                np.cos(elevation) * ahead + np.sin(elevation) * up,
            ]
        )
        self.radius = float(np.linalg.norm(points - self.centre, axis=1).max()) or 1.0

    def __call__(self, points: NDArray[np.floating]) -> tuple[NDArray, NDArray, NDArray]:
        """Picture coordinates (n, 2), nearness (n,) and magnification (n,)."""
        turned = (np.atleast_2d(points) - self.centre) @ self.axes.T
        eye = DISTANCE * self.radius
        zoom = eye / (eye - turned[:, 2])
        return turned[:, :2] * zoom[:, None], turned[:, 2], zoom


def _conventional(structure: Structure) -> Structure:
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    try:
        return SpacegroupAnalyzer(structure, symprec=0.05).get_conventional_standard_structure()
    except Exception:
        return structure


def _draw_cell(
    axes: Axes,
    scene: _Scene,
    view: _View,
    corners: NDArray[np.floating],
    atoms: tuple[NDArray[np.int64], NDArray[np.floating]],
) -> None:
    """Edges to the farthest corner dashed and behind everything, the others among the atoms."""
    from ase.data import covalent_radii

    numbers, places = atoms
    radii = ATOM_SCALE * covalent_radii[numbers]
    farthest = int(view(corners)[1].argmin())
    for i, j in product(range(8), repeat=2):
        if i > j or (i ^ j).bit_count() != 1:
            continue
        if farthest in (i, j):
            flat, _, _ = view(corners[[i, j]])
            axes.plot(*flat.T, color="#9aa0a8", linewidth=0.9, linestyle=(0, (4, 3)), zorder=-1)
            continue
        pieces = np.linspace(corners[i], corners[j], EDGE_PIECES + 1)
        for k in range(EDGE_PIECES):
            if (np.linalg.norm(places - pieces[k : k + 2].mean(axis=0), axis=1) < radii).any():
                continue
            _add_bar(scene, view, pieces[k : k + 2], EDGE_WIDTH, np.full(3, 0.25), outline=False)


def _add_bar(
    scene: _Scene,
    view: _View,
    ends: NDArray[np.floating],
    width: float,
    colour: NDArray[np.floating],
    outline: bool = True,
) -> None:
    from matplotlib.patches import Polygon

    flat, near, zoom = view(ends)
    along = flat[1] - flat[0]
    across = np.array([-along[1], along[0]]) / (np.linalg.norm(along) or 1.0)
    half = width * zoom[:, None] * across
    shape = np.concatenate([flat + half, (flat - half)[::-1]])
    edge = colour * 0.6 if outline else "none"
    patch = Polygon(shape, closed=True, facecolor=colour, edgecolor=edge, linewidth=0.4)
    scene.add(float(near.mean()), patch)


def _draw_bonds(
    scene: _Scene, view: _View, numbers: NDArray[np.int64], places: NDArray[np.floating]
) -> None:
    """Each bond in two halves of their atoms' colours, from surface to surface."""
    from ase.data import covalent_radii
    from ase.data.colors import jmol_colors

    for i, j in bonds(numbers, places):
        step = (places[j] - places[i]) / np.linalg.norm(places[j] - places[i])
        surface_i = places[i] + step * ATOM_SCALE * covalent_radii[numbers[i]] * 0.9
        surface_j = places[j] - step * ATOM_SCALE * covalent_radii[numbers[j]] * 0.9
        middle = (surface_i + surface_j) / 2
        for surface, number in ((surface_i, numbers[i]), (surface_j, numbers[j])):
            ends = np.stack([surface, middle])
            depth = float(view(ends)[1].mean())
            colour = _fade(jmol_colors[number] * 0.88, depth, view.radius)
            _add_bar(scene, view, ends, BOND_WIDTH, colour)


def _draw_atoms(
    scene: _Scene, view: _View, numbers: NDArray[np.int64], places: NDArray[np.floating]
) -> None:
    """Each atom as discs that shrink towards a highlight at the upper left."""
    from ase.data import covalent_radii
    from ase.data.colors import jmol_colors
    from matplotlib.patches import Circle

    flat, near, zoom = view(places)
    for place, depth, scale, number in zip(flat, near, zoom, numbers, strict=True):
        radius = ATOM_SCALE * covalent_radii[number] * scale
        base = _fade(jmol_colors[number], depth, view.radius)
        for step in range(SHADES):
            share = step / SHADES
            white = 0.6 * share**4
            scene.add(
                float(depth) + 1e-5 * step,
                Circle(
                    place + 0.32 * radius * share * np.array([-1.0, 1.0]),
                    radius * (1 - 0.95 * share),
                    facecolor=base * (0.66 + 0.34 * share) * (1 - white) + white,
                    edgecolor="none" if step else base * 0.4,
                    linewidth=0.0 if step else 0.8,
                ),
            )


def _fade(colour: NDArray[np.floating], depth: float, radius: float) -> NDArray[np.floating]:
    """Blend what is far towards the white ground."""
    haze = 0.22 * np.clip(0.5 - depth / (2 * radius), 0, 1)
    return np.clip(colour * (1 - haze) + haze, 0, 1)


def _legend(figure: Figure, axes: Axes, structure: Structure) -> None:
    from ase.data.colors import jmol_colors
    from matplotlib.lines import Line2D
    from pymatgen.util.string import latexify

    elements = sorted(
        {site.specie.symbol: site.specie.Z for site in structure}.items(), key=lambda item: -item[1]
    )
    marks = [
        Line2D(
            [],
            [],
            marker="o",
            linestyle="none",
            markersize=10,
            label=symbol,
            markerfacecolor=jmol_colors[z],
            markeredgecolor=jmol_colors[z] * 0.4,
        )
        for symbol, z in elements
    ]
    figure.legend(
        handles=marks,
        loc="lower center",
        ncols=min(len(marks), 8),
        frameon=False,
        handletextpad=0.2,
        columnspacing=1.2,
        borderaxespad=0.2,
    )
    figure.suptitle(latexify(structure.composition.reduced_formula), fontsize=15, y=0.975)
