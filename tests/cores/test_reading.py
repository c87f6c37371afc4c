"""Options of cores: their types, their ranges, and what is named although it plays nothing."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from physgan import cores, objectives, regularizers
from physgan.cores.reading import read_options
from physgan.errors import InputError
from physgan.testing.gaussians import GaussianRing
from physgan.training.config import with_advice

SHIPPED = sorted((Path(__file__).parents[2] / "domains").glob("*/weights/*/config.toml"))


def read(name: str, **options: Any) -> Any:
    core = cores.CORES[name]
    return read_options(core.kind, core.title, options)


@pytest.mark.parametrize("name", cores.CORES)
@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("spectral_norm", "maybe", "core.spectral_norm is 'maybe'.*valid boolean"),
        ("regularizer_interval", "abc", "core.regularizer_interval is 'abc'.*valid integer"),
        ("regularizer_interval", 0, "core.regularizer_interval is 0.*greater than or equal to 1"),
        ("n_critic", 2.5, "core.n_critic is 2.5.*valid integer"),
        ("n_critic", 0, "core.n_critic is 0"),
        ("objective_constants", 3, "core.objective_constants is 3.*dictionary"),
        ("colour", 1, "no option colour"),
    ],
)
def test_every_core_reads_its_options_by_their_types(
    name: str, key: str, value: Any, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        read(name, **{key: value})
    with pytest.raises(InputError, match=said):
        cores.check(name, {key: value})


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("vae-gan", "feature", "abc"),
        ("vae-gan", "feature", -1),
        ("vae-gan", "guided", float("inf")),
        ("vae-gan", "beta", float("nan")),
        ("vae-gan", "reconstruction", {"geometry": -1.0}),
        ("vae-gan", "interval", 0),
        ("vae-gan", "start", -1),
        ("vae-gan", "condition_drop", 1.5),
        ("vae-gan", "tolerances", {"slope": 0.0}),
        ("physics-gan", "adversarial", 0),
        ("physics-gan", "latent_dim", 0),
        ("bigan", "recover", -0.1),
        ("cycle-gan", "pool", -1),
        ("cycle-gan", "cycle", -1),
        ("augmented-cycle-gan", "latent", "much"),
        ("stepper-gan", "replay", 1.0),
        ("stepper-gan", "adversarial_from", 2.0),
        ("stepper-gan", "passes", 1.5),
    ],
)
def test_what_is_out_of_range_is_named_by_its_key(name: str, key: str, value: Any) -> None:
    with pytest.raises(InputError, match=rf"core\.{key}\S* is .*should be"):
        read(name, **{key: value})


def test_texts_are_read_as_what_they_say() -> None:
    said = read("vae-gan", spectral_norm="no", n_critic="2", feature="0.5", augmentation="none")
    assert said.spectral_norm is False and said.n_critic == 2 and said.feature == 0.5
    assert said.augmentation is None
    laws = read("vae-gan", tolerances={"slope": float("inf")}).tolerances
    assert laws == {"slope": float("inf")}


@pytest.mark.parametrize(
    ("build", "name", "constants"),
    [
        (objectives.build, "ebgan", {"margin": float("inf")}),
        (objectives.build, "ebgan", {"margin": float("nan")}),
        (objectives.build, "gmmn", {"sigmas": (0.1, float("inf"))}),
        (objectives.build, "mcgan-mean", {"c": float("inf")}),
        (objectives.build, "mcgan-mean", {"q": float("nan")}),
        (regularizers.build, "gp", {"weight": float("inf")}),
    ],
)
def test_constants_are_finite(build: Any, name: str, constants: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        build(name, **constants)


def test_the_order_of_a_norm_may_be_infinite_and_a_bound_may_be_none() -> None:
    built = objectives.build("mcgan-mean", q=float("inf"), c="null")
    assert built.hparams == {"q": float("inf"), "c": None}
    assert objectives.build("mmd-gan", c="none").hparams["c"] is None
    with pytest.raises(InputError, match="margin"):
        objectives.build("ebgan", margin="null")


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("stepper-gan", {"objective": "hinge"}, "core.objective = 'hinge'.*core.adversarial"),
        ("vae-gan", {"objective": "began", "adversarial": 0}, "core.objective = 'began'"),
        ("vae-gan", {"regularizer": "gp", "adversarial": 0}, "core.regularizer = 'gp'"),
        ("stepper-gan", {"professor_objective": "hinge"}, "core.professor above 0"),
        ("physics-gan", {"objective": "gmmn", "augmentation": "domain"}, "with a critic"),
        ("vae-gan", {"augmentation_constants": {"adaptive": True}}, "without an augmentation"),
        ("vae-gan", {"objective": "nosuch"}, "no objective called 'nosuch'"),
        ("nosuch", {}, "nosuch"),
    ],
)
def test_what_plays_nothing_is_refused(name: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        cores.check(name, options)


@pytest.mark.parametrize("name", cores.CORES)
def test_defaults_are_silent(name: str) -> None:
    cores.check(name, {} if name == "physics-gan" else {"augmentation": None})
    cores.check("vae-gan", {"adversarial": 0, "spectral_norm": False})


def test_advice_that_plays_nothing_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    advice = {"objective": "hinge", "regularizer_constants": {"gamma": 2.0}, "beta": 0.5}
    recommended = {"cores": {"vae-gan": advice, "physics-gan": advice | {"beta": 0}}}
    monkeypatch.setattr(GaussianRing, "recommended", lambda self: recommended)
    monkeypatch.setattr("physgan.domain.load", lambda name, **options: GaussianRing())
    told = {"domain": "ring", "core_options": {"adversarial": 0}}
    assert with_advice(told)["core_options"] == {"adversarial": 0, "beta": 0.5}
    assert with_advice({"domain": "ring"})["core_options"] == advice


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_shipped_options_are_good(path: Path) -> None:
    values = tomllib.loads(path.read_text())
    cores.check(values["core"], values["core_options"])
