"""The compiled fingerprint equals matminer's, on structures made here."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

pytest.importorskip("matminer")
from pymatgen.core import Lattice, Structure

from physgan_crystal.metrics import fast_fingerprint as ff
from physgan_crystal.metrics import motif_kernel as mk
from physgan_crystal.metrics.voronoi_kernel import neighbours_within, voronoi_faces


@cache
def _prototypes() -> dict[str, Structure]:
    cubic, hexagonal = Lattice.cubic, Lattice.hexagonal
    return {
        "rock salt": Structure.from_spacegroup(
            "Fm-3m", cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
        ).get_primitive_structure(),
        "caesium chloride": Structure(cubic(4.12), ["Cs", "Cl"], [[0, 0, 0], [0.5] * 3]),
        "diamond": Structure.from_spacegroup(
            "Fd-3m", cubic(3.57), ["C"], [[0, 0, 0]]
        ).get_primitive_structure(),
        "close packed": Structure.from_spacegroup(
            "Fm-3m", cubic(3.61), ["Cu"], [[0, 0, 0]]
        ).get_primitive_structure(),
        "body centred": Structure.from_spacegroup(
            "Im-3m", cubic(2.87), ["Fe"], [[0, 0, 0]]
        ).get_primitive_structure(),
        "hexagonal": Structure(
            hexagonal(3.21, 5.21), ["Mg", "Mg"], [[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]]
        ),
        "layered": Structure(
            hexagonal(2.46, 6.71),
            ["C"] * 4,
            [[0, 0, 0.25], [0, 0, 0.75], [1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]],
        ),
        "perovskite": Structure(
            cubic(3.9),
            ["Sr", "Ti", "O", "O", "O"],
            [[0, 0, 0], [0.5] * 3, [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]],
        ),
        "noble gas": Structure(cubic(3.6), ["Xe", "F"], [[0, 0, 0], [0.5, 0.1, 0.2]]),
        "rutile": Structure.from_spacegroup(
            "P4_2/mnm", Lattice.tetragonal(4.59, 2.96), ["Ti", "O"], [[0, 0, 0], [0.305, 0.305, 0]]
        ),
    }


def _matminer(structure: Structure) -> np.ndarray:
    sites = range(len(structure))
    return np.mean([ff.reference_fingerprint(structure, site) for site in sites], axis=0)


@pytest.mark.parametrize("name", list(_prototypes()))
def test_equals_matminer_on_prototypes(name: str) -> None:
    structure = _prototypes()[name]
    ours, _ = ff.fingerprint(structure)
    assert ours is not None and ours.shape == (ff.WIDTH,)
    np.testing.assert_allclose(ours, _matminer(structure), atol=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_equals_matminer_without_symmetry(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lattice = Lattice.from_parameters(*rng.uniform(3.5, 6.0, 3), *rng.uniform(65.0, 115.0, 3))
    elements = rng.choice(["Li", "O", "Fe", "S", "La", "Ar"], 4)
    structure = Structure(lattice, list(elements), rng.random((4, 3)))
    ours, asked = ff.fingerprint(structure)
    assert asked == 0
    assert ours is not None
    np.testing.assert_allclose(ours, _matminer(structure), atol=1e-6)


def test_does_not_depend_on_the_choice_of_cell() -> None:
    rng = np.random.default_rng(3)
    structure = Structure(Lattice.cubic(4.4), ["K", "O", "Zr"], rng.random((3, 3)))
    skewed = structure.copy()
    skewed.make_supercell([[1, 1, 0], [0, 1, 1], [1, 0, 2]])
    first, second = ff.fingerprint(structure)[0], ff.fingerprint(skewed)[0]
    assert first is not None and second is not None
    np.testing.assert_allclose(first, second, atol=1e-9)


def test_ideal_shells_score_one() -> None:
    labels = ff.featurizer().feature_labels()
    octahedral = ff.fingerprint(_prototypes()["rock salt"])[0]
    tetrahedral = ff.fingerprint(_prototypes()["diamond"])[0]
    assert octahedral is not None and tetrahedral is not None
    assert octahedral[labels.index("octahedral CN_6")] == pytest.approx(
        octahedral[labels.index("wt CN_6")], abs=1e-6
    )
    assert tetrahedral[labels.index("tetrahedral CN_4")] == pytest.approx(
        tetrahedral[labels.index("wt CN_4")], abs=1e-6
    )


def test_structures_that_matminer_must_do_are_given_to_it() -> None:
    decorated = _prototypes()["rock salt"].copy()
    decorated.add_oxidation_state_by_element({"Na": 1, "Cl": -1})
    ours, asked = ff.fingerprint(decorated)
    assert asked == 2 and ours is not None
    np.testing.assert_allclose(ours, _matminer(decorated), atol=1e-12)


def test_coincident_sites_have_the_outcome_of_matminer() -> None:
    structure = Structure(Lattice.cubic(4.0), ["Na", "Cl"], [[0, 0, 0], [0, 0, 0]])
    try:
        expected = _matminer(structure)
    except Exception:
        assert ff.fingerprint(structure)[0] is None
    else:
        np.testing.assert_allclose(ff.fingerprint(structure)[0], expected, atol=1e-6)


def test_voronoi_cell_of_a_simple_cubic_site_is_a_cube() -> None:
    lattice = np.eye(3) * 3.0
    points, _ = neighbours_within(np.zeros((1, 3)), lattice, np.full(3, 3.0), 0, 7.0)
    owner, solid, area, farthest = voronoi_faces(points)
    large = area > 1e-6
    assert large.sum() == 6 and np.linalg.norm(points[owner[large]], axis=1) == pytest.approx(3.0)
    np.testing.assert_allclose(area[large], 9.0)
    np.testing.assert_allclose(solid[large], 4 * np.pi / 6)
    assert farthest == pytest.approx(1.5 * np.sqrt(3))


def test_steinhardt_of_a_cubic_shell() -> None:
    bonds = np.vstack([np.eye(3), -np.eye(3)])
    cosines = bonds @ bonds.T
    assert mk.steinhardt(cosines, 2) == pytest.approx(0.0, abs=1e-7)
    assert mk.steinhardt(cosines, 4) == pytest.approx(0.7637626, abs=1e-6)
    assert mk.steinhardt(cosines, 6) == pytest.approx(0.3535534, abs=1e-6)
