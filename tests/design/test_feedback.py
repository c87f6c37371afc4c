import csv
import io
import math
from types import SimpleNamespace

import pytest
import torch
from rich.console import Console
from tensordict import TensorDict

from physgan import domain as domains
from physgan.conditions import Target
from physgan.design.feedback import (
    RECORD,
    ROWS,
    Brake,
    FeedbackPool,
    admitted,
    chain_density,
    feedback_train,
    guide_of,
)
from physgan.design.latent_search import latent_search
from physgan.domain import Data
from physgan.errors import InputError
from physgan.run import Run
from physgan.testing import GaussianRing
from physgan.training.config import RunConfig


class Keyed(GaussianRing):
    """The ring with keys, so that copies can be told."""

    def key(self, sample):
        return ",".join(f"{v:.6f}" for v in sample)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(domains, "load", lambda name, **options: Keyed(**options))
    values = {
        "domain": "ring",
        "domain_options": {"rows": 400},
        "core_options": {"latent_dim": 2, "adversarial": 0.0, "beta_warmup": 20},
        "trainer": {
            "steps": 160, "batch_size": 64, "lr": 5e-3, "checkpoint_every": 40, "log_every": 40,
            "validate_every": 80, "accelerator": "cpu",
        },
    }  # fmt: skip
    torch.set_num_threads(1)
    return Run.start(tmp_path / "ring", RunConfig.from_dict(values))


def right(x, given):
    return x["point"][:, 0], torch.full((len(x),), 0.1)


def test_the_pool_keeps_its_size_and_lets_the_oldest_go():
    batch = TensorDict({"x": torch.arange(80.0)}, [80])
    pool = FeedbackPool(Data(batch, [str(i) for i in range(80)]), share=0.2)
    assert len(pool.data) == 100 and pool.share == 0.0
    first = pool.place(TensorDict({"x": torch.full((15,), -1.0)}, [15]), 1)
    second = pool.place(TensorDict({"x": torch.full((10,), -2.0)}, [10]), 2)
    assert pool.share == pytest.approx(0.2)
    assert len(set(first.tolist()) & set(second.tolist())) == 5
    assert (pool.data.batch["x"][pool.pseudo] == -2).sum() == 10
    assert (pool.data.batch["x"][:80] == batch["x"]).all() and not pool.pseudo[:80].any()
    assert len(pool.place(TensorDict({"x": torch.zeros(50)}, [50]), 3)) == 20


def test_the_density_of_tokens_knows_what_is_usual():
    words = torch.zeros(200, 5, dtype=torch.long)
    words[:20, 2] = 1
    x = TensorDict({"word": torch.nn.functional.one_hot(words, 3).float()}, [200])
    said = chain_density(x)(x)
    assert said.shape == (200,) and (said[:20] < said[20:].min()).all()
    assert said[50] == pytest.approx(math.log(0.9), abs=0.2)
    with pytest.raises(InputError, match="no tokens"):
        chain_density(TensorDict({"point": torch.randn(4, 2)}, [4]))


def test_the_guide_is_the_ensembles_column():
    class Two:
        names = ("a", "b")

        def predict(self, x, given):
            return SimpleNamespace(mean=x["v"], spread=2 * x["v"])

    mean, spread = guide_of(Two(), "b")(TensorDict({"v": torch.ones(3, 2)}, [3]), None)
    assert mean.tolist() == [1.0] * 3 and spread.tolist() == [2.0] * 3
    with pytest.raises(InputError, match="predicts"):
        guide_of(Two(), "c")


def test_the_brake_holds_back_the_unsure_the_strange_and_the_copied():
    n = 100
    mean, spread = torch.arange(n).float(), torch.full((n,), 0.5)
    density, new = torch.zeros(n), torch.ones(n, dtype=torch.bool)
    spread[99], density[98], new[97] = 2.0, -9.0, False
    rows = admitted(mean, spread, density, new, (1.0, -1.0), best=0.1)
    assert rows.tolist() == [96, 95, 94, 93, 92, 91, 90]


def test_feedback_pulls_samples_to_what_is_praised_and_records_who_joined(run):
    domain = run.domain
    pool, outcome = feedback_train(
        run, Target("radius", "value", 1.0, 1.0), right,
        lambda x: domain.log_density(x["point"]), every=40, draws=300,
        brake=Brake(best=0.3, density=0.02),
    )  # fmt: skip
    assert 0 < pool.share <= 0.2 and outcome.reason == "steps"
    again = FeedbackPool(run.data["train"], 0.2)
    again.restore(run.folder / ROWS)
    assert torch.equal(again.pseudo, pool.pseudo) and torch.equal(again.since, pool.since)
    assert (again.data.batch["x"] == pool.data.batch["x"]).all()
    pseudo = pool.data.batch[pool.pseudo]
    assert pseudo["x", "point"][:, 0].mean() > pool.data.batch["x", "point"][:, 0].mean() + 0.3
    assert torch.allclose(pseudo["y", "radius"], pseudo["x", "point"][:, 0] - 0.1)
    assert (pseudo["y", "mode"] == -1).all()
    with (run.folder / RECORD).open() as file:
        record = list(csv.DictReader(file))
    assert {int(r["step"]) for r in record} <= {40, 80, 120}
    assert len(run.data["train"]) == 400


def test_a_run_without_data_takes_no_feedback(run):
    run.data = None
    with pytest.raises(InputError, match="without its data"):
        feedback_train(run, Target("radius", "max"), right, lambda x: torch.zeros(len(x)))
    with pytest.raises(InputError, match="brake"):
        Brake(best=1.5)


def test_latent_search_beats_as_many_plain_samples(run):
    from physgan.training.progress import Reporter

    run.train(reporter=Reporter(Console(file=io.StringIO(), force_terminal=False)))
    goal = run.domain.centres[3]

    def score(x, given):
        return -(x["point"] - goal).norm(dim=1)

    x, value = latent_search(run, score, 10, population=64, generations=8, seed=1)
    assert len(x) == 10 and (value.diff() <= 0).all()
    assert torch.allclose(score(x, None).double(), value.double(), atol=1e-6)
    plain = score(run.sample(64, seed=2), None)
    assert value.mean() > plain.topk(10).values.mean()
    again, _ = latent_search(run, score, 10, population=64, generations=8, seed=1)
    assert torch.equal(again["point"], x["point"])
