"""A proposal as files: one row per candidate, native files, and a page to read."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

from physgan.design.candidate import Candidate, Proposals
from physgan.domain import Domain
from physgan.errors import InputError
from physgan.files import replace_folder

CSV, JSON, PAGE = "candidates.csv", "candidates.json", "report.html"


def check_out(folder: Path) -> None:
    """Raise InputError unless ``folder`` is free, empty or an earlier proposal."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError("is a file, not a folder", where=str(folder))
    if any(folder.iterdir()) and not (folder / JSON).exists():
        raise InputError(
            "holds files that are not a proposal", where=str(folder), fix="choose another folder"
        )


def flat(candidate: Candidate) -> dict[str, Any]:
    """One row of figures: plain names for what every candidate has, prefixes for the rest."""
    row: dict[str, Any] = {
        "rank": candidate.rank,
        "name": candidate.name,
        "label": candidate.label,
        "score": candidate.score,
        "distance": candidate.distance,
        "novel": candidate.novel,
        "nearest_training": candidate.nearest,
        "seed": candidate.seed,
        "draw": candidate.draw,
    }
    row |= {f"asked.{name}": value for name, value in candidate.asked.items()}
    for name, estimate in candidate.predicted.items():
        row[f"predicted.{name}"] = estimate.value
        row[f"spread.{name}"] = estimate.spread
        if estimate.low is not None:
            row[f"low.{name}"], row[f"high.{name}"] = estimate.low, estimate.high
    for prefix in ("exact", "verified", "oracle", "validity", "filters", "laws"):
        values: dict[str, Any] = getattr(candidate, prefix)
        row |= {f"{prefix}.{name}": value for name, value in values.items()}
    return row


def write_proposals(proposals: Proposals, domain: Domain, out: Path) -> Path:
    """Write ``out`` whole: the table as CSV and JSON, native files as sampled and as relaxed by
    the oracle, and the page. Raises InputError where ``out`` holds something else."""
    from physgan.report import proposal_page

    check_out(out)
    rows = [flat(candidate) for candidate in proposals]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with replace_folder(out) as folder:
        files = _natives(proposals, domain, folder)
        with (folder / CSV).open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, columns)
            writer.writeheader()
            writer.writerows(rows)
        document = {
            "settings": proposals.settings,
            "oracle": proposals.oracle or "none: these candidates were not checked by an oracle",
            "counts": proposals.counts,
            "warnings": proposals.warnings,
            "candidates": [
                {k: _plain(v) for k, v in row.items()} | {"files": names}
                for row, names in zip(rows, files, strict=True)
            ],
        }
        (folder / JSON).write_text(json.dumps(document, indent=1, ensure_ascii=False), "utf-8")
        (folder / PAGE).write_text(proposal_page(proposals, domain), "utf-8")
    return out


def _natives(proposals: Proposals, domain: Domain, folder: Path) -> list[dict[str, str]]:
    files: list[dict[str, str]] = [{} for _ in proposals]
    for kind, attribute in (("sampled", "sample"), ("relaxed", "relaxed")):
        which = [i for i, c in enumerate(proposals) if getattr(c, attribute) is not None]
        if not which:
            continue
        place = folder / kind
        place.mkdir()
        samples = [getattr(proposals[i], attribute) for i in which]
        paths = domain.write(samples, [proposals[i].name for i in which], place)
        for i, path in zip(which, paths, strict=False):
            files[i][kind] = str(Path(path).relative_to(folder))
    return files


def _plain(value: Any) -> Any:
    """JSON has no NaN and no infinity."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
