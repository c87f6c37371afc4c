"""Sequences of fields on a periodic grid, from the user's own files: a domain without a physics.

A subclass adds what it knows: laws, projections, a solver. Without one, ``conserve`` makes the mean
of every channel hold exactly.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.domain import Data, Penalty, Projection, Property
from physgan.errors import InputError
from physgan.sequences import SequenceDomain, Stepper, Truth, Values, Watched
from physgan.surrogate.field_autoencoder import FieldAutoencoder
from physgan.surrogate.field_networks import FieldCritic, FieldStepper
from physgan.surrogate.periodic import shifted
from physgan.surrogate.readers import Sequences, read_field, read_sequences, steps_of
from physgan.surrogate.windows import bytes_of, joined, windows
from physgan.training.options import unknown_key


class FieldDomain(SequenceDomain):
    """States are ``field (B, C, H, W)``; y has ``step`` and the parameters of the file.

    ``array`` names the fields in the file. Windows of ``passes`` start at every ``every``-th frame,
    and frames are ``skips`` apart, for each number in it: several step lengths from one sequence.
    ``drift`` is the tolerance of a channel's mean, relative to its deviation in the data.
    ``isotropic``: all channels are scalars of a law without a preferred direction; ``augment`` then
    turns and mirrors fields besides shifting them.
    Windows of more than ``in_memory`` GiB are kept in temporary files, mapped into memory.
    """

    name = "fields"
    time_unit = "t"
    citations = ""

    def __init__(
        self,
        passes: int = 4,
        every: int = 1,
        skips: Sequence[int] = (1,),
        array: str | None = None,
        conserve: bool = False,
        drift: float = 1e-3,
        in_memory: float = 4.0,
        isotropic: bool = False,
    ) -> None:
        self.passes, self.every, self.skips, self.array = passes, every, list(skips), array
        self.conserve, self.drift, self.in_memory = conserve, drift, in_memory
        self.isotropic = isotropic
        self._folders: list[TemporaryDirectory[str]] = []
        self.mean, self.std, self.change = torch.zeros(1), torch.ones(1), torch.ones(1)
        self.shape: list[int] = []
        self.properties = (Property("step", self.time_unit),)

    def load(self, path: Path | None, split: str, properties: Sequence[str] = ()) -> Data:
        found = self.sequences(path)
        chosen = found.split(split)
        ids: list[str] = []
        refused: list[tuple[str, str]] = []

        def cuts() -> Iterator[TensorDict]:
            for run in chosen.tolist():
                try:
                    cut = self._cut(found, run)
                except InputError as error:
                    refused.append((f"run {run}", error.what))
                    continue
                ids.extend(f"run-{run}-{i}" for i in range(len(cut)))
                yield cut

        parts = cuts()
        first = next(parts, None)
        if first is None:
            raise InputError(
                f"no run can be used, {refused[0][0]}: {refused[0][1]}", where=str(path)
            )
        rows, folder = len(first) * len(chosen), None
        if bytes_of(first) * len(chosen) > self.in_memory * 2**30:
            self._folders.append(TemporaryDirectory(prefix="physgan-windows-"))
            folder = Path(self._folders[-1].name)
        batch = joined(itertools.chain([first], parts), rows, folder)
        if split == "train":
            self._fit(batch, found)
        return Data(batch, ids, refused)

    def sequences(self, path: Path | None) -> Sequences:
        """What is learned from; a subclass may make it where there is no ``path``."""
        if path is None:
            raise InputError("this domain has no data of its own", fix="name a file of sequences")
        return read_sequences(path, self.array)

    def truths(self, path: Path | None, split: str, n: int) -> list[Truth]:
        """Whole runs, their frames as far apart as the first of ``skips`` says."""
        made, found, skip = self.sequences(path), [], self.skips[0]
        for run in made.split(split)[:n].tolist():
            frames, times = made.run(run)[::skip], made.times[run][::skip]
            told = {name: float(values[run]) for name, values in made.parameters.items()}
            y = {"step": steps_of(times), **told}
            found.append(Truth(TensorDict({"field": frames}, [len(frames)]), times - times[0], y))
        return found

    def _cut(self, found: Sequences, run: int) -> TensorDict:
        frames, parts = found.run(run), []
        told = {name: float(values[run]) for name, values in found.parameters.items()}
        for skip in self.skips:
            states = TensorDict({"field": frames[::skip]}, [len(frames[::skip])])
            y = {"step": steps_of(found.times[run][::skip]), **told}
            parts.append(windows(states, y, self.passes, every=self.every))
        return torch.cat(parts)  # type: ignore[return-value]

    def _fit(self, batch: TensorDict, found: Sequences) -> None:
        some = batch[torch.linspace(0, len(batch) - 1, min(len(batch), 1024)).long()]
        field = some["given", "field"].double()
        self.mean = field.mean(dim=(0, 2, 3)).float()
        self.std = field.std(dim=(0, 2, 3)).clamp(min=1e-8).float()
        moved = some["x", "field"][:, 0].double() - field
        self.change = moved.square().mean(dim=(0, 2, 3)).sqrt().clamp(min=1e-8).float()
        self.shape = list(field.shape[1:])
        extra = [Property(name) for name in found.parameters]
        self.properties = (Property("step", self.time_unit), *extra)

    def state(self) -> dict[str, Any]:
        names = [p.name for p in self.properties if p.name != "step"]
        return {
            "json": {"shape": self.shape, "parameters": names},
            "tensors": {"mean": self.mean, "std": self.std, "change": self.change},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self.shape = state["json"]["shape"]
        self.mean, self.std, self.change = (state["tensors"][n] for n in ("mean", "std", "change"))
        extra = [Property(name) for name in state["json"]["parameters"]]
        self.properties = (Property("step", self.time_unit), *extra)

    def stepper(self, condition_dim: int, **options: Any) -> Stepper:
        return FieldStepper(condition_dim, self.mean, self.std, self.change, **options)

    def critic(self, condition_dim: int, **options: Any) -> nn.Module:
        return FieldCritic(len(self.mean), condition_dim, **options)

    def pair_critic(self, condition_dim: int, **options: Any) -> nn.Module:
        return FieldCritic(2 * len(self.mean), condition_dim, **options)

    def autoencoder_critic(self, condition_dim: int, **options: Any) -> nn.Module:
        return FieldAutoencoder(len(self.mean), condition_dim, **options)

    def autoencoder_pair_critic(self, condition_dim: int, **options: Any) -> nn.Module:
        return FieldAutoencoder(2 * len(self.mean), condition_dim, **options)

    def augment(self, x: TensorDict) -> TensorDict:
        return shifted(x, turned=self.isotropic)

    def recommended(self) -> dict[str, Any]:
        trainer = {"batch_size": 16, "lr": 3e-3, "warmup_steps": 20, "ema_decay": 0.99}
        return {**super().recommended(), "trainer": trainer}

    def penalties(self) -> Sequence[Penalty]:
        def moved(x: TensorDict, given: TensorDict) -> Tensor:
            return self._moved(x["field"], given["field"])

        return (Penalty("mean", "1", self.drift, moved),) if self.conserve else ()

    def projections(self) -> Sequence[Projection]:
        def keep(x: TensorDict, given: TensorDict) -> TensorDict:
            lost = means(given["field"]) - means(x["field"])
            field = x["field"] + lost.to(x["field"].dtype)[:, :, None, None]
            return TensorDict({"field": field}, x.batch_size)

        return (Projection("keep-mean", "mean", keep),) if self.conserve else ()

    def begin(self, path: Path | None, n: int, seed: int, **options: Any) -> TensorDict:
        if options:
            raise unknown_key(next(iter(options)), (), "initial state")
        if path is None:
            raise InputError("this domain makes no initial states", fix="give --initial FILE")
        field = read_field(path)
        field = field.reshape(-1, *field.shape[-2:])
        if self.shape and len(field) != self.shape[0]:
            raise InputError(
                f"the field has {len(field)} channels, the data {self.shape[0]}", where=str(path)
            )
        return TensorDict({"field": field.expand(n, *field.shape).clone()}, [n])

    def watch(
        self, state: TensorDict, previous: TensorDict | None, y: Values, elapsed: Tensor | None
    ) -> dict[str, Watched]:
        field = state["field"]
        found = {}
        for channel in range(field.shape[1]):
            own = field[:, channel].double()
            title = "" if field.shape[1] == 1 else f"_{channel}"
            found[f"deviation{title}"] = Watched(own.std(dim=(1, 2)))
            found[f"mean{title}"] = Watched(own.mean(dim=(1, 2)))
        if self.conserve:
            moved = None if previous is None else self._moved(field, previous["field"])
            found["drift"] = Watched(means(field).abs().mean(dim=1), "", moved, self.drift)
        return found

    def _moved(self, field: Tensor, before: Tensor) -> Tensor:
        return ((means(field) - means(before)).abs() / self.std.to(field.device)).mean(dim=1)

    def picture(self, state: TensorDict) -> np.ndarray:
        from matplotlib import colormaps

        field = (state["field"][0, 0].cpu() - self.mean[0]) / (4 * self.std[0]) + 0.5
        return (255 * colormaps["viridis"](field.clamp(0, 1).numpy())[..., :3]).astype(np.uint8)

    def decode(self, x: TensorDict) -> list[np.ndarray]:
        return list(x["field"].detach().cpu().numpy())

    def encode(self, samples: Sequence[np.ndarray]) -> tuple[TensorDict, list[int]]:
        field = torch.from_numpy(np.stack(samples))
        return TensorDict({"field": field}, [len(samples)]), list(range(len(samples)))

    def write(self, samples: Sequence[Any], names: Sequence[str], folder: Path) -> list[Path]:
        files = [folder / f"{name}.npy" for name in names]
        for file, sample in zip(files, samples, strict=True):
            np.save(file, sample, allow_pickle=False)
        return files

    def evaluator(self) -> Callable[..., dict[str, Any]]:
        from physgan.surrogate.scores import evaluate_fields

        return evaluate_fields

    def same(self, a: np.ndarray, b: np.ndarray) -> bool:
        return a.shape == b.shape and bool(np.allclose(a, b, atol=1e-6))

    def draw(self, sample: np.ndarray) -> Any:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(3 * len(sample), 3), layout="constrained")
        for axes, channel in zip(figure.subplots(1, len(sample), squeeze=False)[0], sample, strict=True):  # fmt: skip  # noqa: E501
            axes.imshow(channel)
            axes.set_axis_off()
        return figure


def means(field: Tensor) -> Tensor:
    """Mean ``(B, C)`` of each channel, in double precision."""
    return field.double().mean(dim=(2, 3))
