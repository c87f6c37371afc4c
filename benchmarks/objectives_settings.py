"""How each objective is played in its benchmark: the regulariser of its paper, else none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from physgan.objectives import OBJECTIVES


@dataclass(frozen=True)
class Setting:
    """An objective with its regulariser and constants; ``n_critic`` moves of the critic go to one
    of the generator; ``title`` says what bounds the critic and whose advice that is."""

    objective: str
    regularizer: str = "none"
    title: str = "none"
    constants: dict[str, Any] = field(default_factory=dict)
    spectral_norm: bool = False
    n_critic: int = 1

    def core(self) -> dict[str, Any]:
        """Options of the core."""
        return {
            "objective": self.objective,
            "objective_constants": self.constants,
            "regularizer": self.regularizer,
            "regularizer_interval": 1,
            "spectral_norm": self.spectral_norm,
            "n_critic": self.n_critic,
        }


_OWN = {
    s.objective: s
    for s in (
        Setting("non-saturating", "r1", "R1 (1801.04406)"),
        Setting("wgan-clip", title="clip 0.01 (1701.07875)"),
        Setting("wgan", "gp", "GP (1704.00028)"),
        Setting("hinge", title="spectral norm (1802.05957)", spectral_norm=True),
        Setting("rpgan", "r1r2", "R1 + R2 (2501.05441)"),
        Setting("rwgan", title="clip 0.01 (1705.07164)"),
        Setting("mcgan-mean", title="clip 0.01 (1702.08398)", constants={"c": 0.01}),
        Setting("mcgan-covariance", title="clip 0.01 (1702.08398)", constants={"c": 0.01}),
        Setting("gmmn", title="no critic"),
        Setting("mmd-gan", "gp", "GP (1801.01401)"),
        Setting("cramer", "gp", "GP (1705.10743)"),
        Setting("fisher", title="own constraint"),
        Setting("ebgan", title="margin, pulling-away"),
        Setting("began", title="balance k"),
        Setting("magan", title="adaptive margin"),
    )
}
SETTINGS = {name: _OWN.get(name, Setting(name)) for name in OBJECTIVES}
"""Every registered objective once."""
VARIANTS = {
    "wgan, 5 critic moves": Setting("wgan", "gp", "GP (1704.00028)", n_critic=5),
    "wgan-clip, c = 0.1": Setting("wgan-clip", title="clip 0.1", constants={"c": 0.1}),
    "lsgan, R1": Setting("lsgan", "r1", "R1 (1801.04406)"),
}
"""Other settings of some, beside the table: what a regulariser or more moves of a critic do."""
