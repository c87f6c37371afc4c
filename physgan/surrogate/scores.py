"""How near rollouts of fields stay to held-out sequences, beside doing nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan.sequences import SequenceDomain, Truth
from physgan.surrogate.rollout import Surrogate, rollout

if TYPE_CHECKING:
    from physgan.run import Run


def evaluate_fields(
    domain: SequenceDomain,
    samples: Sequence[Any],
    reference: Sequence[Any],
    *,
    run: Run,
    data: Path | None = None,
    n: int = 16,
    seed: int = 0,
) -> dict[str, float]:
    """``field_scores`` of ``run`` on ``n`` whole test runs of the file ``data``, by default that
    of its training. ``samples`` and ``reference`` are not read: rollouts start from the file."""
    path = data or (Path(run.config.data) if run.config.data else None)
    core: Any = run.core
    own: Any = run.domain
    return field_scores(core, own, own.truths(path, "test", n), seed)


def field_scores(
    surrogate: Surrogate, domain: SequenceDomain, truths: Sequence[Truth], seed: int = 0
) -> dict[str, float]:
    """Means over ``truths`` of the error relative to the deviation of the real field, after the
    first pass and at the end; the same of ``persistence``, the first field kept; at the end also
    the relative error of each watched quantity, and ``passes`` made.

    A rollout that ends early (its states are no longer finite) counts with an infinite error.
    """
    rows: dict[str, list[float]] = {}
    for truth in truths:
        steps = len(truth.times) - 1
        y = {name: torch.tensor([value]) for name, value in truth.y.items()}
        made = rollout(surrogate, domain, truth.states[:1], y, steps=steps, force=True, seed=seed)
        for name, k in (("first", 1), ("last", steps)):
            real = truth.states[k : k + 1]
            done = k < len(made.frames)
            error = _relative(made.frames[k], real) if done else float("inf")
            rows.setdefault(f"error_{name}", []).append(error)
            still = _relative(truth.states[:1], real)
            rows.setdefault(f"persistence_{name}", []).append(still)
        rows.setdefault("passes", []).append(float(made.passes))
        seen = domain.watch(truth.states[-1:], None, y, None)
        for name, watched in seen.items():
            real = float(watched.value)
            end = float(made.watched[name].values[-1])
            rows.setdefault(f"{name}_error", []).append(abs(end - real) / max(abs(real), 1e-12))
    return {name: sum(values) / len(values) for name, values in rows.items()}


def _relative(made: TensorDict, real: TensorDict) -> float:
    own: Tensor = real["field"].double()
    gap: Tensor = made["field"].double() - own
    return float((gap.square().mean() / own.var(correction=0).clamp(min=1e-300)).sqrt())
