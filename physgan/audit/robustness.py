"""How little it takes to fool a run's critic and its predictor."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan.audit.attacks import fgsm, pgd, spread_of
from physgan.audit.material import Material, Rows
from physgan.audit.tokens import hotflip, token_leaves, universal_trigger
from physgan.predictors import Predictor

Figures = dict[str, Any]
LEVEL = 0.9


def attacks(
    loss: Callable[[TensorDict], Tensor], x: TensorDict, eps: float, scale: Mapping[Any, Tensor]
) -> dict[str, TensorDict]:
    """``x`` under each attack; the l2 ball holds changes of eps per varying coordinate."""
    varying = sum(int((torch.as_tensor(s) > 0).sum()) for s in scale.values())
    return {
        "fgsm inf": fgsm(loss, x, eps, "inf", scale=scale),
        "pgd inf": pgd(loss, x, eps, "inf", scale=scale),
        "pgd l2": pgd(loss, x, eps * math.sqrt(max(varying, 1)), "2", scale=scale),
    }


def fool_critic(material: Material, eps: float, most: int = 256) -> list[Figures]:
    """By attack on samples: the mean rise of the score, in units of its deviation over samples
    under one condition, and the share that scores above half of the real rows, before and after."""
    fake = material.fake[:most]
    score = material.score(fake)
    with torch.no_grad():
        before = score(fake.x)
        bar = None
        if material.real is not None:
            real = material.real[:most]
            bar = material.score(real)(real.x).median()
    unit = max(material.deviations(fake)[0], 1e-12)
    rows = []
    for name, changed in attacks(score, fake.x, eps, spread_of(fake.x)).items():
        with torch.no_grad():
            after = score(changed)
        row = {"attack": name, "eps": eps, "rise": float(((after - before) / unit).mean())}
        if bar is not None:
            row["passed_before"] = float((before > bar).double().mean())
            row["passed_after"] = float((after > bar).double().mean())
        rows.append(row)
    return rows


def fool_predictor(predictor: Predictor, rows: Rows, eps: float, most: int = 128) -> list[Figures]:
    """By property: how far PGD (l-inf) moves the predicted mean, up or down, and the share of rows
    that leaves its own interval; of classes, the share whose likeliest class changes."""
    rows = rows[:most]
    scale = spread_of(rows.x)
    said = predictor.predict(rows.x, rows.given)
    low, high = predictor.interval(said, LEVEL)
    found = []
    for column, prop in enumerate(predictor.properties):
        row: Figures = {"property": prop.name, "unit": prop.unit, "eps": eps}
        if prop.classes is None:
            place = predictor.continuous.index(column)
            moved = [
                _moved(predictor, rows, place, sign, eps, scale)[:, column] for sign in (1, -1)
            ]
            shift = torch.stack([(m - said.mean[:, column]).abs() for m in moved])
            out = torch.stack([(m < low[:, column]) | (m > high[:, column]) for m in moved])
            row["shift"] = float(shift.max(dim=0).values.mean())
            row["half_width"] = float((high - low)[:, column].mean() / 2)
            row["left_interval"] = float(out.any(dim=0).double().mean())
        else:
            label = said.mean[:, column].long()
            loss = _doubt(predictor, rows, column, label)
            after = predictor.predict(pgd(loss, rows.x, eps, scale=scale), rows.given)
            row["flipped"] = float((after.mean[:, column].long() != label).double().mean())
        found.append(row)
    return found


def _moved(
    predictor: Predictor, rows: Rows, place: int, sign: int, eps: float, scale: Mapping[Any, Tensor]
) -> Tensor:
    changed = pgd(lambda x: sign * predictor(x, rows.given)[0][:, place], rows.x, eps, scale=scale)
    return predictor.predict(changed, rows.given).mean


def _doubt(
    predictor: Predictor, rows: Rows, column: int, label: Tensor
) -> Callable[[TensorDict], Tensor]:
    """Minus the log probability of the class that is predicted now."""
    classes = [i for i, prop in enumerate(predictor.properties) if prop.classes is not None]
    order = classes.index(column)

    def loss(x: TensorDict) -> Tensor:
        each = [member(x, rows.given).logits[order].softmax(dim=1) for member in predictor.members]
        likely = torch.stack(each).mean(dim=0)
        return -likely.clamp(min=1e-12).log()[torch.arange(len(label)), label]

    return loss


def fool_by_words(material: Material, most: int = 128) -> list[Figures]:
    """By token leaf: how the critic's score of samples rises, in its deviations, by one exchanged
    word per sample (HotFlip) and by one word in the same place of all (a universal trigger)."""
    fake = material.fake[:most]
    score, unit = material.score(fake), max(material.deviations(fake)[0], 1e-12)
    found = []
    for key in token_leaves(fake.x):
        leaf = fake.x[key]
        tokens, weight = leaf.argmax(dim=-1), torch.eye(leaf.shape[-1])
        real = fake.x if material.real is None else material.real.x
        words = real[key].sum(dim=(0, 1)) > 0.5
        positions = leaf.sum(dim=-1) > 0.5

        loss = _on_words(score, fake.x, key, positions)
        flipped = hotflip(loss, tokens, weight, words=words, positions=positions)
        with torch.no_grad():
            before, after = loss(weight[tokens]), loss(weight[flipped])
        everywhere = positions.all(dim=0).nonzero().flatten().tolist()
        row: Figures = {
            "leaf": str(key),
            "hotflip_rise": float((after - before).mean()) / unit,
            "hotflip_helped": float((after > before).double().mean()),
        }
        if everywhere:
            trigger = universal_trigger(
                loss, tokens, weight, everywhere[:1], rounds=2, candidates=8, words=words
            )
            row["trigger_word"] = int(trigger.words[0])
            row["trigger_rise"] = (trigger.after - trigger.before) / unit
        found.append(row)
    return found


def _on_words(
    score: Callable[[TensorDict], Tensor], x: TensorDict, key: Any, positions: Tensor
) -> Callable[[Tensor], Tensor]:
    """``score`` as a function of the words at ``positions (B, L)`` of the leaf ``key``."""

    def loss(embedded: Tensor) -> Tensor:
        changed = x.clone(recurse=False)
        changed[key] = embedded * positions[..., None]
        return score(changed)

    return loss
