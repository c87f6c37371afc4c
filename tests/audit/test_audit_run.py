"""The audit of a whole run: complete where everything is there, plain where something is not."""

from __future__ import annotations

import io
import json
import math
from itertools import pairwise

import pytest
import torch
from rich.console import Console
from small_runs import make_run
from tensordict import TensorDict

from physgan.audit import Audit, audit, fixed_latents
from physgan.audit.page import audit_page, audit_table
from physgan.equip import options_for
from physgan.errors import InputError
from physgan.run import Run
from physgan.testing import GaussianRing

ATTACKS = ["fgsm inf", "fgsm l2", "pgd inf", "pgd l2"]


def test_a_linear_predictor_is_moved_by_the_dual_norm_of_its_weights(trained):
    """And by each attack as far as the closed form says; of two leaves, those chosen alone."""
    from physgan.audit.material import Rows
    from physgan.audit.robustness import fool_predictor
    from physgan.domain import Property
    from physgan.predictors.ensemble import Predictor
    from physgan.predictors.member import Outputs

    w, v = torch.tensor([3.0, -4.0]), torch.tensor([1.0, 2.0, 2.0])

    class Linear(torch.nn.Module):
        def forward(self, x, given):
            mean = (x["a"] @ w + x["deep", "b"] @ v)[:, None]
            return Outputs(mean, torch.zeros_like(mean), ())

    predictor = Predictor([Linear()], (Property("p"),), torch.zeros(1), torch.ones(1))
    said = torch.zeros(40, 1)
    predictor.conformal.calibrate(said, torch.ones(40, 1), torch.linspace(-1, 1, 40)[:, None])
    signs = torch.tensor([[1.0], [-1.0]]).repeat(4, 1)
    x = TensorDict({"a": 2 * signs.repeat(1, 2), "deep": {"b": signs.repeat(1, 3)}}, [8])
    rows = Rows(x, torch.zeros(8, 0), TensorDict({}, [8]))
    # Deviations 2 and 1: l-inf moves by eps (2 |w|_1 + |v|_1), l2 by eps sqrt 5 |(2 w, v)|_2.
    for leaves, inf, two in (
        ((), 14 + 5, (5 * (100 + 9)) ** 0.5),
        (("a",), 14, (2 * 100) ** 0.5),
        (("deep.b",), 5, (3 * 9) ** 0.5),
        (("deep.b", "a"), 14 + 5, (5 * (100 + 9)) ** 0.5),
    ):
        found = fool_predictor(predictor, rows, 0.05, leaves)
        shifts = {row["attack"]: row["shift"] for row in found}
        assert list(shifts) == ATTACKS
        for attack, shift in shifts.items():
            wanted = 0.05 * (inf if attack.endswith("inf") else two)
            assert shift == pytest.approx(wanted, rel=1e-4), (leaves, attack)


def test_a_leaf_that_is_not_there_is_refused(trained):
    run = Run.open(trained)
    with pytest.raises(InputError, match=r"'height' is no floating leaf.*one of point"):
        audit(run, n=64, latents=0, leaves=["height"])
    chosen = audit(run, n=64, latents=0, leaves=["point"])
    assert chosen.settings["leaves"] == ["point"]
    assert chosen.critic == audit(run, n=64, latents=0).critic


def test_everything_is_measured(trained):
    found = audit(Run.open(trained), n=128, latents=2)
    assert not found.notes
    values = found.to_dict()
    assert json.loads(json.dumps(values)) == values
    assert 0 < found.sight <= 1
    assert 0 <= found.balance.separation <= 1 and 0.5 <= found.balance.accuracy <= 1
    assert 0 <= found.coverage.coverage <= 1 and found.distances["frechet"] > 0
    rises = [row["rise"] for row in found.critic]
    assert [row["attack"] for row in found.critic] == ATTACKS and min(rises) > 0
    assert all(rises[i + 2] >= rises[i] - 1e-4 for i in (0, 1)), "PGD is no weaker than FGSM"
    told = [(row["property"], row["attack"]) for row in found.predictor]
    assert told == [("mode", attack) for attack in ATTACKS]
    assert all(0 <= row["flipped"] <= 1 for row in found.predictor)
    assert sum("predictions of mode" in f.text for f in found.findings) == 1, "the worst attack"
    assert found.words == [] and found.findings
    assert [label for label, _ in found.pictures] == [
        "step 0", "step 6", "step 12", found.pictures[3][0], "final",
    ]  # fmt: skip
    page = audit_page(found, GaussianRing())
    assert page.count("<img") == 10 and "Verdict" in page and "separation" in page


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


def test_the_pictures_cover_the_whole_training(tmp_path):
    run = Run.open(make_run(tmp_path / "long", trainer={"steps": 60, "checkpoint_every": 2}))
    found = fixed_latents(run, n=1)
    steps = [int(label.split()[1]) for label, _ in found if label.startswith("step")]
    assert len(steps) == 6 and steps[0] == 0 and steps[-1] == 60
    assert max(b - a for a, b in pairwise(steps)) <= 60 / 3
    assert not (found[0][1][0] == found[2][1][0]).all()


def test_without_critic_and_predictor_it_says_so_and_audits_the_rest(tmp_path):
    run = Run.open(make_run(tmp_path / "plain", adversarial=0.0))
    found = audit(run, n=64, latents=0)
    assert any("no critic" in note for note in found.notes)
    assert any("no predictor" in note for note in found.notes)
    assert found.balance is None and not found.critic and found.coverage is not None


def test_no_critic_that_is_not_there_is_to_be_strengthened(tmp_path):
    run = Run.open(make_run(tmp_path / "run", objective="gmmn", start=0))
    found = audit(run, n=64, latents=0)
    assert any("no critic" in note for note in found.notes)
    changes = " ".join(f.change for f in found.findings)
    assert "play an objective with a critic" in changes
    for option in ("n_critic", "critic_network", "(feature)", "gradient penalty"):
        assert option not in changes, option


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
    run.domain.words = {"words": ("A", "C", "D", "E")}
    (named,) = fool_by_words(Material(run.core, run.domain, rows, rows))
    assert named == row | {"trigger_word": "D"}
    console = Console(width=200, file=io.StringIO())
    console.print(audit_table(Audit("run", {}, words=[named])))
    (line,) = [t for t in console.file.getvalue().splitlines() if "universal trigger" in t]
    assert "by D in one place" in line and f"{row['trigger_rise']:.3g}" in line


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
    assert [row["step"] for row in found.curve] == [0, 6, 12]
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
