"""Settings of a property predictor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from physgan.errors import InputError


@dataclass(frozen=True)
class PredictorOptions:
    """How an ensemble is trained and calibrated.

    ``time_limit`` is in seconds for all members together; the cosine schedule follows whichever
    of epochs and time runs out first. ``stop_fraction`` of the training rows decides when a
    member stops, so that the calibration rows stay untouched. ``beta`` is the exponent of the
    beta-NLL: 0 is the Gaussian likelihood, 1 gives the means the gradient of squared error.
    ``bins`` > 1 calibrates each quantile bin of the predicted value on its own. ``robust`` > 0 is
    adversarial training (Goodfellow et al., 1412.6572, eq. 8 with alpha 1/2): half of the loss is
    that of rows moved by FGSM, each leaf by so many of its deviations in the data. ``backbone`` are
    the domain's network options; members take turns with ``variants``, which go before them, so
    that an ensemble may hold several architectures.
    """

    members: int = 4
    epochs: int = 60
    batch_size: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    ema: float = 0.995
    patience: int = 12
    hidden: int = 128
    beta: float = 0.5
    stop_fraction: float = 0.1
    bagging: bool = False
    robust: float = 0.0
    time_limit: float | None = None
    bins: int = 1
    level: float = 0.9
    seed: int = 0
    device: str = "cpu"
    show_progress: bool = False
    backbone: Mapping[str, Any] = field(default_factory=dict)
    variants: Sequence[Mapping[str, Any]] = ()

    def backbone_of(self, member: int) -> dict[str, Any]:
        """The network options of one member."""
        own = self.variants[member % len(self.variants)] if self.variants else {}
        return {**self.backbone, **own}

    def __post_init__(self) -> None:
        checks = {
            "members": self.members >= 1,
            "epochs": self.epochs >= 1,
            "batch_size": self.batch_size >= 1,
            "stop_fraction": 0 < self.stop_fraction < 1,
            "level": 0 < self.level < 1,
            "bins": self.bins >= 1,
            "ema": 0 <= self.ema < 1,
            "robust": self.robust >= 0,
            "time_limit": self.time_limit is None or self.time_limit > 0,
        }
        for name, good in checks.items():
            if not good:
                value = getattr(self, name)
                raise InputError(f"{name}={value!r} is out of range", where="predictor options")
