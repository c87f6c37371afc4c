"""A predictor at rest that tells the generator how far its samples are from what was asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tensordict import TensorDict
from torch import Tensor
from torch.nn import functional as F

from physgan.conditions import ConditionSchema
from physgan.errors import InputError

if TYPE_CHECKING:
    from physgan.predictors import Predictor


class Guide:
    """Wraps a fitted ensemble; its parameters take no gradient and are no part of the core.

    Without a critic beside it a generator finds what the ensemble is wrong about: audit such runs.
    """

    def __init__(self, predictor: Predictor | None, schema: ConditionSchema) -> None:
        if predictor is None:
            raise InputError(
                "a guided core needs the run's predictor before it is trained",
                fix="fit it first (physgan.equip.fit_run_predictor), or set guided to 0",
            )
        self.predictor = predictor.requires_grad_(False).eval()
        self.schema = schema

    def gap(self, x: TensorDict, given: TensorDict, condition: Tensor) -> Tensor:
        """Mean over what is asked of the Huber distance to the predicted numbers, in standardised
        units, plus that of the cross-entropy of the classes; a scalar whose gradient reaches x."""
        predictor = self.predictor.to(condition.device)
        numbers, logits = predictor.read(x, given)
        total = self.schema.gap(numbers, condition) if numbers else condition.new_zeros(())
        asked = self.schema.values(condition)
        for name, each in logits.items():
            label = asked[name]
            if bool((label >= 0).any()):
                mean = each.softmax(dim=-1).mean(dim=0).clamp(min=1e-6).log()
                total = total + F.nll_loss(mean, label.long(), ignore_index=-1)
        return total
