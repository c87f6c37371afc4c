"""The one signature of a critic regulariser, and the gradient they share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.domain import Domain
from physgan.tensors import detach_requires_grad, float_leaves, per_sample_square_norm

CriticFn = Callable[[TensorDict], Tensor]


class Regularizer(nn.Module, ABC):
    """A scalar that is added to the critic's loss, from the critic as a function of x.

    ``critic_fn`` maps a TensorDict x of batch size (B,) to scores ``(B,)`` and must judge each
    sample on its own: batch statistics inside the critic would couple the gradients.
    ``hparams`` holds the constants; ``type(regularizer)(**hparams)`` builds it again.
    """

    def __init__(self, **hparams: Any) -> None:
        super().__init__()
        self.hparams: dict[str, Any] = hparams

    def bind(self, domain: Domain) -> Regularizer:
        """Take from ``domain`` what the term needs; returns itself."""
        return self

    @abstractmethod
    def forward(self, critic_fn: CriticFn, real: TensorDict, fake: TensorDict) -> Tensor | None:
        """The term of the loss, a scalar; None when it rests in this step."""


def score_gradient(critic_fn: CriticFn, x: TensorDict) -> tuple[Tensor, Tensor]:
    """Squared norm ``(B,)`` of each sample's score gradient over all floating leaves, and a zero.

    Both are differentiable by the critic's parameters and computed in fp32 under autocast. The
    zero is ``0 * score.sum()``: with it in the loss the backward pass reaches every parameter
    from the critic's output, without which DDP does not reduce the gradient of a penalty alone.
    A leaf that the score does not depend on counts as zero.
    """
    x = detach_requires_grad(x)
    leaves = float_leaves(x)
    # A no-grad caller (an evaluation of the penalty) still needs the graph from x to the score.
    with (
        torch.enable_grad(),
        torch.autocast(next(iter(leaves.values())).device.type, enabled=False),
    ):
        score = critic_fn(x)
        gradients = torch.autograd.grad(
            score.sum(), list(leaves.values()), create_graph=True, materialize_grads=True
        )
        flat = {str(index): gradient for index, gradient in enumerate(gradients)}
        square = per_sample_square_norm(TensorDict(flat, batch_size=x.batch_size))
    return square, 0 * score.sum()
