"""Protein sequences: conditional generation of residues, judged by oracles training never saw."""

from physgan_protein.domain import ProteinDomain

__all__ = ["ProteinDomain"]
