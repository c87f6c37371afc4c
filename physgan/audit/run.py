"""The audit of a run: everything that is measured, with a verdict in plain words."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from physgan.audit import robustness, verdict
from physgan.audit.balance import Balance, balance
from physgan.audit.distances import frechet, kid
from physgan.audit.exploitation.exploit import exploit
from physgan.audit.exploitation.mend import mend
from physgan.audit.exploitation.subject import Subject, subject
from physgan.audit.latents import fixed_latents
from physgan.audit.material import Material, gather
from physgan.audit.neighbours import Coverage, prdc, spread_ratio
from physgan.audit.verdict import Finding
from physgan.conditions import Target, parse_target
from physgan.errors import InputError
from physgan.run import Run


@dataclass
class Audit:
    """Figures by subject, None or empty where something was missing; ``notes`` say what and why.

    ``sight`` is the share of the critic's score that the sample decides, by deviation, where the
    condition decides the rest; ``distances`` hold ``frechet``, ``kid`` and ``spread``;
    ``pictures`` native samples of fixed latents by weights; ``findings`` the verdict. ``curve``,
    ``flips``, ``triggers``, ``holdout`` and ``gain`` are those of ``exploitation.Exploitation``,
    ``repaired`` those of ``exploitation.mend``.
    """

    run: str
    settings: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    sight: float | None = None
    balance: Balance | None = None
    coverage: Coverage | None = None
    distances: dict[str, float] = field(default_factory=dict)
    critic: list[dict[str, Any]] = field(default_factory=list)
    words: list[dict[str, Any]] = field(default_factory=list)
    predictor: list[dict[str, Any]] = field(default_factory=list)
    curve: list[dict[str, Any]] = field(default_factory=list)
    flips: list[dict[str, Any]] = field(default_factory=list)
    triggers: list[dict[str, Any]] = field(default_factory=list)
    holdout: list[dict[str, Any]] = field(default_factory=list)
    gain: dict[str, float] = field(default_factory=dict)
    repaired: list[dict[str, Any]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    pictures: list[tuple[str, list[Any]]] = field(default_factory=list, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, without the pictures."""
        values = {k: v for k, v in vars(self).items() if k != "pictures"}
        for name in ("balance", "coverage"):
            values[name] = None if values[name] is None else asdict(values[name])
        return values | {"findings": [asdict(finding) for finding in self.findings]}


def audit(
    run: Run,
    data: Path | None = None,
    *,
    n: int = 512,
    eps: float = 0.05,
    k: int = 5,
    seed: int = 0,
    latents: int = 6,
    target: str | None = None,
    judge: str | None = None,
    repair: bool = False,
) -> Audit:
    """Audit the opened ``run`` against ``data`` (default: those of its training, if they are here).

    ``n`` samples and rows are compared, ``k`` neighbours make a ball, attacks move each leaf by
    ``eps`` of its deviation, ``latents`` fixed latents are drawn. Whether the predictor is
    exploited is asked of designs for ``target`` (NAME=max and so on; default: the first continuous
    property that is predicted, as high as it goes), beside an auditor and the oracle ``judge``
    (a name, "default" for the domain's own, None: nobody); ``repair`` fits the predictor again
    beside what fooled it. Raises InputError for data that do not exist, targets and oracles that
    are not there and for a core that cannot sample from noise.
    """
    settings = {"n": n, "eps": eps, "k": k, "seed": seed, "data": str(data) if data else None}
    settings |= {"target": target, "judge": judge, "repair": repair}
    material = gather(run, data, n, seed)
    found = Audit(run.folder.resolve().name, settings, material.notes)
    _compare(found, material, k)
    _judge(found, material, eps)
    _predict(found, material, eps)
    _exploit(found, run, data, target, judge, repair, n, seed)
    found.pictures = fixed_latents(run, latents, seed)
    return found


def _compare(found: Audit, material: Material, k: int) -> None:
    if material.points is None:
        return
    fake, real = material.points
    if min(len(fake), len(real)) <= k:
        found.notes.append(f"Fewer than {k + 1} samples can be compared with the data.")
        return
    found.coverage = prdc(real, fake, k)
    spread = spread_ratio(fake, real)
    found.distances = {
        "frechet": frechet(real, fake), "kid": kid(real, fake), "spread": spread
    }  # fmt: skip
    found.findings += verdict.on_coverage(found.coverage, spread)


def _judge(found: Audit, material: Material, eps: float) -> None:
    if material.critic is None:
        found.notes.append(
            "This run has no critic of single samples (its core plays without one, or the weights "
            "were saved without it): balance and attacks on the critic are left out."
        )
        return
    if not material.readable:
        found.notes.append(
            "The critic of this objective says something of a sample only beside real ones: "
            "balance and attacks on the critic are left out."
        )
        return
    objective: Any = material.run.core.objective
    by_sample, total = material.deviations(material.fake[:256])
    found.sight = min(1.0, by_sample / max(total, 1e-12))
    found.findings += verdict.on_sight(found.sight)
    if material.real is not None:
        size = min(len(material.real), len(material.fake), 256)
        real, fake = material.real[:size], material.fake[:size]
        critics = material.score(real), material.score(fake)
        found.balance = balance(critics, objective, real.x, fake.x)
        found.findings += verdict.on_balance(found.balance)
    else:
        found.notes.append("The critic's balance needs real samples: left out.")
    found.critic = robustness.fool_critic(material, eps)
    found.words = robustness.fool_by_words(material)
    found.findings += verdict.on_attacks(found.critic) + verdict.on_words(found.words)


def _predict(found: Audit, material: Material, eps: float) -> None:
    predictor = material.run.predictor()
    if predictor is None:
        found.notes.append("This run has no predictor: attacks on predictions are left out.")
        return
    rows = material.fake if material.real is None else material.real
    found.predictor = robustness.fool_predictor(predictor, rows, eps)
    found.findings += verdict.on_predictor(found.predictor)


def _exploit(
    found: Audit,
    run: Run,
    data: Path | None,
    wish: str | None,
    judge: str | None,
    repair: bool,
    n: int,
    seed: int,
) -> None:
    predictor = run.predictor()
    if predictor is None:
        return
    names = [predictor.names[column] for column in predictor.continuous]
    if wish is None and not names:
        return
    target = Target(names[0], "max") if wish is None else parse_target(wish, run.schema.properties)
    if target.name not in predictor.names:
        raise InputError(f"nothing predicts {target.name!r}", fix=", ".join(predictor.names))
    oracle = None
    if judge is not None:
        oracle = run.domain.oracle(None if judge == "default" else judge)
        if oracle is None:
            raise InputError(f"the domain {run.domain.name!r} has no oracle", fix="leave it out")
    about: Subject = subject(run, predictor, target, oracle, n, seed, data)
    told = exploit(about, seed=seed)
    found.curve, found.flips, found.triggers = told.curve, told.flips, told.triggers
    found.holdout, found.gain = told.holdout, told.gain
    found.notes += told.notes
    found.findings += told.findings
    if repair:
        _, found.repaired = mend(about, predictor)
        found.findings += verdict.on_repair(found.repaired)
