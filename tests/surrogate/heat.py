"""Diffusion on the periodic line, exact in Fourier space; the stepper has one parameter to find."""

from __future__ import annotations

import math

import numpy as np
import torch
from matplotlib.figure import Figure
from tensordict import TensorDict
from torch import nn

from physgan.autoencoder_critic import AutoencodingCritic
from physgan.domain import Data, Penalty, Projection, Property, Verdict
from physgan.sequences import SequenceDomain, Stepper, Watched
from physgan.surrogate.windows import windows

POINTS = 16
TRUE = 0.3


def decayed(field, diffusivity, step):
    """``field (B, N)`` on [0, 2 pi) after ``step (B,)``: each mode k times exp(-D k^2 t)."""
    k = torch.arange(field.shape[-1] // 2 + 1)
    gain = torch.exp(-diffusivity * k**2 * step[:, None])
    return torch.fft.irfft(torch.fft.rfft(field) * gain, n=field.shape[-1])


class HeatStepper(Stepper):
    """``memory`` adds a hidden state that does nothing but be seen; ``leak`` breaks conservation;
    ``spread`` is the deviation of noise on the diffusivity."""

    def __init__(self, scale, start=0.1, memory=0, leak=0.0, spread=0.0):
        super().__init__()
        self.scale, self.hidden_dim = scale, memory
        self.diffusivity = nn.Parameter(torch.tensor(float(start)))
        self.cell = nn.GRUCell(POINTS, memory) if memory else None
        self.leak, self.spread, self.calls = leak, spread, 0

    def noise(self, state):
        return torch.randn(len(state)) if self.spread else None

    def forward(self, state, condition, z, hidden):
        self.calls += 1
        step = self.scale[0] + self.scale[1] * condition[:, 0]
        field, diffusivity = state["field"], self.diffusivity
        if z is not None:
            diffusivity = diffusivity * (1 + self.spread * z[:, None])
        after = decayed(field, diffusivity, step) + self.leak
        if self.cell is not None:
            hidden = self.cell(field, hidden)
        return TensorDict({"field": after}, [len(field)]), hidden

    def error(self, prediction, state, target, given):
        assert set(given.keys()) >= {"field", "y"}
        return (prediction["field"] - target["field"]).square().mean(dim=1)

    def settle(self, prediction, state):
        return prediction


class HeatCritic(nn.Module):
    def __init__(self, condition_dim, states=1, feature_dim=8):
        super().__init__()
        self.feature_dim = feature_dim
        self.body = nn.Sequential(nn.Linear(states * POINTS + condition_dim, 8), nn.SiLU())
        self.out = nn.Linear(8, 1)

    def forward(self, x, condition, given):
        leaves = list(x.values(include_nested=True, leaves_only=True))
        features = self.body(torch.cat([*leaves, condition], dim=1))
        return Verdict(self.out(features)[:, 0], features)


class HeatDomain(SequenceDomain):
    """The steps of the data are 0.4, 0.5 and 0.6; ``scale`` is how the schema standardises them."""

    name = "heat"
    time_unit = "s"
    properties = (Property("step", "s"),)

    def __init__(self, runs=12, passes=4, tolerance=1e-3):
        self.runs, self.passes, self.tolerance = runs, passes, tolerance
        self.scale = (0.5, 0.1)

    def load(self, path, split, properties=()):
        random = torch.Generator().manual_seed(["train", "val", "test"].index(split))
        parts = []
        for run in range(self.runs):
            step = torch.tensor([0.4 + 0.1 * (run % 3)])
            field = [torch.randn(1, POINTS, generator=random)]
            for _ in range(2 * self.passes):
                field.append(decayed(field[-1], TRUE, step))
            states = TensorDict({"field": torch.cat(field)}, [len(field)])
            number = torch.full((2 * self.passes, 1), float(run))
            sides = TensorDict({"run": number}, [2 * self.passes])
            parts.append(windows(states, {"step": float(step)}, self.passes, sides=sides))
        batch = torch.cat(parts)
        step = batch["y"]["step"].double()
        self.scale = (float(step.mean()), float(step.std()))
        return Data(batch, [str(i) for i in range(len(batch))])

    def state(self):
        return {"json": dict(vars(self)), "tensors": {}}

    def restore(self, state):
        vars(self).update(state["json"])

    def stepper(self, condition_dim, **options):
        return HeatStepper(self.scale, **options)

    def critic(self, condition_dim, **options):
        return HeatCritic(condition_dim, **options)

    def pair_critic(self, condition_dim, **options):
        return HeatCritic(condition_dim, states=2, **options)

    def autoencoder_critic(self, condition_dim, **options):
        return AutoencodingCritic(condition_dim, {"field": (POINTS,)}, **options)

    def autoencoder_pair_critic(self, condition_dim, **options):
        shapes = {(name, "field"): (POINTS,) for name in ("before", "after")}
        return AutoencodingCritic(condition_dim, shapes, **options)

    def penalties(self):
        def drift(x, given):
            return (x["field"].mean(dim=1) - given["field"].mean(dim=1)).abs()

        return (Penalty("drift", "K", self.tolerance, drift),)

    def begin(self, path, n, seed, **options):
        if path is not None:
            field = torch.from_numpy(np.loadtxt(path, dtype=np.float32))
            return TensorDict({"field": field.repeat(n, 1)}, [n])
        x = torch.arange(POINTS) * 2 * math.pi / POINTS
        return TensorDict({"field": (1 + torch.cos(x)).repeat(n, 1)}, [n])

    def watch(self, state, previous, y, elapsed):
        mean = state["field"].mean(dim=1)
        contrast = state["field"].amax(dim=1) - state["field"].amin(dim=1)
        drift = None if previous is None else (mean - previous["field"].mean(dim=1)).abs()
        return {
            "contrast": Watched(contrast, "K"),
            "mean": Watched(mean, "K", drift, self.tolerance, "K"),
        }

    def decode(self, x):
        return list(x["field"].reshape(-1, POINTS).numpy())

    def encode(self, samples):
        field = torch.as_tensor(np.stack(samples), dtype=torch.float)
        return TensorDict({"field": field}, [len(samples)]), list(range(len(samples)))

    def write(self, samples, names, folder):
        files = [folder / f"{name}.csv" for name in names]
        for file, sample in zip(files, samples, strict=True):
            np.savetxt(file, sample)
        return files

    def same(self, a, b):
        return bool(np.allclose(a, b, atol=1e-6))

    def draw(self, sample):
        figure = Figure(figsize=(2, 1))
        figure.add_subplot().plot(sample)
        return figure


class ConservingHeat(HeatDomain):
    """The same with the mean made to hold."""

    name = "conserving-heat"

    def projections(self):
        def keep(x, given):
            shift = given["field"].mean(dim=1) - x["field"].mean(dim=1)
            return TensorDict({"field": x["field"] + shift[:, None]}, x.batch_size)

        return (Projection("keep-mean", "drift", keep),)
