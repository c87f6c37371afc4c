"""physgan train --feedback: what a predictor or an oracle praises joins the rows of training."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from physgan.errors import InputError

if TYPE_CHECKING:
    from physgan.conditions import Target

SETTINGS = "feedback.json"
ASKED = {"predictor": 2000, "oracle": 96}
"""Samples that are looked at each time, by who looks."""


def settle_feedback(
    run: Any, wish: str | None, judge: str | None, every: int | None, draws: int | None
) -> dict[str, Any] | None:
    """The settings of the feedback of ``run``: those told, else those that it was begun with.

    None without feedback. Raises InputError for options that fit neither each other nor what
    the run was begun with, and for a target that cannot be praised.
    """
    from physgan.design.guides import check_target

    place = run.folder / SETTINGS
    before = json.loads(place.read_text()) if place.exists() else None
    if wish is None:
        if judge is not None or every is not None or draws is not None:
            raise InputError("--judge, --every and --draws go with --feedback", fix="add it")
        return before
    target = _target(run, wish)
    check_target(target)
    if judge is not None and run.domain.oracle(judge) is None:
        raise InputError(f"no oracle called {judge!r}")
    told = {
        "target": str(target),
        "judge": judge,
        "every": every or 500,
        "draws": draws or ASKED["oracle" if judge else "predictor"],
    }
    if before is not None and told != before:
        name = next(key for key in told if told[key] != before.get(key))
        raise InputError(
            f"this run has feedback with {name}={before.get(name)!r}, not {told[name]!r}",
            where=str(place), fix="resume it without options of feedback",
        )  # fmt: skip
    return told


def train_with_feedback(run: Any, told: dict[str, Any], reporter: Any) -> Any:
    """Train ``run`` to its end with feedback as ``told``; returns the outcome of training."""
    from physgan.design.feedback import feedback_train
    from physgan.design.guides import judged, predicted, usual
    from physgan.training.files import write_atomic

    target = _target(run, told["target"])
    oracle = None if told["judge"] is None else run.domain.oracle(told["judge"])
    predictor = run.predictor() if oracle is None else None
    if oracle is not None:
        guide = judged(run.domain, oracle, target)
    elif predictor is None:
        raise InputError(
            "feedback needs a predictor or an oracle",
            fix="leave out --predictor-minutes 0, or name an oracle with --judge",
        )
    else:
        guide = predicted(predictor, target)
    density = usual(run.domain, run.data["train"].batch["x"])
    write_atomic(run.folder / SETTINGS, json.dumps(told, indent=1).encode())
    pool, outcome = feedback_train(
        run, target, guide, density, every=told["every"], draws=told["draws"],
        say=reporter.say, sure=oracle is not None, reporter=reporter,
    )  # fmt: skip
    calls = getattr(oracle, "calls", None)
    asked = "" if calls is None else f"; the oracle answered {calls} calls"
    reporter.say(f"{pool.share:.0%} of the rows were praised samples (pseudo.csv){asked}")
    return outcome


def _target(run: Any, wish: str) -> Target:
    from physgan.design.targets import read_targets

    return read_targets([wish], run.schema)[0]
