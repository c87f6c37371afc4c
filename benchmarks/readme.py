"""Put the figures of results/*.json into the README and the pages, between their markers.

    python benchmarks/readme.py           # rewrite README.md and docs/objectives.md
    python benchmarks/readme.py --check   # fail where it states anything else

``<!-- table:NAME -->`` is the field's table of results/NAME.json beside the published rows in
published/NAME.json, ``<!-- table:NAME/PART -->`` another table of it, such as ``conditioning``, and
``<!-- figure:NAME:KEY:FORMAT -->`` one figure in a sentence, ``ROW/KEY`` that of a row, and
``<!-- constants:KIND -->`` what can be set of each objective or regulariser. Each ends
with ``<!-- / -->``. A table without results is left empty; a sentence without them is refused.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from collections.abc import Callable, Mapping
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import foam_tables
import protein_tables
from objectives_page import constants_table

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
PAGES = (README, HERE.parent / "docs" / "objectives.md")
MARKER = re.compile(r"<!-- (table|figure|constants):([^>]+?) -->(.*?)<!-- / -->", re.DOTALL)
COLUMNS = {
    "struct_valid": ("structure valid, %", ".2f"),
    "comp_valid": ("composition valid, %", ".2f"),
    "cov_recall": ("COV recall, %", ".2f"),
    "cov_precision": ("COV precision, %", ".2f"),
    "wdist_density": ("W density", ".3f"),
    "wdist_energy": ("W energy", ".3f"),
    "wdist_num_elements": ("W elements", ".3f"),
    "unique": ("unique, %", ".1f"),
    "novel": ("novel, %", ".1f"),
}
CONDITIONING = {
    "target_mae_predicted": ("asked against predicted, mean absolute difference", ".3f"),
    "target_mae_predicted_first_draw": ("the same for a single draw, not ranked", ".3f"),
    "target_within_0.1_per_atom_predicted": ("predicted within 0.1 eV/atom of it", ".1f"),
    "target_mae_verified": ("asked against CHGNet, mean absolute difference", ".3f"),
    "target_within_0.1_per_atom_verified": ("CHGNet within 0.1 eV/atom of it", ".1f"),
    "oracle_mae": ("CHGNet's own mean absolute error on the data", ".3f"),
    "target_mae_held_out_dft": ("asked against DFT, where held-out data have the crystal", ".3f"),
    "target_within_0.1_per_atom_held_out_dft": ("DFT within 0.1 eV/atom of it", ".1f"),
    "held_out_dft_count": ("requests answered by a crystal of the held-out data", ".0f"),
    "interval_coverage_90": ("held-out rows inside their 90 % interval", ".1f"),
    "sr5": ("SR5, by our property model", ".0f"),
    "sr10": ("SR10, by our property model", ".0f"),
    "sr15": ("SR15, by our property model", ".0f"),
    "crystals_per_second": ("crystals per second, sampled and built", ".0f"),
    "seconds_10000": ("time for 10,000 crystals", ".1f"),
    "train_minutes": ("training time", ".0f"),
}  # fmt: skip
LANDSCAPES = {
    "two_sample_auc": ("two-sample AUC", ".3f"),
    "slope_w1_worst_class": ("slope W1, worst class, deg", ".2f"),
    "hypsometric_gap": ("hypsometric gap", ".3f"),
    "fill_ratio": ("fill share over real", ".2f"),
    "class_accuracy_over_ceiling": ("class accuracy over ceiling", ".2f"),
    "cells_over_own_limit": ("cells over their limit, %", ".3f"),
}
WORLDS = {
    "cells_checked": ("cells checked at 15, 25, 35 and 45 degrees", ",.0f"),
    "cells_over_limit": ("of them over the limit", ".0f"),
    "seams_checked": ("seams between tiles among them", ".0f"),
    "share_moved_35_mountain": ("moved by the projection at 35 degrees, mountain", ".2f"),
    "share_moved_35_alpine": ("moved by the projection at 35 degrees, alpine", ".2f"),
    "share_near_35_mountain": ("within 1 % of the limit, mountain", ".2f"),
    "share_near_35_mountain_real": ("the same of real tiles", ".2f"),
    "share_near_35_alpine": ("within 1 % of the limit, alpine", ".2f"),
    "share_near_35_alpine_real": ("the same of real tiles", ".2f"),
    "seconds_1024": ("time for 1024 x 1024 cells", ".2f"),
    "projection_ms_1024": ("of it the projection", ".0f"),
    "hack_exponent_made": ("Hack's exponent of rivers in worlds", ".2f"),
    "hack_exponent_real": ("the same, real regions", ".2f"),
    "drainage_density_made": ("drainage density in worlds", ".2f"),
    "drainage_density_real": ("the same, real regions", ".2f"),
    "area_exponent_made": ("exponent of drainage areas in worlds", ".2f"),
    "area_exponent_real": ("the same, real regions", ".2f"),
    "relief_deviation_made": ("deviation of log relief from tile to tile, worlds", ".2f"),
    "relief_deviation_real": ("the same, real regions", ".2f"),
    "large_exponent_made": ("spectral exponent above a tile, worlds", ".2f"),
    "large_exponent_real": ("the same, real regions", ".2f"),
    "seconds_16384": ("time for 16384 x 16384 cells, to the file", ".0f"),
    "peak_mib_16384": ("peak memory for them", ".0f"),
    "train_minutes": ("training time", ".0f"),
}
OBJECTIVES = {
    "modes_ring8": ("ring: modes of 8", ".0f"),
    "good_ring8": ("ring: good, %", ".0f"),
    "modes_grid25": ("grid: modes of 25", ".0f"),
    "good_grid25": ("grid: good, %", ".0f"),
    "mmd_terrain": ("terrain: MMD", ".2f"),
    "step_ms": ("terrain: ms a step", ".0f"),
}
MORE_UNITS = {
    "target_mae_predicted_first_draw": "eV/atom", "oracle_mae": "eV/atom", "seconds_10000": "s",
    "target_mae_held_out_dft": "eV/atom", "target_within_0.1_per_atom_predicted": "%",
    "target_within_0.1_per_atom_verified": "%", "target_within_0.1_per_atom_held_out_dft": "%",
    "sr5": "%", "sr10": "%", "sr15": "%",
}  # fmt: skip
OURS = {"raw": "**physgan**, raw", "constrained": "**physgan**, constrained",
        "filtered": "**physgan**, filtered"}  # fmt: skip


def read(name: str, folder: Path = HERE) -> dict[str, Any] | None:
    """The record of ``results/name.json`` with the published rows, None where there is none."""
    path = folder / "results" / f"{name}.json"
    if not path.exists():
        return None
    record = json.loads(path.read_text(encoding="utf-8"))
    papers = folder / "published" / f"{name}.json"
    if papers.exists():
        record = {**json.loads(papers.read_text(encoding="utf-8")), **record}
    return record


def cell(row: Mapping[str, Any], key: str, form: str, mark: str = "") -> str:
    """One figure as text, ``-`` where the row has none."""
    value = row.get(key)
    return "-" if value is None or math.isnan(value) else format(value, form) + mark


def rows_of(record: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any], str]]:
    """Title, figures and mark of each row: published, baselines, ours."""
    papers = [
        (f"{name} ({row['source']})", row, "*" if row.get("from_memory") else "")
        for name, row in record.get("published", {}).items()
    ]
    baselines = [(name, row, "") for name, row in record["baselines"].items()]
    ours = {"raw": record["figures"], **record.get("rows", {})}
    return [*papers, *baselines, *((OURS[tier], row, "") for tier, row in ours.items())]


def benchmark_table(record: Mapping[str, Any]) -> str:
    """The field's columns, a row for each published model, baseline and tier of ours."""
    columns = {k: v for k, v in COLUMNS.items() if any(k in row for _, row, _ in rows_of(record))}
    lines = [
        "| | " + " | ".join(title for title, _ in columns.values()) + " |",
        "|---|" + "---:|" * len(columns),
    ]
    for title, row, mark in rows_of(record):
        cells = [cell(row, key, form, mark) for key, (_, form) in columns.items()]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *notes(record)])


