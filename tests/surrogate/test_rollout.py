"""Rollouts follow the exact solution, keep what was made, and stop where a law breaks."""

import json
import math
import os
import signal

import numpy as np
import pytest
import torch
from heat import POINTS, TRUE, HeatDomain, decayed
from tensordict import TensorDict

from physgan.conditions import ConditionSchema
from physgan.cores import StepperGAN
from physgan.errors import InputError
from physgan.surrogate.film import write_film
from physgan.surrogate.rollout import Until, asked, repeated, rollout
from physgan.surrogate.storage import states_npz, write_rollout
from physgan.surrogate.trust import Horizon, bands

STEP = {"step": torch.tensor([0.5])}


def surrogate(domain=None, **network):
    domain = domain or HeatDomain()
    train = domain.load(None, "train").batch
    network = {"start": TRUE, **network}
    return StepperGAN(domain, ConditionSchema(domain.properties, train["y"]), network=network)


def go(core=None, domain=None, n=1, **options):
    domain = domain or HeatDomain()
    start = domain.begin(None, n, 0)
    y = {"step": STEP["step"].repeat(n)}
    return rollout(core or surrogate(domain), domain, start, y, **options)


def test_a_mode_decays_exactly_over_a_rollout():
    made = go(steps=6)
    assert made.ended == "steps" and made.passes == 6 and made.message == ""
    assert torch.allclose(made.times[:, 0], 0.5 * torch.arange(7).double())
    wanted = 2 * torch.exp(-TRUE * made.times[:, 0])
    assert torch.allclose(made.watched["contrast"].values[:, 0], wanted, atol=1e-4)
    x = torch.arange(POINTS) * 2 * math.pi / POINTS
    assert torch.allclose(made.last["field"][0], 1 + math.exp(-TRUE * 3) * torch.cos(x), atol=1e-4)


def test_it_stops_when_a_watched_quantity_gets_there():
    made = go(until=Until.parse("contrast=1.0"))
    needed = math.ceil(math.log(2) / (TRUE * 0.5))
    assert made.ended == "until" and made.passes == needed
    values = made.watched["contrast"].values[:, 0]
    assert values[-2] > 1.0 >= values[-1]
    assert go(steps=2, until=Until("contrast", 1.0)).ended == "steps"


def test_a_law_that_breaks_stops_the_rollout_unless_forced():
    domain = HeatDomain(tolerance=0.01)
    leaky = surrogate(domain, leak=0.02)
    made = go(leaky, domain, steps=5)
    assert made.ended == "law" and made.passes == 1
    assert "mean broke its law at pass 1" in made.message and "0.02 K" in made.message
    forced = go(leaky, domain, steps=5, force=True)
    assert forced.ended == "steps" and forced.passes == 5 and "broke its law" in forced.message
    assert torch.allclose(
        forced.watched["mean"].residuals, torch.full((5, 1), 0.02).double(), atol=1e-5
    )


def test_what_is_not_finite_ends_it_even_if_forced():
    made = go(surrogate(leak=math.nan), steps=5, force=True)
    assert made.ended == "not finite" and made.passes == 1 and "finite" in made.message


def test_an_interrupted_rollout_keeps_its_frames():
    def press(number, watched):
        if number == 3:
            os.kill(os.getpid(), signal.SIGINT)

    made = go(steps=1000, tell=press)
    assert made.ended == "interrupted" and made.passes == 3 and len(made.frames) == 4
    whole = go(steps=3)
    assert torch.equal(made.last["field"], whole.last["field"])


def test_one_frame_in_so_many_is_kept_and_the_last():
    made = go(steps=7, every=3)
    assert made.kept == [0, 3, 6, 7] and len(made.frames) == 4 and len(made.times) == 8
    assert torch.equal(made.last["field"], go(steps=7).last["field"])
    for frame, place in zip(made.frames, made.kept, strict=True):
        wanted = go(steps=place).last if place else made.frames[0]
        assert torch.allclose(frame["field"], wanted["field"], atol=1e-6)


