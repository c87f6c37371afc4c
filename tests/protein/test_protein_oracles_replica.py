import json
import math

import numpy as np
import pytest
import torch

from physgan.domain import Property
from physgan.errors import InputError
from physgan_protein import ProteinDomain
from physgan_protein.alphabet import AMINO_ACIDS, encode
from physgan_protein.oracles.__main__ import main
from physgan_protein.oracles.named import named_oracle
from physgan_protein.oracles.replica import ReplicaOracle, read_member, train_replicas
from physgan_protein.oracles.replica_fit import ReplicaOptions, fit_member, predict, spearman
from physgan_protein.oracles.replica_networks import GGSNetwork, PositionalNetwork

LENGTH = 9
QUICK = ReplicaOptions(epochs=3, batch=64, rate=3e-3)


@pytest.fixture(scope="module")
def table():
    """Ten times the number of W, plus 50: what a convolution with a sum can learn."""
    rng = np.random.default_rng(0)
    rows = rng.choice(list(AMINO_ACIDS + "WWWWW"), (400, LENGTH))
    return {"".join(row): 50 + 10.0 * (row == "W").sum() for row in rows}


@pytest.fixture(scope="module")
def folder(table, tmp_path_factory):
    place = tmp_path_factory.mktemp("replica")
    train_replicas(table, place, seeds=(0, 1), options=QUICK, report=lambda line: None)
    return place


def test_the_network_of_ggs_has_its_published_number_of_weights():
    for length in (28, 237):
        assert sum(p.numel() for p in GGSNetwork(length).parameters()) == 157_953


def test_the_network_of_ggs_is_blind_to_position_and_the_other_is_not():
    moved = ["AAAAAWKLFDAAAAAAAAAAAAA", "AAAAAAAAAAAAAWKLFDAAAAA"]
    hot = torch.eye(21)[torch.from_numpy(encode(moved, 23))][..., :20]
    torch.manual_seed(0)
    blind, seeing = GGSNetwork(23)(hot), PositionalNetwork(23)(hot)
    assert torch.allclose(blind[0], blind[1], atol=1e-6)
    assert (seeing[0] - seeing[1]).abs() > 1e-3


@pytest.mark.parametrize("architecture", ["ggs", "positional"])
def test_a_member_learns_and_one_epoch_is_less_than_ten(table, architecture):
    fits = [
        fit_member(table, architecture, 0, ReplicaOptions(epochs=n, batch=64, rate=3e-3))[1]
        for n in (1, 10)
    ]
    assert fits[1].rmse < fits[0].rmse and fits[1].spearman > 0.8
    assert (fits[0].epochs, fits[0].rows) == (1, len(table))
    assert fits[0].held_out == round(0.1 * len(table)) and fits[0].length == LENGTH


def test_equal_seeds_give_equal_members_and_leave_torch_alone(table):
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    (one, _), (same, _), (other, _) = (fit_member(table, "ggs", s, QUICK) for s in (0, 0, 1))
    assert torch.equal(before, torch.random.get_rng_state())
    tokens = torch.from_numpy(encode(list(table)[:5], LENGTH))
    assert torch.equal(predict(one, tokens), predict(same, tokens))
    assert not torch.equal(predict(one, tokens), predict(other, tokens))


def test_training_ends_after_its_minutes(table):
    fit = fit_member(table, "ggs", 0, ReplicaOptions(minutes=1e-9, epochs=50))[1]
    assert fit.epochs == 1


