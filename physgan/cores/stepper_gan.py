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
against the stepper, and this is plain supervised training. An objective that reads several fakes
gets as many runs through the same windows, each with a noise of its own: independent draws of what
may follow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import repeat
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.conditions import ConditionSchema
from physgan.constraints.laws import laws_of
from physgan.cores.base import Core, Draw, Loss, Turn
from physgan.cores.judge import Judge
from physgan.cores.judges import Judges
from physgan.cores.own_states import OwnStates
from physgan.cores.passes import Forced, Pass, Views, behaviours, teach, unroll, views
from physgan.cores.professor_forcing import ProfessorForcing, Rules
from physgan.cores.reading import read_options
from physgan.cores.replay import recorded
from physgan.cores.stepper_options import StepperOptions, check
from physgan.cores.window import Window, aged, kept, whole
from physgan.domain import Domain
from physgan.errors import InputError
from physgan.objectives import build
from physgan.registry import build_from
from physgan.sequences import SequenceDomain, Stepper, Values, context, frames_of


class StepperGAN(Core):
    """See the module's docstring; ``options`` are the fields of StepperOptions.

    Raises InputError for a domain without sequences and options that contradict each other.
    """

    title, kind = "surrogate", StepperOptions
    averaged = ("stepper",)

    def __init__(self, domain: Domain, schema: ConditionSchema, **options: Any) -> None:
        super().__init__()
        opt: StepperOptions = read_options(self.kind, self.title, options)
        if not isinstance(domain, SequenceDomain):
            raise InputError(
                f"the domain {domain.name!r} has no sequences", fix="choose another core"
            )
        self.options, self.schema = opt, schema
        self.stepper: Stepper = domain.stepper(schema.dim, **opt.network)
        check(opt, self.stepper)
        kinds = {
            "states": (domain.critic, domain.autoencoder_critic),
            "pairs": (domain.pair_critic, domain.autoencoder_pair_critic),
        }
        wanted = [n for n in kinds if opt.adversarial > 0 and getattr(opt, n)]
        self.critics = Judges({n: Judge(domain, *kinds[n], schema.dim, opt) for n in wanted})
        self.professor: ProfessorForcing | None = None
        if opt.professor > 0:
            rules = build_from(
                {"forcing": Rules}, "professor", "forcing", **opt.professor_constants
            )
            objective = build(opt.professor_objective, **opt.professor_objective_constants)
            self.professor = ProfessorForcing(self.stepper.behaviour_dim, objective, rules)
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
        if self.critics.learning:
            found["critic"] = self.critics
        if self.professor is not None:
            found["behaviour"] = self.professor.critic
        return found

    def turns(self, draw: Draw, step: int) -> Iterator[Turn]:
        playing = bool(self.critics) and self.progress >= self.options.adversarial_from
        learning = playing and self.critics.learning
        for _ in repeat(None, self.options.n_critic - 1 if learning else 0):
            window, rows, count = self._window(draw())
            with torch.no_grad():
                made = self._runs(window, playing)
            yield from self.critics.turn(*self._views(window, made))
            self._keep(rows, made[0], count)
        window, rows, count = self._window(draw())
        made, remake = recorded(self._runs, window, playing)
        if learning:
            yield from self.critics.turn(*self._views(window, made))
        forced, reteach, accuracy = None, None, None
        if self.professor is not None:
            forced, reteach = recorded(self._teach, window)
            free = behaviours(self.stepper, made[0])
            turn, accuracy = self.professor.critic_turn(forced.behaviour, free)
            yield turn
            self.professor.moved()
        told, again = recorded(self._losses, window, made, playing, forced, accuracy)
        total, residuals, logs = told

        def replay() -> tuple[Loss, ...]:
            anew = None if reteach is None else reteach(window)
            value = again(window, remake(window, playing), playing, anew, accuracy)[0]
            return (Loss(value, ("stepper",)),)

        yield Turn((Loss(total, ("stepper",)),), ("stepper",), logs, replay)
        if residuals:
            self.multipliers.update(residuals)
        self._keep(rows, made[0], count)

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

    def rehearse(self, batch: TensorDict) -> None:
        self._limit(batch)
        if self.critics:
            window = whole(batch, 1)
            real = self._views(window, [self._unroll(window)])[0]
            for name, judge in self.critics.each().items():
                judge.rehearse_on(real[name])

    def validation_loss(self, batch: TensorDict) -> dict[str, Tensor]:
        """``error`` of the last of K free passes, ``error_first`` of the first, and each law's
        residual over all passes."""
        window = whole(batch, self._limit(batch))
        made = self._unroll(window)
        errors = self._errors(window, made)
        found = {"error": errors[-1], "error_first": errors[0]}
        return found | {f"law_{n}": v for n, v in self._residuals(window, made).items()}

    def report(self) -> dict[str, float]:
        found = (self.multipliers.report() if self.penalties else {}) | self.critics.report()
        if self.professor is not None:
            said = self.professor.objective.report()
            found |= {f"behaviour_{key}": value for key, value in said.items()}
        return found

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

    def _window(self, batch: TensorDict) -> tuple[Window, TensorDict | None, int]:
        """What a move goes through, the same as rows for ``_keep``, how many passes they may go."""
        limit = self._limit(batch)
        count = self._passes(limit)
        if not self.options.replay:
            return whole(batch, count), None, count
        return *aged(batch, self.own_states, self.options.replay), count

    def _keep(self, rows: TensorDict | None, made: Sequence[Pass], count: int) -> None:
        if rows is not None and (left := kept(rows, made[-1].after, count)) is not None:
            self.own_states.put(left)

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

    def _runs(self, window: Window, playing: bool) -> list[list[Pass]]:
        """As many independent runs as the objective reads; without noise all are the same."""
        further, first = self.critics.fakes - 1 if playing else 0, self._unroll(window)
        if further and self.stepper.noise(window.state) is None:
            return [first, *repeat(first, further)]
        return [first, *(self._unroll(window) for _ in range(further))]

    def _teach(self, window: Window) -> Forced:
        return teach(self.stepper, window, self._condition(window), self._project)

    def _graded(self, passes: int) -> range:
        """The places of the passes that losses are taken of."""
        return range(passes)[-1 if self.options.gradient == "last" else 0 :]

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
            graded = [(k, made[k]) for k in self._graded(len(made))]
            each = [law.function(p.said, window.given(p.state, k)) for k, p in graded]
            found[name] = torch.stack(each).mean()
        return found

    def _views(
        self, window: Window, made: Sequence[Sequence[Pass]]
    ) -> tuple[Views, list[Views], Tensor]:
        """Real and made samples of each critic, all graded passes together, and conditions."""
        graded = self._graded(window.passes)
        real, fakes = views(self.stepper, window, made, graded)
        return real, fakes, self.schema(window.y).repeat(len(graded), 1)

    def _losses(
        self,
        window: Window,
        made: Sequence[Sequence[Pass]],
        playing: bool,
        forced: Forced | None,
        accuracy: Tensor | None,
    ) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
        """The stepper's loss, the laws' residuals off the graph, and what to log."""
        first = made[0]
        if forced is None:
            errors = self._errors(window, first)
            error = torch.stack([errors[k] for k in self._graded(len(first))]).mean()
        else:
            error = forced.error
        total, logs = error, {"error": error.detach()}
        if playing:
            real, fakes, condition = self._views(window, made)
            against = self.critics.against(real, fakes, condition)
            total = total + self.options.adversarial * against
            logs["adversarial"] = against.detach()
        if self.professor is not None and forced is not None and accuracy is not None:
            free = behaviours(self.stepper, first)
            alike = self.professor.against(forced.behaviour, free, accuracy)
            total, logs["professor"] = total + self.options.professor * alike, alike.detach()
        residuals = self._residuals(window, first)
        if residuals:
            total = total + self.multipliers(residuals)
        still = {n: value.detach() for n, value in residuals.items()}
        return total, still, logs | {f"law_{n}": value for n, value in still.items()}
