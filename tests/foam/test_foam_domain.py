"""The foam domain: windows of runs, pictures and files of foams, pace, what is watched."""

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from tensordict import TensorDict

from physgan.conditions import ConditionSchema
from physgan.cores.stepper_gan import StepperGAN
from physgan.errors import InputError
from physgan.testing.sequences import assert_sequence_contract
from physgan_foam import FoamDomain
from physgan_foam import labels as fields
from physgan_foam.data import Run, arrays_of, planned
from physgan_foam.domain import BETA, STEP
from physgan_foam.foam import Foam
from physgan_foam.inference import whole
from physgan_foam.initial import voronoi_labels
from physgan_foam.networks.unet import UNetStepper, colours
from physgan_foam.segment import otsu, periodic, read_labels, segment


@pytest.fixture(scope="module")
def sequences(tmp_path_factory):
    work = tmp_path_factory.mktemp("foam")
    runs = [Run(seed, 1.0, 60, 64, 4, 0.2) for seed in (0, 1, 8, 9)]
    arrays = arrays_of(runs, work)
    path = work / "foam.npz"
    np.savez(path, **arrays)
    return path, arrays


def test_windows_hold_what_really_followed(sequences):
    path, arrays = sequences
    data = FoamDomain(passes=2).load(path, "train")
    batch = data.batch
    assert batch["x"]["labels"].shape[1:] == (2, 64, 64)
    first = batch[0]
    names = np.unique(arrays["labels"][0, 0, 0])
    assert np.array_equal(names[first["given"]["labels"].numpy()], arrays["labels"][0, 0, 0])
    assert np.array_equal(names[first["x"]["labels"][1].numpy()], arrays["labels"][0, 2, 0])
    given = first["given"]["passes"]
    assert float(given["dtau"][0]) == pytest.approx(arrays["tau"][0, 1] - arrays["tau"][0, 0])
    assert float(first["y"]["step"]) == pytest.approx(0.2, rel=0.02)
    assert len(data.ids) == len(batch) == 2 * 2
    assert len(FoamDomain(passes=1).load(path, "train").batch) == 2 * (3 + 2)
    assert {i.split(",")[0] for i in FoamDomain(1).load(path, "val").ids} == {"run 2"}
    assert {i.split(",")[0] for i in FoamDomain(1).load(path, "test").ids} == {"run 3"}


def test_the_contract_of_sequences_holds(sequences):
    assert_sequence_contract(FoamDomain(passes=1), sequences[0], width=16, dilations=(1, 2))


@pytest.mark.parametrize("kind", ["pointer", "unet"])
def test_every_player_learns_in_a_game_of_two_passes(sequences, kind):
    torch.manual_seed(0)
    domain = FoamDomain(passes=2)
    batch = domain.load(sequences[0], "train").batch
    network = {"width": 8, "kind": kind} | ({"dilations": (1,)} if kind == "pointer" else {})
    core = StepperGAN(
        domain, ConditionSchema(domain.properties, batch["y"]), passes=2, grow_until=0.0,
        adversarial=0.1, adversarial_from=0.0, network=network, critic_network={"width": 8},
        regularizer="none",
    )  # fmt: skip
    moved = []
    for turn in core.turns(lambda: batch[:2], 0):
        for loss in turn.losses:
            players = [p for name in loss.players for p in core.players[name].parameters()]
            gradients = torch.autograd.grad(
                loss.value, players, allow_unused=True, retain_graph=True
            )
            assert loss.value.isfinite()
            assert any(g is not None and g.abs().sum() > 0 for g in gradients)
        moved += turn.step
    assert set(moved) == {"stepper", "critic"}


def test_side_numbers_of_long_passes_are_means_over_their_time(sequences):
    path, arrays = sequences
    batch = FoamDomain(passes=1).load(path, "train").batch
    long = batch[batch["y"]["step"] > 0.3][0]
    tau, sides = arrays["tau"][0], arrays["mean_sides"][0]
    expected = np.average(sides[1:3], axis=0, weights=np.diff(tau[:3]))
    found = long["given"]["passes"]["mean_sides"][0].numpy()
    names = np.unique(arrays["labels"][0, 0, 0])
    assert np.allclose(found[: len(names)], expected[names], equal_nan=True, rtol=1e-5)


