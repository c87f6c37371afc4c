"""Sequences are read from npz, HDF5 and zarr alike, and mistakes are named with file and key."""

import importlib.util

import numpy as np
import pytest

from physgan.conditions import ConditionSchema
from physgan.cores import StepperGAN
from physgan.errors import InputError
from physgan.surrogate.fields import FieldDomain
from physgan.surrogate.readers import read_field, read_sequences

RUNS, FRAMES = 5, 6


def arrays(**over):
    """Run r, frame t is the constant field 10 r + t, with a little texture."""
    texture = np.random.default_rng(0).normal(size=(2, 4, 4)) * 0.1
    level = 10.0 * np.arange(RUNS)[:, None] + np.arange(FRAMES)
    fields = (level[:, :, None, None, None] + texture).astype(np.float32)
    return {"fields": fields, "beta": np.linspace(0.1, 1, RUNS), "times": 0.5 * np.arange(FRAMES)} | over  # fmt: skip  # noqa: E501


def write(path, told):
    if path.suffix == ".npz":
        np.savez(path, **told)
    elif path.suffix == ".h5":
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w") as file:
            for name, value in told.items():
                file[name] = value
    else:
        zarr = pytest.importorskip("zarr")
        group = zarr.open_group(path, mode="w")
        for name, value in told.items():
            group.create_array(name, data=np.asarray(value))
    return path


@pytest.mark.parametrize("kind", ["npz", "h5", "zarr"])
def test_every_kind_of_file_says_the_same(kind, tmp_path):
    told = arrays()
    found = read_sequences(write(tmp_path / f"a.{kind}", told))
    assert len(found) == RUNS and list(found.parameters) == ["beta"]
    assert np.allclose(found.parameters["beta"], told["beta"])
    assert found.times.shape == (RUNS, FRAMES) and found.times[3, 2] == 1.0
    for run in range(RUNS):
        assert np.array_equal(found.run(run).numpy(), told["fields"][run])


def test_an_npz_is_mapped_unless_it_is_compressed(tmp_path):
    told = arrays()
    np.savez_compressed(tmp_path / "small.npz", **told)
    mapped = read_sequences(write(tmp_path / "plain.npz", told))
    packed = read_sequences(tmp_path / "small.npz")
    assert isinstance(mapped.fields[0], np.memmap)
    assert not isinstance(packed.fields[0], np.memmap)
    assert np.array_equal(mapped.run(2).numpy(), packed.run(2).numpy())


def test_without_times_frames_are_one_apart_and_keys_can_be_named(tmp_path):
    told = arrays()
    told["u"] = told.pop("fields")
    del told["times"]
    path = write(tmp_path / "a.npz", told)
    assert read_sequences(path).times[0].tolist() == [0, 1, 2, 3, 4, 5]
    assert len(read_sequences(path, "u")) == RUNS


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ({"fields": np.zeros((5, 6, 4, 4))}, r"fields.*\(5, 6, 4, 4\).*runs, time, channels, H, W"),
        ({"fields": np.zeros((5, 1, 1, 4, 4))}, "one frame"),
        ({"beta": np.zeros(4)}, r"beta.*\(4,\).*each of 5 runs"),
        ({"times": np.zeros(6)}, "do not increase"),
        ({"times": np.zeros((6, 5))}, r"times.*\(6, 5\)"),
    ],
)
def test_a_wrong_shape_is_named_with_its_key(over, said, tmp_path):
    path = write(tmp_path / "bad.npz", arrays(**over))
    with pytest.raises(InputError, match=said) as error:
        read_sequences(path)
    assert "bad.npz" in str(error.value)