def test_members_are_kept_on_disk_and_not_trained_again(table, folder):
    files = sorted(path.name for path in folder.iterdir())
    assert files == [f"{a}-{s}.safetensors" for a in ("ggs", "positional") for s in (0, 1)]
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    told = []
    fits = train_replicas(table, folder, seeds=(0, 1), options=QUICK, report=told.append)
    assert before == {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert [str(fit) for fit in fits] == told and "Spearman" in told[0] and "RMSE" in told[0]


def test_the_oracle_is_the_mean_of_its_members_with_its_doubts(table, folder):
    oracle = named_oracle(f"replica:{folder}", budget=10)
    assert isinstance(oracle, ReplicaOracle)
    sequence = next(iter(table))
    tokens = torch.from_numpy(encode([sequence], LENGTH))
    each = {path.stem: float(predict(read_member(path)[0], tokens)[0]) for path in folder.iterdir()}
    ggs = np.array([each["ggs-0"], each["ggs-1"]])
    (row,) = oracle.judge([sequence])
    assert row["fitness"] == pytest.approx(ggs.mean())
    assert row["spread"] == pytest.approx(ggs.std(), abs=1e-5)
    second = (each["positional-0"] + each["positional-1"]) / 2
    assert row["disagreement"] == pytest.approx(second - ggs.mean(), abs=1e-4)
    assert oracle.calls == 1
    resumed = named_oracle(f"replica:{folder}")
    resumed.restore(oracle.state())
    assert resumed.judge([sequence]) == [row]
    json.dumps(oracle.summary(), allow_nan=False)


def test_what_the_network_cannot_read_is_unknown(folder):
    oracle = ReplicaOracle.read(folder)
    values = oracle(["A" * LENGTH, "A" * (LENGTH - 1), "X" * LENGTH])
    assert np.isfinite(values).tolist() == [True, False, False]
    assert "error" in oracle.judge(["X" * LENGTH])[0]


def test_wrong_tables_and_folders_are_refused(table, folder, tmp_path):
    wrong = (
        (table | {"A": 1.0}, "ggs", "lengths"),
        (dict(list(table.items())[:5]), "ggs", "5 sequences"),
        (table, "esm", "no architecture"),
    )
    for rows, architecture, message in wrong:
        with pytest.raises(InputError, match=message):
            fit_member(rows, architecture, 0, QUICK)
    with pytest.raises(InputError, match="no replica"):
        ReplicaOracle.read(tmp_path)
    (tmp_path / "ggs-0.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match="no member"):
        ReplicaOracle.read(tmp_path)
    with pytest.raises(InputError, match="architecture 'esm'"):
        ReplicaOracle.read(folder, primary="esm")


def test_rank_correlation_of_constants_is_unknown():
    assert math.isnan(spearman(np.ones(3), np.arange(3)))
    assert spearman(np.arange(4), np.arange(4) ** 3) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("gold", {}, "no oracle called 'gold'"),
        ("gb1", {}, "no oracle called 'gb1'"),
        ("ehrlich:3", {}, "no oracle called 'ehrlich:3'"),
        ("ehrlich", {"colour": 1}, "options of the oracle 'ehrlich'"),
        ("table:absent.csv", {}, "no such file"),
    ],
)
def test_names_that_name_no_oracle_are_refused(name, options, message):
    with pytest.raises(InputError, match=message):
        named_oracle(name, **options)


def test_oracles_by_name(tmp_path):
    (tmp_path / "mine.csv").write_text("variant,score\nAA,2\n")
    table = named_oracle(f"table:{tmp_path / 'mine.csv'}", sequence="variant", value="score")
    assert table(["AA"])[0] == 2 and table.properties == ("score",)
    same = named_oracle(f"table:{tmp_path / 'mine.csv'}", sequence="variant", property="score")
    assert same.judge(["AA"]) == [{"score": 2.0, "measured": True}]
    assert named_oracle("ehrlich", states=5, seed=2).settings()["states"] == 5
    assert named_oracle("python:builtins:sorted", budget=3).remaining == 3
    assert named_oracle("command:cat", timeout=5)(["1.5"])[0] == 1.5


def test_the_domain_asks_for_the_property_that_it_learned():
    domain = ProteinDomain()
    domain.declare([(Property("activity"), "activity"), (Property("kind", classes=("a",)), "kind")])
    oracle = domain.oracle("ehrlich", budget=2)
    assert oracle is not None and oracle.properties == ("activity",)
    assert domain.oracle() is None


def test_the_command_trains_members_and_prints_how_they_fit(table, tmp_path, capsys):
    lines = "".join(f"{sequence},{value}\n" for sequence, value in list(table.items())[:60])
    (tmp_path / "mine.csv").write_text("variant,score\n" + lines)
    told = ["table", str(tmp_path / "mine.csv"), "--folder", str(tmp_path / "members")]
    more = ["--sequence", "variant", "--value", "score", "--seeds", "1", "--minutes", "1e-9"]
    assert main([*told, *more]) == 0
    assert capsys.readouterr().out.count("Spearman") == 2
    assert ReplicaOracle.read(tmp_path / "members").length == LENGTH
    assert main(["trpb", *told[1:]]) == 2
    assert "no table called 'trpb'" in capsys.readouterr().err
