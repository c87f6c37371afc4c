"""The audit of a run: everything that is measured, with a verdict in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from physgan.audit import robustness, verdict
from physgan.audit.attacks import leaves_called
from physgan.audit.exploitation.exploit import exploit
from physgan.audit.exploitation.mend import mend
from physgan.audit.exploitation.subject import Subject, subject
from physgan.audit.judged import Audit, compare
from physgan.audit.judged import judge as judge_critic
from physgan.audit.latents import fixed_latents
from physgan.audit.material import Material, gather
from physgan.audit.sides import audit_sides
from physgan.conditions import Target, parse_target
from physgan.cores.cycle_gan import CycleGAN
from physgan.cores.stepper_gan import StepperGAN
from physgan.errors import InputError
from physgan.run import Run


def audit(
    run: Run,
    data: Path | None = None,
    *,
    n: int = 512,
    eps: float = 0.05,
    leaves: Sequence[str] = (),
    k: int = 5,
    seed: int = 0,
    latents: int = 6,
    target: str | None = None,
    judge: str | None = None,
    repair: bool = False,
) -> Audit:
    """Audit the opened ``run`` against ``data`` (default: those of its training, if they are here).

    ``n`` samples and rows are compared, ``k`` neighbours make a ball, attacks move the
    leaves with these names (a.NAME and b.NAME of a run that translates; none: all floating ones) by
    ``eps`` of their deviation, ``latents`` fixed latents are drawn. Whether the predictor is
    exploited is asked of designs for ``target`` (NAME=max and so on; default: the first continuous
    property that is predicted, as high as it goes), beside an auditor and the oracle ``judge``
    (a name, "default" for the domain's own, None: nobody); ``repair`` fits the predictor again
    beside what fooled it. A run that translates is audited side by side (``audit.sides``). Raises
    InputError for a surrogate, for data that do not exist, and for leaves, targets and oracles
    that are not there.
    """
    if isinstance(run.core, StepperGAN):
        raise InputError(
            "an audit draws samples from nothing, and a surrogate needs a state to go on from",
            where=str(run.folder),
            fix="audit runs that generate or translate; `physgan rollout` judges a surrogate",
        )
    settings = {"n": n, "eps": eps, "leaves": list(leaves), "k": k, "seed": seed}
    settings |= {"data": str(data) if data else None}
    settings |= {"target": target, "judge": judge, "repair": repair}
    name = run.folder.resolve().name
    if isinstance(run.core, CycleGAN):
        if target or judge or repair:
            raise InputError("a run that translates has no predictor to audit")
        return audit_sides(Audit(name, settings), run, data, latents=latents)
    material = gather(run, data, n, seed)
    leaves_called(material.fake.x, leaves)
    found = Audit(name, settings, material.notes)
    compare(found, material, k)
    judge_critic(found, material, eps, leaves)
    _predict(found, run, material, eps, leaves)
    _exploit(found, run, data, target, judge, repair, n, seed)
    found.pictures = fixed_latents(run, latents, seed)
    return found


def _predict(found: Audit, run: Run, material: Material, eps: float, leaves: Sequence[str]) -> None:
    predictor = run.predictor()
    if predictor is None:
        found.notes.append("This run has no predictor: attacks on predictions are left out.")
        return
    rows = material.fake if material.real is None else material.real
    found.predictor = robustness.fool_predictor(predictor, rows, eps, leaves)
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