def test_what_is_no_file_of_sequences_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such data"):
        read_sequences(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(InputError, match="cannot be read"):
        read_sequences(tmp_path / "text.npz")
    (tmp_path / "a.csv").write_text("1,2")
    with pytest.raises(InputError, match="npz, h5, hdf5, zarr"):
        read_sequences(tmp_path / "a.csv")
    (tmp_path / "empty.zarr").mkdir()
    if importlib.util.find_spec("zarr"):
        with pytest.raises(InputError, match="no zarr group"):
            read_sequences(tmp_path / "empty.zarr")
    if importlib.util.find_spec("h5py"):
        (tmp_path / "text.h5").write_text("hello")
        with pytest.raises(InputError, match="no HDF5 file"):
            read_sequences(tmp_path / "text.h5")
    with pytest.raises(InputError, match="no array 'w'"):
        read_sequences(write(tmp_path / "a.npz", arrays()), "w")


def test_a_missing_library_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    (tmp_path / "a.h5").write_bytes(b"")
    with pytest.raises(InputError, match=r"physgan\[sequences\]"):
        read_sequences(tmp_path / "a.h5")


def test_runs_are_split_whole(tmp_path):
    told = arrays()
    told["fields"] = np.repeat(told["fields"], 4, axis=0)
    told["beta"] = np.arange(20.0)
    found = read_sequences(write(tmp_path / "a.npz", told))
    parts = [set(found.split(s).tolist()) for s in ("train", "val", "test")]
    assert [len(p) for p in parts] == [16, 2, 2]
    assert set().union(*parts) == set(range(20)) and sum(map(len, parts)) == 20
    with pytest.raises(InputError, match="2 runs cannot be split"):
        read_sequences(write(tmp_path / "b.npz", {"fields": told["fields"][:2]})).split("train")


def test_windows_of_a_file_never_cross_runs_or_splits(tmp_path):
    path = write(tmp_path / "a.npz", arrays())
    domain = FieldDomain(passes=2, skips=[1, 2])
    seen = []
    for split in ("train", "val", "test"):
        batch = domain.load(path, split).batch
        level = batch["given", "field"].mean(dim=(1, 2, 3))
        after = batch["x", "field"].mean(dim=(2, 3, 4))
        run = (level / 10).round()
        assert bool(((after / 10 - 0.25).round() == run[:, None]).all())
        skip = after[:, 0] - level
        assert np.allclose(batch["y", "step"], 0.5 * skip.round())
        seen.append(set(run.tolist()))
    assert not seen[0] & seen[1] and not seen[0] & seen[2] and not seen[1] & seen[2]
    assert [p.name for p in domain.properties] == ["step", "beta"]


def test_runs_that_cannot_be_used_are_refused_with_a_reason(tmp_path):
    told = arrays()
    told["fields"][:, 2] = np.where(np.arange(RUNS) == 3, np.nan, 1.0)[:, None, None, None]
    path, domain = write(tmp_path / "a.npz", told), FieldDomain(passes=2)
    split = next(s for s in ("train", "val", "test") if 3 in read_sequences(path).split(s))
    if split == "train":
        found = domain.load(path, split)
        assert dict(found.refused) == {"run 3": "run 3, frame 2 is not finite"}
        assert not any(name.startswith("run-3-") for name in found.ids)
    else:
        with pytest.raises(InputError, match="frame 2 is not finite"):
            domain.load(path, split)
    told = arrays(times=np.array([0, 1, 2, 3, 4, 50.0]))
    with pytest.raises(InputError, match=r"no run can be used.*apart"):
        FieldDomain(passes=2).load(write(tmp_path / "b.npz", told), "train")


def test_the_users_own_file_trains_and_conserves(tmp_path):
    path = write(tmp_path / "a.npz", arrays())
    domain = FieldDomain(passes=2, skips=[1, 2], conserve=True)
    batch = domain.load(path, "train").batch
    core = StepperGAN(domain, ConditionSchema(domain.properties, batch["y"]))
    for turn in core.turns(lambda: batch[:4], 0):
        turn.losses[0].value.backward()
    assert all(p.grad is not None for p in core.stepper.read.parameters())
    twin = FieldDomain(conserve=True)
    twin.restore(domain.state())
    assert [p.name for p in twin.properties] == ["step", "beta"]
    start = twin.begin(path, 2, 0)
    after, _ = core.advance(start, {"step": batch["y", "step"][:2], "beta": batch["y", "beta"][:2]})
    assert float((after["field"] - start["field"]).mean(dim=(2, 3)).abs().max()) < 1e-5


def test_a_field_is_read_from_whatever_holds_one(tmp_path):
    told = arrays()
    assert read_field(write(tmp_path / "a.npz", told)).shape == (2, 4, 4)
    np.save(tmp_path / "b.npy", told["fields"][0, 0, 0])
    assert read_field(tmp_path / "b.npy").shape == (4, 4)
    np.save(tmp_path / "c.npy", np.zeros(3))
    with pytest.raises(InputError, match="no field"):
        read_field(tmp_path / "c.npy")


def test_windows_that_do_not_fit_are_mapped_and_the_same(tmp_path):
    path = write(tmp_path / "a.npz", arrays())
    plain = FieldDomain(passes=2, skips=[1, 2]).load(path, "train")
    mapped = FieldDomain(passes=2, skips=[1, 2], in_memory=0)
    found = mapped.load(path, "train")
    assert found.batch["x", "field"].__class__.__name__ == "MemoryMappedTensor"
    assert found.ids == plain.ids
    for name in (("x", "field"), ("given", "field"), ("y", "step"), ("y", "beta")):
        assert np.array_equal(found.batch[name], plain.batch[name])
    core = StepperGAN(mapped, ConditionSchema(mapped.properties, found.batch["y"]))
    assert np.isfinite(float(core.validation_loss(found.batch[:4])["error"]))
