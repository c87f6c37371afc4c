"""A predictor as a folder: tensors in safetensors, the rest in JSON."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from physgan.domain import Domain, Property
from physgan.errors import InputError
from physgan.files import replace_folder
from physgan.predictors.ensemble import Predictor
from physgan.predictors.member import Member
from physgan.predictors.options import PredictorOptions

TENSORS, MANIFEST = "predictor.safetensors", "predictor.json"


def save_predictor(predictor: Predictor, folder: Path) -> Path:
    """Write ``predictor`` to ``folder`` (a run's ``predictor/``), whole or not at all.

    Tensors that all members share (a domain's tables) are written once.
    """
    tensors = {k: v.detach().cpu().contiguous() for k, v in predictor.state_dict().items()}
    stored: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        first = _first_member(name)
        shared = first != name and first in tensors and torch.equal(tensor, tensors[first])
        if not shared:
            stored[name] = tensor.clone()
    manifest = {
        "format": 1,
        "members": len(predictor.members),
        "bins": predictor.conformal.bins,
        "properties": [
            {"name": p.name, "unit": p.unit, "classes": p.classes, "log": p.log, "shift": p.shift}
            for p in predictor.properties
        ],
        "settings": predictor.settings,
        "report": predictor.report,
    }
    with replace_folder(folder) as fresh:
        save_file(stored, fresh / TENSORS)
        (fresh / MANIFEST).write_text(json.dumps(manifest, indent=1))
    return folder


def load_predictor(domain: Domain, folder: Path, device: str = "cpu") -> Predictor:
    """The predictor saved in ``folder`` for the restored ``domain``.

    Raises InputError when the folder holds none or was written for another network.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        stored = load_file(folder / TENSORS)
    except FileNotFoundError as error:
        raise InputError("no trained predictor here", where=str(folder)) from error
    properties = [
        Property(
            p["name"],
            p["unit"],
            tuple(p["classes"]) if p["classes"] else None,
            log=p.get("log", False),
            shift=p.get("shift", 0.0),
        )
        for p in manifest["properties"]
    ]
    settings = manifest["settings"]
    options = PredictorOptions(backbone=settings["backbone"], variants=settings.get("variants", ()))
    members = [
        Member(domain.predictor(**options.backbone_of(i)), properties, settings["hidden"])
        for i in range(manifest["members"])
    ]
    predictor = Predictor(members, properties, stored["center"], stored["scale"], manifest["bins"])
    for name in ("scores", "group", "edges"):
        setattr(predictor.conformal, name, stored[f"conformal.{name}"])
    names = predictor.state_dict().keys()
    try:
        predictor.load_state_dict({k: stored.get(k, stored.get(_first_member(k))) for k in names})
    except (RuntimeError, AttributeError) as error:
        raise InputError("the predictor fits another network", where=str(folder)) from error
    predictor.report, predictor.settings = manifest["report"], settings
    return predictor.to(device).eval().requires_grad_(False)


def _first_member(name: str) -> str:
    parts = name.split(".")
    if parts[0] == "members":
        parts[1] = "0"
    return ".".join(parts)
