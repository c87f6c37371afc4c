"""physgan cite: every method has an entry, and a run names those it used."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tensordict import TensorDict
from torch import Tensor, nn

from physgan import citations, cores, regularizers
from physgan import domain as domains
from physgan.citations import cite, entries, library
from physgan.cli import main
from physgan.critics import ProjectionScore
from physgan.domain import Verdict
from physgan.objectives import OBJECTIVES
from physgan.run import Run
from physgan.testing import GaussianRing
from physgan.training.config import RunConfig
from physgan.training.progress import Reporter

OWN = """@misc{ring2020,
  title = {A Ring},
  year = {2020}
}
"""


class CitedRing(GaussianRing):
    citations = OWN


@pytest.fixture(autouse=True)
def ring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domains, "load", lambda name, **options: CitedRing(**options))


def run_of(folder: Path, core: str = "vae-gan", trainer: Any = None, **options: Any) -> Run:
    """A run after one step."""
    values = {
        "domain": "ring",
        "core": core,
        "domain_options": {"rows": 64},
        "core_options": {"latent_dim": 2, **options},
        "trainer": {"steps": 1, "batch_size": 16, "accelerator": "cpu", **(trainer or {})},
    }
    run = Run.start(folder, RunConfig.from_dict(values))
    run.train(reporter=Reporter(Console(file=io.StringIO(), force_terminal=False)))
    return Run.open(folder)


@pytest.mark.parametrize(
    ("names", "table"),
    [
        (OBJECTIVES, citations.OBJECTIVES),
        (regularizers.REGULARIZERS, citations.REGULARIZERS),
        (regularizers.AUGMENTATIONS, citations.AUGMENTATIONS),
        (cores.CORES, citations.CORES),
    ],
)
def test_every_registered_method_has_its_entry(names: Any, table: Any) -> None:
    known = library()
    for name in names:
        assert name in table, f"{name} cites nothing"
        assert table[name] or name == "none", f"{name} cites nothing"
        assert set(table[name]) <= set(known)


def test_every_key_of_the_tables_is_an_entry_and_every_entry_is_used() -> None:
    tables: list[Any] = [
        citations.CORES, citations.SWITCHES, citations.OPTIMISERS, *citations.CHOICES.values(),
    ]  # fmt: skip
    used = {key for table in tables for keys in table.values() for key in keys}
    used |= {*citations.PREDICTOR, *citations.ROBUST, *citations.AUDIT, *citations.BANDS}
    used |= set(citations.PROJECTION)
    options = {
        "objective_constants": {"real_target": 0.9},
        "augmentation_constants": {"adaptive": True},
        "regularizer": "r1",
        "regularizer_interval": 2,
    }
    used |= set(citations._of_core(options))
    used |= set(citations._of_training({"ema_decay": 0.9, "critic_lr": 1e-3}))
    assert used == set(library())


class Projecting(nn.Module):
    """A critic that projects its condition, or is told nothing."""

    feature_dim = 2

    def __init__(self, condition_dim: int, told: bool) -> None:
        super().__init__()
        self.psi = nn.Linear(2, 1)
        self.project = nn.Linear(condition_dim, 2, bias=False)
        self.verdict = ProjectionScore(self.psi, self.project if told else None)

    def forward(self, x: TensorDict, condition: Tensor, given: TensorDict) -> Verdict:
        return self.verdict(x["point"], condition)


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("core", ["vae-gan", "bigan"])
def test_a_critic_that_projects_its_condition_is_cited(
    core: str, told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CitedRing, "critic", lambda self, dim, **options: Projecting(dim, told))
    options = {"start": 0} if core == "vae-gan" else {}
    found = cite(run_of(tmp_path / "a", core, **options))
    assert (set(citations.PROJECTION) <= set(found)) is told
    assert "shrivastava2017learning" not in found, "no core here keeps a pool of fakes"


def test_a_projection_of_no_condition_is_none() -> None:
    assert not citations._projects(Projecting(0, told=True))


def test_entries_are_whole_and_sourced() -> None:
    for key, entry in library().items():
        assert entry.count("{") == entry.count("}"), key
        fields = set(re.findall(r"^  (\w+) = \{", entry, flags=re.MULTILINE))
        assert {"title", "author", "year"} <= fields, key
        assert "eprint" in fields or "publisher" in fields, key
    stated = [m[1] for e in library().values() if (m := re.search(r"eprint = \{([^}]+)\}", e))]
    assert len(set(stated)) == len(stated) and all(
        re.fullmatch(r"\d{4}\.\d{4,5}", s) for s in stated
    )


def test_every_source_that_an_objective_or_regulariser_states_is_cited() -> None:
    """The arXiv number in a module's docstring is that of an entry."""
    text = "".join(library().values())
    for cls in {*OBJECTIVES.values(), *regularizers.REGULARIZERS.values()}:
        doc = __import__(cls.__module__, fromlist=["_"]).__doc__ or ""
        for number in re.findall(r"\b\d{4}\.\d{4,5}\b", doc):
            assert f"{{{number}}}" in text, f"{cls.__module__} states {number}"


