"""Surrogates of simulations: windows of sequences, rollouts, their trust and their speed."""
