"""The README's tables of proteins, from results/protein.json and published/protein.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SETS = {"aav_medium": "AAV medium", "aav_hard": "AAV hard", "gfp_medium": "GFP medium",
        "gfp_hard": "GFP hard"}  # fmt: skip
SEARCHES = {
    "gb1_best_384_96": ("GB1, 384 labels + 96", ".3f"),
    "gb1_best_96x5": ("GB1, 96 labels x 5", ".3f"),
    "ehrlich_solved_seeds": ("Ehrlich: seeds solved", ".0f"),
    "ehrlich_calls": ("calls", ",.0f"),
    "ehrlich_feasible": ("feasible share", ".2f"),
}
REQUESTS = {
    "gb1_share_above_wt": ("above the wild type, %", ".1f"),
    "gb1_unique": ("unique share", ".2f"),
    "gb1_target_mae": ("error to the request, deviations", ".2f"),
    "gb1_mean_fitness": ("mean fitness, wild types", ".2f"),
    "gb1_best": ("best over the best known", ".2f"),
}
Row = Mapping[str, Any]


def rows_of(record: Row) -> list[tuple[str, Row, str]]:
    """Title, figures and mark of each row: published, baselines, ours."""
    published = [
        (f"{name} ({row['source']})", row, "*" if row.get("from_memory") else "")
        for name, row in record.get("published", {}).items()
    ]
    plain = [(name, row, "") for name, row in record["baselines"].items()]
    return [*published, *plain, ("**physgan**", record["figures"], "")]


def sets_table(record: Row) -> str:
    """Fitness, diversity and novelty of AAV and GFP, never one without the others."""
    return _sets(rows_of(record))


def ablation_table(record: Row) -> str:
    """The same without critic, predictor and VAE, on the task that was ablated; as the last of
    these tables, with what holds for all of them."""
    rows = [(name, row, "") for name, row in record["ablation"].items()]
    return "\n\n".join([_sets(rows), _note(record)])


def _sets(rows: list[tuple[str, Row, str]]) -> str:
    tasks = {key: title for key, title in SETS.items() if any(key in row for _, row, _ in rows)}
    lines = [
        "| fitness / diversity / novelty | " + " | ".join(tasks.values()) + " |",
        "|---|" + "---:|" * len(tasks),
    ]
    for title, row, mark in rows:
        if not any(key in row for key in tasks):
            continue
        cells = [_point(row.get(key)) + (mark if key in row else "") for key in tasks]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _point(row: Row | None) -> str:
    if row is None or row.get("fitness") is None:
        return "-"
    parts = [format(row["fitness"], ".2f")]
    if row.get("fitness_lowest") is not None:
        parts[0] += f" ({row['fitness_lowest']:.2f} to {row['fitness_highest']:.2f})"
    for key in ("diversity", "novelty"):
        parts.append("-" if row.get(key) is None else format(row[key], ".1f"))
    return " / ".join(parts)


def searches_table(record: Row) -> str:
    """Search under a budget of answers."""
    return _columns(SEARCHES, record)


def requests_table(record: Row) -> str:
    """GB1 designs for one request, judged by measurements."""
    return _columns(REQUESTS, record)


def _columns(columns: Mapping[str, tuple[str, str]], record: Row) -> str:
    lines = [
        "| | " + " | ".join(title for title, _ in columns.values()) + " |",
        "|---|" + "---:|" * len(columns),
    ]
    for title, row, mark in rows_of(record):
        if not any(key in row for key in columns):
            continue
        cells = [
            "-" if row.get(key) is None else format(row[key], form) + mark
            for key, (_, form) in columns.items()
        ]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _note(record: Row) -> str:
    machine, seeds = record["machine"], len(record["seeds"])
    made = (
        f"Medians of {seeds} seeds, of AAV and GFP of {record['set_seeds']} and of the ablation of "
        f"{record['ablation_seeds']}, lowest and highest in brackets. Made by "
        f"`{record['command']}` on {machine['cores']} cores of {machine['cpu']}."
    )
    return f"{made} {record['remark']}"


PARTS = {"sets": sets_table, "ablation": ablation_table, "searches": searches_table,
         "requests": requests_table}  # fmt: skip
