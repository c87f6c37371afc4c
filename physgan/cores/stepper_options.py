"""The options of the core that trains steppers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from physgan.cores.criticism import CriticOptions
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

    objective: str = "hinge"
    condition_drop: float = 0.0
    passes: int = 0
    grow_until: float = 0.5
    gradient: Literal["each", "last", "all"] = "each"
    replay: float = 0.0
    replay_rows: int = 256
    adversarial: float = 0.0
    adversarial_from: float = 0.5
    states: bool = True
    pairs: bool = True
    professor: float = 0.0
    professor_constants: dict[str, Any] = field(default_factory=dict)
    professor_objective: str = "non-saturating"
    professor_objective_constants: dict[str, Any] = field(default_factory=dict)
    laws: bool = True
    tolerances: dict[str, float] = field(default_factory=dict)
    network: dict[str, Any] = field(default_factory=dict)


def check(options: StepperOptions, stepper: Stepper) -> None:
    """InputError for options that contradict each other or the stepper."""
    if options.gradient not in ("each", "last", "all"):
        raise InputError(f"gradient is {options.gradient!r}", fix="one of each, last, all")
    if not 0 <= options.replay < 1:
        raise InputError(f"replay is {options.replay}", fix="a share from 0 to below 1")
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
    if options.adversarial <= 0:
        for name in ("objective", "augmentation"):
            if (value := getattr(options, name)) != getattr(StepperOptions, name):
                raise InputError(
                    f"nobody plays by the {name} {value!r}, as adversarial is 0",
                    fix="weigh what critics say: --set core.adversarial=0.01",
                )
