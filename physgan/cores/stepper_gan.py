"""A surrogate of a simulation: state, condition and noise to the next state, over many passes.

Per step the stepper G goes through k <= K passes from the first state s_0 of its windows, fed with
its own states: p_i = P G(s_i, c, z_i), s_{i+1} = settle(p_i), P being the domain's differentiable
projections. With the real states t_i:

    L_critics = objective(D_s(t_i), D_s(s_i)) + objective(D_p(t_{i-1}, t_i), D_p(s_{i-1}, s_i))
    L_stepper = error(p_i, t_{i+1}) + w_a objective(D(s)) + multipliers(laws(G(s_i)))

``gradient`` says how far gradients go back: ``each`` through each pass alone, ``last`` through the
last of a random number of passes alone (the pushforward trick, Brandstetter et al., 2202.03376),
``all`` through time, where states carry gradients. With ``replay`` a step is one pass, and a share
of its rows starts from states that the stepper made in earlier steps. With weight 0 nobody plays
against the stepper, and this is plain supervised training.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.conditions import ConditionSchema
from physgan.constraints.laws import laws_of
from physgan.cores.adversarial import read_options
from physgan.cores.base import Core, Draw, Loss, Turn
from physgan.cores.judge import Judge
from physgan.cores.own_states import OwnStates
from physgan.cores.passes import Forced, Pass, hidden_of, teach, unroll, views
from physgan.cores.professor_forcing import ProfessorForcing
from physgan.cores.replay import recorded
from physgan.cores.stepper_options import StepperOptions, check
from physgan.cores.window import Window, aged, kept, whole
from physgan.domain import Domain
from physgan.errors import InputError
from physgan.sequences import SequenceDomain, Stepper, Values, context, frames_of


class StepperGAN(Core):
    """See the module's docstring; ``options`` are the fields of StepperOptions.

    Raises InputError for a domain without sequences and options that contradict each other.
    """

    averaged = ("stepper",)

    def __init__(self, domain: Domain, schema: ConditionSchema, **options: Any) -> None:
        super().__init__()
        opt: StepperOptions = read_options(StepperOptions, "surrogate", options)
        if not isinstance(domain, SequenceDomain):
            raise InputError(
                f"the domain {domain.name!r} has no sequences", fix="choose another core"
            )
        self.options, self.schema = opt, schema
        self.stepper: Stepper = domain.stepper(schema.dim, **opt.network)
        check(opt, self.stepper)
        kinds = {"states": domain.critic, "pairs": domain.pair_critic}
        wanted = [n for n in kinds if opt.adversarial > 0 and getattr(opt, n)]
        self.critics = nn.ModuleDict(
            {n: Judge(domain, kinds[n](schema.dim, **opt.critic_network), opt) for n in wanted}
        )
        self.professor: ProfessorForcing | None = None
        if opt.professor > 0:
            self.professor = ProfessorForcing(self.stepper.hidden_dim)
        self.penalties, self.multipliers = laws_of(domain, opt.laws, opt.tolerances)
        self.projections = list(domain.projections())
        self.own_states = OwnStates(opt.replay_rows)

    @property
    def hparams(self) -> dict[str, Any]:
        """What rebuilds this core."""
        return asdict(self.options)

    @property
    def players(self) -> Mapping[str, nn.Module]:
        found: dict[str, nn.Module] = {"stepper": self.stepper}
        if self.critics:
            found["critic"] = self.critics
        if self.professor is not None:
            found["behaviour"] = self.professor.critic
        return found

    def turns(self, draw: Draw, step: int) -> Iterator[Turn]:
        batch = draw()
        limit = self._limit(batch)
        rows, count = None, self._passes(limit)
        if self.options.replay:
            window, rows = aged(batch, self.own_states, self.options.replay)
        else:
            window = whole(batch, count)
        made, remake = recorded(self._unroll, window)
        playing = bool(self.critics) and self.progress >= self.options.adversarial_from
        if playing:
            yield from self._critic_turn(window, made)
        forced, accuracy = None, None
        if self.professor is not None:
            forced, free = self._teach(window), hidden_of(made)
            turn, accuracy = self.professor.critic_turn(forced.hidden, free)
            yield turn
            self.professor.moved()
        told, again = recorded(self._losses, window, made, playing, forced, accuracy)
        total, residuals, logs = told

        def replay() -> tuple[Loss, ...]:
            anew = None if self.professor is None else self._teach(window)
            value = again(window, remake(window), playing, anew, accuracy)[0]
            return (Loss(value, ("stepper",)),)

        yield Turn((Loss(total, ("stepper",)),), ("stepper",), logs, replay)
        if residuals:
            self.multipliers.update(residuals)
        if rows is not None and (left := kept(rows, made[-1].after, count)) is not None:
            self.own_states.put(left)

    def advance(
        self, state: TensorDict, y: Values, hidden: Tensor | None = None
    ) -> tuple[TensorDict, Tensor | None]:
        """One pass from ``state (B,)`` under ``y``, values in the user's units by property, after
        all projections; the hidden state of a stepper with memory goes along. No gradient."""
        with torch.no_grad():
            condition, given = self.schema(y), context(state, y)
            if hidden is None:
                hidden = self.stepper.initial(state)
            z = self.stepper.noise(state)

            def project(prediction: TensorDict) -> TensorDict:
                return self._project(prediction, given)

            return self.stepper.advance(state, condition, z, hidden, project)

    def sample(self, condition: Tensor, given: TensorDict) -> TensorDict:
        if not given.keys():
            raise InputError("a surrogate needs a state to go on from", fix="use physgan rollout")
        return self.advance(given, self.schema.values(condition))[0]

    def validation_loss(self, batch: TensorDict) -> dict[str, Tensor]:
        """``error`` of the last of K free passes, ``error_first`` of the first, and each law's
        residual over all passes."""
        window = whole(batch, self._limit(batch))
        made = self._unroll(window)
        errors = self._errors(window, made)
        found = {"error": errors[-1], "error_first": errors[0]}
        return found | {f"law_{n}": v for n, v in self._residuals(window, made).items()}

    def report(self) -> dict[str, float]:
        return self.multipliers.report() if self.penalties else {}

    def _limit(self, batch: TensorDict) -> int:
        """K; InputError where the windows are shorter."""
        have, wanted = frames_of(batch), self.options.passes
        if wanted > have:
            raise InputError(
                f"the windows have {have} passes, not {wanted}", fix="make longer ones"
            )
        return wanted or have

    def _passes(self, limit: int) -> int:
        """How many passes this step makes, or allows own states to have."""
        share = self.progress / self.options.grow_until if self.options.grow_until else 1.0
        count = min(limit, 1 + int(limit * min(1.0, share)))
        if self.options.gradient == "last" and not self.options.replay:
            return int(torch.randint(1, count + 1, ()))
        return count

    def _project(self, prediction: TensorDict, given: TensorDict) -> TensorDict:
        for projection in self.projections:
            if projection.differentiable or not self.training:
                prediction = projection.function(prediction, given)
        return prediction

    def _condition(self, window: Window) -> Tensor:
        condition = self.schema(window.y)
        drop = self.options.condition_drop
        return self.schema.drop(condition, drop) if self.training and drop else condition

    def _unroll(self, window: Window) -> list[Pass]:
        return unroll(
            self.stepper, window, self._condition(window), self._project, self.options.gradient
        )

    def _teach(self, window: Window) -> Forced:
        return teach(self.stepper, window, self._condition(window), self._project)

    def _graded(self, made: Sequence[Pass]) -> list[tuple[int, Pass]]:
        """The passes that losses are taken of, with their places."""
        return list(enumerate(made))[-1 if self.options.gradient == "last" else 0 :]

    def _errors(self, window: Window, made: Sequence[Pass]) -> list[Tensor]:
        return [
            self.stepper.error(p.projected, p.state, window.truth[k + 1], window.given(p.state, k))
            .mean()
            for k, p in enumerate(made)
        ]  # fmt: skip

    def _residuals(self, window: Window, made: Sequence[Pass]) -> dict[str, Tensor]:
        """Each law's mean residual over the graded passes, of what the network itself said."""
        found: dict[str, Tensor] = {}
        for name, law in self.penalties.items():
            each = [law.function(p.said, window.given(p.state, k)) for k, p in self._graded(made)]
            found[name] = torch.stack(each).mean()
        return found

    def _views(
        self, window: Window, made: Sequence[Pass]
    ) -> tuple[dict[str, TensorDict], dict[str, TensorDict], Tensor]:
        """Real and made samples of each critic, all graded passes together, and conditions."""
        graded = self._graded(made)
        real, fake = views(self.stepper, window, graded)
        return real, fake, self.schema(window.y).repeat(len(graded), 1)

    def _critic_turn(self, window: Window, made: Sequence[Pass]) -> Iterator[Turn]:
        real, fake, condition = self._views(window, made)
        told, again = recorded(self._critic_losses, real, fake, condition)

        def replay() -> tuple[Loss, ...]:
            for judge in self._judges().values():
                judge.regularizer.rewind()
            return (Loss(again(real, fake, condition)[0], ("critic",)),)

        yield Turn((Loss(told[0], ("critic",)),), ("critic",), told[1], replay)
        for judge in self._judges().values():
            judge.moved()

    def _critic_losses(
        self, real: Mapping[str, TensorDict], fake: Mapping[str, TensorDict], condition: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        losses, logs = [], {}
        for name, judge in self._judges().items():
            loss, said = judge.critic_loss(real[name].detach(), fake[name].detach(), condition)
            losses.append(loss)
            logs |= {f"{name}_{key}": value for key, value in said.items()}
        return torch.stack(losses).sum(), logs

    def _losses(
        self,
        window: Window,
        made: Sequence[Pass],
        playing: bool,
        forced: Forced | None,
        accuracy: Tensor | None,
    ) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
        """The stepper's loss, the laws' residuals off the graph, and what to log."""
        if forced is None:
            errors = self._errors(window, made)
            error = torch.stack([errors[k] for k, _ in self._graded(made)]).mean()
        else:
            error = forced.error
        total, logs = error, {"error": error.detach()}
        if playing:
            real, fake, condition = self._views(window, made)
            each = [j.against(real[n], fake[n], condition) for n, j in self._judges().items()]
            against = torch.stack(each).sum()
            total, logs["adversarial"] = (
                total + self.options.adversarial * against,
                against.detach(),
            )
        if self.professor is not None and forced is not None and accuracy is not None:
            alike = self.professor.against(forced.hidden, hidden_of(made), accuracy)
            total, logs["professor"] = total + self.options.professor * alike, alike.detach()
        residuals = self._residuals(window, made)
        if residuals:
            total = total + self.multipliers(residuals)
        still = {n: value.detach() for n, value in residuals.items()}
        return total, still, logs | {f"law_{n}": value for n, value in still.items()}

    def _judges(self) -> dict[str, Judge]:
        return dict(self.critics.items())  # type: ignore[arg-type]
