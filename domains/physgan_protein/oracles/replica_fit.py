"""Train one member of a replica oracle on a measured table, in stated minutes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from physgan.errors import InputError
from physgan_protein.alphabet import PAD, encode
from physgan_protein.oracles.replica_networks import ARCHITECTURES

FEWEST = 20


@dataclass(frozen=True)
class ReplicaOptions:
    """How a member is trained: Adam on the squared error, the best epoch on held-out rows kept.

    It ends after ``epochs``, after ``minutes``, which are looked at inside epochs too, or when
    ``patience`` epochs bring nothing better; the rate is halved each time half of the patience is
    used up. ``held_out`` is a share of the distinct sequences, the same ones for all members of a
    folder.
    """

    minutes: float = 10.0
    epochs: int = 60
    patience: int = 8
    batch: int = 256
    rate: float = 1e-3
    held_out: float = 0.1
    device: str = "cpu"


@dataclass(frozen=True)
class Fit:
    """What became of a member: held-out Spearman and RMSE (the table's unit), and its cost."""

    architecture: str
    seed: int
    length: int
    rows: int
    held_out: int
    spearman: float
    rmse: float
    epochs: int
    seconds: float
    device: str = "cpu"

    def __str__(self) -> str:
        return (
            f"{self.architecture} seed {self.seed}: Spearman {self.spearman:.3f}, RMSE "
            f"{self.rmse:.3g} on {self.held_out} held-out of {self.rows} sequences, "
            f"{self.epochs} epochs in {self.seconds:.0f} s"
        )


class Member(nn.Module):
    """A network with the mean and the scale of what it was trained on."""

    def __init__(self, architecture: str, length: int) -> None:
        super().__init__()
        self.architecture, self.length = architecture, length
        self.network = ARCHITECTURES[architecture](length)
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("scale", torch.ones(()))
        self.mean: Tensor
        self.scale: Tensor

    def forward(self, tokens: Tensor) -> Tensor:
        """Values ``(B,)`` in the table's unit of tokens ``(B, L)``."""
        return self.standardised(tokens) * self.scale + self.mean

    def standardised(self, tokens: Tensor) -> Tensor:
        return self.network(F.one_hot(tokens, PAD + 1)[..., :PAD].to(self.mean))


def fit_member(
    table: Mapping[str, float],
    architecture: str = "ggs",
    seed: int = 0,
    options: ReplicaOptions | None = None,
) -> tuple[Member, Fit]:
    """Train one member on ``table``, sequences of one length with their values.

    With ``epochs`` as the only limit, equal seeds give equal members on one machine. Raises
    InputError for an unknown architecture, sequences of several lengths and too few of them.
    """
    options = options or ReplicaOptions()
    tokens, values = _tensors(table, architecture)
    held, train = _sides(len(values), options.held_out)
    began = time.monotonic()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        member = Member(architecture, tokens.shape[1])
    member.mean.copy_(values[train].mean())
    member.scale.copy_(values[train].std().clamp_min(1e-12))
    member.to(options.device)
    places = (tokens[train].to(options.device), values[train].to(options.device))
    judged = (tokens[held].to(options.device), values[held].to(options.device))
    epochs = _train(member, places, judged, seed, options, began)
    found = predict(member, judged[0]).cpu()
    wanted = values[held]
    return member.cpu(), Fit(
        architecture,
        seed,
        int(tokens.shape[1]),
        len(values),
        len(wanted),
        spearman(found.numpy(), wanted.numpy()),
        float((found - wanted).square().mean().sqrt()),
        epochs,
        time.monotonic() - began,
        options.device,
    )


@torch.no_grad()
def predict(member: Member, tokens: Tensor, batch: int = 1024) -> Tensor:
    """Values ``(n,)`` of tokens ``(n, L)``."""
    member.eval()
    return torch.cat([member(part) for part in tokens.split(batch)])


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Rank correlation; NaN where one side is constant."""
    from scipy.stats import spearmanr

    if len(np.unique(a)) < 2 or len(np.unique(b)) < 2:
        return float("nan")
    return float(spearmanr(a, b)[0])  # type: ignore[arg-type]


def _train(
    member: Member,
    places: tuple[Tensor, Tensor],
    judged: tuple[Tensor, Tensor],
    seed: int,
    options: ReplicaOptions,
    began: float,
) -> int:
    dice = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(member.network.parameters(), lr=options.rate)
    slower = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimiser, factor=0.5, patience=max(0, options.patience // 2 - 1)
    )
    best, kept, idle, epoch = float("inf"), _copy(member), 0, 0
    spent = False
    while epoch < options.epochs and idle < options.patience and not spent:
        member.train()
        order = torch.randperm(len(places[0]), generator=dice)
        for rows in order.split(options.batch):
            spent = time.monotonic() - began > 60 * options.minutes
            if spent:
                break
            target = (places[1][rows] - member.mean) / member.scale
            loss = F.mse_loss(member.standardised(places[0][rows]), target)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
        epoch += 1
        error = float((predict(member, judged[0]) - judged[1]).square().mean())
        slower.step(error)
        idle = 0 if error < best else idle + 1
        if error < best:
            best, kept = error, _copy(member)
    member.load_state_dict(kept)
    return epoch


def _copy(member: Member) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in member.state_dict().items()}


def _tensors(table: Mapping[str, float], architecture: str) -> tuple[Tensor, Tensor]:
    if architecture not in ARCHITECTURES:
        raise InputError(
            f"no architecture called {architecture!r}", fix=f"one of {', '.join(ARCHITECTURES)}"
        )
    sequences = sorted(table)
    lengths = {len(s) for s in sequences}
    if len(lengths) > 1:
        raise InputError(f"sequences of {len(lengths)} lengths", fix="all of one length")
    if len(sequences) < FEWEST:
        raise InputError(f"{len(sequences)} sequences", fix=f"{FEWEST} or more")
    values = torch.tensor([table[s] for s in sequences], dtype=torch.float32)
    return torch.from_numpy(encode(sequences, lengths.pop())), values


def _sides(size: int, share: float) -> tuple[Tensor, Tensor]:
    """Positions that are held out and that are trained on, the same at each call."""
    order = torch.from_numpy(np.random.default_rng(0).permutation(size))
    cut = min(size - 1, max(2, round(share * size)))
    return order[:cut], order[cut:]
