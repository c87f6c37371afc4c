"""physgan propose --rounds: an oracle is asked in batches, and what it says is learned from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from physgan.errors import InputError

if TYPE_CHECKING:
    from physgan.design.ledger import Ledger
    from physgan.design.search import Search

LOG, SUMMARY, SHOWN = "calls.csv", "search.json", 10


def propose_in_rounds(
    domain: str,
    run: Any,
    *,
    rounds: int,
    budget: int,
    judge: str | None,
    method: str | None,
    novelty: int,
    apart: int,
    diversity: float,
    seed: int,
    out: Path,
    retrain: int = 0,
) -> None:
    """Search, print the best samples, and leave log, summary and native files in ``out``.

    The log has each answer as soon as it is known: after Ctrl-C the same command goes on. Raises
    InputError where the domain has no search, or ``out`` holds one of other settings.
    """
    from physgan.design.search import search_rounds
    from physgan.domain import load
    from physgan.training.files import disk_errors

    console = Console()
    opened = load(domain) if run is None else run.domain
    prepare = getattr(opened, "search", None)
    if prepare is None:
        raise InputError(f"the domain {domain!r} has no search in rounds", fix="leave out --rounds")
    oracle, learn = opened.oracle(judge), None
    if retrain:
        run, learn = _retrained(run, oracle, retrain, seed, console)
    search: Search = prepare(oracle, run, seed)
    settings = {
        "domain": domain,
        "oracle": judge or search.oracle,
        "run": None if run is None else str(run.folder),
        "method": method or search.method,
        "batch": budget,
        "novelty": novelty,
        "apart": apart,
        "diversity": diversity,
        "seed": seed,
        "retrain": retrain,
    }
    with disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    _claim(out, settings)
    for note in search.notes:
        console.print(f"[yellow]note:[/yellow] {note}", highlight=False)
    ledger = search_rounds(
        search, rounds, budget, method=method, seed=seed, path=out / LOG, novelty=novelty,
        apart=apart, diversity=diversity, say=lambda text: console.print(text, highlight=False),
        learn=None if learn is None else lambda past: learn(past, search.decode(past.tokens)),
    )  # fmt: skip
    _finish(opened, search, ledger, out, settings | {"rounds": rounds}, console)


def _retrained(run: Any, oracle: Any, steps: int, seed: int, console: Any) -> tuple[Any, Any]:
    """The run with a generator that learns from answers, and how it does."""
    from physgan.design.retrain import Retrained
    from physgan.run import Run

    if run is None:
        raise InputError("--retrain needs a run to train again", fix="give --run")
    if run.data is None:
        run = Run.resume(run.folder)
    taught = Retrained(run, oracle, steps, seed)

    def learn(past: Any, samples: Any) -> None:
        rows = taught.learn(past, samples)
        console.print(f"generator: {steps} steps with {rows} measured rows", highlight=False)

    return taught, learn


def _claim(out: Path, settings: dict[str, Any]) -> None:
    """Make ``out`` the place of a search of ``settings``, or see that it is."""
    from physgan.training.files import write_atomic

    place = out / SUMMARY
    if not place.exists():
        if any(out.iterdir()):
            raise InputError("holds files of something else", where=str(out), fix="another --out")
        write_atomic(place, json.dumps({"settings": settings}, indent=1).encode())
        return
    before = json.loads(place.read_text())["settings"]
    changed = [name for name in settings if before.get(name) != settings[name]]
    if changed:
        name = changed[0]
        raise InputError(
            f"holds a search with {name}={before.get(name)!r}, not {settings[name]!r}",
            where=str(out), fix="give the same options to go on, or another --out",
        )  # fmt: skip


def _finish(
    domain: Any, search: Search, ledger: Ledger, out: Path, settings: dict[str, Any], console: Any
) -> None:
    import numpy as np

    from physgan.training.files import write_atomic

    finite = np.isfinite(ledger.values)
    order = np.argsort(-np.where(finite, ledger.values, -np.inf), kind="stable")
    order = order[: min(SHOWN, int(finite.sum()))]
    names = search.space.spell(ledger.tokens[order])
    table = Table(title=f"The best of {len(ledger)} answers", title_justify="left")
    for column in ("", "sample", "value", "call", "from"):
        table.add_column(column)
    for rank, (row, name) in enumerate(zip(order.tolist(), names, strict=True), start=1):
        value = f"{ledger.values[row]:.4g}"
        table.add_row(str(rank), name, value, str(row + 1), ledger.sources[row])
    console.print(table)
    best = [
        {"sample": name, "value": float(ledger.values[row]), "call": row + 1}
        for row, name in zip(order.tolist(), names, strict=True)
    ]
    document = {
        "settings": settings,
        "oracle": search.oracle,
        "notes": list(search.notes),
        "calls": len(ledger),
        "unknown": int(np.isnan(ledger.values).sum()),
        "feasible": float(ledger.feasible.mean()) if len(ledger) else None,
        "best": best,
    }
    write_atomic(out / SUMMARY, json.dumps(document, indent=1).encode())
    if len(order):
        samples = list(search.decode(ledger.tokens[order]))
        labels = [f"best-{rank:03d}" for rank in range(1, len(order) + 1)]
        domain.write(samples, labels, out / "best")
    console.print(f"Log, summary and files: {out}", highlight=False, soft_wrap=True)
