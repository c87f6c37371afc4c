"""Zero-centred gradient penalties (Mescheder et al. 2018, 1801.04406).

They damp the rotation of the game around its equilibrium: the Dirac-GAN's eigenvalues are
-gamma/2 +- sqrt(gamma^2/4 - 1/4).
"""

from __future__ import annotations

from tensordict import TensorDict
from torch import Tensor

from physgan.errors import InputError
from physgan.regularizers.base import CriticFn, Regularizer, score_gradient


class _ZeroCentred(Regularizer):
    def __init__(self, gamma: float = 1.0) -> None:
        if gamma < 0:
            raise InputError(f"gamma is {gamma}", fix="choose gamma >= 0")
        super().__init__(gamma=gamma)

    def _penalty(self, critic_fn: CriticFn, x: TensorDict) -> Tensor:
        square, zero = score_gradient(critic_fn, x)
        return self.hparams["gamma"] / 2 * square.mean() + zero


class R1(_ZeroCentred):
    """gamma/2 * E_real |grad D|^2."""

    def forward(self, critic_fn: CriticFn, real: TensorDict, fake: TensorDict) -> Tensor:
        return self._penalty(critic_fn, real)


class R2(_ZeroCentred):
    """gamma/2 * E_fake |grad D|^2."""

    def forward(self, critic_fn: CriticFn, real: TensorDict, fake: TensorDict) -> Tensor:
        return self._penalty(critic_fn, fake)


class R1R2(_ZeroCentred):
    """R1 + R2, which the relativistic game needs to converge (R3GAN, 2501.05441)."""

    def forward(self, critic_fn: CriticFn, real: TensorDict, fake: TensorDict) -> Tensor:
        return self._penalty(critic_fn, real) + self._penalty(critic_fn, fake)
