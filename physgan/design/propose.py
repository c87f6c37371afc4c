"""From targets to a ranked list of candidates that an independent oracle has checked."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan.conditions import ConditionSchema, Target
from physgan.design import novelty
from physgan.design.candidate import Candidate, Proposals
from physgan.design.doubts import blind, flag_unusual, ranks_nothing
from physgan.design.estimate import estimate
from physgan.design.judge import judge
from physgan.design.rank import scores
from physgan.design.selection import select, with_plausibility
from physgan.design.targets import Wishes, read_targets, supported
from physgan.design.tiers import constrain
from physgan.domain import Domain, Oracle
from physgan.errors import InputError
from physgan.predictors import Predictor
from physgan.training.folder import FINGERPRINTS, KEYS

LEVEL = 0.9
SEARCHES = ("samples", "latent")


class Run(Protocol):
    """What a proposal needs of a trained run."""

    domain: Domain
    schema: ConditionSchema
    folder: Path

    def ask(self, n: int, targets: Sequence[Target], seed: int) -> tuple[Tensor, TensorDict]: ...

    def sample(self, n: int, targets: Sequence[Target], seed: int) -> TensorDict: ...

    def predictor(self) -> Predictor | None: ...


def propose(
    run: Run,
    targets: Wishes,
    n: int = 20,
    *,
    oversample: int = 32,
    seed: int = 0,
    oracle: bool | str = True,
    filter: bool = False,
    out: Path | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    strict: bool = False,
    keep_known: bool = False,
    training: Iterable[Any] | None = None,
    show_progress: bool = False,
    search: str = "samples",
    generations: int = 20,
    plausible: bool = False,
    diversity: float = 0.0,
) -> Proposals:
    """The ``n`` best of ``n * oversample`` samples for ``targets``.

    With the ``search`` "latent" these are not drawn but searched for: the best that so many
    ``generations`` of as many latents met, by the ranking below.

    Samples pass the projections, are decoded, and invalid ones, repeats and (unless
    ``keep_known``) repeats of the training data are dropped; ``filter`` also drops what fails
    one of the domain's filters. The rest is ranked by ``rank.scores`` with the run's predictor;
    if ``plausible``, by that (where the predictor ranks held-out rows) and by the domain's
    plausibility together, in deviations. With a ``diversity`` the chosen differ in so many places
    on average. The best go to the ``oracle`` (True: the domain's default, a name, False: none)
    through ``executor``. ``training`` are native samples for novelty by matching, in place of the
    hashed keys in the run's folder. ``out`` is a folder that appears whole. Raises InputError for
    targets that cannot be read and, if ``strict``, for those outside the training data.
    """
    from physgan.design.table import check_out, write_proposals

    if n < 1 or oversample < 1 or generations < 1:
        raise InputError(f"n={n}, oversample={oversample}, generations={generations}: all above 0")
    if search not in SEARCHES:
        raise InputError(f"no search called {search!r}", fix=f"one of {', '.join(SEARCHES)}")
    begun = time.monotonic()
    domain, schema = run.domain, run.schema
    asked = read_targets(targets, schema)
    wanted, warnings = supported(asked, schema, strict)
    judge_by = _oracle(domain, oracle, warnings)
    if out is not None:
        check_out(Path(out))

    if search == "latent":
        drawn = _searched(run, n * oversample, wanted, seed, generations, warnings)
    else:
        drawn = run.sample(n * oversample, wanted, seed)
    x, given = _split(drawn)
    if search == "samples":
        given["asked"] = run.ask(n * oversample, wanted, seed)[1]["asked"]
    x = constrain(domain, x, given)
    natives = domain.decode(x)
    counts = {"sampled": len(natives)}
    kept = [i for i, sample in enumerate(natives) if sample is not None]
    counts["decoded"] = len(kept)
    validity = {i: domain.validity(natives[i]) for i in kept}
    kept = [i for i in kept if all(validity[i].values())]
    counts["valid"] = len(kept)
    firsts = novelty.first_equals(domain, [natives[i] for i in kept])
    kept = [i for position, i in enumerate(kept) if firsts[position] == position]
    counts["unique"] = len(kept)
    new = _novelty(run, [natives[i] for i in kept], training, warnings)
    novel = dict(zip(kept, new, strict=True))
    counts["novel"] = sum(flag is True for flag in new)
    if not keep_known:
        kept = [i for i in kept if novel[i] is not False]
    filters = {i: domain.filters(natives[i]) for i in kept}
    passing = [i for i in kept if all(filters[i].values())]
    counts["filtered"] = len(passing)
    kept = passing if filter else kept

    rows = torch.tensor(kept, dtype=torch.long)
    x, given = x[rows], given[rows]
    values, intervals, estimates = estimate(domain, run.predictor(), x, given, LEVEL)
    warnings += [
        f"nothing predicts {target.name}: the ranking leaves it out"
        for target in wanted
        if target.name not in values
    ]
    score, distance = scores(asked, schema, values, intervals, len(kept))
    if plausible:
        unknown = blind(run.predictor(), list(values))
        told = {name: value for name, value in values.items() if name not in unknown}
        score = scores(asked, schema, told, intervals, len(kept))[0]
        score = with_plausibility(score, domain, [natives[i] for i in kept])
    order = select(score, domain, x, n, diversity)
    exact = {p.name: p.exact(x).tolist() for p in domain.properties if p.exact is not None}
    with torch.no_grad():
        laws = {p.name: p.function(x, given).tolist() for p in domain.penalties()}
    found: list[Candidate] = []
    for rank, position in enumerate(order, start=1):
        draw = kept[position]
        found.append(
            Candidate(
                name=f"candidate-{rank:03d}",
                label=domain.label(natives[draw]),
                sample=natives[draw],
                seed=seed,
                draw=draw,
                rank=rank,
                score=float(score[position]),
                distance=float(distance[position]),
                asked={target.name: str(target).partition("=")[2] for target in asked},
                predicted={name: column[position] for name, column in estimates.items()},
                exact={name: column[position] for name, column in exact.items()},
                validity=validity[draw],
                filters=filters[draw],
                laws={name: column[position] for name, column in laws.items()},
                novel=novel[draw],
            )
        )
    if len(found) < n:
        warnings.append(f"{len(found)} of {n} candidates: draw more with a larger oversample")
    fingerprints = novelty.stored_array(run.folder, FINGERPRINTS)
    distances = novelty.nearest_distances(domain, [c.sample for c in found], fingerprints)
    for candidate, gap in zip(found, distances, strict=True):
        candidate.nearest = gap
    flag_unusual(run.predictor(), found, warnings)
    warnings += ranks_nothing(run.predictor(), [target.name for target in wanted], plausible)
    counts["verified"] = 0
    if judge_by is not None:
        counts["verified"] = judge(
            domain, judge_by, found,
            executor=executor, workers=workers, show_progress=show_progress,
        )  # fmt: skip
    proposals = Proposals(
        domain=domain.name,
        targets=asked,
        candidates=found,
        counts=counts,
        oracle=None if judge_by is None else judge_by.name,
        level=LEVEL,
        properties=schema.properties,
        percentiles=_percentiles(schema),
        tolerances={p.name: (p.tolerance, p.unit) for p in domain.penalties()},
        warnings=warnings,
        settings={
            "run": str(run.folder),
            "domain": domain.name,
            "targets": [str(target) for target in asked],
            "n": n,
            "oversample": oversample,
            "seed": seed,
            "search": search,
            "generations": generations if search == "latent" else None,
            "filter": filter,
            "keep_known": keep_known,
            "plausible": plausible,
            "diversity": diversity,
            "oracle": None if judge_by is None else judge_by.name,
            "level": LEVEL,
            "seconds": round(time.monotonic() - begun, 2),
            **_versions(),
        },
    )
    if out is not None:
        proposals.folder = write_proposals(proposals, domain, Path(out))
    return proposals


def _searched(
    run: Any, n: int, targets: Sequence[Target], seed: int, generations: int, warnings: list[str]
) -> TensorDict:
    from physgan.design.latent_search import latent_search, ranking

    score = ranking(run.domain, run.schema, run.predictor(), targets, LEVEL)
    warnings.append(
        "the latents were searched by what is predicted: of what a search chose a prediction is "
        "too good by as much as it errs, and only an oracle tells"
    )
    x, _ = latent_search(
        run, score, n, targets=targets, population=max(n, 64), generations=generations, seed=seed
    )
    return x


def _split(batch: TensorDict) -> tuple[TensorDict, TensorDict]:
    """A run may sample x alone or, where something is given, a batch of x and given."""
    if "x" in batch.keys() and "given" in batch.keys():  # noqa: SIM118
        return batch["x"].cpu(), batch["given"].cpu()
    return batch.cpu(), TensorDict({}, batch_size=batch.batch_size)


def _oracle(domain: Domain, wish: bool | str, warnings: list[str]) -> Oracle | None:
    oracle = domain.oracle(wish if isinstance(wish, str) else None) if wish else None
    if oracle is None:
        warnings.append("no oracle has judged these candidates: predictions alone")
    return oracle


def _novelty(
    run: Run, samples: list[Any], training: Iterable[Any] | None, warnings: list[str]
) -> list[bool | None]:
    keys = None
    if training is None:
        keys = novelty.stored_array(run.folder, KEYS)
        if keys is None:
            warnings.append("no training keys in the run: novelty is unknown")
    return novelty.is_novel(run.domain, samples, training, keys)


def _percentiles(schema: ConditionSchema) -> dict[str, list[float]]:
    return {
        prop.name: schema.quantiles[index].tolist()
        for index, prop in enumerate(schema.properties)
        if prop.classes is None
    }


def _versions() -> dict[str, str]:
    try:
        own = version("physgan")
    except PackageNotFoundError:
        own = "source tree"
    return {"physgan": own, "torch": torch.__version__, "python": platform.python_version()}
