"""What a run folder holds beside its weights: the fitted domain, the schema, keys, refused rows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as to_safetensors

from physgan.conditions import ConditionSchema
from physgan.domain import Data, Domain, Property
from physgan.errors import InputError
from physgan.training.files import write_atomic

CONFIG, CARD, REFUSED = "config.toml", "card.md", "refused.csv"
KEYS, FINGERPRINTS = "train_keys.npy", "train_fingerprints.npy"
DOMAIN, TENSORS, TRUST = "domain.json", "domain.safetensors", "trust.json"
EXPORTED = (DOMAIN, TENSORS, KEYS, FINGERPRINTS, TRUST, CARD, "metrics.csv")
"""What a release form has beside weights and config, where it is there."""

SCHEMA = "schema."


def write_domain(
    folder: Path, domain: Domain, schema: ConditionSchema, rows: Mapping[str, int]
) -> None:
    """Write what restores the fitted domain and the schema without data; ``rows`` are counts."""
    state = domain.state()
    plain = {"state": state["json"], "schema": schema.manifest(), "rows": dict(rows)}
    tensors = dict(state["tensors"])
    tensors |= {SCHEMA + name: value for name, value in schema.state_dict().items()}
    apart = {n: t.detach().cpu().contiguous().clone() for n, t in tensors.items()}
    write_atomic(folder / TENSORS, to_safetensors(apart))
    write_atomic(folder / DOMAIN, json.dumps(plain).encode())


def read_domain(folder: Path, domain: Domain) -> ConditionSchema:
    """Restore ``domain`` in place and give the schema; InputError for a damaged folder."""
    try:
        plain = json.loads((folder / DOMAIN).read_text())
        tensors = load_file(folder / TENSORS)
        own = {n: t for n, t in tensors.items() if not n.startswith(SCHEMA)}
        domain.restore({"json": plain["state"], "tensors": own})
        known = {p.name: p for p in domain.properties}
        schema = ConditionSchema([_property(entry, known) for entry in plain["schema"]])
        schema.load_state_dict(
            {n.removeprefix(SCHEMA): t for n, t in tensors.items() if n.startswith(SCHEMA)}
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise InputError(
            f"the state of the domain cannot be read from {DOMAIN} and {TENSORS}: {error}",
            where=str(folder),
        ) from error
    return schema


def read_rows(folder: Path) -> dict[str, int]:
    """How many rows the run was trained and validated on, and how many were refused."""
    return json.loads((folder / DOMAIN).read_text())["rows"]


def count_rows(data: Mapping[str, Data]) -> dict[str, int]:
    """The counts that ``write_domain`` keeps."""
    refused = sum(len(part.refused) for part in data.values())
    return {"train": len(data["train"]), "validation": len(data["val"]), "refused": refused}


def write_refused(folder: Path, data: Mapping[str, Data]) -> None:
    """Write the refused rows with their reasons, where there are any."""
    rows = [(split, *row) for split, part in data.items() for row in part.refused]
    if rows:
        text = io.StringIO(newline="")
        csv.writer(text).writerows([("split", "row", "reason"), *rows])
        write_atomic(folder / REFUSED, text.getvalue().encode())


def write_keys(folder: Path, domain: Domain, data: Data) -> None:
    """Write the hashed keys of the training samples, so that novelty needs no data; sequences,
    which nobody proposes, have none."""
    from physgan.design.novelty import hash_keys
    from physgan.sequences import SequenceDomain

    if isinstance(domain, SequenceDomain):
        return
    natives: list[Any] = []
    for part in data.batch["x"].split(1024):
        natives += [sample for sample in domain.decode(part) if sample is not None]
    content = io.BytesIO()
    np.save(content, hash_keys(domain, natives), allow_pickle=False)
    write_atomic(folder / KEYS, content.getvalue())


def _property(entry: Mapping[str, Any], known: Mapping[str, Property]) -> Property:
    classes = tuple(entry["classes"]) if entry["classes"] else None
    more = {name: entry[name] for name in ("log", "shift", "bins") if name in entry}
    told = Property(entry["name"], entry["unit"], classes, **more)
    return known.get(entry["name"]) or told
