"""Search in the latent space of a trained generator for samples that a score praises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan.conditions import ConditionSchema, Target
from physgan.design.estimate import estimate
from physgan.design.rank import scores
from physgan.design.tiers import constrain
from physgan.domain import Domain
from physgan.errors import InputError
from physgan.training import rng

if TYPE_CHECKING:
    from physgan.predictors import Predictor
    from physgan.run import Run

Score = Callable[[TensorDict, TensorDict], Tensor]
"""``(x, given) -> (B,)``, the higher the better; no gradient is asked of it."""


def lower_bound(predictor: Predictor, name: str, doubt: float = 1.0) -> Score:
    """Mean - ``doubt`` * spread of the property ``name`` of an ensemble."""
    if name not in predictor.names:
        raise InputError(f"nothing predicts {name!r}", fix=f"one of {', '.join(predictor.names)}")
    column = predictor.names.index(name)

    def score(x: TensorDict, given: TensorDict) -> Tensor:
        said = predictor.predict(x, given)
        return (said.mean - doubt * said.spread)[:, column].cpu()

    return score


def ranking(
    domain: Domain,
    schema: ConditionSchema,
    predictor: Predictor | None,
    targets: Sequence[Target],
    level: float = 0.9,
) -> Score:
    """How well a sample meets ``targets``: what candidates are ranked by (``rank.scores``), the
    higher the better, with a class's probability in place of yes and no.

    Raises InputError where there is no target, or nothing says how far it is met.
    """
    if not targets:
        raise InputError("a latent search needs a target", fix="state one with --target")
    said = {prop.name for prop in domain.properties if prop.exact is not None}
    said |= set() if predictor is None else set(predictor.names)
    for target in targets:
        if target.name not in said:
            raise InputError(
                f"nothing predicts {target.name!r}: there is nothing to search by",
                fix="train a predictor (physgan train --resume --predictor-minutes M), or leave "
                "out the search",
            )
    learned = set() if predictor is None else set(predictor.names)
    likely = [t for t in targets if t.kind == "class" and t.name in learned]
    rest = [t for t in targets if t not in likely]

    def score(x: TensorDict, given: TensorDict) -> Tensor:
        values, intervals, _ = estimate(domain, predictor, x, given, level)
        total = -scores(rest, schema, values, intervals, len(x))[0]
        if predictor is not None and likely:
            device = predictor.center.device
            logits = predictor.read(x.to(device), given.to(device))[1]
            for target in likely:
                chance = logits[target.name].softmax(dim=2).mean(dim=0)
                total = total + chance[:, int(target.low)].cpu()
        return total

    return score


def latent_search(
    run: Run,
    score: Score,
    n: int = 20,
    *,
    targets: Sequence[Target] = (),
    population: int = 256,
    generations: int = 20,
    elite: float = 0.2,
    seed: int = 0,
) -> tuple[TensorDict, Tensor]:
    """The ``n`` best different samples x that an evolution of z met, with their scores ``(n,)``.

    Differential evolution (Storn & Price 1997) around the ``elite``: z' = a + (b - c) / 2 + noise
    of a tenth of the elite's deviation. No z goes further out than 99 % of the prior's draws, so
    the search stays where the generator was trained. Samples pass the projections before they are
    scored. Fewer come back where fewer differ. Raises InputError for a core without a latent
    space.
    """
    generator = getattr(run.core, "generator", None)
    width = getattr(generator, "latent_dim", None)
    if generator is None or width is None:
        raise InputError("this core has no latent space to search")
    if n < 1 or population < 8 or not 0.0 < elite < 1.0:
        raise InputError(f"n={n}, population={population}, elite={elite} make no search")
    condition, given = run.ask(population, targets, seed)
    device = next(run.core.parameters()).device
    condition, given = condition.to(device), given.to(device)
    found: dict[str, tuple[float, TensorDict]] = {}
    with rng.isolated(seed), torch.no_grad():
        z = _start(run, condition, int(width))
        reach = torch.quantile(z.norm(dim=1), 0.99)
        best_z, best = z, torch.full((population,), -torch.inf)
        for _ in range(generations):
            x = constrain(run.domain, generator(z, condition, given).cpu(), given.cpu())
            value = score(x, given.cpu()).double().nan_to_num(nan=-torch.inf)
            _remember(run, found, x, value)
            joined, values = torch.cat([best_z, z]), torch.cat([best.double(), value])
            order = values.argsort(descending=True, stable=True)[:population]
            best_z, best = joined[order.to(device)], values[order]
            z = _bred(best_z[: max(4, int(elite * population))], population)
            z = z * (reach / z.norm(dim=1, keepdim=True).clamp(min=1e-12)).clamp(max=1.0)
    ranked = sorted(found.values(), key=lambda pair: -pair[0])[:n]
    if not ranked:
        raise InputError("no sample that was met could be built and scored")
    return torch.stack([x for _, x in ranked]), torch.tensor([value for value, _ in ranked])  # type: ignore[return-value]


def _start(run: Run, condition: Tensor, width: int) -> Tensor:
    prior = getattr(run.core, "prior", None)
    if prior is not None:
        return prior.sample(condition)
    return torch.randn(len(condition), width, device=condition.device)


def _bred(elite: Tensor, n: int) -> Tensor:
    a, b, c = (elite[torch.randint(len(elite), (n,), device=elite.device)] for _ in range(3))
    noise = 0.1 * elite.std(dim=0) * torch.randn(n, elite.shape[1], device=elite.device)
    return a + 0.5 * (b - c) + noise


def _remember(
    run: Run, found: dict[str, tuple[float, TensorDict]], x: TensorDict, value: Tensor
) -> None:
    for row, sample in enumerate(run.domain.decode(x)):
        if sample is None or not torch.isfinite(value[row]):
            continue
        # A domain without keys has samples that are never equal.
        key = run.domain.key(sample) or f"{len(found)}"
        if key not in found:
            found[key] = (float(value[row]), x[row])
