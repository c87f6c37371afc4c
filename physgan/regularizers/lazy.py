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
    Only the term is scaled. StyleGAN2 also multiplies Adam's lr by c = k / (k + 1) and raises its
    betas to the power c, because there the regulariser has an optimiser step of its own, k + 1 in
    k iterations; here it is part of the loss of the critic's one step, and nothing is to correct
    (``TrainerOptions.lazy`` does it all the same).
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
