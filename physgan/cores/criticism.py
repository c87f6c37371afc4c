"""What cores that play against critics share: how a critic is built, held back and what it sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from pydantic import ConfigDict
from tensordict import TensorDict
from torch import Tensor, nn

from physgan import objectives, regularizers
from physgan.cores.ranges import Count
from physgan.domain import Verdict
from physgan.errors import InputError
from physgan.objectives import Objective
from physgan.regularizers import Augmentation, Lazy, Regularizer
from physgan.tensors import float_leaves

HELD = ("regularizer", "regularizer_constants", "augmentation", "augmentation_constants")
"""The options of what the critic is held back by."""

PLAYED = ("objective", "objective_constants", *HELD)


@dataclass(frozen=True)
class CriticOptions:
    """``regularizer_interval``: the term is added so seldom, and as much heavier (``Lazy``).
    ``augmentation`` names what real and fake pass through before the critic; with the constant
    ``adaptive`` it is ADA. ``spectral_norm`` divides every linear map of the critic by its largest
    singular value. ``n_critic`` moves of the critic go to one of those who play against it.
    ``weighed`` says which options play nothing while the weight of that name is 0.
    """

    __pydantic_config__ = ConfigDict(allow_inf_nan=False)
    weighed: ClassVar[Mapping[str, tuple[str, ...]]] = {"adversarial": PLAYED}

    objective: str = "non-saturating"
    objective_constants: dict[str, Any] = field(default_factory=dict)
    regularizer: str = "r1"
    regularizer_constants: dict[str, Any] = field(default_factory=dict)
    regularizer_interval: Count = 8
    augmentation: str | None = None
    augmentation_constants: dict[str, Any] = field(default_factory=dict)
    spectral_norm: bool = False
    n_critic: Count = 1
    critic_network: dict[str, Any] = field(default_factory=dict)

    def parts(self) -> tuple[Objective, Regularizer, Augmentation | None]:
        """What the critic is judged and held back by, bound to no domain.

        Raises InputError for unknown names and constants, for constants of an augmentation that
        none is named for, and for an adaptive one where the sign of scores says nothing.
        """
        objective = objectives.build(self.objective, **self.objective_constants)
        regularizer = regularizers.build(self.regularizer, **self.regularizer_constants)
        if self.augmentation is None:
            if self.augmentation_constants:
                raise InputError(
                    "core.augmentation_constants are given without an augmentation",
                    fix="name it as well: core.augmentation=domain, or diffaugment for 2-D fields",
                )
            return objective, regularizer, None
        augmentation = regularizers.build_augmentation(
            self.augmentation, **self.augmentation_constants
        )
        if augmentation.adaptive and not objective.signed:
            raise InputError(
                f"adaptive augmentation reads the sign of scores, which says nothing in the "
                f"objective {self.objective!r}",
                fix="choose non-saturating, minimax or hinge, or leave adaptive out",
            )
        return objective, regularizer, augmentation

    def idle(self) -> dict[str, str]:
        """The options that play nothing beside the others, each with what would let it play."""
        found = {
            name: f"core.{weight} above 0"
            for weight, names in self.weighed.items()
            if not getattr(self, weight, 1)
            for name in names
        }
        if not objectives.build(self.objective, **self.objective_constants).needs_critic:
            found |= {n: "an objective with a critic" for n in HELD if n not in found}
        return found


class Criticism(nn.Module):
    """Has an objective, a regulariser and, where one is named, an augmentation.

    All three are modules, so that checkpoints hold their state (ADA's probability).
    """

    objective: Objective
    regularizer: Lazy
    augmentation: Augmentation | None

    def _judge_by(self, domain: Any, options: CriticOptions) -> None:
        """Build all three; ``domain`` offers ``augment`` for what the critic is shown.

        Raises InputError as ``CriticOptions.parts`` does.
        """
        self.objective, regularizer, augmentation = options.parts()
        self.regularizer = Lazy(regularizer.bind(domain), options.regularizer_interval)
        self.augmentation = None if augmentation is None else augmentation.bind(domain)

    def rehearse_on(self, x: TensorDict) -> None:
        """InputError where ``x``, in the units of the critic, cannot be augmented as it will be."""
        for part in self.modules():
            if isinstance(part, Augmentation):
                part(x)

    def _build_critic(
        self,
        plain: Callable[..., nn.Module],
        autoencoding: Callable[..., nn.Module],
        width: int,
        options: CriticOptions,
    ) -> Any:
        """The critic that the objective needs of the two kinds, under conditions of ``width``."""
        kind = autoencoding if self.objective.autoencoding else plain
        critic = kind(width, **options.critic_network)
        return regularizers.apply_spectral_norm(critic) if options.spectral_norm else critic

    def _augmented(self, x: TensorDict) -> TensorDict:
        """``x``, in the units of the critic, as the critic is shown it."""
        return x if self.augmentation is None else self.augmentation(x)

    def fakes(self, verdict: Verdict) -> list[Verdict]:
        """As many independent batches as the objective compares.

        Rows of a batch are independent draws, so the same verdict one row on is another batch.
        """

        def roll(shift: int) -> Verdict:
            features, again = verdict.features, verdict.reconstruction
            rows = torch.arange(len(verdict.score), device=verdict.score.device).roll(shift)
            return Verdict(
                verdict.score[rows],
                None if features is None else features[rows],
                None if again is None else again[rows],  # type: ignore[arg-type]
            )

        return [verdict, *(roll(n) for n in range(1, self.objective.fakes))]

    @torch.no_grad()
    def _after_critic_step(self, critic: nn.Module, *verdicts: Verdict) -> None:
        """Weight clipping, the objective's state and ADA's probability, by the ``verdicts`` of the
        last loss, of which the first is that on real samples."""
        self.objective.after_critic_step(critic, *verdicts)
        if self.augmentation is not None:
            self.augmentation.adapt(verdicts[0].score)

    def _criticism_report(self) -> dict[str, float]:
        """The objective's state, and ADA's probability where there is one."""
        state = {f"objective_{name}": value for name, value in self.objective.report().items()}
        if self.augmentation is not None and self.augmentation.adaptive:
            state["augmentation_probability"] = float(self.augmentation.probability)
        return state


def data_features(x: TensorDict, *beside: Tensor) -> Verdict:
    """Of a game without a critic: the numbers of ``x`` and what is ``beside`` it as features."""
    rows = [leaf.reshape(len(leaf), -1) for leaf in float_leaves(x).values()]
    features = torch.cat([*rows, *beside], dim=1)
    return Verdict(features.new_zeros(len(features)), features)


def prepared(critic: nn.Module | None, x: TensorDict) -> TensorDict:
    """``x`` in the units in which ``critic`` sees it, and in which it is regularised."""
    prepare = getattr(critic, "prepare", None)
    return x if prepare is None else prepare(x)
