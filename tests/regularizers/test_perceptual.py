import csv
import io
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from tensordict import TensorDict
from torch import Tensor, nn

from physgan import domain as domains
from physgan.conditions import ConditionSchema
from physgan.cores import VAEGAN, PhysicsGAN
from physgan.equip import fit_run_predictor
from physgan.errors import InputError
from physgan.predictors import PredictorOptions
from physgan.regularizers.perceptual import Perceptual
from physgan.run import Run
from physgan.testing import GaussianRing
from physgan.training.config import RunConfig
from physgan.training.progress import Reporter


class Linear(nn.Module):
    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.drop = nn.Dropout(0.9)

    def forward(self, x: TensorDict, given: TensorDict) -> Tensor:
        return self.drop(x["x"] @ self.weight)


def flat(rows: Tensor) -> TensorDict:
    return TensorDict({"x": rows}, [len(rows)])


def test_distances_have_their_closed_forms_and_the_network_rests() -> None:
    weight = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    term, none = Perceptual(Linear(weight)), TensorDict({}, [5])
    term.train()
    torch.manual_seed(0)
    a, b = torch.randn(2, 5, 3)
    a.requires_grad_()
    pairs = term.pairs(flat(a), flat(b), none)
    torch.testing.assert_close(pairs, ((a - b) @ weight).square().mean())
    means = term.means(flat(a), flat(b), none)
    torch.testing.assert_close(means, ((a.mean(0) - b.mean(0)) @ weight).square().mean())
    assert term.pairs(flat(b), flat(b), none).item() == 0.0
    (pairs + means).backward()
    assert a.grad.abs().sum() > 0 and term.network.weight.grad is None


def test_it_takes_the_weights_of_a_trained_network() -> None:
    term, trained = Perceptual(Linear(torch.zeros(3, 4))), Linear(torch.ones(3, 4))
    assert not term.trained
    term.take(trained)
    assert term.trained
    assert torch.equal(term.state_dict()["network.weight"], torch.ones(3, 4))
    with pytest.raises(InputError, match="differ"):
        term.take(Linear(torch.ones(2, 4)))


@pytest.mark.parametrize(
    ("kind", "options"),
    [(PhysicsGAN, {}), (VAEGAN, {"start": 0}), (VAEGAN, {"start": 0, "adversarial": 0.0})],
)
def test_the_cores_weigh_it_and_keep_the_network_as_it_is(kind, options) -> None:
    torch.manual_seed(0)
    ring = GaussianRing(rows=32)
    data = ring.load(None, "train").batch
    schema = ConditionSchema(ring.properties, data["y"])
    core = kind(ring, schema, latent_dim=2, perceptual=0.7, **options)
    frozen = {n: p.clone() for n, p in core.perceptual.named_parameters()}
    assert not any(p.requires_grad for p in core.perceptual.parameters())
    assert not any("perceptual" in player for player in core.players)
    shown = []
    for turn in core.turns(lambda: data[:16], 5):
        shown += [turn.logs["perceptual"]] if "perceptual" in turn.logs else []
        for loss in turn.losses:
            inputs = [p for n in loss.players for p in core.players[n].parameters()]
            loss.value.backward(inputs=inputs, retain_graph=True)
    assert len(shown) == 1 and shown[0] > 0
    assert all(p.grad is None for p in core.perceptual.parameters())
    assert all(torch.equal(frozen[n], p) for n, p in core.perceptual.named_parameters())


def run_of(folder: Path, **options: Any) -> Run:
    values = {
        "domain": "ring",
        "core": "physics-gan",
        "domain_options": {"rows": 64},
        "core_options": {"latent_dim": 2, "perceptual": 1.0, **options},
        "trainer": {"steps": 2, "log_every": 1, "batch_size": 16, "accelerator": "cpu"},
    }
    return Run.start(folder, RunConfig.from_dict(values))


def played(run: Run) -> list[str]:
    """The column of metrics.csv that says whether the features were trained."""
    run.train(reporter=Reporter(Console(file=io.StringIO(), force_terminal=False)))
    with (run.folder / "metrics.csv").open() as file:
        return [row["perceptual_trained"] for row in csv.DictReader(file)]


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domains, "load", lambda name, **options: GaussianRing(**options))


def test_a_run_compares_in_the_features_of_its_own_predictor(ring: None, tmp_path: Path) -> None:
    run = run_of(tmp_path / "run")
    assert run.core.guided, "so that the predictor is fitted first"
    predictor = fit_run_predictor(run, PredictorOptions(members=1, epochs=1, hidden=4))
    assert predictor is not None
    first: Any = predictor.members[0]
    assert {float(value) for value in played(run)} == {1.0}
    opened: Any = Run.open(run.folder).core
    wanted = first.backbone.state_dict()
    found = opened.perceptual.network.state_dict()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_a_run_without_a_predictor_says_that_its_features_are_random(
    ring: None, tmp_path: Path
) -> None:
    run = run_of(tmp_path / "run")
    core: Any = run.core
    before = {n: p.clone() for n, p in core.perceptual.state_dict().items()}
    assert {float(value) for value in played(run)} == {0.0}
    after = core.perceptual.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)
    with pytest.raises(InputError, match="needs the run's predictor"):
        run_of(tmp_path / "guided", guided=1.0).train()


def test_its_network_is_the_one_that_the_domain_advises() -> None:
    asked = []

    class Advised(GaussianRing):
        def recommended(self):
            return {
                "predictor": {
                    "members": 2,
                    "backbone": {"a": 1, "b": 1},
                    "variants": ({"a": 2}, {"a": 3}),
                }
            }

        def predictor(self, **options):
            asked.append(options)
            return super().predictor()

    domain = Advised(rows=32)
    schema = ConditionSchema(domain.properties, domain.load(None, "train").batch["y"])
    PhysicsGAN(domain, schema, perceptual=1.0, perceptual_network={"b": 5})
    assert asked == [{"a": 2, "b": 5}], "of the first variant, and what the user says"
