"""card.md: what a trained model is, on what it was trained, how to repeat it, what it reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from physgan.training.config import RunConfig
from physgan.training.metrics import MetricsFile

SHOWN_FILES = 10


def write_card(folder: Path, config: RunConfig, facts: Mapping[str, Any]) -> str:
    """The card of the run in ``folder``; ``facts`` are row counts and how training ended."""
    asked = ", ".join(config.properties) or "none"
    parts = [
        f"# {folder.resolve().name}",
        f"A `{config.core}` generator of the domain `{config.domain}`, trained by physgan. "
        f"Properties that can be asked for: {asked}.",
        "## Data",
        _table(("", ""), _data(config, facts)),
        "## Training",
        _table(("", ""), _training(config, facts)),
        "Repeat it with the `config.toml` beside this card:",
        _code("physgan train --config config.toml --out runs/again"),
        "## Figures",
        _figures(folder),
        "## Use",
        _use(config),
        "## Limits",
        "Samples are proposals within the range of the training data. What a predictor says of "
        "them is an estimate; only the domain's oracle or an experiment decides.",
        "## Versions",
        _table(("package", "version"), sorted(config.versions.items())),
    ]
    return "\n\n".join(parts) + "\n"


def _use(config: RunConfig) -> str:
    """How the model is used: one that steps is rolled out, all others draw samples."""
    if config.core == "stepper-gan":
        return _code(f"physgan rollout {config.domain} --run THIS_FOLDER")
    return _code(
        'from physgan.run import Run\n\nx = Run.open("THIS FOLDER").sample(16, seed=0)', "python"
    )


def _data(config: RunConfig, facts: Mapping[str, Any]) -> list[tuple[str, Any]]:
    source = Path(config.data).name if config.data else "the domain's embedded data"
    rows = [("source", source)]
    rows += [(f"{key} rows", facts[key]) for key in ("train", "validation", "refused")]
    files = list(config.checksums.items())
    rows += [(f"sha256 of {name}", f"`{value}`") for name, value in files[:SHOWN_FILES]]
    if len(files) > SHOWN_FILES:
        rows.append((f"{len(files) - SHOWN_FILES} more files", "in config.toml"))
    return rows


def _training(config: RunConfig, facts: Mapping[str, Any]) -> list[tuple[str, Any]]:
    options = config.trainer
    begun = [("begun with", Path(config.weights).name)] if config.weights else []
    return [
        *begun,
        ("steps", facts["steps"]),
        ("minutes", f"{facts['minutes']:.1f}"),
        ("ended by", facts["ended"]),
        ("device", facts["device"]),
        ("parameters", facts["parameters"]),
        ("seed", options.seed),
        ("batch size", options.batch_size),
        ("learning rate", options.lr),
        ("precision", options.precision),
    ]


def _figures(folder: Path) -> str:
    rows = MetricsFile(folder / "metrics.csv").rows()
    last: dict[str, str] = {}
    for row in rows:
        last |= {k: v for k, v in row.items() if v and k.startswith(("val/", "law_", "loss/"))}
    if not last:
        return "None were recorded."
    return (
        "The last of each in `metrics.csv`; `val/` is on held-out rows, with averaged weights.\n\n"
        + (
            _table(
                ("figure", "value"), [(name, f"{float(last[name]):.4g}") for name in sorted(last)]
            )
        )
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _code(text: str, language: str = "bash") -> str:
    return f"```{language}\n{text}\n```"
