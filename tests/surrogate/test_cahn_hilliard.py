"""The example of a sequence domain in one file trains through the ordinary commands."""

import csv
import importlib.util
import json
import math
from pathlib import Path

import pytest
import torch
from tensordict import TensorDict

from physgan import domain as domains
from physgan.cli import main
from physgan.testing.sequences import assert_sequence_contract

HERE = Path(__file__).parents[2] / "examples" / "physgan_cahn_hilliard"
SMALL = {"size": 16, "runs": 10, "frames": 6, "passes": 2}


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("ch", HERE / "physgan_cahn_hilliard.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_is_one_file_under_200_lines():
    assert len((HERE / "physgan_cahn_hilliard.py").read_text().splitlines()) < 200


def test_a_small_wave_grows_as_the_linear_theory_says(example):
    size, kappa, time = 32, torch.tensor([0.5]), torch.tensor([1.0])
    k = 2 * math.pi * 3 / size
    wave = 1e-3 * torch.cos(k * torch.arange(size)).double().expand(1, 1, size, size)
    after = example.solve(wave, kappa.double(), time.double(), substep=0.002)
    grown = float(after[0, 0, 0, 0] / wave[0, 0, 0, 0])
    assert grown == pytest.approx(math.exp(k**2 * (1 - 0.5 * k**2)), rel=2e-3)


def test_the_reference_conserves_mass_and_loses_energy(example):
    domain = example.CahnHilliardDomain(**SMALL)
    field, kappa = domain.begin(None, 2, 0)["field"].double(), torch.tensor([0.5, 1.0]).double()
    energies = [example.energy(field, kappa)]
    for _ in range(4):
        after = example.solve(field, kappa, torch.ones(2).double())
        assert torch.allclose(example.means(after), example.means(field), atol=1e-12)
        field = after
        energies.append(example.energy(field, kappa))
    assert bool((torch.stack(energies).diff(dim=0) < 0).all())


def test_the_energy_of_a_wave_is_that_of_the_formula(example):
    k, kappa = 2 * math.pi * 2 / 16, torch.tensor([0.7]).double()
    wave = 0.5 * torch.cos(k * torch.arange(16)).double().expand(1, 1, 16, 16)
    # The means of cos^2 and cos^4 are 1/2 and 3/8.
    wanted = (1 - 2 * 0.25 / 2 + 0.0625 * 3 / 8) / 4 + 0.7 / 2 * k**2 * 0.25 / 2
    assert float(example.energy(wave, kappa)) == pytest.approx(wanted, rel=1e-6)


def test_it_keeps_the_contract(example):
    assert_sequence_contract(example.CahnHilliardDomain(**SMALL))


def test_its_law_of_energy_breaks_where_energy_grows(example):
    domain = example.CahnHilliardDomain(**SMALL)
    state = domain.begin(None, 1, 0)
    rough = state["field"] + 0.5 * torch.randn(state["field"].shape)
    steeper = TensorDict({"field": rough}, [1])
    y = {"kappa": torch.tensor([0.7]), "step": torch.tensor([1.0])}
    seen = domain.watch(steeper, state, y, y["step"])
    assert bool(seen["energy"].broken.all())
    assert not bool(domain.watch(state, steeper, y, y["step"])["energy"].broken.any())


def command(*arguments):
    """The exit code of ``physgan`` with ``arguments``."""
    with pytest.raises(SystemExit) as end:
        main([str(a) for a in arguments])
    return end.value.code


def test_it_trains_beats_persistence_and_rolls_out(example, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(domains, "load", lambda name, **o: example.CahnHilliardDomain(**o))
    out = tmp_path / "run"
    settings = [f"--set=domain.{name}={value}" for name, value in SMALL.items()]
    settings += ["--set=validate_every=80", "--set=core.grow_until=0.0", "--set=core.network.width=16"]  # fmt: skip  # noqa: E501
    told = ["train", "cahn-hilliard", "--steps", 80, "--out", out, "--threads", 1, *settings]
    assert command(*told) == 0
    with (out / "metrics.csv").open() as file:
        last = [row for row in csv.DictReader(file) if row.get("val/error")][-1]
    domain = example.CahnHilliardDomain(**SMALL)
    domain.load(None, "train")
    held = domain.load(None, "val").batch
    start = held["given", "field"]
    for name, frame in (("error_first", 0), ("error", -1)):
        still = ((held["x", "field"][:, frame] - start) / domain.change).square().mean()
        assert float(last[f"val/{name}"]) < 0.5 * float(still)
    place = tmp_path / "rolled"
    asked = ["--run", out, "--given", "step=0.7", "--given", "kappa=0.7", "--steps", 3]
    assert command("rollout", "cahn-hilliard", *asked, "--out", place, "--force") == 0
    summary = json.loads((place / "rollout.json").read_text())
    residuals = torch.tensor(summary["watched"]["drift"]["residuals"])
    assert summary["passes"] == [3] and float(residuals.max()) < 1e-5, "mass holds by projection"
    assert {p.name for p in place.iterdir()} >= {"rollout.json", "states.npz", "watched.png"}
    assert command("evaluate", "cahn-hilliard", out, "--out", tmp_path / "judged") == 0
    judged = json.loads((tmp_path / "judged" / "summary.json").read_text())["rollouts"]
    assert judged["passes"] == SMALL["frames"] - 1
    assert judged["error_last"] < 0.7 * judged["persistence_last"]
    capsys.readouterr()
    assert command("rollout", "cahn-hilliard", "--run", out, "--given", "colour=1") == 2
    assert "no property 'colour'" in capsys.readouterr().err
