"""The page of a proposal: what was asked, what came out, who checked it."""

from __future__ import annotations

import json
from typing import Any

from physgan.conditions import Target
from physgan.design.candidate import STAGES, Candidate, Proposals
from physgan.domain import Domain
from physgan.report import figures
from physgan.report.html import Html, el, join, number, page, table

PICTURES = 48
"""Pictures are drawn for this many candidates; the table holds all of them."""

STAGE_NOTES = {
    "sampled": "sampled",
    "decoded": "could be built",
    "valid": "valid",
    "unique": "unique",
    "novel": "not in the training data",
    "filtered": "pass every filter",
    "verified": "judged by the oracle",
}


def proposal_page(proposals: Proposals, domain: Domain) -> str:
    """One self-contained HTML document."""
    asked = ", ".join(str(target) for target in proposals.targets) or "anything"
    title = f"{len(proposals)} proposals for {asked}"
    return page(
        title,
        el("h1", title),
        el(
            "p",
            f"Domain {proposals.domain}, run {proposals.settings.get('run', '')}, "
            f"seed {proposals.settings.get('seed', '')}.",
            class_="soft",
        ),
        _oracle_note(proposals),
        [el("p", text, class_="note") for text in proposals.warnings if "no oracle" not in text],
        el("h2", "From samples to candidates"),
        _funnel(proposals),
        el("h2", "What was asked"),
        _targets(proposals),
        _figures(proposals),
        el("h2", "Candidates, best first"),
        el("p", _reading(proposals), class_="soft"),
        _ranked(proposals),
        el("h2", "Pictures and all figures"),
        el("div", [_card(c, domain) for c in proposals.candidates[:PICTURES]], class_="cards"),
        _laws(proposals),
        el("h2", "Settings"),
        el("pre", json.dumps(proposals.settings, indent=1, ensure_ascii=False)),
    )


def _oracle_note(proposals: Proposals) -> Html:
    if proposals.oracle is None:
        return el(
            "p",
            el("strong", "No oracle has checked these candidates. "),
            "All values are the model's own predictions.",
            class_="note",
        )
    return el(
        "p",
        f"Judged by {proposals.oracle}, which took no part in training: "
        f"{proposals.counts['verified']} of {len(proposals)} candidates could be judged.",
    )


def _funnel(proposals: Proposals) -> Html:
    largest = max(proposals.counts.get("sampled", 0), 1)
    rows: list[Any] = []
    for stage in STAGES:
        count = proposals.counts.get(stage, 0)
        if stage == "verified" and proposals.oracle is None:
            continue
        width = f"width:{100 * count / largest:.1f}%"
        bar = el("i", style=width, class_="end" if stage == "verified" else None)
        rows += [el("span", STAGE_NOTES[stage]), el("div", bar), el("b", count)]
    return el("div", rows, class_="funnel")


def _targets(proposals: Proposals) -> Html:
    units = {prop.name: prop.unit for prop in proposals.properties}
    rows = []
    for target in proposals.targets:
        row = proposals.percentiles.get(target.name)
        data = f"{number(float(row[1]))} to {number(float(row[99]))}" if row else "–"
        rows.append([target.name, str(target).partition("=")[2], units.get(target.name, ""), data])
    return table(["property", "asked", "unit", "training data, 1st to 99th percentile"], rows)


def _figures(proposals: Proposals) -> Html | None:
    units = {prop.name: prop.unit for prop in proposals.properties}
    parts: list[Html] = []
    for target in proposals.targets:
        if target.name not in proposals.percentiles or not len(proposals):
            continue
        unit = units.get(target.name, "")
        drawn = (
            ("distribution", figures.distribution(proposals, target, unit)),
            ("by rank", figures.by_rank(proposals, target, unit)),
            ("verified against predicted", figures.parity(proposals, target, unit)),
        )
        for kind, figure in drawn:
            if figure is not None:
                svg = figures.to_svg(figure, f"{target.name} {kind}")
                parts.append(el("figure", svg, el("figcaption", f"{target.name}: {kind}")))
    return el("div", parts, class_="grid") if parts else None