def notes(record: Mapping[str, Any]) -> list[str]:
    """How the table came about, in one paragraph."""
    machine = record["machine"]
    made = f"Made by `{record['command']}` on {machine['cores']} cores of {machine['cpu']}."
    remark = record.get("remark", "")
    if any(row.get("from_memory") for row in record.get("published", {}).values()):
        remark = f"\\* {remark}"
    return [" ".join(part for part in (made, remark) if part)]


def listing(titles: Mapping[str, tuple[str, str]], record: Mapping[str, Any]) -> str:
    """The figures of ``titles``, one to a line with its unit."""
    figures, units = record["figures"], {**MORE_UNITS, **record["units"]}
    lines = ["| | figure | unit |", "|---|---:|---|"]
    for key, (title, form) in titles.items():
        if key in figures:
            lines.append(f"| {title} | {cell(figures, key, form)} | {units.get(key, '')} |")
    return "\n".join(lines)


def conditioning_table(record: Mapping[str, Any]) -> str:
    """What asking for a property gives, and what it costs."""
    return listing(CONDITIONING, record)


def landscapes_table(record: Mapping[str, Any]) -> str:
    """Terrain: how near each row comes to real tiles, and whether it keeps its limits."""
    return rows_table(LANDSCAPES, record)


def coarsening_table(record: Mapping[str, Any]) -> str:
    """Foams: laws and distributions of rollouts and of what they are held against."""
    return rows_table(foam_tables.COARSENING, record)


