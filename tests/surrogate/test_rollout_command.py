"""physgan rollout: exit codes, ensembles, bands, what is refused."""

import json

import numpy as np
import pytest
from heat import TRUE, HeatDomain

from physgan import domain as domains
from physgan.cli import main
from physgan.surrogate.fields import FieldDomain
from physgan.testing import GaussianRing


@pytest.fixture(autouse=True)
def known(monkeypatch):
    kinds = {"heat": HeatDomain, "fields": FieldDomain, "gaussian-ring": GaussianRing}
    monkeypatch.setattr(domains, "load", lambda name, **options: kinds[name](**options))


def command(*arguments):
    """The exit code of ``physgan`` with ``arguments``."""
    with pytest.raises(SystemExit) as end:
        main([str(a) for a in arguments])
    return end.value.code


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """Where runs are kept from one test to the next."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture
def trained(shelf):
    """``make(name, **network)``: a run after one step with a rate of nearly zero."""

    def make(name="run", **network):
        place = shelf / f"{name}-{'-'.join(f'{k}{v}' for k, v in network.items())}"
        told = [f"--set=core.network.{k}={v}" for k, v in {"start": TRUE, **network}.items()]
        told += ["--set=lr=1e-9", "--set=batch_size=8", "--set=accelerator=cpu"]
        if not place.exists():
            assert command("train", "heat", "--steps", 1, "--out", place, *told) == 0
        return place

    return make


def test_an_audit_says_what_judges_a_surrogate_instead(trained, capsys):
    assert command("audit", trained()) == 2
    said = capsys.readouterr().err
    assert "draws samples from nothing" in said and "physgan rollout" in said
    assert command("audit", "--help") == 0
    assert "surrogate" in capsys.readouterr().out


def go(run, out, *options):
    runs = [part for r in (run if isinstance(run, list) else [run]) for part in ("--run", r)]
    code = command("rollout", "heat", *runs, "--given", "step=0.5", "--out", out, "--no-film", *options)  # fmt: skip  # noqa: E501
    path = out / "rollout.json"
    return code, json.loads(path.read_text()) if path.exists() else {}


def test_an_untrained_run_with_the_right_diffusivity_follows_the_formula(trained, tmp_path):
    code, told = go(trained(), tmp_path / "out", "--steps", 4)
    assert code == 0 and told["passes"] == [4]
    contrast = told["watched"]["contrast"]
    assert np.allclose(contrast["mean"], 2 * np.exp(-TRUE * np.array(contrast["times"])), rtol=1e-3)
    assert contrast["half"] is None and told["trusted_until"] is None


def test_it_stops_at_a_time_or_a_value(trained, tmp_path):
    run = trained()
    assert go(run, tmp_path / "a", "--duration", 1.5)[1]["passes"] == [3]
    code, told = go(run, tmp_path / "b", "--until", "contrast=1.0")
    assert code == 0 and told["ended"] == ["until"] and told["passes"] == [5]


def test_a_broken_law_is_exit_code_1_unless_forced(trained, tmp_path, capsys):
    run = trained(leak=0.1)
    code, told = go(run, tmp_path / "a", "--steps", 4)
    assert code == 1 and told["passes"] == [1] and told["trusted_until"] == 0.5
    assert "mean broke its law at pass 1" in capsys.readouterr().out
    code, told = go(run, tmp_path / "b", "--steps", 4, "--force")
    assert code == 0 and told["passes"] == [4] and "broke its law" in told["messages"][0]


def test_an_ensemble_of_noise_is_calibrated(trained, tmp_path):
    code, told = go(trained(spread=0.1), tmp_path / "a", "--steps", 6, "--ensemble", 6, "--calibrate")  # fmt: skip  # noqa: E501
    contrast = told["watched"]["contrast"]
    assert code == 0 and told["calibration"]["level"] == 0.9 and contrast["half"][-1] > 0
    assert len(contrast["members"][0]) == 6 and contrast["spread"][-1] > 0
    assert told["trusted_until"] < 2.5, "the held-out sequences end there"


def test_a_run_that_was_calibrated_keeps_its_bands(trained, tmp_path):
    run = trained("kept", spread=0.1)
    _, first = go(run, tmp_path / "a", "--steps", 2, "--ensemble", 4, "--calibrate")
    code, second = go(run, tmp_path / "a", "--steps", 2, "--ensemble", 4)
    assert code == 0, "an earlier rollout is replaced"
    assert first["watched"]["contrast"]["half"] == second["watched"]["contrast"]["half"]


def test_several_runs_make_an_ensemble(trained, tmp_path):
    runs = [trained("one"), trained("two", start=2 * TRUE)]
    code, told = go(runs, tmp_path / "a", "--steps", 3)
    contrast = told["watched"]["contrast"]
    assert code == 0 and told["passes"] == [3, 3] and contrast["spread"][-1] > 0.05
    ends = [members[0][-1] for members in contrast["members"]]
    assert ends == pytest.approx([2 * np.exp(-1.5 * TRUE), 2 * np.exp(-3 * TRUE)], rel=1e-2)


def test_what_lies_outside_the_data_is_noted(trained, tmp_path, capsys):
    run, out = trained(), tmp_path / "out"
    asked = ["--run", run, "--given", "step=5", "--steps", 1, "--out", out, "--no-film"]
    assert command("rollout", "heat", *asked) == 0
    assert "step=5 is outside the training data" in capsys.readouterr().err


def test_a_folder_with_something_else_is_left_alone(trained, tmp_path, capsys):
    run, out = trained(), tmp_path / "mine"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    code, _ = go(run, out, "--steps", 1)
    assert code == 2 and "something else" in capsys.readouterr().err
    assert (out / "thesis.txt").read_text() == "years of work"


def test_a_users_file_trains_and_goes_on(tmp_path):
    """Waves that travel one point a frame, told by their number: no code but the file."""
    x = 2 * np.pi * (np.arange(8)[None, :] - np.arange(6)[:, None]) / 8
    wave = np.broadcast_to(np.cos(x)[:, None, None, :], (6, 1, 8, 8))
    loud = np.linspace(0.5, 1.5, 10)
    np.savez(tmp_path / "a.npz", fields=loud[:, None, None, None, None] * wave, loud=loud)
    run, out = tmp_path / "run", tmp_path / "out"
    asked = ["--steps", 60, "--out", run, "--set=accelerator=cpu", "--set=core.network.width=8"]
    assert command("train", "fields", tmp_path / "a.npz", *asked) == 0
    np.save(tmp_path / "first.npy", wave[0].astype(np.float32))
    told = ["--initial", tmp_path / "first.npy", "--given", "step=1", "--given", "loud=1"]
    code = command("rollout", "fields", "--run", run, *told, "--steps", 2, "--out", out)
    assert code == 0 and any((out / f"film.{end}").exists() for end in ("mp4", "gif"))
    with np.load(out / "states.npz") as stored:
        assert stored["field"].shape == (3, 1, 8, 8)
        error = np.square(stored["field"][1] - wave[1]).mean()
    assert error < 0.2 * np.square(wave[0] - wave[1]).mean()


def test_a_domain_without_sequences_is_refused(tmp_path, capsys):
    place = tmp_path / "ring"
    told = ["--steps", 1, "--out", place, "--predictor-minutes", 0, "--set=accelerator=cpu"]
    assert command("train", "gaussian-ring", "--core", "physics-gan", *told) == 0
    capsys.readouterr()
    assert command("rollout", "gaussian-ring", "--run", place) == 2
    assert "no sequences" in capsys.readouterr().err
    assert command("rollout", "heat") == 2
    assert "ships no trained run" in capsys.readouterr().err
