"""Consistency: the critic judges a sample and its augmented form alike (CR-GAN, 1910.12027)."""

from __future__ import annotations

from typing import Literal

from tensordict import TensorDict
from torch import Tensor

from physgan.domain import Domain
from physgan.errors import InputError
from physgan.regularizers.augmentation import Augmentation, DomainAugmentation
from physgan.regularizers.base import CriticFn, Regularizer
from physgan.regularizers.diff_augment import DiffAugment

TRANSFORMS: dict[str, type[Augmentation]] = {
    "diffaugment": DiffAugment,
    "domain": DomainAugmentation,
}


class Consistency(Regularizer):
    """weight * E |D(x) - D(T x)|^2 over real samples, T the augmentation of the name given."""

    def __init__(
        self,
        weight: float = 10.0,
        transform: Literal["diffaugment", "domain"] = "diffaugment",
    ) -> None:
        if weight < 0:
            raise InputError(f"the consistency weight is {weight}", fix="choose it >= 0")
        super().__init__(weight=weight, transform=transform)
        self.augmentation = TRANSFORMS[transform]()
        self.augmentation.key = "core.regularizer_constants.transform"

    def bind(self, domain: Domain) -> Regularizer:
        self.augmentation.bind(domain)
        return self

    def forward(self, critic_fn: CriticFn, real: TensorDict, fake: TensorDict) -> Tensor:
        gap = critic_fn(real) - critic_fn(self.augmentation(real))
        return self.hparams["weight"] * gap.square().mean()
