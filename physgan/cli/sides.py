"""physgan evaluate of a run that translates: each side by its own domain's benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from physgan.cli.options import OWN, fitting
from physgan.errors import InputError
from physgan.pair import SIDES, Pair, place

if TYPE_CHECKING:
    from physgan.domain import Data, Domain
    from physgan.run import Run


def evaluate_sides(
    run: Run,
    data: Path | None,
    side: str | None,
    *,
    n: int,
    seed: int,
    out: Path,
    options: Mapping[str, Any],
) -> dict[str, dict[str, Any]]:
    """By side, of one alone if ``side`` names it, the figures of what is made for it out of at most
    ``n`` test rows of the other, beside its own test rows.

    ``data`` is a folder with a and b in it, by default the run's own. ``options`` are for both
    domains' evaluations, those called ``a.NAME`` and ``b.NAME`` for one; a CSV file by side goes
    to ``out``. Raises InputError for an unknown side and for data that are not there.
    """
    from physgan import domain as domains
    from physgan.cores.cycle_gan import other
    from physgan.translate import translate_rows

    if side is not None and side not in SIDES:
        raise InputError(f"a pair has no side {side!r}", fix="--side a or --side b")
    path = data or (Path(run.config.data) if run.config.data else None)
    if path is not None and not path.exists():
        raise InputError("there are no such data", where=str(path), fix="give some with --data")
    assert isinstance(run.domain, Pair)
    # Fresh domains: reading training rows fits one, and the run's own must stay as they were.
    fresh: Any = domains.load(run.config.domain, **run.config.domain_options)
    chosen = SIDES if side is None else (side,)
    wanted = {
        to: fitting(own_options(options, to), fresh.sides[to].evaluator(), OWN) for to in chosen
    }
    found = {}
    for to in chosen:
        start = other(to)
        rows = run.domain.sides[start].load(place(path, start), "test").batch[:n]
        names = [f"test-{i + 1}" for i in range(len(rows))]
        told = translate_rows(run, rows["x"], rows["given"], names, to=to, seed=seed)
        judge: Domain = fresh.sides[to]
        train, test = (natives(judge, judge.load(place(path, to), s)) for s in ("train", "test"))
        figures = judge.evaluate(
            [*(t.made for t in told.found), *(None for _ in told.failed)],
            test,
            train=train,
            run=None,
            asked=None,
            seed=seed,
            rows=out / f"{to}.csv",
            **wanted[to],
        )
        found[to] = {"translated": len(told.found), "undecodable": len(told.failed), **figures}
    return found


def natives(domain: Domain, data: Data) -> Sequence[Any]:
    """The native samples of ``data``, as the domain kept them or as its rows decode."""
    kept = data.context.get("samples")
    return [s for s in domain.decode(data.batch["x"]) if s is not None] if kept is None else kept


def own_options(options: Mapping[str, Any], side: str) -> dict[str, Any]:
    """The options that ``side`` gets: those of no side, and its own without their prefix."""
    both = {k: v for k, v in options.items() if k.partition(".")[0] not in SIDES}
    start = f"{side}."
    return both | {k.removeprefix(start): v for k, v in options.items() if k.startswith(start)}
