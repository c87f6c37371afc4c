from __future__ import annotations

import errno
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from toy import Toy

from physgan.errors import InputError, RunError
from physgan.training import files
from physgan.training.checkpoint import SNAPSHOTS, Checkpoints, read_model, thinned


def test_only_the_newest_are_kept(trainer: Any) -> None:
    learner = trainer(checkpoint_every=2, keep=3)
    learner.fit()
    assert learner.checkpoints.steps() == [6, 8, 10]
    _, meta = read_model(learner.folder / "model.safetensors")
    assert meta == {"step": 10, "identity": {"domain": "toy", "core": "toy"}}


def test_weights_of_the_whole_run_stay(tmp_path: Path) -> None:
    """Never more than a few, never a gap of more than twice the even one, and read by steps."""
    kept = Checkpoints(tmp_path, {"core": "toy"})
    for save in range(101):
        at = torch.full((3,), float(save))
        kept.save(10 * save, {"w": at, "ema.w": at + 0.5}, {"step": 10 * save})
        steps = list(kept.weights())
        assert steps[0] == 0 and steps[-2:] == [10 * save - 10, 10 * save][-len(steps) :]
        assert len(steps) <= SNAPSHOTS + 2 and len(kept.steps()) <= 2
        gaps = [b - a for a, b in pairwise(steps)]
        assert max(gaps, default=0) <= max(10, 2 * 10 * save / SNAPSHOTS)
    assert len(steps) == SNAPSHOTS + 2
    for step, path in list(kept.weights().items())[:SNAPSHOTS]:
        tensors, meta = read_model(path)
        assert set(tensors) == {"w"} and meta["step"] == step
        assert torch.equal(tensors["w"], torch.full((3,), step / 10 + 0.5)), "the average"
    assert kept.load()[1]["step"] == 1000


def test_old_weights_do_not_change_how_a_run_resumes(trainer: Any) -> None:
    learner = trainer(checkpoint_every=1)
    learner.fit(until=5)
    assert list(learner.checkpoints.weights()) == [0, 1, 2, 3, 4, 5]
    again = trainer(checkpoint_every=1)
    assert again.fit(resume=True).step == 10
    assert again.checkpoints.steps() == [9, 10] and len(again.checkpoints.weights()) == 10
    assert sorted(path.name for path in (learner.folder / "snapshots").iterdir()) == [
        f"step-{step:09d}.safetensors" for step in again.checkpoints.weights() if step < 9
    ]


@given(st.sets(st.integers(0, 10**6), min_size=1), st.integers(2, 12))
@settings(deadline=None)
def test_thinning_keeps_both_ends(steps: set[int], most: int) -> None:
    found = thinned(sorted(steps), most)
    assert found == sorted(set(found)) and set(found) <= steps
    assert len(found) == min(len(steps), most)
    assert (found[0], found[-1]) == (min(steps), max(steps))


@pytest.mark.parametrize("name", ["model.safetensors", "trainer.pt"])
def test_a_damaged_checkpoint_names_the_file_and_the_way_out(trainer: Any, name: str) -> None:
    learner = trainer()
    learner.fit(until=5)
    path = learner.checkpoints.path(5) / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match=rf"{name}.*damaged.*resume from step-000000004"):
        trainer().fit(resume=True)


def test_a_missing_file_is_named(trainer: Any) -> None:
    trainer().fit(until=5)
    learner = trainer()
    (learner.checkpoints.path(5) / "trainer.pt").unlink()
    with pytest.raises(InputError, match=r"trainer.pt.*lacks this file"):
        learner.fit(resume=True)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"format": "other"}'])
def test_a_foreign_manifest_is_refused(trainer: Any, text: str) -> None:
    learner = trainer()
    learner.fit(until=2)
    (learner.checkpoints.path(2) / "manifest.json").write_text(text)
    with pytest.raises(InputError, match=r"manifest.json: this is no checkpoint of physgan"):
        trainer().fit(resume=True)


def test_a_later_format_is_refused(trainer: Any) -> None:
    learner = trainer()
    learner.fit(until=2)
    path = learner.checkpoints.path(2) / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": 99}))
    with pytest.raises(InputError, match="checkpoint format 99; this physgan reads 1"):
        trainer().fit(resume=True)


def test_a_checkpoint_of_another_run_is_refused(trainer: Any) -> None:
    learner = trainer()
    learner.fit(until=2)
    other = Checkpoints(learner.folder, {"domain": "crystal", "core": "toy"})
    with pytest.raises(
        InputError, match="is of domain toy, core toy, the run is of domain crystal"
    ):
        other.load()


class Wider(Toy):
    def __init__(self) -> None:
        super().__init__()
        self.generator = torch.nn.Linear(2, 3)


def test_a_checkpoint_of_another_shape_is_refused(trainer: Any) -> None:
    trainer().fit(until=2)
    with pytest.raises(InputError, match="does not fit this core"):
        trainer(core=Wider()).fit(resume=True)


def test_nothing_to_resume(trainer: Any) -> None:
    with pytest.raises(InputError, match="no checkpoint to resume from"):
        trainer().fit(resume=True)


def test_a_full_disk_leaves_the_old_checkpoint(
    trainer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = trainer()
    learner.fit(until=4)
    before = {p: p.read_bytes() for p in learner.folder.rglob("*") if p.suffix != ".csv"
              and p.is_file()}  # fmt: skip
    write = files.write_synced

    def full(path: Path, content: bytes) -> None:
        if path.name == "trainer.pt":
            path.write_bytes(content[:10])
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, content)

    monkeypatch.setattr(files, "write_synced", full)
    with pytest.raises(RunError, match=r"the disk is full.*step-000000008.*is intact"):
        trainer().fit(resume=True)
    monkeypatch.undo()
    after = {p: p.read_bytes() for p in before}
    assert before == after
    assert not list(learner.folder.rglob("*.part"))
    assert learner.checkpoints.steps() == [0, 4]
    assert trainer().fit(resume=True).step == 10


def test_model_files_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with pytest.raises(InputError, match="no such model file"):
        read_model(path)
    path.write_bytes(b"not a tensor file")
    with pytest.raises(InputError, match="damaged"):
        read_model(path)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(InputError, match="not written by physgan"):
        read_model(path)


def test_trainer_state_with_code_in_it_is_not_run(trainer: Any, tmp_path: Path) -> None:
    import hashlib

    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "ran",))

    learner = trainer()
    learner.fit(until=2)
    folder = learner.checkpoints.path(2)
    torch.save({"step": Evil()}, folder / "trainer.pt")
    manifest = json.loads((folder / "manifest.json").read_text())
    content = (folder / "trainer.pt").read_bytes()
    manifest["sha256"]["trainer.pt"] = hashlib.sha256(content).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="no trainer state of physgan"):
        trainer().fit(resume=True)
    assert not (tmp_path / "ran").exists()
