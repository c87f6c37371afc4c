"""The audit of a run that translates: each side's critic, samples, round trips and latents.

The side b is judged by D_b on translations of a; its ``translation`` figures, all without a unit:
``cycle`` |b'' - b| of the trip b -> a -> b over |b' - b| of two samples, both as the loss measures
them; ``latent`` the distance of two translations of one a over that of translations of two;
``recovered`` |z' - z| of the latent that is read back over that of two draws; ``prior`` how often
D_z ranks a draw of the prior above an encoded latent. The last three are those of stochastic
translations (1802.10151).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan.audit import verdict
from physgan.audit.attacks import leaves_called
from physgan.audit.balance import separation
from physgan.audit.judged import Audit, compare, judge
from physgan.audit.latents import fixed_latents
from physgan.audit.material import Material, Rows, data_path, options_of, points_of
from physgan.cores.augmented_cycle_gan import AugmentedCycleGAN
from physgan.cores.cycle_gan import CycleGAN, other
from physgan.errors import InputError
from physgan.pair import SIDES, Pair, place
from physgan.run import Run
from physgan.training import rng
from physgan.training.folder import FINGERPRINTS


@dataclass(frozen=True)
class Sources:
    """Held-out rows of both sides, apart: ``x`` and ``given`` by side."""

    x: dict[str, TensorDict]
    given: dict[str, TensorDict]

    def beside(self, side: str) -> TensorDict:
        """What is given on both sides of the rows of ``side``; the other's are repeated."""
        size = len(self.x[side])
        rows = {s: torch.arange(size) % len(self.x[s]) for s in SIDES}
        return TensorDict({s: self.given[s][rows[s]] for s in SIDES}, [size])

    def first(self, rows: Tensor) -> TensorDict:
        """``rows`` of both sides, as ``CycleGAN.sample`` takes them."""
        both = {
            name: TensorDict({s: part[s][rows % len(self.x[s])] for s in SIDES}, [len(rows)])
            for name, part in (("x", self.x), ("given", self.given))
        }
        return TensorDict(both, [len(rows)])


def audit_sides(found: Audit, run: Run, data: Path | None, *, latents: int) -> Audit:
    """``found`` with an audit of each side, by the ``n``, ``eps``, ``leaves``, ``k`` and ``seed``
    of its settings. Raises InputError where there are no data to translate, or no such leaf."""
    core, pair, settings = run.core, run.domain, found.settings
    assert isinstance(core, CycleGAN) and isinstance(pair, Pair)
    sources = _sources(run, pair, data, settings["n"], settings["seed"])
    leaves_called(sources.first(torch.arange(1))["x"], settings["leaves"])
    pictures = _pictures(run, sources, latents, settings["seed"])
    for part, (side, domain) in enumerate(pair.sides.items()):
        own = Audit(f"{found.run}, side {side} ({domain.name})", settings)
        with rng.isolated(settings["seed"]):
            material = _material(core, pair, sources, side)
            own.translation = figures(core, sources, side)
        material.points = points_of(material, run.folder / FINGERPRINTS)
        own.notes = material.notes
        compare(own, material, settings["k"])
        judge(own, material, settings["eps"], _own(settings["leaves"], side))
        own.findings += verdict.on_translation(own.translation)
        own.pictures = [
            (label, [None if s is None else s[part] for s in natives])
            for label, natives in pictures
        ]
        found.sides[side] = own
        found.findings += [replace(f, text=f"Side {side}: {f.text}") for f in own.findings]
        found.notes += [f"Side {side}: {note}" for note in own.notes]
    return found


def _own(leaves: list[str], side: str) -> list[str] | None:
    """The names of ``leaves`` within ``side``, None where all are of the other."""
    own = [name.removeprefix(f"{side}.") for name in leaves if name.startswith(f"{side}.")]
    return own if own or not leaves else None


@torch.no_grad()
def figures(core: CycleGAN, sources: Sources, side: str) -> dict[str, float]:
    """The ``translation`` figures of ``side``, drawn from torch's random state."""
    x, given, start = sources.x[side], sources.beside(side), other(side)
    found = {"cycle": _share(core, side, core.round_trip(x, given, side), x)}
    if not isinstance(core, AugmentedCycleGAN):
        return found
    source, told = sources.x[start], sources.beside(start)
    (one, z), (two, _) = core.forth(source, told, start), core.forth(source, told, start)
    read, _ = core.read(source, one, told, start)
    there, _ = core.forth(x, given, side)
    _, encoded = core.read(x, there, given, side)
    critic = core.critic_za if side == "a" else core.critic_zb
    drawn = torch.randn_like(encoded)
    return found | {
        "latent": _share(core, side, two, one),
        "recovered": float((read - z).abs().mean() / (z.roll(1, dims=0) - z).abs().mean()),
        "prior": separation(critic(drawn).score.double(), critic(encoded).score.double()),
    }


def _share(core: CycleGAN, side: str, x: TensorDict, y: TensorDict) -> float:
    """|x - y| over the distance of rows of ``y`` to one another."""
    apart = core.apart(side, y[torch.arange(len(y)).roll(1)], y)
    return float(core.apart(side, x, y) / apart.clamp(min=1e-12))


@torch.no_grad()
def _material(core: CycleGAN, pair: Pair, sources: Sources, side: str) -> Material:
    start = other(side)
    given = sources.beside(start)
    made, _ = core.forth(sources.x[start], given, start)
    fake = Rows(made, torch.zeros(len(made), 0), given[side])
    x = sources.x[side]
    real = Rows(x, torch.zeros(len(x), 0), sources.given[side])
    told = options_of(core, getattr(core.sides[side], "critic", None))
    return Material(core.sides[side], pair.sides[side], fake, real, options=told)


def _sources(run: Run, pair: Pair, data: Path | None, n: int, seed: int) -> Sources:
    path = data_path(run, data)
    if path is not None and not path.exists():
        raise InputError(
            "the data of this run are not here, and translations need samples to begin with",
            where=str(path),
            fix="give some with --data, a folder with a and b in it",
        )
    x, given = {}, {}
    for side, domain in pair.sides.items():
        batch = domain.load(place(path, side), "val").batch
        order = torch.randperm(len(batch), generator=torch.Generator().manual_seed(seed))[:n]
        x[side], given[side] = batch["x"][order], batch["given"][order]
    return Sources(x, given)


def _pictures(run: Run, sources: Sources, n: int, seed: int) -> list[tuple[str, list]]:
    """The same sources by the weights of each time and, of a stochastic translation, one source
    under as many latents."""
    if n < 1:
        return []
    found = fixed_latents(run, n, seed, given=sources.first(torch.arange(n)))
    if isinstance(run.core, AugmentedCycleGAN):
        one = sources.first(torch.zeros(n, dtype=torch.long))
        found.append(("final, one source", run.domain.decode(run.sample(n, seed=seed, given=one))))
    return found
