"""Protein sequences: conditional generation of residues, judged by oracles training never saw."""
