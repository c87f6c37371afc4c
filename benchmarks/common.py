"""What every benchmark writes: figures, how they were obtained, and on what kind of machine."""

from __future__ import annotations

import json
import math
import os
import platform
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("physgan", "torch", "numpy", "scipy", "numba", "pymatgen", "matminer", "smact")


def cpu_model() -> str:
    """Name of the processor, as the system gives it."""
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def machine() -> dict[str, object]:
    """Processor, cores, Python and platform; nothing that names the computer."""
    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
    }


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Installed versions of `packages`, leaving out those that are not installed."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def plain(value: object) -> object:
    """`value` with None for what is not a number, which JSON cannot hold."""
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_results(
    name: str,
    figures: Mapping[str, object],
    baselines: Mapping[str, object] | None = None,
    *,
    units: Mapping[str, str] | None = None,
    command: str,
    seeds: Sequence[int] = (),
    extra: Mapping[str, object] | None = None,
    folder: Path = RESULTS,
) -> Path:
    """Write `results/<name>.json` in one step and return its path.

    `figures` are this program's, `baselines` those it is held against, `units` names the unit of
    each key, `command` repeats the run. `extra` adds further sections (other rows of ours).
    """
    record = {
        "figures": dict(figures),
        "baselines": dict(baselines or {}),
        **(extra or {}),
        "units": dict(units or {}),
        "command": command,
        "versions": versions(),
        "seeds": list(seeds),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": machine(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    partial = path.with_suffix(".json.tmp")
    partial.write_text(json.dumps(plain(record), indent=2, allow_nan=False) + "\n", "utf-8")
    partial.replace(path)
    return path
