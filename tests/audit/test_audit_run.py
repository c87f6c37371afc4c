"""The audit of a whole run: complete where everything is there, plain where something is not."""

from __future__ import annotations

import json
import math

import pytest
import torch
from small_runs import make_run
from tensordict import TensorDict

from physgan.audit import audit, fixed_latents
from physgan.audit.page import audit_page
from physgan.equip import options_for
from physgan.errors import InputError
from physgan.run import Run
from physgan.testing import GaussianRing


def test_everything_is_measured(trained):
    found = audit(Run.open(trained), n=128, latents=2)
    assert not found.notes
    values = found.to_dict()
    assert json.loads(json.dumps(values)) == values
    assert 0 < found.sight <= 1
    assert 0 <= found.balance.separation <= 1 and 0.5 <= found.balance.accuracy <= 1
    assert 0 <= found.coverage.coverage <= 1 and found.distances["frechet"] > 0
    rises = [row["rise"] for row in found.critic]
    assert len(rises) == 3 and all(rise > 0 for rise in rises)
    assert rises[1] >= rises[0] - 1e-4, "PGD is no weaker than FGSM"
    assert [row["property"] for row in found.predictor] == ["mode"]
    assert 0 <= found.predictor[0]["flipped"] <= 1
    assert found.words == [] and found.findings
    assert [label for label, _ in found.pictures] == [
        "step 6", "step 12", found.pictures[2][0], "final",
    ]  # fmt: skip
    page = audit_page(found, GaussianRing())
    assert page.count("<img") == 8 and "Verdict" in page and "separation" in page


def test_it_is_the_same_for_the_same_seed_and_leaves_the_run_as_it_was(trained):
    run = Run.open(trained)
    before = {k: v.clone() for k, v in run.core.state_dict().items() if torch.is_tensor(v)}
    one, two = (audit(run, n=64, latents=1).to_dict() for _ in range(2))
    assert one == two
    after = run.core.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_fixed_latents_differ_with_the_weights_alone(trained):
    run = Run.open(trained)
    first = fixed_latents(run, n=3)
    again = fixed_latents(run, n=3)
    for (label, natives), (same, others) in zip(first, again, strict=True):
        assert label == same and all((a == b).all() for a, b in zip(natives, others, strict=True))
    assert not (first[0][1][0] == first[-1][1][0]).all()


def test_without_critic_and_predictor_it_says_so_and_audits_the_rest(tmp_path):
    run = Run.open(make_run(tmp_path / "plain", adversarial=0.0))
    found = audit(run, n=64, latents=0)
    assert any("no critic" in note for note in found.notes)
    assert any("no predictor" in note for note in found.notes)
    assert found.balance is None and not found.critic and found.coverage is not None


@pytest.mark.parametrize("objective", ["cramer", "mcgan-covariance", "hinge"])
def test_critics_that_read_features_are_audited_beside_real_rows(tmp_path, objective):
    run = Run.open(make_run(tmp_path / "run", objective=objective))
    found = audit(run, n=64, latents=0)
    assert 0 <= found.balance.separation <= 1 and all(row["rise"] > 0 for row in found.critic)
    run.config = run.config.model_copy(update={"data": str(tmp_path / "gone")})
    alone = audit(run, n=64, latents=0)
    assert bool(alone.critic) is (objective == "hinge")


def test_data_that_are_gone_are_noted_and_data_asked_for_are_refused(trained, tmp_path):
    run = Run.open(trained)
    run.config = run.config.model_copy(update={"data": str(tmp_path / "gone.csv")})
    found = audit(run, n=64, latents=0)
    assert any("not here" in note for note in found.notes)
    assert found.balance is None and found.critic and "passed_after" not in found.critic[0]
    with pytest.raises(InputError, match="no such data"):
        audit(run, tmp_path / "gone.csv", n=64)


