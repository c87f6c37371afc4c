"""What critics of several domains have in common."""

from __future__ import annotations

from torch import Tensor, nn

from physgan.domain import Verdict


class ProjectionScore:
    """``psi(phi) + <V y, phi> / scale`` of features phi under a condition y: the projection
    discriminator (Miyato and Koyama, ICLR 2018, 1802.05637).

    ``psi`` makes ``(B, F, ...)`` into ``(B, 1, ...)``, ``project`` is V, ``(B, C) -> (B, F)``, or
    None for a critic that is told nothing. Both belong to the critic that builds this, under names
    of its own choice: this adds no parameter, and no name to its state.
    """

    def __init__(self, psi: nn.Module, project: nn.Module | None, scale: float = 1.0) -> None:
        self.psi, self.project, self.scale = psi, project, scale

    def __call__(self, phi: Tensor, condition: Tensor) -> Verdict:
        """Score ``(B,)`` and features ``(B, F)``. Of maps ``phi (B, F, H, W)``, whose places are
        judged one by one, both are means over the places."""
        score = self.psi(phi).mean(dim=tuple(range(1, phi.ndim)))
        features = phi.mean(dim=tuple(range(2, phi.ndim))) if phi.ndim > 2 else phi
        if self.project is None:
            return Verdict(score, features)
        told = (self.project(condition) * features).sum(dim=1)
        return Verdict(score + told / self.scale, features)
