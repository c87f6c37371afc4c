"""Inverse design: from targets to ranked, checked candidates."""

from physgan.design.candidate import Candidate, Estimate, Proposals
from physgan.design.novelty import first_equals, hash_key, hash_keys, is_novel
from physgan.design.propose import propose
from physgan.design.screen import screen

__all__ = [
    "Candidate",
    "Estimate",
    "Proposals",
    "first_equals",
    "hash_key",
    "hash_keys",
    "is_novel",
    "propose",
    "screen",
]
