"""Judges of sequences that training never sees; each counts its calls and keeps its seed."""
