"""Training: the loop, its options, and what a run leaves on disk."""

from physgan.training.options import TrainerOptions
from physgan.training.trainer import Outcome, Trainer

__all__ = ["Outcome", "Trainer", "TrainerOptions"]
