"""A rollout as files: JSON of what was watched, npz of the states, a plot, a film."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from tensordict import TensorDict

from physgan.sequences import SequenceDomain
from physgan.surrogate.film import write_film
from physgan.surrogate.plots import plot_watched
from physgan.surrogate.rollout import Trajectory
from physgan.surrogate.trust import Band, Calibration, Horizon
from physgan.training.signals import StopRequest

SUMMARY, STATES, PLOT, FILM = "rollout.json", "states.npz", "watched.png", "film"


def write_rollout(
    folder: Path,
    domain: SequenceDomain,
    trajectories: Sequence[Trajectory],
    found: Mapping[str, Band],
    trust: Horizon,
    calibration: Calibration | None,
    facts: Mapping[str, Any],
    *,
    film: bool = True,
) -> list[Path]:
    """Write all into ``folder``, which exists; states and film are of the first member.

    ``facts`` go into the summary as they are. Ctrl-C ends the film where it is.
    """
    first = trajectories[0]
    written = [folder / SUMMARY, folder / STATES, folder / PLOT]
    text = json.dumps(summary(domain, trajectories, found, trust, calibration, facts), indent=1)
    written[0].write_text(text + "\n")
    written[1].write_bytes(states_npz([f[:1] for f in first.frames], first.times[first.kept, 0]))
    plot_watched(trajectories, found, trust, calibration, domain.time_unit).savefig(
        written[2], dpi=110
    )
    if film and len(first.frames) > 1:
        with StopRequest() as stop:
            pictures = (domain.picture(frame[:1]) for frame in _until(stop, first.frames))
            written.append(write_film(folder / FILM, pictures))
    return written


def summary(
    domain: SequenceDomain,
    trajectories: Sequence[Trajectory],
    found: Mapping[str, Band],
    trust: Horizon,
    calibration: Calibration | None,
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """What is known of a rollout, as JSON has it; times and values by member, then by step."""
    watched = {}
    for name, band in found.items():
        each = [t.watched[name] for t in trajectories]
        row: dict[str, Any] = {"unit": each[0].unit, "members": [_columns(s.values) for s in each]}
        laws = [s.residuals for s in each if s.residuals is not None]
        if laws:
            row |= {"tolerance": each[0].tolerance, "residual_unit": each[0].residual_unit}
            row["residuals"] = [_columns(r) for r in laws]
        row |= {"times": band.times.tolist(), "mean": band.mean.tolist()}
        half = calibration.half(name, band) if calibration else None
        row |= {"spread": band.spread.tolist(), "half": None if half is None else half.tolist()}
        watched[name] = row
    trusted = None if math.isinf(trust.time) else trust.time
    return {
        **facts,
        "ended": [t.ended for t in trajectories],
        "messages": [t.message for t in trajectories],
        "passes": [t.passes for t in trajectories],
        "time_unit": domain.time_unit,
        "times": [_columns(t.times) for t in trajectories],
        "trusted_until": trusted,
        "trust_ends_because": trust.reason,
        "calibration": asdict(calibration) if calibration else None,
        "watched": watched,
    }


def states_npz(frames: Sequence[TensorDict], times: Any) -> bytes:
    """An npz of ``times (T,)`` and of each leaf ``(T, ...)``; where shapes differ from frame to
    frame, of each leaf and frame apart, ``NAME.FRAME``."""
    arrays: dict[str, Any] = {"times": np.asarray(times)}
    for name in frames[0].keys(include_nested=True, leaves_only=True):
        leaves = [np.asarray(frame[name][0].detach().cpu()) for frame in frames]
        title = name if isinstance(name, str) else ".".join(name)
        if len({leaf.shape for leaf in leaves}) == 1:
            arrays[title] = np.stack(leaves)
        else:
            arrays |= {f"{title}.{k:05d}": leaf for k, leaf in enumerate(leaves)}
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()


def _columns(rows: Any) -> list[list[float]]:
    return rows.T.tolist()


def _until(stop: StopRequest, frames: Sequence[TensorDict]) -> Iterator[TensorDict]:
    for number, frame in enumerate(frames):
        if number and stop.asked:
            return
        yield frame
