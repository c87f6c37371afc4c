"""The fit loop of one member: AdamW, cosine schedule, averaged weights, early stop."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.predictors.member import Member, member_loss
from physgan.predictors.options import PredictorOptions

Step = Callable[[float, float], None]
"""Called after each epoch with the fraction done and the held-out loss."""


class _Average:
    """Exponential moving average whose memory grows from 10 steps to ``decay``."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = copy.deepcopy(model).requires_grad_(False)
        self.decay, self.count = decay, 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        self.count += 1
        decay = min(self.decay, self.count / (self.count + 10.0))
        mine = list(self.model.parameters())
        theirs = [parameter.detach() for parameter in model.parameters()]
        torch._foreach_lerp_(mine, theirs, 1.0 - decay)  # type: ignore
        for ours, other in zip(self.model.buffers(), model.buffers(), strict=True):
            ours.copy_(other)


def _loss_on(
    member: Member, rows: TensorDict, index: Tensor, options: PredictorOptions, beta: float
) -> Tensor:
    part = rows[index].to(options.device)
    return _loss_at(part["x"], member, part, beta)


def _loss_at(x: TensorDict, member: Member, part: TensorDict, beta: float) -> Tensor:
    """The loss of ``part`` with ``x`` in place of its samples."""
    columns = part["classes"].unbind(dim=1)
    return member_loss(member(x, part["given"]), part["target"], columns, beta)


def robust_loss(
    member: Member, part: TensorDict, eps: float, beta: float, scale: Mapping[Any, Tensor]
) -> Tensor:
    """The mean of the loss of ``part`` and of its rows moved by FGSM, ``eps * scale`` a leaf; the
    plain loss for eps = 0."""
    plain = _loss_at(part["x"], member, part, beta)
    if not eps:
        return plain
    from physgan.audit.attacks import fgsm

    worse = fgsm(lambda x: _loss_at(x, member, part, beta), part["x"], eps, scale=scale)
    return (plain + _loss_at(worse, member, part, beta)) / 2


@torch.no_grad()
def _held_out(member: Member, rows: TensorDict, index: Tensor, options: PredictorOptions) -> float:
    member.eval()
    total = 0.0
    for part in index.split(options.batch_size):
        # beta = 0: the proper likelihood decides, whatever weighting trained the member.
        total += float(_loss_on(member, rows, part, options, 0.0)) * len(part)
    return total / len(index)


def fit_member(
    member: Member,
    rows: TensorDict,
    options: PredictorOptions,
    *,
    seed: int,
    seconds: float | None,
    after_epoch: Step = lambda fraction, loss: None,
) -> Member:
    """Train ``member`` on ``rows`` and return its averaged weights at their best epoch.

    ``rows`` holds ``x``, ``given``, ``target (N, P)`` standardised and ``classes (N, K)``.
    A fixed ``stop_fraction`` of the rows is held out for the early stop.
    """
    size = len(rows)
    draw = torch.Generator().manual_seed(seed)
    shuffled = torch.randperm(size, generator=torch.Generator().manual_seed(options.seed))
    held = max(1, min(size - 1, round(options.stop_fraction * size)))
    stop, train = shuffled[:held], shuffled[held:]
    if options.bagging:
        train = train[torch.randint(len(train), (len(train),), generator=draw)]
    member.to(options.device)
    average = _Average(member, options.ema)
    optimizer = torch.optim.AdamW(
        member.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay
    )
    total = options.epochs * math.ceil(len(train) / options.batch_size)
    scale = _deviations(rows, options)
    step, begun, best, waited = 0, time.monotonic(), math.inf, 0
    kept = average.model.state_dict()
    for epoch in range(options.epochs):
        member.train()
        order = train[torch.randperm(len(train), generator=draw)]
        for index in order.split(options.batch_size):
            spent = 0.0 if seconds is None else (time.monotonic() - begun) / seconds
            if spent >= 1.0:
                break
            _set_rate(optimizer, options.learning_rate, step, max(step / total, spent))
            optimizer.zero_grad(set_to_none=True)
            part = rows[index].to(options.device)
            robust_loss(member, part, options.robust, options.beta, scale).backward()
            nn.utils.clip_grad_norm_(member.parameters(), 5.0)
            optimizer.step()
            average.update(member)
            step += 1
        loss = _held_out(average.model, rows, stop, options)  # type: ignore[arg-type]
        if loss < best:
            best, waited = loss, 0
            kept = {k: v.clone() for k, v in average.model.state_dict().items()}
        else:
            waited += 1
        spent = 0.0 if seconds is None else (time.monotonic() - begun) / seconds
        after_epoch(max((epoch + 1) / options.epochs, spent), loss)
        if waited > options.patience or spent >= 1.0:
            break
    member.load_state_dict(kept)
    return member.eval().requires_grad_(False)


def _deviations(rows: TensorDict, options: PredictorOptions) -> Mapping[Any, Tensor]:
    """The scale of ``options.robust``, where there is need of one."""
    if not options.robust:
        return {}
    from physgan.audit.attacks import spread_of

    return {key: value.to(options.device) for key, value in spread_of(rows["x"]).items()}


def _set_rate(
    optimizer: torch.optim.Optimizer, rate: float, step: int, done: float, warmup: int = 20
) -> None:
    factor = min(1.0, (step + 1) / warmup) * 0.5 * (1.0 + math.cos(math.pi * min(done, 1.0)))
    for group in optimizer.param_groups:
        group["lr"] = rate * factor
