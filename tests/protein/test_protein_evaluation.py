"""physgan evaluate for sequences: what is asked of a set, by hand and through the command."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import torch

pytest.importorskip("rapidfuzz")

from physgan.cli import main
from physgan_protein import ProteinDomain
from physgan_protein.evaluation import evaluate_proteins


def table(path, sequences, **columns):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["sequence", *columns])
        writer.writerows(zip(sequences, *columns.values(), strict=True))
    return path


def draw(n, length, seed):
    random = np.random.default_rng(seed)
    return ["".join(random.choice(list("ACDEFGHIKL"), length)) for _ in range(n)]


def count_of_a(sequences):
    """An oracle of a user: how many A a sequence has."""
    return [float(sequence.count("A")) for sequence in sequences]


@pytest.fixture
def domain(tmp_path):
    found = ProteinDomain()
    train = draw(300, 8, 0)
    found.load(table(tmp_path / "t.csv", train, fitness=count_of_a(train)), "train", ["fitness"])
    return found


def test_a_set_of_the_same_kind_is_near_and_novel(domain):
    found = evaluate_proteins(domain, draw(200, 8, 1), draw(200, 8, 2), train=draw(300, 8, 0))
    assert found["valid"] > 0.9 and found["unique"] == 1 and found["novel"] == 1
    assert found["mmd_3mer_p"] > 0.01 and found["residue_kl"] < 0.02 and found["length_w1"] == 0
    assert found["diversity"] == pytest.approx(found["diversity_train"], abs=0.2)
    assert abs(found["profile_bits"] - found["profile_bits_held_out"]) < 1


def test_repeats_known_rows_and_what_does_not_decode_are_counted(domain):
    train = draw(300, 8, 0)
    found = evaluate_proteins(
        domain, [train[0], train[0], None, "AAAAAAAA"], draw(9, 8, 2), train=train
    )
    assert found["n"] == 4 and found["novel"] == 0.25 and found["unique"] == 0.75
    assert found["valid"] == 0.5, "one is nothing, one a single residue"
    assert found["valid_alphabet"] == 0.75


def test_another_kind_is_far(domain):
    other = ["".join(np.random.default_rng(i).choice(list("MNPQ"), 8)) for i in range(100)]
    found = evaluate_proteins(domain, other, draw(200, 8, 2), train=draw(300, 8, 0))
    assert found["mmd_3mer_p"] < 0.01 and found["residue_kl"] > 1
    assert found["mmd_3mer"] > 2 * found["mmd_3mer_train"]


def test_what_was_asked_is_held_against_an_oracle(domain, tmp_path, monkeypatch):
    (tmp_path / "judge_of_a.py").write_text(
        "def count(sequences):\n    return [float(s.count('A')) for s in sequences]\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    samples = draw(60, 8, 3)
    asked = {"fitness": torch.tensor(count_of_a(samples)) + 1}
    found = evaluate_proteins(
        domain, [*samples, None], draw(60, 8, 2), rows=tmp_path / "raw.csv",
        asked={"fitness": torch.cat([asked["fitness"], torch.zeros(1)])},
        oracle="python:judge_of_a:count",
    )  # fmt: skip
    assert found["fitness by oracle: mae"] == pytest.approx(1)
    assert found["fitness by oracle: known"] == pytest.approx(60 / 61)
    assert found["fitness by oracle: monotone"] is True
    rows = list(csv.DictReader((tmp_path / "raw.csv").open()))
    assert len(rows) == 61 and float(rows[0]["fitness by oracle"]) == samples[0].count("A")
    bins = json.loads((tmp_path / "raw.json").read_text())["fitness by oracle"]
    assert all(b["achieved"] == pytest.approx(b["asked"] - 1) for b in bins)


def test_the_command_scores_a_file_of_another_model(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    for split, seed in (("train", 0), ("val", 1), ("test", 2)):
        table(data / f"{split}.csv", draw(120, 8, seed))
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    lines = [f">{i}\n{s}\n" for i, s in enumerate(draw(50, 8, 5))]
    (theirs / "sequences.fasta").write_text("".join(lines))
    with pytest.raises(SystemExit) as left:
        main(
            ["evaluate", "protein", str(theirs), "--data", str(data), "--out", str(tmp_path / "o")]
        )
    assert left.value.code == 0
    figures = json.loads((tmp_path / "o" / "summary.json").read_text())["given"]
    assert figures["n"] == 50 and figures["novel"] == 1 and "mmd_3mer" in figures
