"""The typed options of a run, and the error that names the nearest key for a misspelt one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    ValidationError,
    model_validator,
)

from physgan.errors import InputError

Options = TypeVar("Options", bound=BaseModel)
OptimiserName = Literal["adamw", "optimistic-adam", "extra-adam", "sam"]
"""``sam`` is AdamW with the gradient of a nearby worse point (Foret et al. 2021, 2010.01412)."""


class TrainerOptions(BaseModel):
    """How a core is trained.

    ``lrs`` overrides ``lr`` by player; ``critic_lr`` is the two-time-scale rule (Heusel et al.,
    1706.08500) for every critic: the players called ``critic``, ``critic_a`` and so on.
    ``optimiser`` is everyone's, ``optimisers`` overrides it by player; ``sam_rho`` is how far
    sharpness-aware minimisation looks. ``lazy`` gives players the correction of Adam that StyleGAN2
    makes for a regulariser every k steps, c = k / (k + 1): lr * c and beta ** c (Karras et al.,
    1912.04958); there it has a step of its own, here it shares one. ``steps`` and ``max_minutes``
    are totals over all parts of a resumed run; whichever comes first ends it, and with neither
    20 000 steps are taken. ``keep`` checkpoints stay to resume from; of the others the weights
    alone of a few, spread over the run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    steps: int | None = Field(default=None, gt=0)
    max_minutes: float | None = Field(default=None, gt=0)
    batch_size: int = Field(default=256, gt=0)
    lr: float = Field(default=5e-4, gt=0)
    critic_lr: float | None = Field(default=None, gt=0)
    lrs: dict[str, float] = Field(default_factory=dict)
    optimiser: OptimiserName = "adamw"
    optimisers: dict[str, OptimiserName] = Field(default_factory=dict)
    sam_rho: float = Field(default=0.05, gt=0)
    lazy: dict[str, PositiveInt] = Field(default_factory=dict)
    betas: tuple[float, float] = (0.5, 0.99)
    weight_decay: float = Field(default=0.0, ge=0)
    gradient_clip: float | None = Field(default=10.0, gt=0)
    warmup_steps: int = Field(default=100, ge=0)
    schedule: Literal["constant", "cosine"] = "cosine"
    ema_decay: float = Field(default=0.999, ge=0, lt=1)
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    seed: int = Field(default=0, ge=0, lt=2**32)
    threads: int | None = Field(default=None, gt=0)
    log_every: int = Field(default=50, gt=0)
    checkpoint_every: int = Field(default=1000, gt=0)
    validate_every: int = Field(default=1000, gt=0)
    validation_rows: int = Field(default=4096, gt=0)
    keep: int = Field(default=2, gt=0)
    accelerator: str = "auto"
    devices: int = Field(default=1, gt=0)

    @model_validator(mode="before")
    @classmethod
    def _some_end(cls, values: Any) -> Any:
        ends = ("steps", "max_minutes")
        if isinstance(values, dict) and all(values.get(end) is None for end in ends):
            return {**values, "steps": 20_000}
        return values

    @model_validator(mode="after")
    def _in_range(self) -> TrainerOptions:
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError("betas must lie in [0, 1)")
        if not all(rate > 0 for rate in self.lrs.values()):
            raise ValueError("every rate in lrs must be positive")
        return self

    def optimiser_of(self, player: str) -> OptimiserName:
        """The kind of optimiser of ``player``."""
        return self.optimisers.get(player, self.optimiser)

    def rate(self, player: str) -> float:
        """The base learning rate of ``player``."""
        base = self.lr
        if player.partition("_")[0] == "critic" and self.critic_lr is not None:
            base = self.critic_lr
        return self.lrs.get(player, base) * self._correction(player)

    def betas_of(self, player: str) -> tuple[float, float]:
        """Adam's betas of ``player``."""
        c = self._correction(player)
        return self.betas[0] ** c, self.betas[1] ** c

    def _correction(self, player: str) -> float:
        k = self.lazy.get(player)
        return 1.0 if k is None else k / (k + 1)


def build(kind: type[Options], values: Mapping[str, Any], where: str = "") -> Options:
    """``kind(**values)``; raises InputError in plain words, with the nearest key if misspelt."""
    for key in values:
        if key not in kind.model_fields:
            raise unknown_key(key, kind.model_fields, where)
    try:
        return kind(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "missing":
            raise InputError(f"{name!r} is missing", where=where) from error
        said = f"{name} = {first['input']!r}: {first['msg']}" if name else first["msg"]
        raise InputError(said, where=where) from error


def unknown_key(key: str, known: Collection[str], where: str = "") -> InputError:
    """The error for a key that is none of ``known``."""
    near = get_close_matches(key, known, n=1, cutoff=0.5)
    fix = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}"
    return InputError(f"unknown option {key!r}", where=where, fix=fix)
