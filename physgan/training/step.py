"""One step of the game: each turn's losses are differentiated, then its players move."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import ExitStack

from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from physgan.cores.base import Core, Draw, Loss, Turn
from physgan.errors import InputError
from physgan.training.distributed import World
from physgan.training.metrics import Meter
from physgan.training.sam import worse_point


class Game:
    """Plays the turns of a core. A loss's gradient reaches the parameters of its players alone.

    ``sharp`` names the players of sharpness-aware minimisation with their rho.
    """

    def __init__(
        self,
        fabric: Fabric,
        core: Core,
        optimisers: Mapping[str, Optimizer],
        world: World,
        gradient_clip: float | None,
        sharp: Mapping[str, float] | None = None,
    ) -> None:
        self.fabric, self.core, self.world = fabric, core, world
        self.optimisers, self.gradient_clip = optimisers, gradient_clip
        self.sharp = dict(sharp or {})
        self.parameters = {n: list(net.parameters()) for n, net in core.players.items()}

    def play(self, draw: Draw, step: int, meter: Meter) -> None:
        """One step; what is logged goes to ``meter`` unread."""
        turns = self.core.turns(draw, step)
        while True:
            with self.fabric.autocast():
                turn = next(turns, None)
            if turn is None:
                break
            self._take(turn, meter)
        if self.world.size > 1:
            self.world.share(list(self.core.buffers()))

    def _take(self, turn: Turn, meter: Meter) -> None:
        players = {*turn.step, *(p for loss in turn.losses for p in loss.players)}
        self._differentiate(turn.losses, players)
        if sharp := [player for player in turn.step if player in self.sharp]:
            self._look_nearby(turn, sharp)
        for player in turn.step:
            self._move(player, meter)
        totals: dict[str, Tensor] = {}
        for loss in turn.losses:
            name = f"loss/{'+'.join(loss.players)}"
            totals[name] = totals.get(name, 0) + loss.value.detach()
        for name, value in totals.items():
            meter.add(name, value)
        for name, value in turn.logs.items():
            meter.add(name, value)

    def _differentiate(self, losses: Iterable[Loss], players: Collection[str]) -> None:
        """Fresh gradients for ``players``, each of its own losses."""
        for player in players:
            for parameter in self.parameters[player]:
                parameter.grad = None
        todo = [(loss.value, self._asked(loss, players)) for loss in losses]
        todo = [(value, inputs) for value, inputs in todo if value.requires_grad and inputs]
        for place, (value, inputs) in enumerate(todo):
            self.fabric.backward(value, inputs=inputs, retain_graph=place + 1 < len(todo))

    def _asked(self, loss: Loss, players: Collection[str]) -> list[nn.Parameter]:
        mine = [p for name in loss.players if name in players for p in self.parameters[name]]
        return [parameter for parameter in mine if parameter.requires_grad]

    def _look_nearby(self, turn: Turn, players: Collection[str]) -> None:
        """Replace the gradients of ``players`` by those at w + rho g/|g|, each at its own."""
        if turn.again is None:
            raise InputError(
                "the turns of this core cannot be computed again, which sam needs",
                fix="choose the optimiser adamw, optimistic-adam or extra-adam",
            )
        for player in players:
            self.world.average_gradients(self.parameters[player])
        with ExitStack() as moved:
            for player in players:
                moved.enter_context(worse_point(self.parameters[player], self.sharp[player]))
            with self.fabric.autocast():
                losses = turn.again()
            self._differentiate(losses, players)

    def _move(self, player: str, meter: Meter) -> None:
        parameters = self.parameters[player]
        self.world.average_gradients(parameters)
        if self.gradient_clip is not None:
            norm: Tensor = nn.utils.clip_grad_norm_(parameters, self.gradient_clip)
            meter.add(f"grad/{player}", norm)
        self.optimisers[player].step()
