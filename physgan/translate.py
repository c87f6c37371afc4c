"""Samples of one domain made into another's by a run that learned to translate."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from tensordict import TensorDict

from physgan.conditions import ConditionSchema
from physgan.cores.cycle_gan import CycleGAN, other
from physgan.domain import Domain
from physgan.errors import InputError
from physgan.files import replace_folder
from physgan.pair import SIDES, Pair, place
from physgan.run import Run
from physgan.training import rng
from physgan.training.files import disk_errors, write_atomic

TABLE, PAGE = "translations.csv", "translations.html"
SHOWN = 24


@dataclass(frozen=True)
class Translation:
    """``made`` (native, of the other side) out of ``source``; ``valid`` are the named checks and
    ``laws`` the residuals of what was made."""

    name: str
    source: Any
    made: Any
    valid: dict[str, bool]
    laws: dict[str, float]


@dataclass
class Translations:
    """What was translated into the domain of the side ``to``; ``failed`` names what could not be
    decoded."""

    run: Run
    to: str
    found: list[Translation] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        """``made/`` and ``source/`` as native files, a table and a page, all or nothing.

        Raises InputError for a folder with other things in it.
        """
        if folder.exists() and not (folder / TABLE).exists() and any(folder.iterdir()):
            raise InputError(
                "holds files that are no translations", where=str(folder), fix="name another folder"
            )
        domains = _sides(self.run)
        names = [t.name for t in self.found]
        with disk_errors(folder), replace_folder(folder) as draft:
            for part, side in (("made", self.to), ("source", other(self.to))):
                (draft / part).mkdir()
                natives = [getattr(t, part) for t in self.found]
                if natives:
                    domains[side].write(natives, names, draft / part)
            write_atomic(draft / TABLE, self._table(domains).encode())
            write_atomic(draft / PAGE, self._page(domains).encode())

    def _table(self, domains: dict[str, Domain]) -> str:
        stream = io.StringIO()
        rows = [
            {
                "name": t.name,
                "source": domains[other(self.to)].label(t.source),
                "made": domains[self.to].label(t.made),
                **{f"valid.{name}": "yes" if value else "no" for name, value in t.valid.items()},
                **{f"laws.{name}": f"{value:.6g}" for name, value in t.laws.items()},
            }
            for t in self.found
        ]
        head = list(rows[0]) if rows else ["name", "source", "made"]
        writer = csv.DictWriter(stream, head, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return stream.getvalue()

    def _page(self, domains: dict[str, Domain]) -> str:
        from physgan.report.figures import to_png
        from physgan.report.html import el, page, table

        source, target = domains[other(self.to)], domains[self.to]
        rows = [
            [
                t.name,
                to_png(source.draw(t.source), f"{t.name}, source", dpi=60),
                to_png(target.draw(t.made), f"{t.name}, made", dpi=60),
            ]
            for t in self.found[:SHOWN]
        ]
        title = f"{source.name} to {target.name}"
        note = f"The first {len(rows)} of {len(self.found)}." if len(rows) < len(self.found) else ""
        return page(
            title, el("h1", title), el("p", note, class_="soft"),
            table(["name", "source", "made"], rows),
        )  # fmt: skip


def translate(
    run: Run,
    source: Path | None = None,
    *,
    to: str = "b",
    n: int | None = None,
    variants: int = 1,
    split: str = "val",
    seed: int = 0,
) -> Translations:
    """The samples at ``source`` as samples of the side ``to`` of the opened ``run``.

    ``source`` is a folder of native files where the domain reads such, else data whose ``split``
    is taken; by default the held-out rows of the data that the run was trained on. At most ``n``
    samples, each in as many ``variants`` (a stochastic translation differs in its noise), after
    every projection of the target. Raises InputError for a run that translates nothing, an unknown
    side and data that are not there.
    """
    domains = _sides(run)
    if to not in SIDES:
        raise InputError(f"a pair has no side {to!r}", fix="a or b")
    x, given, ids = _rows(run, domains[other(to)], other(to), source, split)
    if n is not None:
        x, given, ids = x[:n], given[:n], ids[:n]
    rows = torch.arange(len(x)).repeat_interleave(variants)
    x, given = x[rows], given[rows]
    names = [
        f"{ids[i]}-{k + 1}" if variants > 1 else ids[i]
        for i in range(len(ids)) for k in range(variants)
    ]  # fmt: skip
    return translate_rows(run, x, given, names, to=to, seed=seed)


def translate_rows(
    run: Run, x: TensorDict, given: TensorDict, names: Sequence[str], *, to: str, seed: int = 0
) -> Translations:
    """The rows ``x (n,)`` of the other side, under their ``names``, as samples of the side ``to``,
    after every projection of it; as ``translate`` otherwise."""
    domains = _sides(run)
    made, target_given = _made(run, x, given, to, seed)
    target = domains[to]
    with torch.no_grad():
        laws = {p.name: p.function(made, target_given).tolist() for p in target.penalties()}
    told = Translations(run, to)
    natives = target.decode(made), domains[other(to)].decode(x)
    for row, (name, native, own) in enumerate(zip(names, *natives, strict=True)):
        if native is None or own is None:
            told.failed.append(name)
            continue
        here = {law: values[row] for law, values in laws.items()}
        told.found.append(Translation(name, own, native, target.validity(native), here))
    return told


@torch.no_grad()
def _made(
    run: Run, x: TensorDict, given: TensorDict, to: str, seed: int, batch: int = 256
) -> tuple[TensorDict, TensorDict]:
    """What the translator makes of ``x``, after every projection, and what was given for it."""
    core, target = run.core, _sides(run)[to]
    assert isinstance(core, CycleGAN)
    device = next(core.parameters()).device
    with rng.isolated(seed):
        asked = target.ordinary(ConditionSchema(target.properties), len(x))[1]
        both = TensorDict({other(to): given, to: asked}, x.batch_size)
        parts = [
            core.translate(
                x[i : i + batch].to(device), both[i : i + batch].to(device), other(to) + to
            ).cpu()
            for i in range(0, len(x), batch)
        ]
        made: TensorDict = torch.cat(parts)  # type: ignore[assignment]
        for projection in target.projections():
            made = projection.function(made, asked)
    return made, asked


def _rows(
    run: Run, domain: Domain, side: str, source: Path | None, split: str
) -> tuple[TensorDict, TensorDict, list[str]]:
    """x, given and names of the samples to translate."""
    if source is not None and not source.exists():
        raise InputError("there are no such data", where=str(source))
    reader = getattr(domain, "read_samples", None)
    if source is not None and source.is_dir() and reader is not None:
        x, kept = domain.encode(reader(source))
        return x, TensorDict({}, x.batch_size), [f"sample-{i + 1:04d}" for i in kept]
    if split == "train":
        # Reading training rows would fit the domain anew, and the run's own must stay as it was.
        raise InputError("training rows are not translated", fix="take the split val or test")
    whole = None if run.config.data is None else Path(run.config.data)
    if source is None and whole is not None and not whole.exists():
        raise InputError("the data of this run are not here", where=str(whole), fix="name a source")
    batch = domain.load(source or place(whole, side), split).batch
    return batch["x"], batch["given"], [f"{split}-{i + 1:04d}" for i in range(len(batch))]


def _sides(run: Run) -> dict[str, Domain]:
    if not isinstance(run.domain, Pair) or not isinstance(run.core, CycleGAN):
        raise InputError(
            f"this run is of the core {run.config.core!r}, which translates nothing",
            where=str(run.folder),
            fix="train a pair of domains with cycle-gan or augmented-cycle-gan",
        )
    return run.domain.sides
