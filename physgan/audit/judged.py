"""What an audit found, and how samples and their critic are judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from physgan.audit import robustness, verdict
from physgan.audit.balance import Balance, balance
from physgan.audit.distances import frechet, kid
from physgan.audit.material import Material
from physgan.audit.neighbours import Coverage, prdc, spread_ratio
from physgan.audit.verdict import Finding


@dataclass
class Audit:
    """Figures by subject, None or empty where something was missing; ``notes`` say what and why.

    ``sight`` is the share of the critic's score that the sample decides, by deviation, where the
    condition decides the rest; ``distances`` hold ``frechet``, ``kid`` and ``spread``;
    ``pictures`` native samples of fixed latents by weights; ``findings`` the verdict. ``curve``,
    ``flips``, ``triggers``, ``holdout`` and ``gain`` are those of ``exploitation.Exploitation``,
    ``repaired`` those of ``exploitation.mend``. Of a core that translates, ``sides`` hold an audit
    each, with ``translation``, the figures of ``audit.sides``, and ``findings`` all of theirs.
    """

    run: str
    settings: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    sight: float | None = None
    balance: Balance | None = None
    coverage: Coverage | None = None
    distances: dict[str, float] = field(default_factory=dict)
    critic: list[dict[str, Any]] = field(default_factory=list)
    words: list[dict[str, Any]] = field(default_factory=list)
    predictor: list[dict[str, Any]] = field(default_factory=list)
    curve: list[dict[str, Any]] = field(default_factory=list)
    flips: list[dict[str, Any]] = field(default_factory=list)
    triggers: list[dict[str, Any]] = field(default_factory=list)
    holdout: list[dict[str, Any]] = field(default_factory=list)
    gain: dict[str, float] = field(default_factory=dict)
    repaired: list[dict[str, Any]] = field(default_factory=list)
    translation: dict[str, float] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    pictures: list[tuple[str, list[Any]]] = field(default_factory=list, repr=False)
    sides: dict[str, Audit] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, without the pictures."""
        values = {k: v for k, v in vars(self).items() if k != "pictures"}
        for name in ("balance", "coverage"):
            values[name] = None if values[name] is None else asdict(values[name])
        values["sides"] = {side: own.to_dict() for side, own in self.sides.items()}
        return values | {"findings": [asdict(finding) for finding in self.findings]}


def compare(found: Audit, material: Material, k: int) -> None:
    """Coverage, distances and spread of the samples beside the data, where there are both."""
    if material.points is None:
        return
    fake, real = material.points
    if min(len(fake), len(real)) <= k:
        found.notes.append(f"Fewer than {k + 1} samples can be compared with the data.")
        return
    found.coverage = prdc(real, fake, k)
    spread = spread_ratio(fake, real)
    found.distances = {
        "frechet": frechet(real, fake), "kid": kid(real, fake), "spread": spread
    }  # fmt: skip
    found.findings += verdict.on_coverage(found.coverage, spread, material.options)


def judge(found: Audit, material: Material, eps: float, leaves: Sequence[str] | None = ()) -> None:
    """The critic's sight and balance, and how little fools it: attacks of ``eps`` on the leaves
    with these names (none: on all; None: on nothing), and exchanged words."""
    if material.critic is None:
        found.notes.append(
            "There is no critic of single samples (the core plays without one, or the weights were "
            "saved without it): balance and attacks on the critic are left out."
        )
        return
    if not material.readable:
        found.notes.append(
            "The critic of this objective says something of a sample only beside real ones: "
            "balance and attacks on the critic are left out."
        )
        return
    by_sample, total = material.deviations(material.fake[:256])
    found.sight = min(1.0, by_sample / max(total, 1e-12))
    found.findings += verdict.on_sight(found.sight, material.options)
    if material.real is not None:
        size = min(len(material.real), len(material.fake), 256)
        real, fake = material.real[:size], material.fake[:size]
        critics = material.score(real), material.score(fake)
        found.balance = balance(critics, material.objective, real.x, fake.x)
        found.findings += verdict.on_balance(found.balance, material.options)
    else:
        found.notes.append("The critic's balance needs real samples: left out.")
    if leaves is not None:
        found.critic = robustness.fool_critic(material, eps, leaves)
    found.words = robustness.fool_by_words(material)
    found.findings += verdict.on_attacks(found.critic, material.options)
    found.findings += verdict.on_words(found.words, material.options)
