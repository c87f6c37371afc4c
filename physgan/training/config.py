"""config.toml of a run: everything needed to run it again."""

from __future__ import annotations

import hashlib
import platform
import tomllib
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import BaseModel, ConfigDict, Field

from physgan import domain as domains
from physgan.errors import InputError
from physgan.training.files import write_atomic
from physgan.training.options import TrainerOptions, build, unknown_key

SECTIONS = {
    "domain": "domain_options",
    "core": "core_options",
    "domain_options": "domain_options",
    "core_options": "core_options",
    "trainer": "trainer",
}
"""What may stand before the dot of a ``--set`` key, and the table it means."""

NAMED = ("physgan", "torch", "tensordict", "numpy", "zuko")


class RunConfig(BaseModel):
    """What is trained on what, and how. ``weights`` is the folder or model file of a run whose
    weights are begun with, or "ready" for those that the domain ships; ``versions`` and
    ``checksums`` are filled in by the run."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    domain: str
    core: str = "vae-gan"
    data: str | None = None
    weights: str | None = None
    properties: tuple[str, ...] = ()
    domain_options: dict[str, Any] = Field(default_factory=dict)
    core_options: dict[str, Any] = Field(default_factory=dict)
    trainer: TrainerOptions = Field(default_factory=lambda: TrainerOptions())
    versions: dict[str, str] = Field(default_factory=dict)
    checksums: dict[str, str] = Field(default_factory=dict)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], where: str = "") -> RunConfig:
        """A config of plain values; InputError names the nearest key of an unknown one."""
        trainer = values.get("trainer", {})
        if isinstance(values.get("core"), str):
            values = {**values, "core": canonical(values["core"])}
        if isinstance(trainer, Mapping):
            inside = f"{where} [trainer]".strip()
            values = {**values, "trainer": build(TrainerOptions, trainer, inside)}
        return build(cls, values, where)

    @classmethod
    def advised(cls, values: Mapping[str, Any], where: str = "") -> RunConfig:
        """``from_dict`` with the domain's recommended settings below ``values``."""
        return cls.from_dict(with_advice(values), where)

    def to_dict(self) -> dict[str, Any]:
        """Plain TOML values; what is None is left out."""
        return _without_none(self.model_dump(mode="json"))

    def write(self, path: Path) -> None:
        """Write as TOML, atomically."""
        write_atomic(path, tomli_w.dumps(self.to_dict()).encode())

    def data_path(self) -> Path | None:
        """Where the data are, None for the domain's own; InputError where nothing is there."""
        if self.data is None:
            return None
        path = Path(self.data)
        if not path.exists():
            raise InputError("there are no such data", where=str(path))
        return path

    @property
    def identity(self) -> dict[str, str]:
        """What the weights of this run belong to."""
        return {"domain": self.domain, "core": self.core}


def with_advice(values: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` laid over the core and trainer settings that their domain recommends."""
    from physgan.cores import fitting

    if "domain" not in values:
        return dict(values)
    advice = domains.load(values["domain"], **values.get("domain_options", {})).recommended()
    core = canonical(values.get("core", advice.get("core", RunConfig.model_fields["core"].default)))
    told = values.get("core_options", {})
    options = fitting(core, _fitting(advice.get("cores", {}).get(core, {}), told), told)
    below = {"core": core, "core_options": options}
    return merged(below | {"trainer": advice.get("trainer", {})}, {**values, "core": core})


def _fitting(advice: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """``advice`` without the constants of what ``told`` replaces: those of one regulariser, as
    ``regularizer_constants``, say nothing of another."""
    changed = {f"{k}_constants" for k, v in told.items() if v != advice.get(k)}
    return {k: v for k, v in advice.items() if k not in changed}


def canonical(core: str) -> str:
    """The name of a core as it is listed: ``vae_gan`` is ``vae-gan``."""
    return core.replace("_", "-")


def read_config(path: Path) -> dict[str, Any]:
    """The values of a TOML file; InputError with the line of a mistake."""
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        raise InputError("there is no such config file", where=str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise InputError(f"this is no readable TOML file: {error}", where=str(path)) from error


def override(values: Mapping[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """``values`` with ``key=value`` texts laid over it.

    A key is a name of the config, ``trainer.NAME`` or just NAME for a trainer option,
    ``lr.PLAYER``, ``core.NAME`` or ``domain.NAME`` (nested further by dots). A value is TOML; what
    is no TOML value is taken as text. Raises InputError for an unknown key.
    """
    result = _copy(values)
    for text in settings:
        key, sign, value = text.partition("=")
        if not sign or not key.strip():
            raise InputError(f"cannot read the setting {text!r}", fix="write --set key=value")
        *parents, last = _place(key.strip())
        table = result
        for parent in parents:
            table = table.setdefault(parent, {})
            if not isinstance(table, dict):
                raise InputError(f"{parent!r} in {key.strip()!r} is a value, not a table")
        table[last] = _value(value.strip())
    return result


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``over`` laid over ``base``, table by table."""
    result = _copy(base)
    for key, value in over.items():
        inner = result.get(key)
        if isinstance(value, Mapping) and isinstance(inner, Mapping):
            result[key] = merged(inner, value)
        else:
            result[key] = value
    return result


def versions() -> dict[str, str]:
    """The versions that figures depend on."""
    found = {"python": platform.python_version()}
    for name in NAMED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def checksums(data: Path | None) -> dict[str, str]:
    """sha256 of every file of the data, by its path inside them; empty for embedded data."""
    if data is None or not data.exists():
        return {}
    files = [data] if data.is_file() else sorted(p for p in data.rglob("*") if p.is_file())
    root = data.parent if data.is_file() else data
    return {p.relative_to(root).as_posix(): _sha256(p) for p in files}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _place(key: str) -> list[str]:
    first, *rest = key.split(".")
    if rest and first == "lr":
        return ["trainer", "lrs", *rest]
    if rest and first in SECTIONS:
        if first == "trainer" and rest[0] not in TrainerOptions.model_fields:
            raise unknown_key(key, [f"trainer.{name}" for name in TrainerOptions.model_fields])
        return [SECTIONS[first], *rest]
    if not rest and first in RunConfig.model_fields:
        return [first]
    if not rest and first in TrainerOptions.model_fields:
        return ["trainer", first]
    sections = [f"{name}.{rest[0]}" for name in SECTIONS] if rest else []
    raise unknown_key(key, [*TrainerOptions.model_fields, *RunConfig.model_fields, *sections])


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _copy(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: _copy(v) if isinstance(v, Mapping) else v for k, v in values.items()}


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_none(value) if isinstance(value, dict) else value
        for key, value in values.items()
        if value is not None
    }
