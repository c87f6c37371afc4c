"""What a person sees while a run trains: a live bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

LINE_EVERY = 10.0
"""Seconds between plain lines."""


class Reporter:
    """Shows steps per second, the time left, losses and how far the laws are broken."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self._start = time.monotonic()
        self._first: float | None = None
        self._last_line = float("-inf")
        self._bar: Progress | None = None
        if self.console.is_terminal:
            self._bar = Progress(
                TextColumn("step {task.fields[step]}"),
                BarColumn(bar_width=24),
                TaskProgressColumn(),
                TextColumn("{task.fields[text]}"),
                console=self.console,
            )
            self._task = self._bar.add_task("train", total=1.0, step=0, text="")
            self._bar.start()

    def show(self, step: int, share: float, row: Mapping[str, float]) -> None:
        """``share`` of the run is done; ``row`` is what metrics.csv got."""
        text = f"{row.get('steps_per_second', 0):.1f} steps/s  ETA {self._left(share)}  "
        text += "  ".join(f"{name} {row[name]:.3g}" for name in _shown(row))
        if self._bar is not None:
            self._bar.update(self._task, completed=share, step=step, text=text)
        elif time.monotonic() - self._last_line >= LINE_EVERY or share >= 1:
            self._last_line = time.monotonic()
            self.say(f"step {step} ({share:.0%})  {text}")

    def say(self, text: str) -> None:
        """One line that stays."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.stop()

    def _left(self, share: float) -> str:
        if self._first is None:
            self._first, self._start = share, time.monotonic()
        done = share - self._first
        if done <= 0:
            return "?"
        seconds = int((time.monotonic() - self._start) * max(0.0, 1 - share) / done)
        return f"{seconds // 3600}:{seconds % 3600 // 60:02d}:{seconds % 60:02d}"


def _shown(row: Mapping[str, float]) -> list[str]:
    losses = [name for name in row if name.startswith(("loss/", "val/"))]
    laws = [name for name in row if name.startswith(("law_", "violation"))]
    return losses[:5] + laws[:3]
