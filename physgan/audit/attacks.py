"""Small changes of a sample that a network misjudges most: FGSM and PGD, in l-inf and l2.

Goodfellow et al. (1412.6572) and Madry et al. (1706.06083). A perturbation is ``scale * u`` with
|u| <= eps, where the scale of a leaf is a number or a tensor that broadcasts over its rows (its
deviation in the data, so that eps has no unit and what never varies stays as it is). The norm is
that of each sample, over all attacked leaves together.

Against a linear model both are exact: max (w.x - y)^2 = (|w.x - y| + eps |w|_q)^2 with 1/p+1/q=1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan.errors import InputError
from physgan.tensors import float_leaves, full_precision, per_sample_square_norm

Norm = Literal["inf", "2"]
LossFn = Callable[[TensorDict], Tensor]
"""Maps x of batch size (B,) to what the attack raises, ``(B,)``; samples are apart."""
Scale = Mapping[Any, Tensor | float]


def fgsm(
    loss: LossFn,
    x: TensorDict,
    eps: float,
    norm: Norm = "inf",
    *,
    scale: Scale | None = None,
    leaves: Sequence[Any] | None = None,
) -> TensorDict:
    """``x`` after one step of length ``eps`` up the gradient of ``loss``.

    ``leaves`` are the (nested) keys that may change, by default all floating ones. Raises
    InputError for a leaf that is not there or not floating, a negative eps, an unknown norm.
    """
    scale = _checked(x, eps, norm, scale, leaves)
    return moved(x, _ascent(_gradient(loss, x, scale), eps, norm), scale)


def pgd(
    loss: LossFn,
    x: TensorDict,
    eps: float,
    norm: Norm = "inf",
    *,
    steps: int = 10,
    rate: float = 0.25,
    scale: Scale | None = None,
    leaves: Sequence[Any] | None = None,
) -> TensorDict:
    """``x`` after ``steps`` steps of ``rate * eps``, each projected into the ball of ``fgsm``.

    A step that lowers a sample's loss is forgotten: the result is the best point that was seen.
    """
    scale = _checked(x, eps, norm, scale, leaves)
    here = TensorDict({k: torch.zeros_like(float_leaves(x)[k]) for k in scale}, x.batch_size)
    with torch.no_grad():
        best, highest = here, loss(x)
    for _ in range(steps):
        slope = _gradient(loss, moved(x, here, scale), scale)
        here = _projected(here + _ascent(slope, rate * eps, norm), eps, norm)
        with torch.no_grad():
            value = loss(moved(x, here, scale))
        better = value > highest
        best = _where(better, here, best)
        highest = torch.where(better, value, highest)
    return moved(x, best, scale)


def moved(x: TensorDict, u: TensorDict, scale: Scale) -> TensorDict:
    """``x + scale * u`` on the leaves of ``scale``; the others are those of ``x``."""
    out = x.clone(recurse=True)
    for key in scale:
        out[key] = (x[key] + scale[key] * u[key].to(x[key].dtype)).detach()
    return out


def leaves_called(x: TensorDict, names: Sequence[str]) -> list[Any]:
    """The keys of the floating leaves with these names, those of nested keys joined by dots; all
    of them for no name. InputError for a name that none has."""
    known = {k if isinstance(k, str) else ".".join(k): k for k in float_leaves(x)}
    for name in names:
        if name not in known:
            raise InputError(f"{name!r} is no floating leaf", fix=f"one of {', '.join(known)}")
    return [known[name] for name in dict.fromkeys(names)] if names else list(known.values())


def spread_of(x: TensorDict) -> dict[Any, Tensor]:
    """Each floating leaf's deviation over the batch and, where samples differ at all, one number
    for all its coordinates: the scale of an attack in units of the data."""
    found = {}
    for key, leaf in float_leaves(x).items():
        rows = full_precision(leaf.detach())
        deviation = rows.std(dim=0, unbiased=False)
        root = deviation.square().mean().sqrt()
        found[key] = torch.where(deviation > 0, root, torch.zeros_like(deviation))
    return found


def _checked(
    x: TensorDict, eps: float, norm: str, scale: Scale | None, leaves: Sequence[Any] | None
) -> dict[Any, Tensor | float]:
    if eps < 0:
        raise InputError(f"the size of an attack is {eps}", fix="choose it >= 0")
    if norm not in ("inf", "2"):
        raise InputError(f"no norm {norm!r}", fix="inf or 2")
    known = float_leaves(x)
    wanted = list(known) if leaves is None else list(leaves)
    for key in wanted:
        if key not in known:
            raise InputError(
                f"{key!r} is no floating leaf", fix=f"one of {', '.join(map(str, known))}"
            )
    if not wanted:
        raise InputError("the batch has no floating leaf to attack")
    return {key: 1.0 if scale is None else scale.get(key, 1.0) for key in wanted}


def _gradient(loss: LossFn, x: TensorDict, scale: Scale) -> TensorDict:
    """The gradient by u at the point x, each leaf of ``scale``."""
    out = x.clone(recurse=True)
    points = [full_precision(x[key].detach()).requires_grad_() for key in scale]
    for key, point in zip(scale, points, strict=True):
        out[key] = point
    with torch.enable_grad():
        found = torch.autograd.grad(loss(out).sum(), points, materialize_grads=True)
    slopes = {k: scale[k] * g for k, g in zip(scale, found, strict=True)}
    return TensorDict(slopes, x.batch_size)  # type: ignore[arg-type]


def _ascent(slope: TensorDict, eps: float, norm: str) -> TensorDict:
    """The step of size ``eps`` in ``norm`` that a linear function rises most along."""
    if norm == "inf":
        return slope.apply(lambda leaf: eps * leaf.sign())  # type: ignore[return-value]
    length = per_sample_square_norm(slope).sqrt()
    return _times(slope, torch.where(length > 0, eps / length.clamp(min=1e-30), 0.0))


def _projected(u: TensorDict, eps: float, norm: str) -> TensorDict:
    if norm == "inf":
        return u.apply(lambda leaf: leaf.clamp(-eps, eps))  # type: ignore[return-value]
    length = per_sample_square_norm(u).sqrt()
    return _times(u, (eps / length.clamp(min=1e-30)).clamp(max=1.0))


def _times(u: TensorDict, factor: Tensor) -> TensorDict:
    def leaf(value: Tensor) -> Tensor:
        return value * factor.to(value.dtype).reshape(-1, *[1] * (value.ndim - 1))

    return u.apply(leaf)  # type: ignore[return-value]


def _where(rows: Tensor, yes: TensorDict, no: TensorDict) -> TensorDict:
    def leaf(a: Tensor, b: Tensor) -> Tensor:
        return torch.where(rows.reshape(-1, *[1] * (a.ndim - 1)), a, b)

    return yes.apply(leaf, no)  # type: ignore[return-value]