def test_a_run_names_what_it_used(tmp_path: Path) -> None:
    found = cite(run_of(tmp_path / "a", start=0, objective="cramer", regularizer="gp"))
    wanted = {"larsen2016vaegan", "bellemare2017cramer", "gulrajani2017improved", "ring2020"}
    assert wanted <= set(found)
    assert not {"mescheder2018which", "heusel2017ttur", "miyato2018spectral"} & set(found)
    other = cite(
        run_of(
            tmp_path / "b",
            "physics-gan",
            {"critic_lr": 1e-3, "ema_decay": 0.0},
            spectral_norm=True,
            regularizer_interval=1,
            auxiliary=0.0,
        )
    )
    assert {"raissi2019pinn", "miyato2018spectral", "heusel2017ttur"} <= set(other)
    assert not {"odena2017acgan", "yazici2019averaging", "karras2020analyzing"} & set(other)


def test_a_plain_vae_cites_no_game(tmp_path: Path) -> None:
    found = cite(run_of(tmp_path / "a", adversarial=0.0))
    assert "kingma2014vae" in found
    assert not {"jolicoeur2019relativistic", "mescheder2018which"} & set(found)


OF_A_CRITIC = {
    "mescheder2018which", "huang2024r3gan", "karras2020analyzing", "odena2017acgan",
    "salimans2016improved", "miyato2018spectral",
}  # fmt: skip


@pytest.mark.parametrize("core", ["vae-gan", "physics-gan"])
def test_without_a_critic_nothing_that_one_carries_is_cited(core: str, tmp_path: Path) -> None:
    carried = {"spectral_norm": True, "feature": 0.1, "auxiliary": 0.1}
    start = {"start": 0} if core == "vae-gan" else {}
    run = run_of(tmp_path / "a", core, objective="gmmn", **start)
    assert run.core.critic is None
    assert "li2015gmmn" in cite(run) and not OF_A_CRITIC & set(cite(run))
    other = run_of(tmp_path / "b", core, regularizer="r1r2", **carried, **start)
    assert set(cite(other)) >= OF_A_CRITIC


def test_a_game_that_never_began_is_not_cited(tmp_path: Path) -> None:
    found = set(cite(run_of(tmp_path / "a", start=1)))
    assert not (OF_A_CRITIC | {"jolicoeur2019relativistic", "nocedal2006numerical"}) & found
    assert "jolicoeur2019relativistic" in cite(run_of(tmp_path / "b", start=0))
    assert "kingma2014vae" in found


def test_the_command_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = run_of(tmp_path / "a")
    with pytest.raises(SystemExit) as leaving:
        main(["cite", str(run.folder)])
    assert not leaving.value.code
    assert set(entries(capsys.readouterr().out)) == set(cite(run))
    out = tmp_path / "used.bib"
    with pytest.raises(SystemExit):
        main(["cite", str(run.folder), "--out", str(out)])
    assert entries(out.read_text()) == cite(run)


def test_no_run_is_one_clear_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(["cite", "nowhere-at-all"])
    assert leaving.value.code == 2 and "nowhere-at-all" in capsys.readouterr().err
