"""Searches for sequences with an oracle's help."""