def foams_table(record: Mapping[str, Any]) -> str:
    """Foams: the solver, and how fast rollouts are beside it."""
    return listing(foam_tables.MEASURED, record)


def rows_table(columns: Mapping[str, tuple[str, str]], record: Mapping[str, Any]) -> str:
    """The figures of ``columns``, a row for each baseline and one for ours."""
    rows = [*record["baselines"].items(), ("**physgan**", record["figures"])]
    lines = [
        "| | " + " | ".join(title for title, _ in columns.values()) + " |",
        "|---|" + "---:|" * len(columns),
    ]
    for title, row in rows:
        cells = [cell(row, key, form) for key, (_, form) in columns.items()]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *notes(record)])


def worlds_table(record: Mapping[str, Any]) -> str:
    """Terrain: what was measured on worlds."""
    return listing(WORLDS, record)


def objectives_table(record: Mapping[str, Any], section: str = "figures") -> str:
    """Objectives: the median of each figure with its spread over the seeds in brackets."""
    lines = [
        "| | bounded by | " + " | ".join(title for title, _ in OBJECTIVES.values()) + " |",
        "|---|---|" + "---:|" * len(OBJECTIVES),
    ]
    for name, row in [*record[section].items(), *record["baselines"].items()]:
        cells = [
            cell(row, key, form) + (f" ({row[f'{key}_spread']:{form}})" if key in row else "")
            for key, (_, form) in OBJECTIVES.items()
        ]
        lines.append(f"| {name} | {row.get('regularizer', '')} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *notes(record)])


def variants_table(record: Mapping[str, Any]) -> str:
    """Objectives: other settings of some."""
    return objectives_table(record, "variants")


PARTS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "": benchmark_table,
    "conditioning": conditioning_table,
    "landscapes": landscapes_table,
    "worlds": worlds_table,
    "coarsening": coarsening_table,
    "foams": foams_table,
    "objectives": objectives_table,
    "variants": variants_table,
    **protein_tables.PARTS,
}


def render(text: str, folder: Path = HERE) -> str:
    """``text`` with every marked table and figure as the results have it."""

    def fill(found: re.Match[str]) -> str:
        kind, wanted = found.group(1), found.group(2)
        if kind == "figure":
            name, key, form = wanted.split(":")
            record = read(name, folder)
            if record is None:
                sys.exit(f"a page states {key} of results/{name}.json, which does not exist")
            inside = format(reduce(getitem, key.split("/"), record["figures"]), form)
        elif kind == "constants":
            inside = f"\n{constants_table(wanted)}\n"
        else:
            name, _, part = wanted.partition("/")
            record = read(name, folder)
            inside = "" if record is None else f"\n{PARTS[part](record)}\n"
        return f"<!-- {kind}:{wanted} -->{inside}<!-- / -->"

    return MARKER.sub(fill, text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if it would")
    check = parser.parse_args().check
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        wanted = render(text)
        if check and wanted != text:
            sys.exit(f"{page.name} differs from the results: run python benchmarks/readme.py")
        if not check:
            page.write_text(wanted, encoding="utf-8")


if __name__ == "__main__":
    main()
