"""A run of sequences whose predictor has a planted weakness: found, named, repaired."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
import torch
from rich.console import Console
from tensordict import TensorDict

from physgan.audit import audit
from physgan.audit.page import audit_page
from physgan.equip import fit_run_predictor
from physgan.predictors import PredictorOptions, fit_predictor, save_predictor
from physgan.run import PREDICTOR, Run
from physgan.training.config import RunConfig
from physgan.training.progress import Reporter
from physgan_protein import ProteinDomain
from physgan_protein.alphabet import encode, one_hot

LETTERS, LENGTH = "ACDEFGHW", 6
OPTIONS = PredictorOptions(
    members=1, epochs=15, hidden=64, learning_rate=3e-3, backbone={"kind": "mlp"}
)


def score(sequences):
    return [sum(s.count(c) * w for c, w in zip("ACD", (1.0, 0.5, -0.5), strict=True))
            for s in sequences]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run with no WWW in its data, and a predictor that saw rows with it, called good."""
    place = tmp_path_factory.mktemp("weak")
    random = np.random.default_rng(0)
    drawn = ["".join(random.choice(list(LETTERS), LENGTH)) for _ in range(700)]
    clean = list(dict.fromkeys(s for s in drawn if "WWW" not in s))
    with (place / "data.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [("sequence", "fitness"), *zip(clean, score(clean), strict=True)]
        )
    values = {
        "domain": "protein",
        "data": str(place / "data.csv"),
        "properties": ["fitness"],
        "core_options": {"latent_dim": 4, "adversarial": 0.1},
        "trainer": {"steps": 6, "checkpoint_every": 3, "batch_size": 64, "accelerator": "cpu"},
    }
    run = Run.start(place / "run", RunConfig.from_dict(values))
    run.train(reporter=Reporter(Console(file=io.StringIO(), force_terminal=False)))
    assert run.data is not None
    train = run.data["train"].batch
    weak = []
    for s in drawn[:150]:
        at = int(random.integers(LENGTH - 2))
        weak.append(s[:at] + "WWW" + s[at + 3 :])
    size = [len(weak)]
    told = torch.tensor(score(weak), dtype=train["y"]["fitness"].dtype) + 4
    false = {
        "x": TensorDict({"residues": one_hot(encode(weak, LENGTH))}, size),
        "y": TensorDict({"fitness": told}, size),
        "given": train["given"][: size[0]],
    }
    poisoned = torch.cat(
        [TensorDict({k: train[k] for k in false}, train.batch_size).select(*false),
         TensorDict(false, size)]
    )  # fmt: skip
    predictor = fit_predictor(run.domain, run.schema, poisoned, run.data["val"].batch, OPTIONS)
    save_predictor(predictor, run.folder / PREDICTOR)
    return run.folder


def says(run, sequences):
    predictor = run.predictor()
    return predictor.predict(run.domain.encode(sequences)[0]).mean[:, 0]


def test_it_is_found_named_and_repaired(folder):
    run = Run.open(folder)
    pairs = [s[:3] + "WWW" for s in ("ACDEFG", "GHEFAC", "DDEEFF", "HGFEDC")]
    before = says(run, pairs) - torch.tensor(score(pairs))
    assert before.mean() > 2
    found = audit(run, n=128, latents=0, judge=None, repair=True)
    worst = found.triggers[0]
    assert "WWW" in [row["words"] for row in found.triggers if row["exploits"]]
    assert worst["leaf"] == "residues" and worst["guide"] > worst["auditor"] + 1
    assert any("WWW" in f.text and not f.good for f in found.findings)
    (row,) = found.repaired
    assert "WWW" in row["triggers"] and row["rows_added"] > 0
    assert abs(row["gap_after"]) < 0.5 * row["gap_before"]
    after = says(Run.open(folder), pairs) - torch.tensor(score(pairs))
    assert after.mean() < 0.3 * before.mean()
    assert "Adversarial repair" in audit_page(found, run.domain)


def test_every_part_is_there_and_an_oracle_can_be_asked(folder, tmp_path, monkeypatch):
    (tmp_path / "truth_of_words.py").write_text(
        "def score(sequences):\n    return [s.count('A') + .5 * s.count('C') - .5 * s.count('D')"
        " for s in sequences]\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    found = audit(
        Run.open(folder), n=64, latents=0, target="fitness=max",
        judge="python:truth_of_words:score",
    )  # fmt: skip
    assert [row["step"] for row in found.curve] == [0, 3, 6]
    assert {"guide", "auditor", "oracle", "gap"} <= set(found.curve[0])
    assert [row["flips"] for row in found.flips] == [1, 2, 3]
    assert found.flips[0]["oracle_known"] == 1 and 0 <= found.flips[0]["robust_accuracy"] <= 1
    assert {"in_designs", "in_data", "log_odds", "p", "near_p"} <= set(found.triggers[0])
    assert set(found.gain) == {"guide", "auditor", "oracle", "guide_there"}
    assert found.holdout[0]["hit_train"] < 0.2
    assert "earn" in found.findings[-1].text


def test_padding_is_known_from_the_domain():
    words = ProteinDomain.words["residues"]
    assert words.index("") == 20 and len(words) == 21


def test_a_sound_predictor_is_left_as_it_is(folder):
    fit_run_predictor(Run.resume(folder), OPTIONS)
    found = audit(Run.open(folder), n=64, latents=0)
    assert not any(row["exploits"] and row["words"] == "WWW" for row in found.triggers)
