"""Which of the ranked samples a proposal consists of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan.design.batch_choice import choose
from physgan.domain import Domain
from physgan.errors import InputError
from physgan.scales import in_deviations


def with_plausibility(score: Tensor, domain: Domain, samples: Sequence[Any]) -> Tensor:
    """``score (n,)``, small is good, less what the domain knows of how plausible the native
    ``samples`` are, each in deviations over all of them. Raises InputError where it knows nothing.
    """
    known = domain.plausibility(samples)
    if known is None:
        raise InputError(
            f"the domain {domain.name!r} knows nothing of plausibility in this run",
            fix="leave --plausible out",
        )
    return in_deviations(score.double()) - in_deviations(torch.as_tensor(known).double())


def select(score: Tensor, domain: Domain, x: TensorDict, n: int, diversity: float) -> list[int]:
    """The ``n`` best rows by ``score (m,)``, small is good, best first.

    With a ``diversity`` the best of which two differ in so many places on average: places of the
    one leaf of tokens that the domain has. Raises InputError where it has none, or no choice is so
    diverse.
    """
    score = score.nan_to_num(nan=float("inf"))
    if not diversity:
        return score.argsort(stable=True)[:n].tolist()
    if len(domain.words) != 1:
        raise InputError(
            f"diversity counts places of sequences, which {domain.name!r} has not",
            fix="leave --diversity out",
        )
    (leaf,) = domain.words
    tokens = x[leaf].argmax(dim=-1).numpy()
    size = min(n, len(score))
    taken = choose(-score.double().numpy(), tokens, size, diversity=diversity, tolerance=0.0)
    return sorted(taken.tolist(), key=lambda row: float(score[row]))
