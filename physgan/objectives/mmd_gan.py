"""MMD-GAN: a kernel on features that an autoencoding critic learns (Li et al. 2017, 1705.08584)."""

from __future__ import annotations

from torch import Tensor, nn

from physgan.domain import Verdict
from physgan.objectives.base import Objective, features_of, require
from physgan.objectives.clipping import clip_weights
from physgan.objectives.gather import gather_rows
from physgan.objectives.kernels import Kernel, discrepancy, gaussian, typical_distance, witness


class MMDGAN(Objective):
    """max over f of MMD^2(f(x), f(Gz)) - weight E |y - dec(f(y))|^2 over real and fake y.

    The decoder keeps f injective; its error is the energy of the critic. ``sigmas`` are in units
    of the root mean square distance of real features, so scaling f gains nothing. ``c`` clips the
    weights to [-c, c] as in the paper.
    """

    autoencoding = True
    real_in_generator = True

    def __init__(
        self,
        sigmas: tuple[float, ...] = (0.1, 0.2, 0.5, 1.0, 2.0),
        weight: float = 8.0,
        relative: bool = True,
        c: float | None = None,
    ) -> None:
        given = len(sigmas) > 0 and min(sigmas) > 0
        require(given, f"the bandwidths sigmas are {sigmas}", "give one or more, each > 0")
        require(weight >= 0, f"the autoencoder's weight is {weight}", "choose it >= 0")
        require(c is None or c > 0, f"the clipping bound c is {c}", "choose c > 0")
        super().__init__(sigmas=sigmas, weight=weight, relative=relative, c=c)

    def critic_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        error = real.score.mean() + fake[0].score.mean()
        return self.hparams["weight"] * error - self.generator_loss(real, *fake)

    def generator_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        x, y = gather_rows(features_of(real)), gather_rows(features_of(fake[0]))
        return discrepancy(self._kernel(x), x, y)

    def witness(self, judged: Verdict, real: Verdict, *fake: Verdict) -> Tensor:
        x, y = features_of(real), features_of(fake[0])
        return witness(self._kernel(x), features_of(judged), x.detach(), y.detach())

    def after_critic_step(self, critic: nn.Module, real: Verdict, *fake: Verdict) -> None:
        if (c := self.hparams["c"]) is not None:
            clip_weights(critic, -c, c)

    def _kernel(self, x: Tensor) -> Kernel:
        unit = typical_distance(x) if self.hparams["relative"] else 1.0
        return gaussian(self.hparams["sigmas"], unit)