def test_a_file_without_its_arrays_is_refused(tmp_path):
    path = tmp_path / "other.npz"
    np.savez(path, labels=np.zeros((2, 3, 1, 8, 8), int))
    with pytest.raises(InputError, match="tau, beta, mean_sides"):
        FoamDomain().load(path, "train")
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match="no npz file"):
        FoamDomain().load(path, "train")


def test_intervals_are_varied():
    assert len({run.interval for run in planned(6)}) > 1
    assert all(run.skip == 3 for run in planned(2, skip=3))


def test_variations_turn_all_frames_alike(sequences):
    domain = FoamDomain(passes=2)
    batch = domain.load(sequences[0], "train").batch
    seen = set()
    for seed in range(6):
        varied = domain.vary(batch, torch.Generator().manual_seed(seed))
        before, after = (
            [part["given"]["labels"], *part["x"]["labels"].unbind(1)] for part in (batch, varied)
        )
        counts = [[torch.bincount(f.flatten().int()) for f in frames] for frames in (before, after)]
        assert all(torch.equal(a, b) for a, b in zip(*counts, strict=True))
        # what moved between two frames moved in the turned ones as well
        moved = [(frames[0] != frames[1]).sum((1, 2)) for frames in (before, after)]
        assert torch.equal(*moved)
        seen.add(int(after[0][0, 0, 0]))
    assert len(seen) > 1


def test_a_pass_takes_a_share_of_the_mean_area():
    domain = FoamDomain()
    state = domain.begin(None, 2, 0, bubbles=64, size=64)
    pace = domain.pace(state, {})
    assert pace.elapsed.tolist() == pytest.approx([STEP * 64] * 2)
    assert pace.y["beta"].tolist() == pytest.approx([BETA] * 2)
    asked = {"step": torch.tensor([0.1, 0.2]), "beta": torch.ones(2)}
    assert domain.pace(state, asked).elapsed.tolist() == pytest.approx([6.4, 12.8])


def test_what_is_watched_tells_whole_foams_from_broken_ones():
    domain = FoamDomain()
    state = domain.begin(None, 1, 0, bubbles=100, size=128)
    first = domain.watch(state, None, {}, None)
    assert not any(bool(w.broken.any()) for w in first.values())
    assert float(first["bubbles"].value) == 100
    assert abs(float(first["mean_sides"].value) - 6) < 0.3
    still = domain.watch(state, state, {}, torch.tensor([40.0]))
    # nothing moved though a quarter of a mean area went by: every bubble is off by its n - 6
    assert float(still["von Neumann"].value) > 0.8
    torn = state.clone()
    torn["labels"] = torch.randint(100, (1, 128, 128), dtype=torch.int32)
    watched = domain.watch(torn, state, {}, torch.tensor([40.0]))
    assert bool(watched["von Neumann"].broken) and bool(watched["mean_sides"].broken)


def test_foams_come_back_from_their_files(tmp_path):
    domain = FoamDomain()
    foams = [Foam(whole(voronoi_labels(30, (64, 64), seed))) for seed in (0, 1)]
    paths = domain.write(foams, ["a", "b"], tmp_path)
    for foam, path in zip(foams, paths, strict=True):
        state = domain.begin(path, 3, 0)
        assert state.shape == (3,)
        assert all(domain.same(found, foam) for found in domain.decode(state))
    assert not domain.same(*foams) and domain.key(foams[0]) != domain.key(foams[1])
    assert domain.picture(domain.encode(foams[:1])[0]).shape == (64, 64, 3)
    assert domain.label(foams[0]) == "30 bubbles" and all(domain.validity(foams[0]).values())


