"""The page of an audit, and its table for the terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from physgan.audit.judged import Audit
from physgan.audit.verdict import Finding
from physgan.domain import Domain
from physgan.report.html import Html, el, join, number, page, table

if TYPE_CHECKING:
    from rich.table import Table

SUBJECTS = {
    "balance": "The critic's balance",
    "coverage": "Coverage of the data",
    "distances": "Distances to the data",
    "gain": "Designs above the data",
    "translation": "Round trips and latents",
}
TABLES = {
    "critic": "Attacks on the critic",
    "words": "Exchanged words",
    "predictor": "Attacks on the predictor",
    "curve": "The gap curve: designs over training",
    "flips": "Exchanged words, predictor and judges",
    "triggers": "Universal triggers, and how often designs have them",
    "holdout": "Designs that are rows of the data",
    "repaired": "Adversarial repair of the predictor",
}
MEANINGS = {
    "sight": "share of the score's deviation that the sample decides, not the condition",
    "separation": "a real sample scores above a generated one",
    "accuracy": "right at the best threshold",
    "saturation": "samples whose score the generator's loss no longer feels",
    "slope_real": "median gradient norm of the score at data",
    "slope_fake": "the same at samples",
    "slope_ratio": "its 95th percentile over its median",
    "precision": "samples that lie among data",
    "recall": "data that lie among samples",
    "density": "how thick the data are around a sample, 1 for the data",
    "coverage": "data with a sample nearby",
    "frechet": "Frechet distance of fingerprints",
    "kid": "kernel distance of fingerprints, near 0 for the data",
    "spread": "distance between neighbours, over that of the data",
    "guide": "by the predictor that the designs aim at, in deviations",
    "auditor": "by boosted trees that nobody aims at",
    "oracle": "by the oracle, above what was measured",
    "cycle": "end of a round trip to its beginning, over the distance of two samples",
    "latent": "change by another latent, over that by another source",
    "recovered": "error of the latent that is read back, over that of a guess",
    "prior": "a latent of the prior scores above an encoded one, 0.5 where they are alike",
    "guide_there": "by the predictor, on the designs that the judge knows",
}


def audit_page(audit: Audit, domain: Domain) -> str:
    """One self-contained HTML document."""
    title = f"Audit of {audit.run}"
    sides: Mapping[str, Domain] = getattr(domain, "sides", {})
    return page(
        title,
        el("h1", title),
        el("h2", "Verdict"),
        _verdict(audit.findings),
        [el("p", note, class_="note") for note in audit.notes],
        _figures(audit, domain),
        [[el("h1", own.run), _figures(own, sides[side])] for side, own in audit.sides.items()],
        el("h2", "Settings"),
        el("pre", json.dumps(audit.settings, indent=1)),
    )


def _figures(audit: Audit, domain: Domain) -> list[Html | None]:
    """Every table, and the pictures."""
    parts: list[Html | None] = []
    for name, heading in SUBJECTS.items():
        values = figures(audit, name)
        if values:
            rows = [[k, number(v), MEANINGS[k]] for k, v in values.items()]
            parts += [el("h2", heading), table(["figure", "value", "meaning"], rows, [1])]
    for name, heading in TABLES.items():
        rows = getattr(audit, name)
        if rows:
            head = list(dict.fromkeys(key for row in rows for key in row))
            cells = [[number(row.get(key)) for key in head] for row in rows]
            parts += [el("h2", heading), table([h.replace("_", " ") for h in head], cells)]
    return [*parts, _pictures(audit, domain)]


def _verdict(findings: list[Finding]) -> Html:
    if not findings:
        return el("p", "Nothing could be judged.", class_="note")
    lines = [
        el("p", el("strong", "Good. " if f.good else "To mend. "), f.text,
           f" What to change: {f.change}." if f.change else "",
           class_=None if f.good else "note")
        for f in findings
    ]  # fmt: skip
    return join(lines)


def _pictures(audit: Audit, domain: Domain) -> Html | None:
    from physgan.report.figures import to_png

    if not audit.pictures:
        return None
    head = ["weights", *(f"latent {i + 1}" for i in range(len(audit.pictures[0][1])))]
    rows = []
    for label, natives in audit.pictures:
        cells: list[Any] = [label]
        for place, native in enumerate(natives):
            shown = native is not None
            cells.append(
                to_png(domain.draw(native), f"{label}, latent {place + 1}", dpi=45)
                if shown
                else "cannot be decoded"
            )
        rows.append(cells)
    note = (
        "The same latents (of translations: the same sources) through the weights of each time: "
        "where they become alike, it collapses."
    )
    return join([el("h2", "Fixed latents"), el("p", note, class_="soft"), table(head, rows)])


def figures(audit: Audit, name: str) -> dict[str, Any]:
    """The figures of one subject by name, empty where there are none."""
    found = audit.to_dict()[name] or {}
    if name == "balance" and audit.sight is not None:
        found = {"sight": audit.sight, **found}
    return found


def audit_table(audit: Audit) -> Table:
    """All figures for the terminal."""
    from rich.table import Table

    shown = Table(title=f"Audit of {audit.run}", title_justify="left")
    shown.add_column("figure")
    shown.add_column("value", justify="right")
    shown.add_column("meaning")
    _add_rows(shown, audit)
    for own in audit.sides.values():
        shown.add_section()
        shown.add_row(own.run.rpartition(", ")[2])
        _add_rows(shown, own)
    return shown


def _add_rows(shown: Table, audit: Audit) -> None:
    for name in SUBJECTS:
        for key, value in figures(audit, name).items():
            shown.add_row(key, number(value), MEANINGS[key])
    for row in audit.critic:
        passed = f", passes as real: {row['passed_after']:.0%}" if "passed_after" in row else ""
        meaning = f"rise of the critic's score in its deviations{passed}"
        shown.add_row(f"{row['attack']}, eps {row['eps']:g}", number(row["rise"]), meaning)
    for row in audit.words:
        meaning = f"the same by one exchanged word of {row['leaf']}"
        shown.add_row("hotflip", number(row["hotflip_rise"]), meaning)
        if "trigger_rise" in row:
            meaning = f"the same by {row['trigger_word']} in one place of every {row['leaf']}"
            shown.add_row("universal trigger", number(row["trigger_rise"]), meaning)
    for row in audit.predictor:
        share = row.get("left_interval", row.get("flipped"))
        what = "interval" if "left_interval" in row else "class"
        meaning = f"predictions of {row['property']} that leave their {what}"
        shown.add_row(f"{row['attack']}, eps {row['eps']:g}", number(share), meaning)
    for row in audit.flips:
        if "fooled" in row:
            meaning = f"designs that {row['flips']} exchanged words of {row['leaf']} oversell"
            shown.add_row("fooled", number(row["fooled"]), meaning)
    for row in audit.triggers:
        others = ", ".join(f"{n} {row[n]:+.2f}" for n in ("auditor", "oracle") if n in row)
        shown.add_row(f"trigger {row['words']}", number(row["guide"]), f"predictor; {others}")
