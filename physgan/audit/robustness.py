"""How little it takes to fool a run's critic and its predictor."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan.audit.attacks import LossFn, fgsm, leaves_called, pgd, spread_of
from physgan.audit.material import Material, Rows
from physgan.audit.tokens import hotflip, token_leaves, universal_trigger
from physgan.predictors import Predictor

Figures = dict[str, Any]
LEVEL = 0.9


def attacks(
    loss: LossFn, x: TensorDict, eps: float, scale: Mapping[Any, Tensor]
) -> dict[str, TensorDict]:
    """``x`` under each attack on the leaves of ``scale``; the l2 ball holds changes of eps per
    varying coordinate."""
    varying = sum(int((torch.as_tensor(s) > 0).sum()) for s in scale.values())
    wide, told = eps * math.sqrt(max(varying, 1)), {"scale": scale, "leaves": list(scale)}
    return {
        "fgsm inf": fgsm(loss, x, eps, "inf", **told),
        "fgsm l2": fgsm(loss, x, wide, "2", **told),
        "pgd inf": pgd(loss, x, eps, "inf", **told),
        "pgd l2": pgd(loss, x, wide, "2", **told),
    }


def _scale(x: TensorDict, leaves: Sequence[str]) -> dict[Any, Tensor]:
    """The deviations of the leaves with these names, of all for none."""
    spread = spread_of(x)
    return {key: spread[key] for key in leaves_called(x, leaves)}


def fool_critic(
    material: Material, eps: float, leaves: Sequence[str] = (), most: int = 256
) -> list[Figures]:
    """By attack on the ``leaves`` of samples: the mean rise of the score, in units of its deviation
    over samples under one condition, and the share that scores above half of the real rows, before
    and after."""
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
    for name, changed in attacks(score, fake.x, eps, _scale(fake.x, leaves)).items():
        with torch.no_grad():
            after = score(changed)
        row = {"attack": name, "eps": eps, "rise": float(((after - before) / unit).mean())}
        if bar is not None:
            row["passed_before"] = float((before > bar).double().mean())
            row["passed_after"] = float((after > bar).double().mean())
        rows.append(row)
    return rows


def fool_predictor(
    predictor: Predictor, rows: Rows, eps: float, leaves: Sequence[str] = (), most: int = 128
) -> list[Figures]:
    """By property and attack: how far it moves the predicted mean, up or down, and the share of
    rows that leaves its own interval; of classes, the share whose likeliest class changes."""
    rows = rows[:most]
    scale = _scale(rows.x, leaves)
    said = predictor.predict(rows.x, rows.given)
    low, high = predictor.interval(said, LEVEL)
    found: list[Figures] = []
    for column, prop in enumerate(predictor.properties):
        mean = said.mean[:, column]
        row: Figures = {"property": prop.name, "unit": prop.unit, "eps": eps}
        if prop.classes is not None:
            loss = _doubt(predictor, rows, column, mean.long())
            for name, (after,) in _after(predictor, rows, column, [loss], eps, scale).items():
                share = float((after.long() != mean.long()).double().mean())
                found.append({**row, "attack": name, "flipped": share})
            continue
        ways = _up_and_down(predictor, rows, predictor.continuous.index(column))
        bounds = low[:, column], high[:, column]
        for name, moved in _after(predictor, rows, column, ways, eps, scale).items():
            out = torch.stack([(m < bounds[0]) | (m > bounds[1]) for m in moved])
            shift = torch.stack([(m - mean).abs() for m in moved])
            figures = {
                "attack": name,
                "shift": float(shift.max(dim=0).values.mean()),
                "half_width": float((bounds[1] - bounds[0]).mean() / 2),
                "left_interval": float(out.any(dim=0).double().mean()),
            }
            found.append(row | figures)
    return found


def _after(
    predictor: Predictor,
    rows: Rows,
    column: int,
    losses: Sequence[LossFn],
    eps: float,
    scale: Mapping[Any, Tensor],
) -> dict[str, list[Tensor]]:
    """By attack the predicted means ``(B,)`` of one property after it raised each of ``losses``."""
    found: dict[str, list[Tensor]] = {}
    for loss in losses:
        for name, changed in attacks(loss, rows.x, eps, scale).items():
            said = predictor.predict(changed, rows.given).mean[:, column]
            found.setdefault(name, []).append(said)
    return found


def _up_and_down(predictor: Predictor, rows: Rows, place: int) -> list[LossFn]:
    def loss(sign: int) -> LossFn:
        return lambda x: sign * predictor(x, rows.given)[0][:, place]

    return [loss(1), loss(-1)]


def _doubt(predictor: Predictor, rows: Rows, column: int, label: Tensor) -> LossFn:
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
    word per sample (HotFlip) and by one word in the same place of all (a universal trigger), which
    has its name if the domain names words."""
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
            word, names = int(trigger.words[0]), material.domain.words.get(key)
            row["trigger_word"] = word if names is None else names[word]
            row["trigger_rise"] = (trigger.after - trigger.before) / unit
        found.append(row)
    return found


def _on_words(
    score: LossFn, x: TensorDict, key: Any, positions: Tensor
) -> Callable[[Tensor], Tensor]:
    """``score`` as a function of the words at ``positions (B, L)`` of the leaf ``key``."""

    def loss(embedded: Tensor) -> Tensor:
        changed = x.clone(recurse=False)
        changed[key] = embedded * positions[..., None]
        return score(changed)

    return loss
