"""Lazy regularisation (Karras et al. 2020, StyleGAN2, 1912.04958, appendix B)."""

from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan.errors import InputError
from physgan.regularizers.base import CriticFn, Regularizer


class Lazy(Regularizer):
    """``regularizer`` in every ``interval``-th call, times ``interval``; None in the others.

    The first call is active. The count is part of the state dict, so a resumed run keeps step.
    """

    def __init__(self, regularizer: Regularizer, interval: int = 16) -> None:
        if interval < 1:
            raise InputError(f"the lazy interval is {interval}", fix="choose it >= 1")
        super().__init__(interval=interval)
        self.regularizer = regularizer
        # A plain number, not a buffer: reading a buffer would wait for the accelerator.
        self.calls = 0

    def forward(self, critic_fn: CriticFn, real: TensorDict, fake: TensorDict) -> Tensor | None:
        active = self.calls % self.hparams["interval"] == 0
        self.calls += 1
        if not active:
            return None
        term = self.regularizer(critic_fn, real, fake)
        return None if term is None else self.hparams["interval"] * term

    def rewind(self) -> None:
        """Let the next call repeat the last one, for a turn that is differentiated again."""
        self.calls -= 1

    def get_extra_state(self) -> Tensor:
        return torch.tensor(self.calls)

    def set_extra_state(self, state: Tensor) -> None:
        self.calls = int(state)


def lazy_adam(lr: float, betas: tuple[float, float], interval: int) -> dict[str, object]:
    """Adam's ``lr`` and ``betas`` for a network that makes ``interval`` steps as ``interval`` + 1.

    With c = k / (k + 1): lr * c and beta ** c, as keyword arguments of the optimiser. This is for
    a regulariser with an optimiser step of its own; a term that is added to the loss of the same
    step needs no correction.
    """
    c = interval / (interval + 1)
    return {"lr": lr * c, "betas": (betas[0] ** c, betas[1] ** c)}