def _reading(proposals: Proposals) -> str:
    checked = "" if proposals.oracle is None else " Verified values come from the oracle's figures."
    return (
        "Ranked by the distance to the targets in standard deviations of the training data plus "
        f"half the width of the {proposals.level:.0%} interval.{checked}"
    )


def _stated(candidate: Candidate, target: Target) -> Html:
    estimate = candidate.predicted.get(target.name)
    if estimate is None:
        return join([number(candidate.exact.get(target.name)), " ", el("small", "exact")])
    if estimate.low is None:
        return join([number(estimate.value), " ", el("small", f"p {1 - estimate.spread:.2f}")])
    bounds = f"{number(estimate.low, 3)} to {number(estimate.high, 3)}"
    return join([number(estimate.value), " ", el("small", bounds)])


def _ranked(proposals: Proposals) -> Html:
    head = ["", "candidate"]
    shown = {name for c in proposals for name in c.verified}
    for target in proposals.targets:
        head.append(target.name)
        head += ["verified"] if target.name in shown else []
    checks = list(dict.fromkeys(name for c in proposals for name in c.filters))
    others = sorted({name for c in proposals for name in c.exact})
    asked = {target.name for target in proposals.targets}
    others = [name for name in others if name not in asked]
    judged = list(dict.fromkeys(name for c in proposals for name in c.oracle))
    units = {prop.name: prop.unit for prop in proposals.properties}
    head += [f"{n} / {units[n]}" if units.get(n) else n for n in others]
    head += [f"{proposals.oracle}: {name}" for name in judged]
    head += [*checks, "novel", "nearest training", "score"]
    rows = []
    for candidate in proposals:
        row: list[Any] = [candidate.rank, el("strong", candidate.label)]
        for target in proposals.targets:
            row.append(_stated(candidate, target))
            if target.name in shown:
                row.append(number(candidate.verified.get(target.name)))
        row += [number(candidate.exact.get(name)) for name in others]
        row += [number(candidate.oracle.get(name)) for name in judged]
        row += [number(candidate.filters.get(name)) for name in checks]
        row += [number(candidate.novel), number(candidate.nearest), number(candidate.score, 3)]
        rows.append(row)
    return table(head, rows, [0, *range(2, len(head))])


def _card(candidate: Candidate, domain: Domain) -> Html:
    picture = figures.to_png(domain.draw(candidate.sample), f"{candidate.label}")
    values: list[tuple[str, Any]] = []
    for name, estimate in candidate.predicted.items():
        values.append((f"{name}, predicted", number(estimate.value)))
    values += [(f"{name}, verified", number(v)) for name, v in candidate.verified.items()]
    more = [(name, number(v)) for name, v in candidate.exact.items()]
    more += [(f"oracle: {name}", number(v)) for name, v in candidate.oracle.items()]
    more += [(name, number(v)) for name, v in candidate.validity.items()]
    more += [(f"filter: {name}", number(v)) for name, v in candidate.filters.items()]
    more += [(f"law: {name}", number(v, 2)) for name, v in candidate.laws.items()]
    more += [("draw", number(candidate.draw)), ("file", candidate.name)]
    return el(
        "div",
        picture,
        el("h3", f"{candidate.rank}. {candidate.label}"),
        _list(values),
        el("details", el("summary", "all figures"), _list(more)),
        class_="card",
    )


def _list(pairs: list[tuple[str, Any]]) -> Html:
    return el("dl", [[el("dt", name), el("dd", value)] for name, value in pairs])


def _laws(proposals: Proposals) -> Html | None:
    if not proposals.tolerances or not len(proposals):
        return None
    rows = []
    for name, (tolerance, unit) in proposals.tolerances.items():
        values = [c.laws[name] for c in proposals if name in c.laws]
        held = sum(value <= tolerance for value in values)
        mean = sum(values) / max(len(values), 1)
        rows.append(
            [
                name,
                unit,
                number(tolerance, 2),
                number(mean, 2),
                number(max(values, default=float("nan")), 2),
                f"{held} of {len(values)}",
            ]
        )
    head = ["law", "unit", "tolerance", "mean residual", "largest", "within tolerance"]
    return join([el("h2", "Laws"), table(head, rows, range(2, 6))])
