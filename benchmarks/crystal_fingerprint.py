"""Time and difference of the compiled CrystalNN fingerprint against matminer's, side by side.

    python benchmarks/crystal_fingerprint.py [--data FILE.npz] [--count 100] [--name LABEL]

The file holds `num_atoms`, `atomic_numbers`, `frac_coords`, `lengths` and `angles`; without one,
random perovskites are made.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from pathlib import Path

import numpy as np
from pymatgen.core import Element, Lattice, Structure

from common import write_results
from physgan_crystal.metrics.fast_fingerprint import fingerprint, reference_fingerprint


def read(path: Path, count: int, seed: int) -> list[Structure]:
    """`count` random crystals of a packed file."""
    with np.load(path) as data:
        ends = np.cumsum(data["num_atoms"])
        rows = np.random.default_rng(seed).choice(len(ends), min(count, len(ends)), replace=False)
        out = []
        for row in rows:
            atoms = slice(ends[row] - data["num_atoms"][row], ends[row])
            lattice = Lattice.from_parameters(
                *data["lengths"][row].astype(float), *data["angles"][row].astype(float)
            )
            species = [Element.from_Z(int(z)) for z in data["atomic_numbers"][atoms]]
            out.append(Structure(lattice, species, data["frac_coords"][atoms].astype(float)))
    return out


def perovskites(count: int, seed: int) -> list[Structure]:
    """`count` cubic perovskites of random metals with slightly displaced atoms."""
    rng = np.random.default_rng(seed)
    ideal = np.array([[0, 0, 0], [0.5] * 3, [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    metals = ["Sr", "Ba", "La", "Ti", "Zr", "Nb", "Fe", "Al"]
    return [
        Structure(
            Lattice.cubic(rng.uniform(3.7, 4.4)),
            [*rng.choice(metals, 2), "O", "O", "O"],
            ideal + rng.normal(0, 0.01, ideal.shape),
        )
        for _ in range(count)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--name", default="made perovskites")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    count, seed = options.count, options.seed
    structures = read(options.data, count, seed) if options.data else perovskites(count, seed)
    fingerprint(structures[0])  # compiles
    reference_fingerprint(structures[0], 0)
    fast, slow, ratios, worst, asked, sites = 0.0, 0.0, [], 0.0, 0, 0
    for structure in structures:
        # One after the other on each crystal, so that other load on the machine meets both; the
        # processor's time, so that waiting is not counted.
        start = time.process_time()
        ours, given = fingerprint(structure)
        between = time.process_time()
        theirs = [reference_fingerprint(structure, site) for site in range(len(structure))]
        end = time.process_time()
        if ours is None:
            raise RuntimeError(f"no fingerprint of {structure.formula}")
        fast, slow = fast + between - start, slow + end - between
        ratios.append((end - between) / (between - start))
        worst = max(worst, float(np.abs(ours - np.mean(theirs, axis=0)).max()))
        asked, sites = asked + given, sites + len(structure)
    figures = {
        "crystals": len(structures),
        "sites": sites,
        "sites_given_to_matminer": asked,
        "largest_difference": worst,
        "seconds": fast,
        "speed_up": slow / fast,
        "speed_up_median": statistics.median(ratios),
    }
    label = options.name.replace(" ", "_")
    place = " --data FILE.npz" if options.data else ""
    path = write_results(
        f"crystal_fingerprint_{label}" if options.data else "crystal_fingerprint",
        {"set": options.name, **figures},
        {"seconds": slow, "program": "matminer CrystalNNFingerprint.from_preset('ops')"},
        units={"seconds": "CPU s", "speed_up": "matminer's CPU time / ours"},
        command=f"python benchmarks/crystal_fingerprint.py{place} --count {count} "
        f"--name {options.name!r} --seed {seed}",
        seeds=[seed],
    )
    for key, value in figures.items():
        print(f"{key}: {value}")
    print(path)


if __name__ == "__main__":
    main()
