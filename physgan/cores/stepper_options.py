"""The options of the core that trains steppers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from physgan.cores.criticism import CriticOptions
from physgan.cores.ranges import Count, Natural, Share, Tolerance, Weight
from physgan.errors import InputError
from physgan.sequences import Stepper


@dataclass(frozen=True)
class StepperOptions(CriticOptions):
    """``passes`` is K, 0 for all that the windows have; their number grows from 1 to K over the
    share ``grow_until`` of the training. ``adversarial`` weighs the critics of ``states`` and of
    ``pairs``, who play from the share ``adversarial_from`` of the training on. ``replay`` is the
    share of rows that start from one of the last ``replay_rows`` own states.

    ``professor`` weighs professor forcing by ``professor_objective``, whose rules are the constants
    ``both``, ``critic``, ``stepper`` and ``width`` (``professor_forcing.Rules``); the stepper's
    errors are then those on the data.
    """

    weighed: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **CriticOptions.weighed,
        "professor": (
            "professor_constants",
            "professor_objective",
            "professor_objective_constants",
        ),
    }
    objective: str = "hinge"
    condition_drop: Share = 0.0
    passes: Natural = 0
    grow_until: Share = 0.5
    gradient: Literal["each", "last", "all"] = "each"
    replay: Annotated[float, Field(ge=0, lt=1)] = 0.0
    replay_rows: Count = 256
    adversarial: Weight = 0.0
    adversarial_from: Share = 0.5
    states: bool = True
    pairs: bool = True
    professor: Weight = 0.0
    professor_constants: dict[str, Any] = field(default_factory=dict)
    professor_objective: str = "non-saturating"
    professor_objective_constants: dict[str, Any] = field(default_factory=dict)
    laws: bool = True
    tolerances: dict[str, Tolerance] = field(default_factory=dict)
    network: dict[str, Any] = field(default_factory=dict)


def check(options: StepperOptions, stepper: Stepper) -> None:
    """InputError for options that contradict each other or the stepper."""
    if options.replay and stepper.hidden_dim:
        raise InputError("own states hold no memory, which this stepper has", fix="set replay=0")
    if options.professor and not stepper.behaviour_dim:
        raise InputError(
            "professor forcing needs a memory or activations, of which this stepper tells none",
            fix="set professor=0",
        )
    if options.professor and options.gradient == "last":
        raise InputError("professor forcing needs all passes", fix="set gradient to each or all")
    if options.adversarial > 0 and not (options.states or options.pairs):
        raise InputError("nobody judges: states and pairs are both false")
