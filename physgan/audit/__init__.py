"""How a trained run is fooled, where it collapses, whether its game was fair."""

from physgan.audit.attacks import fgsm, pgd
from physgan.audit.balance import Balance, balance
from physgan.audit.distances import frechet, frechet_gaussians, kid
from physgan.audit.judged import Audit
from physgan.audit.latents import fixed_latents
from physgan.audit.neighbours import Coverage, prdc, spread_ratio
from physgan.audit.run import audit
from physgan.audit.tokens import Trigger, first_order, hotflip, universal_trigger
from physgan.audit.verdict import Finding

__all__ = [
    "Audit", "Balance", "Coverage", "Finding", "Trigger", "audit", "balance", "fgsm",
    "first_order", "fixed_latents", "frechet", "frechet_gaussians", "hotflip", "kid", "pgd",
    "prdc", "spread_ratio", "universal_trigger",
]  # fmt: skip
