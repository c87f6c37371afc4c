"""One step of the game: each turn's losses are differentiated, then its players move."""

from __future__ import annotations

from collections.abc import Mapping

from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from physgan.cores.base import Core, Draw, Turn
from physgan.training.distributed import World
from physgan.training.metrics import Meter


class Game:
    """Plays the turns of a core. A loss's gradient reaches the parameters of its players alone."""

    def __init__(
        self,
        fabric: Fabric,
        core: Core,
        optimisers: Mapping[str, Optimizer],
        world: World,
        gradient_clip: float | None,
    ) -> None:
        self.fabric, self.core, self.world = fabric, core, world
        self.optimisers, self.gradient_clip = optimisers, gradient_clip
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
        for player in {*turn.step, *(p for loss in turn.losses for p in loss.players)}:
            for parameter in self.parameters[player]:
                parameter.grad = None
        losses = [loss for loss in turn.losses if loss.value.requires_grad]
        for place, loss in enumerate(losses):
            inputs = [p for n in loss.players for p in self.parameters[n] if p.requires_grad]
            self.fabric.backward(loss.value, inputs=inputs, retain_graph=place + 1 < len(losses))
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

    def _move(self, player: str, meter: Meter) -> None:
        parameters = self.parameters[player]
        self.world.average_gradients(parameters)
        if self.gradient_clip is not None:
            norm: Tensor = nn.utils.clip_grad_norm_(parameters, self.gradient_clip)
            meter.add(f"grad/{player}", norm)
        self.optimisers[player].step()
