"""CycleGAN: two domains' unpaired samples translated into each other (Zhu et al., 1703.10593).

Four players: G_ab: a -> b, G_ba: b -> a, and a critic on each side. Per step, in this order:

    L_critics = objective_b(D_b(b), D_b(G_ab a)) + objective_a(D_a(a), D_a(G_ba b)) + regularisers
    L_gens    = adversarial [objective_b(G_ab a) + objective_a(G_ba b)]
                + cycle [ |G_ba G_ab a - a|_1 + |G_ab G_ba b - b|_1 ]
                + identity [ |G_ab b - b|_1 + |G_ba a - a|_1 ] + multipliers(laws)

The critics move ``n_critic`` times, each on a batch of its own. Each D sees old fakes beside the
fresh ones, from a pool of 50 (``FakePool``; ``pool`` = 0: none).
Norms are means over a sample's coordinates, in the units that the side's critic looks at, so that
the paper's weight of 10 means here what it means there. Only floating leaves are compared: what a
translator cannot change (a template) cannot come back either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.conditions import ConditionSchema
from physgan.cores.base import Core, Draw, Loss, Turn
from physgan.cores.ranges import Count, Weight
from physgan.cores.reading import read_options
from physgan.cores.replay import recorded
from physgan.cores.side import Side, SideOptions
from physgan.cores.translator import translator
from physgan.domain import Domain, Verdict
from physgan.errors import InputError
from physgan.pair import Pair
from physgan.tensors import float_leaves


@dataclass(frozen=True)
class CycleGANOptions(SideOptions):
    """Weights of the terms. ``identity`` needs two domains whose samples have the same leaves.

    ``latent_dim`` is the width of the noise that the translators' networks take, here zero;
    ``network`` are options of both translators.
    """

    adversarial: Weight = 1.0
    cycle: Weight = 10.0
    identity: Weight = 0.0
    latent_dim: Count = 1
    network: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Play:
    """Of a step, by the side that they belong to: what the translators ``made``, the same after
    projections, ``fake``, the noise ``z (B, Z)`` that it was made with, and latents ``read``."""

    made: Mapping[str, TensorDict]
    fake: Mapping[str, TensorDict]
    z: Mapping[str, Tensor] = field(default_factory=dict)
    read: Mapping[str, Tensor] = field(default_factory=dict)


class CycleGAN(Core):
    """See the module's docstring; ``domain`` is a ``Pair``, ``options`` fields of CycleGANOptions.

    Raises InputError for a single domain and for unknown options.
    """

    averaged = ("generator_ab", "generator_ba")
    title, kind = "CycleGAN", CycleGANOptions
    options: CycleGANOptions

    def __init__(
        self, domain: Domain, schema: ConditionSchema | None = None, **options: Any
    ) -> None:
        super().__init__()
        if not isinstance(domain, Pair):
            raise InputError(
                f"the {self.title} translates between two domains, {domain.name!r} is one",
                fix="give physgan.pair.Pair(a, b)",
            )
        self.options = opt = read_options(self.kind, self.title, options)
        sizes = (opt.latent_dim,)
        self.generator_ab = translator(domain.a, domain.b, *sizes, **opt.network)
        self.generator_ba = translator(domain.b, domain.a, *sizes, **opt.network)
        self.side_a, self.side_b = Side(domain.a, opt), Side(domain.b, opt)

    @property
    def hparams(self) -> dict[str, Any]:
        """What rebuilds this core."""
        return asdict(self.options)

    @property
    def players(self) -> Mapping[str, nn.Module]:
        found = {"generator_ab": self.generator_ab, "generator_ba": self.generator_ba}
        for name, critic in (("critic_a", self.side_a.critic), ("critic_b", self.side_b.critic)):
            if critic is not None:
                found[name] = critic
        return found

    def turns(self, draw: Draw, step: int) -> Iterator[Turn]:
        for _ in range(self.options.n_critic - 1 if self._critics else 0):
            batch = draw()
            with torch.no_grad():
                play = self._play(batch["x"], batch["given"])
            yield from self._critics_turns(batch["x"], play, batch["given"])
        batch = draw()
        x, given = batch["x"], batch["given"]
        play, replay = recorded(self._play, x, given)
        yield from self._critics_turns(x, play, given)
        told, again = recorded(self._makers_losses, x, play, given)
        loss, logs, residuals = told

        def anew() -> tuple[Loss, ...]:
            return (again(x, replay(x, given), given)[0],)

        yield Turn((loss,), loss.players, logs, anew)
        for s, found in residuals.items():
            if found:
                self._side(s).multipliers.update(found)

    @property
    def _critics(self) -> tuple[str, ...]:
        return tuple(name for name in self.players if name.startswith("critic_"))

    def rehearse(self, batch: TensorDict) -> None:
        for s, side in self.sides.items():
            side.rehearse_on(side.prepare(batch["x"][s]))

    @property
    def sides(self) -> dict[str, Side]:
        """Both sides by their names."""
        return {"a": self.side_a, "b": self.side_b}

    def _side(self, name: str) -> Side:
        return self.sides[name]

    def _play(self, x: TensorDict, given: TensorDict) -> Play:
        """Translations of both sides' ``x``."""
        made = {"b": self.translate(x["a"], given, "ab"), "a": self.translate(x["b"], given, "ba")}
        return Play(made, self._projected(made, given))

    def _projected(
        self, made: Mapping[str, TensorDict], given: TensorDict
    ) -> dict[str, TensorDict]:
        return {s: self._side(s).project(made[s], given[s]) for s in ("a", "b")}

    def _critics_turns(self, x: TensorDict, play: Play, given: TensorDict) -> Iterator[Turn]:
        """The critics' moves against ``play``."""
        if self.side_a.critic is None:
            return
        mixed = {s: side.mixed(play.fake[s], given[s]) for s, side in self.sides.items()}
        told, again = recorded(self._critics_losses, x, play, mixed, given)
        losses, said = told

        def anew() -> tuple[Loss, ...]:
            for side in self.sides.values():
                side.regularizer.rewind()
            return again(x, play, mixed, given)[0]

        names = tuple(name for loss in losses for name in loss.players)
        logs = {loss.players[0]: loss.value.detach() for loss in losses}
        yield Turn(losses, names, logs, anew)
        for s, side in self.sides.items():
            side.after_critic_step(said[s])

    def _critics_losses(
        self, x: TensorDict, play: Play, mixed: Mapping[str, TensorDict], given: TensorDict
    ) -> tuple[tuple[Loss, ...], dict[str, tuple[Verdict, ...]]]:
        """Both critics' losses, and the verdicts that move their objectives' states."""
        losses, said = [], {}
        for s, side in self.sides.items():
            value, said[s] = side.critic_loss(x[s], play.fake[s], mixed[s], given[s])
            losses.append(Loss(value, (f"critic_{s}",)))
        return tuple(losses), said

    def _terms(self, x: TensorDict, play: Play, given: TensorDict) -> dict[str, Tensor]:
        """What the translators minimise beside the laws, by the options that weigh it."""
        terms = self._adversarial(x, play.fake, given)
        terms["cycle"] = self._cycle(x, play.fake, given)
        if self.options.identity:
            terms["identity"] = self._identity(x, given)
        return terms

    def _makers_losses(
        self, x: TensorDict, play: Play, given: TensorDict
    ) -> tuple[Loss, dict[str, Tensor], dict[str, dict[str, Tensor]]]:
        """The translators' loss, what to log, and each side's residuals of laws."""
        terms = self._terms(x, play, given)
        total = torch.stack([getattr(self.options, n) * value for n, value in terms.items()]).sum()
        logs = {name: value.detach() for name, value in terms.items()}
        kept: dict[str, dict[str, Tensor]] = {}
        for s, side in self.sides.items():
            laws, kept[s] = side.laws(play.made[s], given[s])
            total = total + laws
            logs |= {f"law_{s}_{name}": value for name, value in kept[s].items()}
        movers = tuple(name for name in self.players if name not in self._critics)
        return Loss(total, movers), logs, kept

    def _adversarial(self, x: TensorDict, fake: Any, given: TensorDict) -> dict[str, Tensor]:
        paid = [self._side(s).generator_loss(x[s], fake[s], given[s]) for s in ("a", "b")]
        return {"adversarial": torch.stack(paid).sum()}

    def _cycle(self, x: TensorDict, fake: Any, given: TensorDict) -> Tensor:
        back_a = self.translate(fake["b"], given, "ba")
        back_b = self.translate(fake["a"], given, "ab")
        return self.apart("a", back_a, x["a"]) + self.apart("b", back_b, x["b"])

    def _identity(self, x: TensorDict, given: TensorDict) -> Tensor:
        if set(float_leaves(x["a"])) != set(float_leaves(x["b"])):
            raise InputError(
                "an identity term needs two domains with the same leaves", fix="set identity = 0"
            )
        same_b = self.generator_ab(x["b"], given["b"], given["b"], self._noise(x["b"]))
        same_a = self.generator_ba(x["a"], given["a"], given["a"], self._noise(x["a"]))
        return self.apart("b", same_b, x["b"]) + self.apart("a", same_a, x["a"])

    def apart(self, side: str, x: TensorDict, y: TensorDict) -> Tensor:
        """The mean |x - y|_1 of samples of ``side`` in the units of its critic, a scalar."""
        prepare = self.sides[side].prepare
        return mean_l1(prepare(x), prepare(y))

    def _noise(self, x: TensorDict) -> Tensor:
        """The noise ``(B, Z)`` of a translation: none, in the plain CycleGAN."""
        return next(iter(float_leaves(x).values())).new_zeros(len(x), self.options.latent_dim)

    def translate(
        self, x: TensorDict, given: TensorDict, way: str, z: Tensor | None = None
    ) -> TensorDict:
        """``x (B,)`` of the first side of ``way`` ("ab" or "ba") as samples of the second.

        ``given`` holds what is given on both sides, ``{"a": ..., "b": ...}``; ``z (B, Z)`` is the
        noise.
        """
        network = self.generator_ab if way == "ab" else self.generator_ba
        noise = self._noise(x) if z is None else z
        return network(x, given[way[0]], given[way[1]], noise)

    def round_trip(self, x: TensorDict, given: TensorDict, side: str) -> TensorDict:
        """``x (B,)`` of ``side`` made into the other's and back; ``given`` as in ``translate``."""
        there, _ = self.forth(x, given, side)
        return self.translate(there, given, other(side) + side)

    def forth(self, x: TensorDict, given: TensorDict, side: str) -> tuple[TensorDict, Tensor]:
        """Translations of ``x`` into the other side, projected, and their noise ``(B, Z)``."""
        target, z = other(side), self._noise(x)
        made = self.translate(x, given, side + target, z)
        return self._side(target).project(made, given[target]), z

    @torch.no_grad()
    def sample(self, condition: Tensor, given: TensorDict) -> TensorDict:
        """Translations of ``given["x"]``, ``{"a": ..., "b": ...}``: side a holds those of b.

        ``given["given"]``, where there is one, is what is given on both sides. Raises InputError
        without samples to translate.
        """
        if "x" not in given.keys():  # noqa: SIM118
            raise InputError(
                f"the {self.title} makes samples out of samples",
                fix="see physgan translate; in Python give given with x, {'a': ..., 'b': ...}",
            )
        x, empty = given["x"], TensorDict({"a": {}, "b": {}}, given.batch_size)
        both = given["given"] if "given" in given.keys() else empty  # noqa: SIM118
        made = {"a": self.translate(x["b"], both, "ba"), "b": self.translate(x["a"], both, "ab")}
        return TensorDict(self._projected(made, both), given.batch_size)

    @torch.no_grad()
    def validation_loss(self, batch: TensorDict) -> dict[str, Tensor]:
        """How far both round trips end from where they began."""
        x, given = batch["x"], batch["given"]
        return {"cycle": self._cycle(x, self._play(x, given).fake, given)}

    def report(self) -> dict[str, float]:
        told = {s: self._side(s).report() for s in ("a", "b")}
        return {f"{s}/{name}": value for s, own in told.items() for name, value in own.items()}


def other(side: str) -> str:
    """The side that ``side`` is not."""
    return "b" if side == "a" else "a"


def l1_norm(x: TensorDict, y: TensorDict) -> Tensor:
    """|x - y|_1 of each sample ``(B,)``, over the floating leaves that both have."""
    ours, theirs = float_leaves(x), float_leaves(y)
    rows = [(ours[k] - theirs[k]).flatten(1).abs().sum(dim=1) for k in ours if k in theirs]
    return torch.stack(rows).sum(dim=0)


def mean_l1(x: TensorDict, y: TensorDict) -> Tensor:
    """``l1_norm`` per coordinate, a mean over the batch, a scalar."""
    theirs = float_leaves(y)
    size = sum(leaf[0].numel() for key, leaf in float_leaves(x).items() if key in theirs)
    return l1_norm(x, y).mean() / size
