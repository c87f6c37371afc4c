"""Networks that read properties from sequences, of several architectures for one ensemble."""

from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.errors import InputError
from physgan_protein.alphabet import PAD, TOKENS
from physgan_protein.networks.trunk import Reader, layers

MOST_PAIRS = 64
"""Positions up to which a network of pairs is of a sensible size."""


def build_predictor(
    length: int, kind: str = "cnn", width: int = 128, depth: int = 3, dropout: float = 0.0
) -> nn.Module:
    """A network ``(x, given) -> (B, feature_dim)``.

    ``cnn`` sees positions and neighbours, ``mlp`` all positions at once, ``pairs`` single residues
    and pairs of them, no more. Raises InputError for another kind, and for pairs of too long ones.
    """
    if kind == "cnn":
        return Convolutional(length, width, depth, dropout)
    if kind == "mlp":
        return Dense(length, width, depth, dropout)
    if kind == "pairs":
        if length > MOST_PAIRS:
            raise InputError(
                f"pairs of {length} positions are too many", fix=f"at most {MOST_PAIRS}, or cnn"
            )
        return Pairs(length, width)
    raise InputError(f"no predictor network {kind!r}", fix="cnn, mlp or pairs")


class Convolutional(nn.Module):
    """Residual dilated convolutions with an embedding of each place."""

    def __init__(self, length: int, width: int, depth: int, dropout: float) -> None:
        super().__init__()
        self.reader = Reader(length, 0, width=width, depth=depth)
        self.drop = nn.Dropout(dropout)
        self.feature_dim = width

    def forward(self, x: TensorDict, given: TensorDict) -> Tensor:
        residues = x["residues"]
        return self.drop(self.reader(residues, residues.new_zeros(len(residues), 0)))


class Dense(nn.Module):
    """Plain layers on all one-hots."""

    def __init__(self, length: int, width: int, depth: int, dropout: float) -> None:
        super().__init__()
        self.body = layers(length * TOKENS, width, depth)
        self.drop = nn.Dropout(dropout)
        self.feature_dim = width

    def forward(self, x: TensorDict, given: TensorDict) -> Tensor:
        return self.drop(self.body(x["residues"].flatten(1)))


class Pairs(nn.Module):
    """Sums of terms of single residues and of products of two: a factorised Potts model.

    phi_f(x) = sum_i a_if(x_i) + sum_{i<j} u_if(x_i) u_jf(x_j), where the second sum is
    ((sum_i u_i)^2 - sum_i u_i^2) / 2 (factorisation machines; Rendle, ICDM 2010, eq. 5).
    """

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.single = nn.Linear(length * TOKENS, width)
        self.factor = nn.Parameter(torch.randn(length, PAD, width) / length**0.5)
        self.feature_dim = width

    def forward(self, x: TensorDict, given: TensorDict) -> Tensor:
        residues = x["residues"]
        u = torch.einsum("blv,lvf->blf", residues[..., :PAD], self.factor)
        both = (u.sum(dim=1).square() - u.square().sum(dim=1)) / 2
        return self.single(residues.flatten(1)) + both
