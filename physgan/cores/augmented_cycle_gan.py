"""Augmented CycleGAN: many-to-many translations (Almahairi et al., 1802.10151).

What a sample of one side leaves open about the other is a latent: b~ = G_ab(a, z_b), and E_a, E_b
read from a pair (a, b) the latents that make either out of the other. The cycle from (a, z_b) is

    b~ = G_ab(a, z_b),  z~_a = E_a(a, b~),  a' = G_ba(b~, z~_a),  z'_b = E_b(a, b~)

and must recover both: |a' - a|_1 and |z'_b - z_b|_1; likewise from (b, z_a). Critics of the latents
(least squares) hold z~ to the prior N(0, 1), so that a latent hides no more than it can carry; they
move as often as the samples' critics, plain, whatever those are held back by.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.conditions import ConditionSchema
from physgan.cores.base import Loss, Turn, resting
from physgan.cores.cycle_gan import CycleGAN, CycleGANOptions, Play, other
from physgan.cores.ranges import Count, Weight
from physgan.cores.translator import LatentEncoder
from physgan.domain import Domain, Verdict
from physgan.objectives.least_squares import LeastSquares
from physgan.tensors import float_leaves


@dataclass(frozen=True)
class AugmentedCycleGANOptions(CycleGANOptions):
    """``cycle`` weighs the samples' round trips, ``latent`` the latents', ``prior`` the critics
    D_z that hold encoded latents to the prior. ``latent_dim`` is Z on both sides."""

    latent_dim: Count = 4
    cycle: Weight = 1.0
    latent: Weight = 0.5
    prior: Weight = 0.1


class LatentCritic(nn.Module):
    """``z (B, Z) -> Verdict`` with features."""

    def __init__(self, latent_dim: int, hidden: int = 64) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(latent_dim, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU()
        )
        self.score = nn.Linear(hidden, 1)

    def forward(self, z: Tensor) -> Verdict:
        features = self.body(z)
        return Verdict(self.score(features)[:, 0], features)


class AugmentedCycleGAN(CycleGAN):
    """CycleGAN's four players, an encoder of each side's latent and a critic of each latent."""

    averaged = ("generator_ab", "generator_ba", "encoder_a", "encoder_b")
    title, kind = "augmented CycleGAN", AugmentedCycleGANOptions
    options: AugmentedCycleGANOptions

    def __init__(
        self, domain: Domain, schema: ConditionSchema | None = None, **options: Any
    ) -> None:
        super().__init__(domain, schema, **options)
        latent_dim, sides = self.options.latent_dim, (domain.a, domain.b)  # type: ignore
        self.encoder_a = LatentEncoder(*sides, latent_dim)
        self.encoder_b = LatentEncoder(*sides, latent_dim)
        self.critic_za, self.critic_zb = LatentCritic(latent_dim), LatentCritic(latent_dim)
        self.latent_objective = LeastSquares()

    @property
    def players(self) -> Mapping[str, nn.Module]:
        return {
            **super().players,
            "encoder_a": self.encoder_a,
            "encoder_b": self.encoder_b,
            "critic_za": self.critic_za,
            "critic_zb": self.critic_zb,
        }

    def _play(self, x: TensorDict, given: TensorDict) -> Play:
        z = {s: self._noise(x[s]) for s in ("a", "b")}
        made = {s: self.translate(x[other(s)], given, other(s) + s, z[s]) for s in ("b", "a")}
        fake = self._projected(made, given)
        return Play(made, fake, z, self._read_latents(x, fake, given))

    def _critics_turns(self, x: TensorDict, play: Play, given: TensorDict) -> Iterator[Turn]:
        yield from super()._critics_turns(x, play, given)
        losses = self._latent_losses(play)
        names = tuple(name for loss in losses for name in loss.players)
        logs = {loss.players[0]: loss.value.detach() for loss in losses}
        yield Turn(losses, names, logs, lambda: self._latent_losses(play))

    def _latent_losses(self, play: Play) -> tuple[Loss, ...]:
        losses = []
        for s, critic in (("a", self.critic_za), ("b", self.critic_zb)):
            said = critic(play.z[s]), critic(play.read[f"{s}_open"].detach())
            losses.append(Loss(self.latent_objective.critic_loss(*said), (f"critic_z{s}",)))
        return tuple(losses)

    def _terms(self, x: TensorDict, play: Play, given: TensorDict) -> dict[str, Tensor]:
        terms, z, read = self._adversarial(x, play.fake, given), play.z, play.read
        terms["prior"] = self._against_prior(z, read)
        terms["cycle"] = self._cycle_of(x, play.fake, given, read)
        terms["latent"] = (read["b"] - z["b"]).abs().mean() + (read["a"] - z["a"]).abs().mean()
        return terms

    def _noise(self, x: TensorDict) -> Tensor:
        leaf = next(iter(float_leaves(x).values()))
        return torch.randn(len(x), self.options.latent_dim, device=leaf.device, dtype=leaf.dtype)

    def _read_latents(self, x: TensorDict, fake: Any, given: TensorDict) -> dict[str, Tensor]:
        """z'_b, z'_a, which must be what the fakes were made with, and z~_a, z~_b ``_open``."""
        b, a_open = self.read(x["a"], fake["b"], given, "a")
        a, b_open = self.read(x["b"], fake["a"], given, "b")
        return {"b": b, "a_open": a_open, "a": a, "b_open": b_open}

    def _against_prior(self, z: Mapping[str, Tensor], read: Mapping[str, Tensor]) -> Tensor:
        total = z["a"].new_zeros(())
        for s, critic in (("a", self.critic_za), ("b", self.critic_zb)):
            with resting(critic):
                said, real = critic(read[f"{s}_open"]), critic(z[s])
                total = total + self.latent_objective.generator_loss(real, said)
        return total

    def _cycle_of(
        self, x: TensorDict, fake: Any, given: TensorDict, read: Mapping[str, Tensor]
    ) -> Tensor:
        """Both samples' round trips: back to a with z~_a, back to b with z~_b."""
        back_a = self.translate(fake["b"], given, "ba", read["a_open"])
        back_b = self.translate(fake["a"], given, "ab", read["b_open"])
        return self.apart("a", back_a, x["a"]) + self.apart("b", back_b, x["b"])

    def round_trip(self, x: TensorDict, given: TensorDict, side: str) -> TensorDict:
        there, _ = self.forth(x, given, side)
        _, z = self.read(x, there, given, side)
        return self.translate(there, given, other(side) + side, z)

    def read(
        self, x: TensorDict, there: TensorDict, given: TensorDict, side: str
    ) -> tuple[Tensor, Tensor]:
        """Of ``x`` of ``side`` and its translation ``there`` two latents ``(B, Z)``: the one that
        it was made with, and the one that leads back."""
        a, b = (x, there) if side == "a" else (there, x)
        both = (a, given["a"], b, given["b"])
        encoders = {"a": self.encoder_a, "b": self.encoder_b}
        return encoders[other(side)](*both), encoders[side](*both)

    def _cycle(self, x: TensorDict, fake: Any, given: TensorDict) -> Tensor:
        return self._cycle_of(x, fake, given, self._read_latents(x, fake, given))
