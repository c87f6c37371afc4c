"""Designs that no model has learned to make: what any generator has to beat."""

from physgan_protein.baselines.mutants import consensus_mutants, random_mutants

__all__ = ["consensus_mutants", "random_mutants"]
