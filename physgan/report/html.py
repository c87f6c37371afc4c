"""A small builder of HTML that escapes every text, and the one stylesheet of the pages."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

VOID = frozenset({"img", "br", "hr", "meta"})


class Html(str):
    """Text that is HTML already; any other text is escaped."""

    __slots__ = ()


def el(tag: str, *children: Any, **attributes: Any) -> Html:
    """An element; ``class_`` and ``data_x`` become ``class`` and ``data-x``, None is left out.

    A list of children is flattened once.
    """
    words = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in VOID:
        return Html(f"<{tag}{words}>")
    return Html(f"<{tag}{words}>{join(children)}</{tag}>")


def join(children: Iterable[Any]) -> Html:
    """Children one after another, escaped unless they are Html."""
    parts: list[str] = []
    for child in children:
        if child is None:
            continue
        if isinstance(child, (list, tuple)):
            parts.append(join(child))
        else:
            parts.append(child if isinstance(child, Html) else escape(str(child)))
    return Html("".join(parts))


def number(value: Any, digits: int = 4) -> str:
    """A figure for people: significant digits, yes/no, an en dash for what is unknown."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "∞" if math.isinf(value) else f"{value:.{digits}g}"
    return str(value)


def table(head: Sequence[Any], rows: Iterable[Sequence[Any]], numeric: Sequence[int] = ()) -> Html:
    """A table that scrolls sideways when it is wide; ``numeric`` columns align right."""
    right = set(numeric)
    return el(
        "div",
        el(
            "table",
            el(
                "thead", el("tr", [el("th", h, class_=_side(i, right)) for i, h in enumerate(head)])
            ),
            el(
                "tbody",
                [
                    el("tr", [el("td", c, class_=_side(i, right)) for i, c in enumerate(row)])
                    for row in rows
                ],
            ),
        ),
        class_="scroll",
    )


def _side(index: int, right: set[int]) -> str | None:
    return "n" if index in right else None


def page(title: str, *body: Any) -> str:
    """A whole document with its stylesheet inside and no other resource."""
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", title),
        el("style", Html(STYLE)),
    )
    return "<!doctype html>\n" + el("html", head, el("body", el("main", *body)), lang="en")


STYLE = """
:root{--ink:#1c2430;--soft:#5d6b7c;--line:#dfe4ea;--ground:#fff;--card:#f6f8fa;--blue:#2f6fb0;
--orange:#d9822b;--warn:#fff4dc;--warnline:#e0b04c}
@media (prefers-color-scheme:dark){:root{--ink:#e6eaf0;--soft:#9aa7b6;--line:#333d4a;
--ground:#14181d;--card:#1c2229;--warn:#3a2f14;--warnline:#a07a24}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:72rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .3rem}
h2{font-size:1.2rem;margin:2.6rem 0 .8rem;padding-bottom:.3rem;border-bottom:1px solid var(--line)}
p{margin:.4rem 0;max-width:46rem}
.soft,figcaption{color:var(--soft)}
.note{background:var(--warn);border-left:4px solid var(--warnline);padding:.6rem .9rem;
margin:.8rem 0;border-radius:4px}
.funnel{display:grid;grid-template-columns:max-content 1fr max-content;gap:.35rem .8rem;
align-items:center;max-width:46rem}
.funnel i{display:block;height:.95rem;border-radius:3px;background:var(--blue);min-width:2px}
.funnel i.end{background:var(--orange)}
.funnel b{font-variant-numeric:tabular-nums;text-align:right}
.scroll{overflow-x:auto;margin:.5rem 0}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
th{text-align:left;color:var(--soft);font-weight:600;vertical-align:bottom}
th,td{padding:.35rem .8rem .35rem 0;border-bottom:1px solid var(--line);white-space:nowrap}
th:last-child,td:last-child{padding-right:0}
.n{text-align:right}
td small{color:var(--soft)}
.grid{display:grid;gap:1.6rem 1.4rem;margin-top:1.6rem;
grid-template-columns:repeat(auto-fit,minmax(20rem,1fr))}
.cards{display:grid;gap:1rem;grid-template-columns:repeat(auto-fill,minmax(13.5rem,1fr))}
figure{margin:0}
figure svg{width:100%;height:auto;display:block}
figcaption{font-size:.85rem;margin-top:.3rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.8rem;
break-inside:avoid}
.card img{width:100%;background:#fff;border-radius:5px;display:block}
.card h3{margin:.6rem 0 .2rem;font-size:1rem}
.card dl{display:grid;grid-template-columns:1fr max-content;gap:.1rem .6rem;margin:.2rem 0 0;
font-size:.85rem;font-variant-numeric:tabular-nums}
.card dt{color:var(--soft);overflow-wrap:anywhere}
.card dd{margin:0;text-align:right}
summary{cursor:pointer;color:var(--blue);font-size:.85rem;margin-top:.5rem}
pre{background:var(--card);padding:1rem;border-radius:6px;overflow-x:auto;font-size:.85rem}
@media print{body{background:#fff;color:#000;font-size:10pt}main{max-width:none;padding:0}
.scroll{overflow:visible}table{font-size:7.5pt}th,td{white-space:normal;padding-right:.5rem}
h2{break-after:avoid}details:not([open]){display:none}}
"""
