"""No regulariser, for critics that are bounded in another way."""

from __future__ import annotations

from tensordict import TensorDict

from physgan.regularizers.base import CriticFn, Regularizer


class NoRegularizer(Regularizer):
    """Adds nothing to the critic's loss."""

    def forward(self, critic_fn: CriticFn, real: TensorDict, fake: TensorDict) -> None:
        return None