def test_the_same_seed_is_the_same_rollout_and_the_global_state_is_left_alone():
    core = surrogate(spread=0.2)
    before = torch.get_rng_state()
    one, two, other = (go(core, steps=3, seed=s) for s in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(one.last["field"], two.last["field"])
    assert not torch.equal(one.last["field"], other.last["field"])


def test_rows_are_apart():
    domain = HeatDomain()
    start = TensorDict({"field": torch.randn(2, POINTS)}, [2])
    y = {"step": torch.tensor([0.4, 0.6])}
    made = rollout(surrogate(domain), domain, start, y, steps=2)
    assert torch.allclose(made.times[-1], torch.tensor([0.8, 1.2]).double())
    wanted = decayed(start["field"], TRUE, 2 * y["step"])
    assert torch.allclose(made.last["field"], wanted, atol=1e-5)
    assert repeated(start, 2)["field"].shape == (4, POINTS)
    assert torch.equal(repeated(start, 2)["field"][1], start["field"][0])


def test_what_cannot_be_understood_is_refused():
    with pytest.raises(InputError, match="no end"):
        go()
    with pytest.raises(InputError, match="not watched"):
        go(until=Until("colour", 1.0))
    with pytest.raises(InputError, match="NAME=VALUE"):
        Until.parse("contrast")
    with pytest.raises(InputError, match="NAME=VALUE"):
        Until.parse("contrast=much")
    schema = surrogate().schema
    assert asked(["step=0.5"], schema, 2)["step"].tolist() == [0.5, 0.5]
    with pytest.raises(InputError, match="no value"):
        asked(["step=0.2..0.5"], schema, 1)
    with pytest.raises(InputError, match="step length"):
        rollout(surrogate(), HeatDomain(), HeatDomain().begin(None, 1, 0), {}, steps=1)


def test_files_hold_what_was_made(tmp_path):
    domain = HeatDomain()
    made = go(surrogate(spread=0.1), domain, n=3, steps=4)
    found = bands([made])
    write_rollout(tmp_path, domain, [made], found, Horizon(1.0, "so"), None, {"seed": 0})
    told = json.loads((tmp_path / "rollout.json").read_text())
    assert told["passes"] == [4] and told["trusted_until"] == 1.0 and told["ended"] == ["steps"]
    contrast = told["watched"]["contrast"]
    assert len(contrast["members"][0]) == 3 and len(contrast["members"][0][0]) == 5
    assert np.allclose(np.mean(contrast["members"][0], axis=0), contrast["mean"])
    with np.load(tmp_path / "states.npz") as stored:
        assert stored["field"].shape == (5, POINTS)
        assert np.array_equal(stored["field"][-1], made.last["field"][0].numpy())
        assert np.allclose(stored["times"], [0, 0.5, 1, 1.5, 2])
    assert (tmp_path / "watched.png").stat().st_size > 1000
    assert any((tmp_path / f"film.{end}").exists() for end in ("mp4", "gif"))


def test_states_of_different_sizes_are_stored_apart():
    frames = [TensorDict({"a": torch.ones(1, n)}, [1]) for n in (4, 2)]
    import io

    with np.load(io.BytesIO(states_npz(frames, [0.0, 1.0]))) as stored:
        assert stored["a.00000"].shape == (4,) and stored["a.00001"].shape == (2,)


def test_a_film_without_an_encoder_is_a_gif(tmp_path, monkeypatch):
    from PIL import Image

    monkeypatch.setitem(__import__("sys").modules, "imageio_ffmpeg", None)
    shades = [np.full((30, 41, 3), v, dtype=np.uint8) for v in (0, 120)]
    shades.append(np.full((15, 20, 3), 250, dtype=np.uint8))
    with Image.open(write_film(tmp_path / "film", shades)) as film:
        assert film.format == "GIF" and film.n_frames == 3
        assert min(film.size) >= 128
