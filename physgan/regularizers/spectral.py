"""Spectral normalisation of a whole critic (Miyato et al. 2018, 1802.05957)."""

from __future__ import annotations

from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
NORMALISED = (nn.Linear, nn.Embedding, *_CONVOLUTIONS, *_TRANSPOSED)


def apply_spectral_norm(module: nn.Module, power_iterations: int = 1) -> nn.Module:
    """Divide the weight of every linear map inside ``module`` by its largest singular value.

    Works in place on Linear, Conv, ConvTranspose and Embedding layers, skips those that are
    parametrised already, and returns ``module``. Call it before the optimiser is built: the
    parameter becomes ``parametrizations.weight.original``.
    """
    for layer in list(module.modules()):
        if isinstance(layer, NORMALISED) and not parametrize.is_parametrized(layer, "weight"):
            spectral_norm(layer, "weight", n_power_iterations=power_iterations)
    return module
