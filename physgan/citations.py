"""BibTeX of the methods that a run used.

The entries are in ``citations.bib``; the tables below say which option value rests on which. A
domain adds its own through ``Domain.citations``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from physgan.run import Run

GAN, F_GAN = "goodfellow2014gan", "nowozin2016fgan"

CORES: dict[str, tuple[str, ...]] = {
    "vae-gan": ("larsen2016vaegan", "kingma2014vae"),
    "physics-gan": ("raissi2019pinn",),
    "bigan": ("donahue2017bigan", "dumoulin2017ali"),
    "cycle-gan": ("zhu2017cyclegan",),
    "augmented-cycle-gan": ("almahairi2018augmented", "zhu2017cyclegan"),
    "stepper-gan": ("xie2018tempogan", "brandstetter2022message"),
}
OBJECTIVES: dict[str, tuple[str, ...]] = {
    "non-saturating": (GAN,),
    "minimax": (GAN,),
    "wgan": ("arjovsky2017wasserstein",),
    "wgan-clip": ("arjovsky2017wasserstein",),
    "lsgan": ("mao2017least",),
    "hinge": ("lim2017geometric",),
    "rpgan": ("jolicoeur2019relativistic", "huang2024r3gan"),
    "ragan": ("jolicoeur2019relativistic",),
    "rwgan": ("guo2017relaxed",),
    "mcgan-mean": ("mroueh2017mcgan",),
    "mcgan-covariance": ("mroueh2017mcgan",),
    "gmmn": ("li2015gmmn",),
    "mmd-gan": ("li2017mmdgan",),
    "cramer": ("bellemare2017cramer",),
    "fisher": ("mroueh2017fisher",),
    "ebgan": ("zhao2017ebgan",),
    "began": ("berthelot2017began",),
    "magan": ("wang2017magan",),
    "f-kl": (F_GAN,),
    "f-reverse-kl": (F_GAN,),
    "f-jeffreys": (F_GAN,),
    "f-hellinger": (F_GAN,),
    "f-bhattacharyya": (F_GAN,),
    "f-tv": (F_GAN,),
    "f-pearson": (F_GAN,),
    "f-js": (F_GAN,),
    "f-gan": (F_GAN, GAN),
}
REGULARIZERS: dict[str, tuple[str, ...]] = {
    "none": (),
    "gp": ("gulrajani2017improved",),
    "one-sided-gp": ("gulrajani2017improved",),
    "r1": ("mescheder2018which",),
    "r2": ("mescheder2018which",),
    "r1r2": ("mescheder2018which", "huang2024r3gan"),
    "approximate-r1": ("lin2025seaweed",),
    "dragan": ("kodali2017dragan",),
    "consistency": ("zhang2020consistency",),
}
AUGMENTATIONS: dict[str, tuple[str, ...]] = {
    "diffaugment": ("zhao2020diffaugment",),
    "domain": ("zhao2020diffaugment",),
}
CHOICES: dict[str, Mapping[str, tuple[str, ...]]] = {
    "objective": OBJECTIVES,
    "regularizer": REGULARIZERS,
    "augmentation": AUGMENTATIONS,
}
"""Options of a core whose value names a method."""

SWITCHES: dict[str, tuple[str, ...]] = {
    "spectral_norm": ("miyato2018spectral",),
    "feature": ("salimans2016improved",),
    "perceptual": ("johnson2016perceptual",),
    "auxiliary": ("odena2017acgan",),
    "condition_drop": ("ho2022classifierfree",),
    "laws": ("nocedal2006numerical",),
    "professor": ("lamb2016professor",),
    "replay": ("lin1992self",),
    "pool": ("shrivastava2017learning",),
}
"""Options of a core that are in use where they are neither zero nor off."""

OF_CRITIC = frozenset({"spectral_norm", "feature", "auxiliary", "pool"})
OF_GAME = OF_CRITIC | {"laws", "perceptual"}
"""Switches that do nothing where there is no critic, and where nobody plays yet."""

OPTIMISERS: dict[str, tuple[str, ...]] = {
    "sam": ("foret2021sam",),
    "extra-adam": ("gidel2019variational",),
    "optimistic-adam": ("daskalakis2018optimism",),
}
PROJECTION = ("miyato2018projection",)
PREDICTOR = ("lakshminarayanan2017ensembles", "seitzer2022pitfalls", "lei2018distribution")
ROBUST = ("goodfellow2015explaining",)
BANDS = ("lei2018distribution",)
AUDIT = (
    "goodfellow2015explaining", "madry2018towards", "ebrahimi2018hotflip", "wallace2019universal",
    "kynkaanniemi2019improved", "naeem2020reliable", "heusel2017ttur", "binkowski2018demystifying",
)  # fmt: skip


def library() -> dict[str, str]:
    """Every entry of ``citations.bib`` by its key, as BibTeX."""
    return entries((files("physgan") / "citations.bib").read_text(encoding="utf-8"))


def entries(text: str) -> dict[str, str]:
    """The entries of a BibTeX text by their keys; a closing brace stands alone on its line."""
    found = re.findall(r"^(@\w+\{\s*([^,\s]+)\s*,.*?^\})", text, flags=re.MULTILINE | re.DOTALL)
    return {key: entry for entry, key in found}


def cite(run: Run) -> dict[str, str]:
    """BibTeX of what the opened ``run`` used, by key: core, objective, regulariser and tricks,
    training, predictor, audit, and what its domain adds."""
    core: Mapping[str, Any] = getattr(run.core, "hparams", run.config.core_options)
    played = _played(run, core)
    keys = [*CORES.get(run.config.core, ()), *_of_core(core, played)]
    keys += PROJECTION if played and _projects(run.core) else ()
    keys += _of_training(run.config.trainer.model_dump())
    if (run.folder / "predictor").is_dir():
        keys += PREDICTOR
        predictor = run.predictor()
        keys += ROBUST if predictor and predictor.settings.get("robust") else ()
    keys += AUDIT if (run.folder / "audit.json").exists() else ()
    keys += BANDS if (run.folder / "trust.json").exists() else ()
    known = library()
    return {key: known[key] for key in dict.fromkeys(keys)} | entries(run.domain.citations)


def _played(run: Run, options: Mapping[str, Any]) -> bool:
    """Whether training went beyond the step at which the game begins."""
    from physgan.training.checkpoint import MODEL, read_model

    return read_model(run.folder / MODEL)[1]["step"] > options.get("start", -1)


def _of_core(options: Mapping[str, Any], played: bool = True) -> Iterable[str]:
    from physgan.objectives import OBJECTIVES as known

    plays = played and bool(options.get("adversarial", 1))
    objective = known.get(str(options.get("objective")))
    judged = plays and (objective is None or objective.needs_critic)
    for name, table in CHOICES.items():
        if judged or (plays and name == "objective"):
            yield from table.get(str(options.get(name)), ())
    if judged and (options.get("objective_constants") or {}).get("real_target", 1.0) != 1.0:
        yield "salimans2016improved"
    if judged and (options.get("augmentation_constants") or {}).get("adaptive"):
        yield "karras2020ada"
    bounded = judged and options.get("regularizer", "none") != "none"
    if bounded and options.get("regularizer_interval", 1) > 1:
        yield "karras2020analyzing"
    idle = frozenset() if judged else OF_CRITIC if played else OF_GAME
    for name, keys in SWITCHES.items():
        if options.get(name) and name not in idle:
            yield from keys
    if options.get("professor"):
        yield from OBJECTIVES[options.get("professor_objective", "non-saturating")]


def _projects(core: nn.Module) -> bool:
    """Whether a network of ``core`` scores by projection of a condition (``ProjectionScore``)."""
    from physgan.critics import ProjectionScore

    held = (value for network in core.modules() for value in vars(network).values())
    heads = [score.project for score in held if isinstance(score, ProjectionScore)]
    return any(p.numel() for head in heads if head is not None for p in head.parameters())


def _of_training(options: Mapping[str, Any]) -> Iterable[str]:
    yield "loshchilov2019adamw"
    if options.get("ema_decay"):
        yield "yazici2019averaging"
    if options.get("critic_lr") or options.get("lrs"):
        yield "heusel2017ttur"
    for name in [options.get("optimiser"), *(options.get("optimisers") or {}).values()]:
        yield from OPTIMISERS.get(str(name), ())
