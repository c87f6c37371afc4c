"""Peptides as molecules: charge, hydrophobicity and drug-like figures, differentiable in x."""
