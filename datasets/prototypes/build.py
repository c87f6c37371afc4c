"""Build the crystal sample: known prototypes over sensible species, at CHGNet's own volumes.

``python datasets/prototypes/build.py --out domains/physgan_crystal/data/prototypes.csv.xz
--work build/prototypes`` resumes from the prototypes that the folder ``--work`` already holds.
"""

from __future__ import annotations

import argparse
import hashlib
import lzma
import math
import tomllib
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pymatgen.core import Element, Lattice, Species, Structure
from pymatgen.io.cif import CifWriter

from physgan_crystal.io.split import SPLITS, hash_split
from physgan_crystal.oracle import CHGNetOracle

HERE = Path(__file__).parent
VOLUMES = np.array([0.82, 0.91, 1.0, 1.11, 1.24])
ANION_EXCESS = 0.8
"""A; an anion without a Shannon radius over the atomic radius of its element (P 1.00, P3- 1.8)."""
CLOSEST = 0.65
"""Share of the sum of atomic radii below which a minimum lies outside what CHGNet was shown."""
AXES = np.array([0.95, 1.0, 1.05])


def charge(species: str) -> int:
    return round(float(Species.from_str(species).oxi_state or 0)) if species[-1] in "+-" else 0


def symbol(species: str) -> str:
    return Species.from_str(species).symbol if species[-1] in "+-" else species


def radius(species: str, coordination: str | None) -> float:
    """Shannon's ionic radius in A, the nearest tabulated one, or the atomic radius of a metal."""
    if coordination is None or species[-1] not in "+-":
        return float(Element(symbol(species)).atomic_radius)
    ion = Species.from_str(species)
    for number in (coordination, "VI", "IV", "VIII"):
        for spin in ("", "High Spin", "Low Spin"):
            try:
                return ion.get_shannon_radius(number, spin, "ionic")
            except KeyError:
                continue
    extra = ANION_EXCESS if (ion.oxi_state or 0) < 0 else 0.0
    return float(Element(ion.symbol).atomic_radius) + extra


def valence_electrons(element: str) -> int:
    """Electrons outside the noble-gas core and filled d shell; three for a lanthanide."""
    e = Element(element)
    return 3 if e.is_lanthanoid else e.group if e.group <= 12 else e.group - 10


def template(prototype: dict[str, Any]) -> tuple[Structure, list[str]]:
    """The primitive cell at unit scale with the orbit's name for each atom."""
    roles = list(prototype["sites"])
    stand_in = [Element.from_Z(1 + i).symbol for i in range(len(roles))]
    cell = Structure.from_spacegroup(
        prototype["group"],
        Lattice.from_parameters(*(5.0 * x for x in prototype["cell"][:3]), *prototype["cell"][3:]),
        stand_in,
        list(prototype["sites"].values()),
    ).get_primitive_structure(tolerance=0.01)
    return cell, [roles[stand_in.index(s.symbol)] for s in cell.species]


def sensible(prototype: dict[str, Any], family: dict[str, Any], chosen: dict[str, str]) -> bool:
    """Neutral, or of the right electron count; anions more electronegative; radii that fit."""
    _, roles = prototype["template"]
    species = [chosen[r] for r in roles]
    alike = prototype.get("same", [])
    if len({chosen[r] for r in alike}) > 1:
        return False
    distinct = [chosen[r] for r in chosen if r not in alike[1:]]
    if len({symbol(s) for s in distinct}) < len(distinct):
        return False
    if "electrons" in family:
        units = math.gcd(*(roles.count(r) for r in chosen))
        total = sum(valence_electrons(symbol(s)) for s in species)
        return total // units in family["electrons"]
    if sum(charge(s) for s in species) != 0:
        return False
    cations = [Element(symbol(s)).X for s in distinct if charge(s) > 0]
    anions = [Element(symbol(s)).X for s in distinct if charge(s) < 0]
    if max(cations) >= min(anions):
        return False
    if "tolerance" in prototype:
        a, b, x = (radius(chosen[r], prototype["coordination"][r]) for r in "ABX")
        low, high = prototype["tolerance"]
        return low <= (a + x) / (math.sqrt(2) * (b + x)) <= high and b / x > 0.36
    return True


def first_guess(prototype: dict[str, Any], chosen: dict[str, str]) -> Structure:
    """The prototype with ``chosen`` species, its bonds at the mean of the sums of radii."""
    cell, roles = prototype["template"]
    number = prototype.get("coordination", {})
    ratios = []
    for left, right in prototype["bonds"]:
        rows, columns = ([i for i, r in enumerate(roles) if r == side] for side in (left, right))
        shortest = cell.distance_matrix[np.ix_(rows, columns)].min()
        wanted = radius(chosen[left], number.get(left)) + radius(chosen[right], number.get(right))
        ratios.append(wanted / shortest)
    lattice = Lattice(cell.lattice.matrix * np.mean(ratios))
    return Structure(lattice, [symbol(chosen[r]) for r in roles], cell.frac_coords)


def candidates(prototype: dict[str, Any], rng: np.random.Generator) -> list[Structure]:
    prototype = prototype | {"template": template(prototype)}
    found = []
    for family in prototype["family"]:
        roles = list(prototype["sites"])
        for combination in product(*(family[r] for r in roles)):
            chosen = dict(zip(roles, combination, strict=True))
            if sensible(prototype, family, chosen):
                found.append(first_guess(prototype, chosen))
    kept = rng.permutation(len(found))[: prototype["at_most"]]
    return [found[i] for i in np.sort(kept)]


