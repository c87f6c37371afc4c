from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from physgan import regularizers
from physgan.errors import InputError
from physgan.training.config import RunConfig, checksums, override, read_config, with_advice


def test_a_config_survives_its_file(tmp_path: Path) -> None:
    values = override(
        {"domain": "crystal"},
        ["steps=7", "lr.critic=1e-3", "core.network.hidden=64", "core.objective=hinge",
         "properties=['a', 'b']", "trainer.betas=[0, 0.9]"],
    )  # fmt: skip
    config = RunConfig.from_dict(values)
    assert config.trainer.steps == 7
    assert config.trainer.rate("critic") == 1e-3
    assert config.trainer.betas == (0.0, 0.9)
    assert config.core_options == {"network": {"hidden": 64}, "objective": "hinge"}
    assert config.properties == ("a", "b")
    config.write(tmp_path / "config.toml")
    assert RunConfig.from_dict(read_config(tmp_path / "config.toml")) == config


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("stepz=3", "did you mean 'steps'"),
        ("trainer.batchsize=3", "did you mean 'trainer.batch_size'"),
        ("coer.latent=3", "did you mean 'core.latent'"),
        ("steps=-1", "steps = -1: Input should be greater than 0"),
        ("lr=abc", "lr = 'abc'"),
        ("betas=[0.5, 2]", "betas must lie in"),
        ("lr.critic=-1", "must be positive"),
        ("precision=fp8", "precision = 'fp8'"),
        ("steps", "write --set key=value"),
        ("domain.x.y=1", None),
    ],
)
def test_mistakes_are_named(setting: str, said: str | None) -> None:
    if said is None:
        config = RunConfig.from_dict(override({"domain": "c"}, [setting]))
        assert config.domain_options == {"x": {"y": 1}}
        return
    with pytest.raises(InputError, match=said.replace("[", r"\[")):
        RunConfig.from_dict(override({"domain": "c"}, [setting]))


def test_unknown_keys_of_a_file_are_named(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('domian = "crystal"')
    with pytest.raises(InputError, match=r"c.toml: unknown option 'domian' .did you mean 'domain'"):
        RunConfig.from_dict(read_config(path), str(path))
    with pytest.raises(InputError, match="'domain' is missing"):
        RunConfig.from_dict({})
    path.write_text("domain = ")
    with pytest.raises(InputError, match="no readable TOML"):
        read_config(path)
    with pytest.raises(InputError, match="no such config file"):
        read_config(tmp_path / "none.toml")


def test_checksums_cover_every_file(tmp_path: Path) -> None:
    (tmp_path / "data" / "inner").mkdir(parents=True)
    (tmp_path / "data" / "a.csv").write_bytes(b"1")
    (tmp_path / "data" / "inner" / "b.csv").write_bytes(b"2")
    expected = {n: hashlib.sha256(v).hexdigest() for n, v in {"a.csv": b"1", "b": b"2"}.items()}
    found = checksums(tmp_path / "data")
    assert found == {"a.csv": expected["a.csv"], "inner/b.csv": expected["b"]}
    assert checksums(tmp_path / "data" / "a.csv") == {"a.csv": expected["a.csv"]}
    assert checksums(None) == {}


@pytest.mark.parametrize("domain", ["terrain", "protein", "crystal"])
@pytest.mark.parametrize("name", regularizers.REGULARIZERS)
def test_advised_constants_are_of_the_advised_regulariser_alone(domain: str, name: str) -> None:
    plain = with_advice({"domain": domain, "core": "physics-gan"})["core_options"]
    told = {"domain": domain, "core": "physics-gan", "core_options": {"regularizer": name}}
    options = with_advice(told)["core_options"]
    regularizers.build(name, **options.get("regularizer_constants", {}))
    if name == plain.get("regularizer"):
        assert options == plain
    mine = {**told["core_options"], "regularizer_constants": {"gamma": 7.0}}
    kept = with_advice({**told, "core_options": mine})["core_options"]
    assert kept["regularizer_constants"]["gamma"] == 7.0
