"""What a plug-in's author needs to test it: the contract, and a domain with known answers."""

from physgan.testing.contract import assert_domain_contract
from physgan.testing.gaussians import GaussianRing

__all__ = ["GaussianRing", "assert_domain_contract"]
