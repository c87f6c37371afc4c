"""The prior's last lesson: encodings that no longer move.

While the encoder learns, the prior chases it and is always a little behind; what is behind shows
as a drift of every marginal of the samples. With encoder and decoder at rest, maximum likelihood
on their encodings closes the gap (the second stage of Dai & Wipf, 1903.05789).
"""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.conditions import ConditionSchema
from physgan.cores.prior import FlowPrior
from physgan.cores.resampling import Encodings, Resampler, anneal

CHECKS = 12
"""Times that the held-out likelihood is looked at; the best weights are kept."""


@dataclass(frozen=True)
class Settled:
    """Mean log p(z | c) of held-out encodings, in nats, before and after."""

    before: float
    after: float
    steps: int
    gain: float
    """Nats by which encodings are told from draws of the prior; what the resampler mends."""


FLOW = 0.6
"""Share of the time for the flow; the rest is the resampler's."""


def settle_prior(
    prior: FlowPrior,
    resampler: Resampler,
    encoder: nn.Module,
    schema: ConditionSchema,
    drop: float,
    train: TensorDict,
    held: TensorDict,
    *,
    seconds: float,
    lr: float = 1e-3,
    batch_size: int = 512,
    seed: int = 0,
) -> Settled:
    """Fit ``prior``, then ``resampler``, in place to encodings of ``train`` within ``seconds``;
    encoder at rest.

    The rate falls to zero as a cosine of the time spent; weights with the best likelihood of the
    encodings of ``held`` are kept, the present ones included.
    """
    begun, steps, seconds, whole = time.monotonic(), 0, FLOW * seconds, seconds
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        judged = _encodings(encoder, schema, held, 0.0)
        best = before = _likelihood(prior, judged)
        kept = copy.deepcopy(prior.state_dict())
        prior.requires_grad_(True).train()
        optimiser = torch.optim.AdamW(prior.parameters(), lr=lr, weight_decay=1e-4)
        checked = 0
        while (spent := (time.monotonic() - begun) / seconds) < 1:
            mean, scale, condition = _encodings(encoder, schema, train, drop)
            for rows in torch.randperm(len(train)).split(batch_size):
                spent = min(1.0, (time.monotonic() - begun) / seconds)
                anneal(optimiser, lr, spent)
                z = mean[rows] + scale[rows] * torch.randn_like(mean[rows])
                loss = -prior.log_prob(z, condition[rows]).mean()
                optimiser.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(prior.parameters(), 10.0)
                optimiser.step()
                steps += 1
            if spent * CHECKS >= checked:
                checked += 1
                best, kept = _better(prior, judged, best, kept)
        best, kept = _better(prior, judged, best, kept)
        prior.load_state_dict(kept)
        prior.requires_grad_(False).eval()
        pairs = _encodings(encoder, schema, train, drop)
        left = max(0.0, whole - (time.monotonic() - begun))
        gain, more = resampler.fit(prior.sample, pairs, judged, seconds=max(left, 1e-3))
    return Settled(before, best, steps + more, gain)


@torch.no_grad()
def _encodings(
    encoder: nn.Module, schema: ConditionSchema, batch: TensorDict, drop: float
) -> Encodings:
    """Posterior mean and scale ``(N, Z)`` and the condition ``(N, C)`` they were made with."""
    parts: list[Encodings] = []
    for piece in batch.split(1024):
        condition = schema.drop(schema(piece["y"]), drop)
        mean, log_variance = encoder(piece["x"], condition, piece["given"])
        parts.append((mean, (0.5 * log_variance).exp(), condition))
    mean, scale, condition = (torch.cat(column) for column in zip(*parts, strict=True))
    return mean, scale, condition


@torch.no_grad()
def _likelihood(prior: FlowPrior, encodings: Encodings) -> float:
    mean, scale, condition = encodings
    noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(0))
    return float(prior.log_prob(mean + scale * noise, condition).mean())


def _better(
    prior: FlowPrior, judged: Encodings, best: float, kept: dict[str, Tensor]
) -> tuple[float, dict[str, Tensor]]:
    now = _likelihood(prior, judged)
    return (now, copy.deepcopy(prior.state_dict())) if now > best else (best, kept)
