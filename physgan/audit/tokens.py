"""Attacks on tokens: HotFlip (1712.06751) and universal triggers (1908.07125).

Both linearise a loss in the embeddings e_i of a sequence: putting word v at position i changes it
by about (E[v] - e_i) . grad_{e_i}. For relaxed one-hot leaves ``(B, L, V)`` the embedding is the
identity ``(V, V)``. Where the loss is linear in the embeddings the estimate is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan.errors import InputError
from physgan.tensors import float_leaves

TokenLoss = Callable[[Tensor], Tensor]
"""Maps embedded tokens ``(B, L, E)`` to what the attack raises, ``(B,)``; samples are apart."""


@dataclass
class Tried:
    """What is known of triggers at one choice of positions, by their words: the mean loss, and the
    mean first order ``(L, V)``. Searches that share it ask nothing twice."""

    means: dict[tuple[int, ...], float] = field(default_factory=dict)
    gains: dict[tuple[int, ...], Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Trigger:
    """Words ``(n,)`` at ``positions`` that raise the mean loss from ``before`` to ``after``."""

    words: Tensor
    positions: tuple[int, ...]
    before: float
    after: float


def first_order(loss: TokenLoss, tokens: Tensor, weight: Tensor) -> Tensor:
    """The estimated change of the loss ``(B, L, V)`` by each word of ``weight (V, E)`` at each
    position of ``tokens (B, L)``."""
    embedded = weight[tokens].detach().requires_grad_()
    with torch.enable_grad():
        (slope,) = torch.autograd.grad(loss(embedded).sum(), embedded)
    here = (slope * embedded.detach()).sum(dim=-1, keepdim=True)
    return slope @ weight.T - here


def hotflip(
    loss: TokenLoss,
    tokens: Tensor,
    weight: Tensor,
    *,
    flips: int = 1,
    words: Tensor | None = None,
    positions: Tensor | None = None,
    candidates: int = 1,
) -> Tensor:
    """``tokens (B, L)`` after at most ``flips`` exchanges, each the best by the first order.

    ``words (V,)`` and ``positions (B, L)`` are masks of what may be put where; a position is
    exchanged once. Where no exchange promises a rise, a row stays as it is. With ``candidates``
    above 1 so many of the most promising exchanges are tried, and the best is kept if it rises.
    """
    tokens, rows = tokens.clone(), torch.arange(len(tokens), device=tokens.device)
    free = torch.ones_like(tokens, dtype=torch.bool) if positions is None else positions.clone()
    for _ in range(flips):
        gain = first_order(loss, tokens, weight).masked_fill(~free[..., None], -torch.inf)
        if words is not None:
            gain = gain.masked_fill(~words, -torch.inf)
        if candidates == 1:
            best = gain.flatten(1).max(dim=1)
            chosen, rises = best.indices, best.values > 0
        else:
            chosen, rises = _tried(loss, tokens, weight, gain, candidates)
        place, word = chosen // len(weight), chosen % len(weight)
        tokens[rows[rises], place[rises]] = word[rises]
        free[rows, place] = False
    return tokens


@torch.no_grad()
def _tried(
    loss: TokenLoss, tokens: Tensor, weight: Tensor, gain: Tensor, candidates: int
) -> tuple[Tensor, Tensor]:
    """The exchange ``(B,)`` that raises the loss most of those with the highest ``gain
    (B, L, V)``, as an index of L * V, and whether it does raise it."""
    top = gain.flatten(1).topk(min(candidates, gain[0].numel()), dim=1)
    here, rises = loss(weight[tokens]), []
    for indices, promised in zip(top.indices.T, top.values.T, strict=True):
        tried = tokens.scatter(1, indices[:, None] // len(weight), indices[:, None] % len(weight))
        rise = loss(weight[tried]) - here
        rises.append(rise.masked_fill(promised == -torch.inf, -torch.inf))
    best = torch.stack(rises, dim=1).max(dim=1)
    return top.indices.gather(1, best.indices[:, None])[:, 0], best.values > 0


def universal_trigger(
    loss: TokenLoss,
    tokens: Tensor,
    weight: Tensor,
    positions: Sequence[int],
    *,
    rounds: int = 5,
    candidates: int = 20,
    words: Tensor | None = None,
    start: int | Sequence[int] | None = None,
    tried: Tried | None = None,
) -> Trigger:
    """One choice of words at ``positions`` that raises the mean loss over all rows most.

    Each round goes through the positions: the ``candidates`` words that the averaged first order
    puts highest are tried, and the best is kept. It ends early when a round changes nothing.
    ``start`` is the word, or a word for each, that stands at the positions first, by default what
    is there in each row (the first round then puts one). ``tried`` is what earlier searches at the
    same positions of the same rows found. Raises InputError where no word is allowed.
    """
    allowed = torch.ones(len(weight), dtype=torch.bool) if words is None else words
    if not allowed.any() or not positions:
        raise InputError("a trigger needs words and positions", fix="allow at least one of each")
    places = tuple(int(p) for p in positions)
    trigger = torch.full((len(places),), -1)
    if start is not None:
        trigger[:] = torch.tensor(start)
    known = Tried() if tried is None else tried

    def mean(words_there: Tensor) -> float:
        key = tuple(words_there.tolist())
        if key not in known.means:
            known.means[key] = _mean(loss, _placed(tokens, words_there, places), weight)
        return known.means[key]

    def promised(words_there: Tensor) -> Tensor:
        key = tuple(words_there.tolist())
        if key not in known.gains:
            current = _placed(tokens, words_there, places)
            known.gains[key] = first_order(loss, current, weight).mean(dim=0)
        return known.gains[key]

    before = mean(torch.full((len(places),), -1))
    value = mean(trigger)
    for _ in range(rounds):
        changed = False
        for turn in range(len(places)):
            gain = promised(trigger)[places[turn]]
            gain = gain.masked_fill(~allowed.to(gain.device), -torch.inf)
            for word in gain.topk(min(candidates, int(allowed.sum()))).indices.tolist():
                put = trigger.clone()
                put[turn] = word
                reached = mean(put)
                if reached > value:
                    trigger, value, changed = put, reached, True
        if not changed:
            break
    return Trigger(trigger, places, before, value)


def token_leaves(x: TensorDict, tolerance: float = 1e-3) -> list[Any]:
    """Keys of the leaves ``(B, L, V)`` whose rows are relaxed one-hot words or all zero."""
    found = []
    for key, leaf in float_leaves(x).items():
        if leaf.ndim != 3 or leaf.shape[-1] < 2 or bool((leaf < -tolerance).any()):
            continue
        total = leaf.sum(dim=-1)
        word, none = (total - 1).abs() < tolerance, total.abs() < tolerance
        if bool((word | none).all()) and bool(word.any()):
            found.append(key)
    return found


def _placed(tokens: Tensor, trigger: Tensor, places: tuple[int, ...]) -> Tensor:
    out = tokens.clone()
    for place, word in zip(places, trigger.tolist(), strict=True):
        if word >= 0:
            out[:, place] = word
    return out


@torch.no_grad()
def _mean(loss: TokenLoss, tokens: Tensor, weight: Tensor) -> float:
    return float(loss(weight[tokens]).mean())