def drawn(labels, dark=True):
    """A picture of films: brightness, with noise."""
    film = np.zeros(labels.shape, bool)
    for axis in (0, 1):
        film |= labels != np.roll(labels, -1, axis)
    level = np.where(film, 30, 200) if dark else np.where(film, 220, 40)
    return (level + np.random.default_rng(0).normal(0, 8, labels.shape)).clip(0, 255)


@pytest.mark.parametrize("dark", [True, False])
def test_bubbles_are_found_in_a_picture_of_films(dark, tmp_path):
    labels = voronoi_labels(40, (192, 192), 5)
    picture = drawn(labels, dark)
    found = segment(picture)
    # bubbles across the edge are seen in pieces
    pieces = sum(ndimage.label(labels == name)[1] for name in range(40))
    assert abs(len(np.unique(found)) - pieces) <= 6
    inside = np.s_[30:-30, 30:-30]
    pairs = np.stack([labels[inside].ravel(), found[inside].ravel()])
    best = 0
    for name in np.unique(pairs[0]):
        best += np.bincount(pairs[1][pairs[0] == name]).max()
    assert best / pairs.shape[1] > 0.9
    path = tmp_path / "foam.png"
    Image.fromarray(picture.astype(np.uint8)).save(path)
    assert read_labels(path).shape in ((192, 192), (384, 384))


def test_a_picture_that_is_no_torus_is_mirrored():
    labels = np.arange(4).reshape(2, 2).repeat(16, 0).repeat(16, 1)
    box = periodic(labels)
    assert box.shape == (64, 64)
    # every bubble touches two edges of the picture, so that its four images are one bubble
    assert len(np.unique(box)) == 4
    assert np.array_equal(box, box[::-1]) and np.array_equal(box, box[:, ::-1])
    whole = voronoi_labels(9, (64, 64), 0)
    fits = np.roll(whole, 3, 0)
    assert periodic(np.zeros((8, 8), int)).shape == (8, 8)
    assert fields.components(periodic(fits)) >= 9


def test_what_is_no_foam_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_labels(tmp_path / "none.npz")
    np.save(tmp_path / "flat.npy", np.zeros((64, 64)))
    with pytest.raises(InputError, match="nothing"):
        read_labels(tmp_path / "flat.npy")
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(InputError, match="labels"):
        read_labels(tmp_path / "other.npz")
    (tmp_path / "text.txt").write_text("foam")
    with pytest.raises(InputError, match="cannot be read"):
        read_labels(tmp_path / "text.txt")


def test_otsu_parts_two_levels():
    field = np.concatenate([np.full(300, 0.2), np.full(700, 0.8)])
    assert 0.2 < otsu(field) <= 0.8


def test_bubbles_in_reach_of_each_other_have_different_colours():
    labels = torch.from_numpy(voronoi_labels(60, (96, 96), 2))
    colour = colours(labels)
    for axis in (0, 1):
        apart = labels != labels.roll(-1, axis)
        assert (colour[apart] != colour.roll(-1, axis)[apart]).all()
    stepper = UNetStepper(4, width=8)
    state = TensorDict({"labels": labels[None], "block": torch.ones(1)}, [1])
    prediction, _ = stepper(state, torch.zeros(1, 4), None, None)
    # at first it says that nothing moves
    assert (stepper.settle(prediction, state)["labels"] == labels).float().mean() > 0.6


def test_the_oracle_tells_a_solvers_foam_from_a_brick_wall(tmp_path):
    oracle = FoamDomain().oracle(beta=1.0, runs=1, bubbles=80, work=tmp_path)
    assert oracle is not None
    own = oracle.courses[0].foams[5]
    wall = np.arange(64, dtype=np.int32).reshape(8, 8).repeat(32, 0).repeat(32, 1)
    few = np.zeros((64, 64), np.int32)
    same, bricks, none = oracle.judge([own, Foam(wall), Foam(few)])
    assert same["bubbles"] == own.bubbles and abs(same["mu2"] - same["mu2_solver"]) < 0.6
    assert same["ks_area"] < 0.2 < bricks["ks_area"]
    assert "error" in none
