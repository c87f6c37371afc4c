"""Generative moment matching: no critic, only a kernel (Li, Swersky & Zemel 2015, 1502.02761)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from physgan.domain import Verdict
from physgan.objectives.base import Objective, features_of, require
from physgan.objectives.gather import gather_rows
from physgan.objectives.kernels import Kernel, discrepancy, gaussian, linear, typical_distance


class MomentMatching(Objective):
    """L_G = sqrt(MMD^2) of the data and the samples under a mixture of Gaussian kernels.

    ``sigmas`` are in units of the root mean square distance between real rows, or with
    ``relative`` False in those of the data. Condition and data are matched jointly. The batch is
    that of all processes.
    """

    needs_critic = False
    real_in_generator = True

    def __init__(
        self,
        sigmas: tuple[float, ...] = (0.05, 0.1, 0.2, 0.5, 1.0),
        kernel: Literal["gaussian", "linear"] = "gaussian",
        relative: bool = True,
    ) -> None:
        given = len(sigmas) > 0 and min(sigmas) > 0
        require(given, f"the bandwidths sigmas are {sigmas}", "give one or more, each > 0")
        super().__init__(sigmas=sigmas, kernel=kernel, relative=relative)

    def critic_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return real.score.new_zeros(())

    def generator_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        x, y = gather_rows(features_of(real)), gather_rows(features_of(fake[0]))
        # The clamp gives equal batches a zero derivative where the root has none.
        return discrepancy(self.kernel(x), x, y).clamp(min=1e-12).sqrt()

    def kernel(self, x: Tensor) -> Kernel:
        """The kernel, its unit taken from the real rows ``x (B, F)``."""
        if self.hparams["kernel"] == "linear":
            return linear
        unit = typical_distance(x) if self.hparams["relative"] else 1.0
        return gaussian(self.hparams["sigmas"], unit)
