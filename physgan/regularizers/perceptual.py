"""Distances in the features of a network at rest (Johnson et al. 2016, 1603.08155)."""

from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.errors import InputError


class Perceptual(nn.Module):
    """A frozen ``network``, ``(x, given) -> features (B, F)``; gradients pass to x alone.

    As built its weights are random, whose features are a distance already; ``take`` gives it
    those of a trained network, and sets ``trained`` to 1. Both are part of the state dict.
    """

    trained: Tensor

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.requires_grad_(False).eval()
        self.register_buffer("trained", torch.zeros(()))

    def take(self, trained: nn.Module) -> None:
        """Copy the weights of ``trained``, such as the backbone of a property predictor.

        Raises InputError where it is another network.
        """
        try:
            self.network.load_state_dict(trained.state_dict())
        except RuntimeError as error:
            raise InputError(
                "the perceptual network and the predictor's differ in their form",
                fix="give perceptual_network the options of the predictor's first backbone",
            ) from error
        self.trained.fill_(1)

    def train(self, mode: bool = True) -> Perceptual:
        """Always in eval mode, so that a sample's features are its own."""
        return super().train(False)

    def pairs(self, a: TensorDict, b: TensorDict, given: TensorDict) -> Tensor:
        """Mean squared distance of the features of paired samples, a scalar."""
        return (self.network(a, given) - self.network(b, given)).square().mean()

    def means(self, a: TensorDict, b: TensorDict, given: TensorDict) -> Tensor:
        """Mean squared distance of the batches' mean features, a scalar."""
        gap = self.network(a, given).mean(dim=0) - self.network(b, given).mean(dim=0)
        return gap.square().mean()