def test_without_fingerprints_nothing_is_compared(trained, monkeypatch):
    def none(self, samples):
        raise InputError("no fingerprint")

    monkeypatch.setattr(GaussianRing, "fingerprint", none)
    found = audit(Run.open(trained), n=64, latents=0)
    assert found.coverage is None and any("not compared" in note for note in found.notes)


def test_words_are_exchanged_where_there_are_words(trained):
    from physgan.audit.material import Material, Rows
    from physgan.audit.robustness import fool_by_words
    from physgan.domain import Verdict

    liked = torch.tensor([0.0, 1.0, 3.0, 2.0])
    run = Run.open(trained)

    class Critic(torch.nn.Module):
        def forward(self, x, condition, given):
            return Verdict((x["words"] @ liked).sum(1))

    run.core.critic = Critic()
    words = torch.eye(4)[torch.tensor([[0, 1, 1], [1, 0, 0], [0, 0, 2], [3, 1, 0]])]
    rows = Rows(TensorDict({"words": words}, [4]), torch.zeros(4, 0), TensorDict({}, [4]))
    (row,) = fool_by_words(Material(run.core, run.domain, rows, rows))
    scores = (words @ liked).sum(1)
    deviation = (scores - scores.roll(1)).std().item() / 2**0.5
    # HotFlip puts word 2 in place of the worst; the trigger puts it in the first place of all.
    assert row["hotflip_rise"] == pytest.approx((3 + 3 + 3 + 3) / 4 / deviation)
    assert row["trigger_word"] == 2 and row["hotflip_helped"] == 1.0
    assert row["trigger_rise"] == pytest.approx((3 + 2 + 3 + 1) / 4 / deviation)


def test_a_critic_that_reads_the_condition_alone_is_called_blind(trained):
    from physgan.audit.material import gather
    from physgan.audit.verdict import on_sight
    from physgan.domain import Verdict

    run = Run.open(trained)

    class Critic(torch.nn.Module):
        weight = 0.0

        def forward(self, x, condition, given):
            return Verdict(condition.sum(1) + self.weight * x["point"][:, 0])

    run.core.critic = Critic()
    material = gather(run, None, 64, 0)
    own, total = material.deviations(material.fake)
    assert own == 0 and total > 0 and not on_sight(own / total)[0].good
    Critic.weight = 100.0
    own, total = material.deviations(material.fake)
    assert own / total == pytest.approx(1, abs=0.3) and not on_sight(own / total)


def test_robustness_is_an_option_of_predictors(trained):
    assert Run.open(trained).predictor().settings["robust"] == 0.05
    options = options_for(GaussianRing(), 2.0, robust=0.1)
    assert options.robust == 0.1 and math.isclose(options.time_limit, 120)
    with pytest.raises(InputError, match="robust"):
        options_for(GaussianRing(), 2.0, robust=-1.0)


def test_it_says_whether_a_score_was_earned(trained):
    found = audit(Run.open(trained), n=64, latents=0, target="mode=3", seed=2)
    assert [row["step"] for row in found.curve] == [6, 12]
    assert all({"guide", "auditor", "gap"} <= set(row) for row in found.curve)
    assert set(found.gain) == {"guide", "auditor", "guide_there"}
    assert any("earn" in f.text or "than its score" in f.text for f in found.findings)
    assert found.flips == [] and found.holdout == [], "a point has no words"
    assert "The gap curve" in audit_page(found, GaussianRing())
    values = found.to_dict()
    assert json.loads(json.dumps(values)) == values


def test_targets_and_oracles_that_are_not_there_are_refused(trained):
    run = Run.open(trained)
    with pytest.raises(InputError, match="predicts 'radius'"):
        audit(run, n=64, latents=0, target="radius=max")
    asked = audit(run, n=64, latents=0, target="mode=3", judge="default")
    assert "oracle" not in asked.gain and "auditor" in asked.gain
    assert any("knows none" in note for note in asked.notes), "the density says nothing of modes"