def scaled(structure: Structure, factor: float) -> Structure:
    return Structure(
        structure.lattice.scale(structure.volume * factor), structure.species, structure.frac_coords
    )


def stretched(structure: Structure, factor: float) -> Structure:
    """c/a times ``factor`` at constant volume; c is along z in every uniaxial template."""
    strain = np.array([factor ** (-1 / 3), factor ** (-1 / 3), factor ** (2 / 3)])
    matrix = structure.lattice.matrix * strain
    return Structure(Lattice(matrix), structure.species, structure.frac_coords)


def minimum(factors: np.ndarray, energies: np.ndarray, power: float) -> float | None:
    """Minimum of a cubic (of a parabola through three points) in factor^power, or None if it lies
    outside the scan; power -2/3 is third-order Birch-Murnaghan."""
    x = factors**power
    cubic = np.poly1d(np.polyfit(x, energies, min(3, len(x) - 1)))
    slope = cubic.deriv()
    for root in slope.roots:
        if abs(root.imag) < 1e-9 and slope.deriv()(root.real) > 0:
            inside = x.min() <= root.real <= x.max()
            return float(root.real ** (1 / power)) if inside else None
    return None


def scan(
    structures: Sequence[Structure],
    factors: np.ndarray,
    move: Callable[[Structure, float], Structure],
    power: float,
    oracle: CHGNetOracle,
    passes: int,
) -> list[Structure | None]:
    """Each structure at its energy minimum along ``move``; recentred where it lies outside."""
    out: list[Structure | None] = [None] * len(structures)
    current = dict(enumerate(structures))
    for _ in range(passes):
        flat = [move(s, f) for s in current.values() for f in factors]
        energies = np.array(oracle.energies(flat)).reshape(-1, len(factors))
        again = {}
        for (row, structure), energy in zip(current.items(), energies, strict=True):
            if not np.isfinite(energy).all():
                continue
            best = minimum(factors, energy, power)
            if best is not None:
                out[row] = move(structure, best)
            elif energy.argmin() in (0, len(factors) - 1):
                again[row] = move(structure, float(factors[energy.argmin()]))
        current = again
        if not current:
            break
    return out


def crushed(structure: Structure) -> bool:
    """Whether two neighbours are closer than ``CLOSEST`` of the sum of their atomic radii."""
    radii = np.array([float(Element(s.symbol).atomic_radius) for s in structure.species])
    left, right, _, distance = structure.get_neighbor_list(4.0)
    return bool((distance < CLOSEST * (radii[left] + radii[right])).any())


def build_one(prototype: dict[str, Any], rng: np.random.Generator) -> pd.DataFrame:
    """The rows of one prototype: guesses, volumes, c/a where free, the final energy."""
    oracle = CHGNetOracle(relax=False)
    guesses = candidates(prototype, rng)
    settled = [s for s in scan(guesses, VOLUMES, scaled, -2 / 3, oracle, 3) if s is not None]
    if prototype.get("axis"):
        moved = scan(settled, AXES, stretched, 1.0, oracle, 2)
        settled = [s for s in moved if s is not None]
    rows = [
        row_of(prototype["name"], structure, energy)
        for structure, energy in zip(settled, oracle.energies(settled), strict=True)
        if math.isfinite(energy) and not crushed(structure)
    ]
    print(f"{prototype['name']:24s} {len(guesses):4d} tried {len(rows):4d} kept", flush=True)
    return pd.DataFrame(rows)


def build(seed: int, work: Path) -> pd.DataFrame:
    """All prototypes; those already in the folder ``work`` are not computed again."""
    work.mkdir(parents=True, exist_ok=True)
    prototypes = tomllib.loads((HERE / "prototypes.toml").read_text())["prototype"]
    for index, prototype in enumerate(prototypes):
        file = work / f"{prototype['name']}.csv"
        if not file.exists():
            found = build_one(prototype, np.random.default_rng([seed, index]))
            found.to_csv(file.with_suffix(".part"), index=False)
            file.with_suffix(".part").rename(file)
    tables = [pd.read_csv(work / f"{p['name']}.csv", keep_default_na=False) for p in prototypes]
    table = pd.concat(tables).drop_duplicates("id", ignore_index=True)
    for split in SPLITS:
        table.loc[hash_split(table["id"].tolist(), split), "split"] = split
    return table


def row_of(prototype: str, structure: Structure, energy: float) -> dict[str, Any]:
    formula = structure.composition.reduced_formula
    return {
        "id": f"{prototype}-{formula}",
        "prototype": prototype,
        "cif": str(CifWriter(structure, significant_figures=6)),
        "energy_per_atom": round(energy, 5),
        "density": round(float(structure.density), 5),
        "volume_per_atom": round(structure.volume / len(structure), 5),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder of finished prototypes")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    table = build(options.seed, options.work)
    text = table.to_csv(index=False, lineterminator="\n").encode()
    options.out.write_bytes(lzma.compress(text, preset=9 | lzma.PRESET_EXTREME))
    digest = hashlib.sha256(options.out.read_bytes()).hexdigest()
    print(f"{len(table)} rows, {options.out.stat().st_size} bytes, sha256 {digest}")


if __name__ == "__main__":
    main()
