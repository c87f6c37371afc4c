"""What is said of samples before an oracle is asked: formulas, and a predictor with intervals."""

from __future__ import annotations

from tensordict import TensorDict
from torch import Tensor

from physgan.design.candidate import Estimate
from physgan.domain import Domain
from physgan.predictors import Predictor


def estimate(
    domain: Domain, predictor: Predictor | None, x: TensorDict, given: TensorDict, level: float
) -> tuple[dict[str, Tensor], dict[str, tuple[Tensor, Tensor]], dict[str, list[Estimate]]]:
    """Values and intervals by property, each ``(B,)``, and the predictor's Estimates."""
    values: dict[str, Tensor] = {}
    intervals: dict[str, tuple[Tensor, Tensor]] = {}
    estimates: dict[str, list[Estimate]] = {}
    if predictor is not None:
        prediction = predictor.predict(x, given)
        low, high = (bound.cpu() for bound in predictor.interval(prediction, level))
        mean, spread = prediction.mean.cpu(), prediction.spread.cpu()
        for column, prop in enumerate(predictor.properties):
            values[prop.name] = mean[:, column]
            if prop.classes is None:
                intervals[prop.name] = low[:, column], high[:, column]
            estimates[prop.name] = [
                Estimate(m, s, a, b) if prop.classes is None else Estimate(prop.classes[int(m)], s)
                for m, s, a, b in zip(
                    mean[:, column].tolist(), spread[:, column].tolist(),
                    low[:, column].tolist(), high[:, column].tolist(), strict=True,
                )
            ]  # fmt: skip
    for prop in domain.properties:
        if prop.exact is not None:
            values[prop.name] = prop.exact(x).cpu()
    return values, intervals, estimates
