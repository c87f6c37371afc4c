"""One process of a distributed game: a few steps of the toy, and what came of them.

usage: torchrun --nproc-per-node N play.py FOLDER STEPS RESUME
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from tensordict import TensorDict

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))

import os

from toy import Toy, gaussian

from physgan.cores.base import Draw, Loss, Turn
from physgan.training import Trainer, TrainerOptions


class Penalised(Toy):
    """No noise, so that the loss of a batch is the mean of its parts; a turn of a penalty alone."""

    def turns(self, draw: Draw, step: int) -> Iterator[Turn]:
        real = draw()["x", "value"]
        real = real.requires_grad_()
        fake = self.generator(real)
        gap = self._score(fake.detach()).mean() - self._score(real).mean()
        yield Turn((Loss(gap, ("critic",)),), ("critic",), {"gap": gap.detach()})
        slope = torch.autograd.grad(self._score(real).sum(), real, create_graph=True)[0]
        yield Turn((Loss(slope.square().sum(1).mean(), ("critic",)),), ("critic",))
        yield Turn((Loss(-self._score(fake).mean(), ("generator",)),), ("generator",))

    def _score(self, x: torch.Tensor) -> torch.Tensor:
        first, _, squash, last = self.critic
        return last(squash(first(x))).squeeze(1)

    def validation_loss(self, batch: TensorDict) -> dict[str, torch.Tensor]:
        return {}


def main(folder: str, until: int, resume: bool) -> None:
    """Play and let the first process save."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    torch.manual_seed(int(os.environ.get("RANK", "0")))
    options = TrainerOptions(
        steps=6, batch_size=32, lr=1e-2, warmup_steps=0, schedule="constant", log_every=2,
        checkpoint_every=100, accelerator="cpu", devices=world, threads=1, gradient_clip=1.0,
    )  # fmt: skip
    trainer = Trainer(Penalised(), gaussian(96), None, options, folder)
    seen: list[torch.Tensor] = []
    move = trainer.game._move

    def watch(player: str, *rest: object) -> None:
        move(player, *rest)  # type: ignore[arg-type]
        seen.extend(p.grad.clone() for p in trainer.game.parameters[player] if p.grad is not None)

    trainer.game._move = watch  # type: ignore[method-assign]
    outcome = trainer.fit(resume=resume, until=until)
    name = f"grads-{outcome.step}-{trainer.world.rank}.pt"
    trainer.world.wait()
    torch.save(seen, Path(folder) / name)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3] == "resume")
