"""Checks of the solver against what is known in closed form or measured, with pictures."""
