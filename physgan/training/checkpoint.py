"""Checkpoints of a run: written whole or not at all, read without running foreign code."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_safetensors
from torch import Tensor

from physgan.errors import InputError
from physgan.training.ema import split_average
from physgan.training.files import disk_errors, write_atomic, write_folder_atomic

FORMAT = "physgan-checkpoint"
VERSION = 1
MODEL, STATE, MANIFEST = "model.safetensors", "trainer.pt", "manifest.json"
SNAPSHOTS = 8
"""Weights of earlier steps that a run keeps at most."""


class Checkpoints:
    """The folders ``checkpoints/step-N`` of a run, and its current ``model.safetensors``.

    ``identity`` says what the weights belong to (domain, core); a checkpoint that says something
    else is refused. ``keep`` is the number of newest checkpoints that stay; of the older ones
    ``SNAPSHOTS``, spread over the run, leave their averaged weights as
    ``snapshots/step-N.safetensors``, to be looked at and not to be resumed from.
    """

    def __init__(self, run: Path, identity: Mapping[str, str], keep: int = 2) -> None:
        self.run, self.identity, self.keep = run, dict(identity), keep
        self.folder, self.snapshots = run / "checkpoints", run / "snapshots"

    def steps(self) -> list[int]:
        """The steps that have a checkpoint, ascending."""
        return sorted(_steps(self.folder, ""))

    def weights(self) -> dict[int, Path]:
        """The file of weights of every step that has one, ascending, from the run's first on."""
        found = {step: self._snapshot(step) for step in _steps(self.snapshots, ".safetensors")}
        found |= {step: self.path(step) / MODEL for step in self.steps()}
        return dict(sorted(found.items()))

    def path(self, step: int) -> Path:
        """The folder of the checkpoint of ``step``."""
        return self.folder / f"step-{step:09d}"

    def _snapshot(self, step: int) -> Path:
        return self.snapshots / f"step-{step:09d}.safetensors"

    def save(self, step: int, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Write the checkpoint of ``step`` and remove the oldest ones; RunError on a full disk."""
        buffer = io.BytesIO()
        torch.save(dict(state), buffer)
        model = model_bytes(tensors, self.identity, step)
        files = {MODEL: model, STATE: buffer.getvalue()}
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            "step": step,
            "identity": self.identity,
            "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        }
        files[MANIFEST] = json.dumps(manifest, indent=1).encode()
        write_folder_atomic(self.path(step), files)
        write_atomic(self.run / MODEL, model)
        for old in self.steps()[: -self.keep]:
            self._retire(old)

    def _retire(self, step: int) -> None:
        """Remove the checkpoint of ``step``; its averaged weights stay if they help the spread."""
        earlier = [known for known in _steps(self.snapshots, ".safetensors") if known < step]
        oldest = min(other for other in self.steps() if other > step)
        spread = thinned(sorted([*earlier, step, oldest]), SNAPSHOTS + 1)
        if step in spread:
            own, averaged = split_average(read_model(self.path(step) / MODEL)[0])
            with disk_errors(self.snapshots):
                self.snapshots.mkdir(exist_ok=True)
            content = model_bytes(own | averaged, self.identity, step)
            write_atomic(self._snapshot(step), content)
        for gone in set(earlier) - set(spread):
            self._snapshot(gone).unlink(missing_ok=True)
        shutil.rmtree(self.path(step), ignore_errors=True)

    def load(self, step: int | None = None) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and trainer state of ``step`` (None: the newest).

        Raises InputError that names the file when there is none, it is damaged or foreign.
        """
        known = self.steps()
        if not known:
            raise InputError("no checkpoint to resume from", where=str(self.folder))
        folder = self.path(known[-1] if step is None else step)
        sums = self._manifest(folder / MANIFEST)["sha256"]
        older = [f"step-{s:09d}" for s in known if self.path(s) != folder]
        fix = f"remove {folder} to resume from {older[-1]}" if older else "train again"
        for name in (MODEL, STATE):
            path = folder / name
            if not path.exists():
                raise InputError("the checkpoint lacks this file", where=str(path), fix=fix)
            if hashlib.sha256(path.read_bytes()).hexdigest() != sums.get(name):
                raise InputError(
                    "this file is damaged: its checksum is not the one written with it",
                    where=str(path),
                    fix=fix,
                )
        tensors, _ = read_model(folder / MODEL)
        try:
            state = torch.load(folder / STATE, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
            raise InputError(
                "this is no trainer state of physgan", where=str(folder / STATE), fix=fix
            ) from error
        return tensors, state

    def _manifest(self, path: Path) -> dict[str, Any]:
        try:
            manifest = json.loads(path.read_text())
            if manifest["format"] != FORMAT:
                raise ValueError
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError("this is no checkpoint of physgan", where=str(path)) from error
        if manifest["version"] != VERSION:
            raise InputError(
                f"checkpoint format {manifest['version']}; this physgan reads {VERSION}",
                where=str(path),
                fix="use the version of physgan that is named in config.toml",
            )
        if manifest["identity"] != self.identity:
            raise InputError(
                f"the checkpoint is of {_words(manifest['identity'])}, "
                f"the run is of {_words(self.identity)}",
                where=str(path),
            )
        return manifest


def thinned(steps: Sequence[int], most: int) -> list[int]:
    """At most ``most`` >= 2 of the ascending ``steps``, spread over all: first and last stay, and
    again and again the one goes whose neighbours are closest."""
    kept = list(steps)
    while len(kept) > max(most, 2):
        del kept[min(range(1, len(kept) - 1), key=lambda i: kept[i + 1] - kept[i - 1])]
    return kept


def model_bytes(tensors: Mapping[str, Tensor], identity: Mapping[str, str], step: int) -> bytes:
    """A safetensors file of ``tensors``, each saved apart even where the module shares them."""
    apart = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    meta = {"format": FORMAT, "version": str(VERSION), "step": str(step)}
    return to_safetensors(apart, {**meta, "identity": json.dumps(dict(identity))})


def read_model(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors of a model file, and ``{"step", "identity"}``.

    Raises InputError for a missing, damaged or foreign file.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            meta = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise InputError("there is no such model file", where=str(path)) from error
    except (SafetensorError, OSError) as error:
        raise InputError(f"this model file is damaged: {error}", where=str(path)) from error
    if meta.get("format") != FORMAT:
        raise InputError("this file was not written by physgan", where=str(path))
    return tensors, {"step": int(meta["step"]), "identity": json.loads(meta["identity"])}


def _steps(folder: Path, suffix: str) -> list[int]:
    names = [path.name for path in folder.glob(f"step-*{suffix}")]
    steps = [name.removeprefix("step-").removesuffix(suffix) for name in names]
    return [int(step) for step in steps if step.isdigit()]


def _words(identity: Mapping[str, str]) -> str:
    return ", ".join(f"{key} {value}" for key, value in identity.items()) or "nothing named"
