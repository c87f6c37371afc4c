"""A conditional normalising flow over latents: closes the prior hole of a VAE.

A VAE's encodings do not fill the standard normal that one samples from; a flow p(z | c) learned
with the encoder does the sampling instead (Kingma et al., 1606.04934; Dai & Wipf, 1903.05789).
"""

from __future__ import annotations

import zuko
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal


class FlowPrior(nn.Module):
    """Coupling flow p(z | c) on ``z (B, Z)``: affine (Dinh et al., 1605.08803) or, at six times
    the cost on a CPU, neural splines (Durkan et al., 1906.04032).

    Coupling rather than autoregressive transforms, so that drawing a sample is one pass. Affine
    ones suffice because the encoder is trained with the flow and meets it half-way. Without
    ``transforms`` it is the standard normal, for latents that one draws piece by piece.
    """

    def __init__(
        self,
        latent_dim: int,
        condition_dim: int,
        *,
        transforms: int = 8,
        hidden: int = 128,
        splines: bool = False,
    ) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.condition_dim = condition_dim
        family = zuko.flows.NSF if splines else zuko.flows.MAF
        self.flow: nn.Module | None = None
        if transforms:
            self.flow = family(
                features=latent_dim,
                context=condition_dim,
                transforms=transforms,
                hidden_features=(hidden, hidden),
                passes=2,
            )

    def log_prob(self, z: Tensor, condition: Tensor) -> Tensor:
        """log p(z | c), ``(B,)`` in nats."""
        return self._given(condition).log_prob(z)

    def sample(self, condition: Tensor) -> Tensor:
        """One z per row of ``condition (B, C)``, reparametrised."""
        shape = () if self.condition_dim and self.flow is not None else (len(condition),)
        return self._given(condition).rsample(shape)

    def _given(self, condition: Tensor) -> Distribution:
        if self.flow is None:
            return Independent(Normal(condition.new_zeros(self.latent_dim), 1.0), 1)
        return self.flow(condition) if self.condition_dim else self.flow()
