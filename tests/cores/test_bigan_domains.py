"""The BiGAN on the embedded data of every domain that generates, with every kind of objective."""

from typing import Any

import pytest
import torch

from physgan import domain as domains
from physgan.conditions import ConditionSchema
from physgan.cores import BiGAN
from physgan.objectives import OBJECTIVES

SMALL: dict[str, dict[str, Any]] = {
    "crystal": {
        "network": {"width": 16, "attention_heads": 2, "layers": 1},
        "critic_network": {"layers": 1, "hidden": 8, "feature_dim": 8, "cutoff": 3.5, "angular": 0},
    },
    "protein": {"network": {"width": 16, "depth": 1}, "critic_network": {"width": 16, "depth": 1}},
    "terrain": {},
}
KINDS = ("rpgan", "mcgan-covariance", "f-kl", "ebgan", "began", "cramer", "mmd-gan", "gmmn")
"""One that scores, reads features, has a conjugate, an energy, a second fake, a kernel, no critic:
what plays on one domain plays on all, so that one alone is played with every objective."""


@pytest.mark.parametrize("name", SMALL)
def test_objectives_play_on(name: str) -> None:
    domain = domains.load(name)
    data = domain.load(None, "train")
    batch = data.batch[:4]
    known = [p for p in domain.properties if p.name in set(batch["y"].keys())]
    schema = ConditionSchema(known, data.batch["y"])
    advice = domain.recommended()["cores"].get("bigan", {})
    for objective in OBJECTIVES if name == "protein" else KINDS:
        torch.manual_seed(0)
        told = {**advice, **SMALL[name], "objective": objective, "regularizer": "none"}
        core = BiGAN(domain, schema, **told)
        for buffer in core.objective.buffers():  # BEGAN's k past zero, margins above energies
            buffer.fill_(2.0)
        reached = set()
        for turn in core.turns(lambda: batch, 0):
            (loss,) = turn.losses
            assert loss.value.isfinite(), objective
            core.zero_grad(set_to_none=True)
            loss.value.backward(inputs=[p for n in turn.step for p in core.players[n].parameters()])
            for player in turn.step:
                slopes = [p.grad for p in core.players[player].parameters() if p.grad is not None]
                assert all(s.isfinite().all() for s in slopes), (objective, player)
                if any(s.abs().sum() > 0 for s in slopes):
                    reached.add(player)
        assert {"generator", "encoder"} <= reached, objective
