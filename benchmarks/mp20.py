"""MP-20 from end to end: one training, the field's benchmark, the share without symmetry.

    python benchmarks/mp20.py --data $PHYSGAN_DATA/crystal/mp_20

Writes results/mp20.json. There is no energy row: the test set holds templates that the training
rows lack, and our property model judges only crystals of known templates.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pymatgen.symmetry.analyzer import SymmetryUndeterminedError

from common import write_results
from crystals import arguments, equipped, timed_samples
from physgan.design.tiers import draw_tier
from physgan_crystal import CrystalDomain
from physgan_crystal.metrics.benchmark import evaluate
from runs import kept, train_minutes

CONFIG = Path(__file__).parent / "configs" / "mp20.toml"
SEED = 0
UNITS = {
    "struct_valid": "%", "comp_valid": "%", "valid": "%", "cov_recall": "%", "cov_precision": "%",
    "wdist_density": "g/cm^3", "wdist_num_elements": "1", "unique": "%", "novel": "%",
    "vun": "%", "p1": "%", "crystals_per_second": "1/s", "train_minutes": "min",
}  # fmt: skip


def main() -> None:
    options = arguments(__doc__ or "", "mp_20", 1000)
    domain = CrystalDomain(symmetry="detect")
    known = domain.load(options.data, "train").context["samples"]
    test = domain.load(options.data, "test")
    # The benchmark's reference is the whole test split, templates we lack included.
    from physgan_crystal.io import read_split

    reference = read_split(options.data, "test").structures
    run = equipped(options.run or options.work / "vae-gan", CONFIG, options.data)

    def row(name: str, draw: Any) -> dict[str, Any]:
        def compute() -> dict[str, Any]:
            samples = draw()
            found = evaluate(samples, reference, dataset="mp_20", train=known, seed=SEED)
            return {**found.summary, "p1": share_without_symmetry(samples)}

        return kept(options.work / f"row-{name}-{options.n}.json", compute)

    picks = np.random.default_rng(SEED)
    bootstrap = row(
        "bootstrap", lambda: [known[i] for i in picks.integers(len(known), size=options.n)]
    )
    rows = {
        tier: row(tier, lambda tier=tier: draw_tier(run, tier, options.n, seed=SEED))
        for tier in ("raw", "constrained", "filtered")
    }
    _, sampling, decoding = timed_samples(run, 1000, SEED)
    figures = {
        **rows["raw"],
        "crystals_per_second": 1000 / (sampling + decoding),
        "train_minutes": train_minutes(run.folder),
        "templates": len(run.domain.library),  # type: ignore[attr-defined]
        "test_rows_with_known_template": 100 * len(test) / len(reference),
    }
    write_results(
        "mp20",
        figures,
        {"training set, bootstrap": bootstrap},
        units=UNITS,
        command="python benchmarks/mp20.py --data $PHYSGAN_DATA/crystal/mp_20",
        seeds=[SEED],
        extra={"rows": {tier: rows[tier] for tier in ("constrained", "filtered")}},
    )


def share_without_symmetry(samples: list[Any]) -> float:
    """Percent of crystals in space group P1 at spglib's 0.1 A; one that spglib cannot judge
    (atoms on top of each other) counts as P1."""
    groups = [space_group(sample) for sample in samples if sample is not None]
    return 100 * float(np.mean(np.array(groups) == 1))


def space_group(sample: Any) -> int:
    try:
        return sample.get_space_group_info(symprec=0.1)[1]
    except SymmetryUndeterminedError:
        return 1


if __name__ == "__main__":
    main()
