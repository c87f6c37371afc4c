"""The audit of translations: figures by hand, each side judged apart, and the command."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from tensordict import TensorDict
from torch import Tensor, nn

from physgan import domain as domains
from physgan.audit import audit
from physgan.audit.sides import Sources, figures
from physgan.audit.verdict import on_translation
from physgan.cli import main
from physgan.cores import AugmentedCycleGAN, CycleGAN
from physgan.domain import Verdict
from physgan.errors import InputError
from physgan.pair import Pair
from physgan.run import Run
from physgan.testing import GaussianRing
from physgan.training.config import RunConfig
from physgan.training.progress import Reporter

RINGS = {"a_options": {"rows": 96}, "b_options": {"rows": 64, "modes": 3}}


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """``pair`` means a pair, every other name the ring."""

    def load(name: str, **options: Any) -> Any:
        return Pair(**options) if name == "pair" else GaussianRing(**options)

    monkeypatch.setattr(domains, "load", load)


def make(folder: Path, core: str = "cycle-gan", **options: Any) -> Path:
    values = {
        "domain": "pair",
        "core": core,
        "domain_options": {"a": "ring", "b": "ring", **RINGS},
        "core_options": options,
        "trainer": {"steps": 4, "batch_size": 16, "checkpoint_every": 2, "accelerator": "cpu"},
    }
    run = Run.start(folder, RunConfig.from_dict(values))
    run.train(reporter=Reporter(Console(file=io.StringIO(), force_terminal=False)))
    return folder


class Moved(nn.Module):
    """G(x, z) = x + shift + scale z."""

    def __init__(self, shift: float, scale: float = 1.0) -> None:
        super().__init__()
        self.shift, self.scale = shift, scale

    def forward(self, x: TensorDict, given: Any, target_given: Any, z: Tensor) -> TensorDict:
        return TensorDict({"point": x["point"] + self.shift + self.scale * z}, x.batch_size)


class Reading(nn.Module):
    """E(a, b) = sign (b - a - shift)."""

    def __init__(self, sign: int, shift: float) -> None:
        super().__init__()
        self.sign, self.shift = sign, shift

    def forward(self, x_a: TensorDict, given_a: Any, x_b: TensorDict, given_b: Any) -> Tensor:
        return self.sign * (x_b["point"] - x_a["point"] - self.shift)


class First(nn.Module):
    """The first coordinate as score."""

    def forward(self, x: Any, *told: Any) -> Verdict:
        points = x if isinstance(x, Tensor) else x["point"]
        return Verdict(points[:, 0], points)


def free_pair() -> Pair:
    return Pair(GaussianRing(rows=64, limit=1e9), GaussianRing(rows=48, modes=3, limit=1e9))


def sources_of(pair: Pair) -> Sources:
    batches = {s: d.load(None, "val").batch for s, d in pair.sides.items()}
    return Sources({s: b["x"] for s, b in batches.items()},
                   {s: b["given"] for s, b in batches.items()})  # fmt: skip


def test_the_inverse_comes_back_and_a_shift_ends_as_far_as_it_goes() -> None:
    pair = free_pair()
    sources = sources_of(pair)
    core: Any = CycleGAN(pair, latent_dim=2)
    core.generator_ab, core.generator_ba = Moved(0.7), Moved(-0.7)
    assert figures(core, sources, "a") == {"cycle": pytest.approx(0, abs=1e-6)}
    core.generator_ba = Moved(-0.4)
    for side in ("a", "b"):
        x = sources.x[side]["point"]
        wanted = 0.3 / (x.roll(1, 0) - x).abs().mean()
        assert figures(core, sources, side)["cycle"] == pytest.approx(float(wanted), rel=1e-4)


def test_latents_that_carry_all_are_read_back_and_none_is_called_ignored() -> None:
    """G = x + 0.7 + z and its inverse: both recover; with z left out the latent moves nothing."""
    pair = free_pair()
    sources = sources_of(pair)
    core: Any = AugmentedCycleGAN(pair, latent_dim=2)
    core.generator_ab, core.generator_ba = Moved(0.7), Moved(-0.7)
    core.encoder_b, core.encoder_a = Reading(1, 0.7), Reading(-1, 0.7)
    core.critic_za = core.critic_zb = First()
    torch.manual_seed(0)
    for side in ("a", "b"):
        found = figures(core, sources, side)
        assert found["cycle"] == pytest.approx(0, abs=1e-5)
        assert found["recovered"] == pytest.approx(0, abs=1e-5)
        # Two N(0, 1) draws against them and the distance of two points of a ring.
        assert 0.5 < found["latent"] < 2
        assert all(f.good for f in on_translation({**found, "prior": 0.5}))
    # Of a translation b~ = a + 0.7 + z the way back is -z: N(0, 1) beside N(0, 1).
    many = Sources({s: x[torch.arange(4000) % len(x)] for s, x in sources.x.items()},
                   {s: TensorDict({}, [4000]) for s in "ab"})  # fmt: skip
    assert figures(core, many, "a")["prior"] == pytest.approx(0.5, abs=0.03)
    core.generator_ab, core.generator_ba = Moved(0.7, 0.0), Moved(-0.7, 0.0)
    found = figures(core, sources, "b")
    assert found["latent"] == 0
    (ignored,) = [f for f in on_translation(found) if "ignored" in f.text]
    assert not ignored.good and ignored.change


@pytest.mark.parametrize("core", ["cycle-gan", "augmented-cycle-gan"])
def test_each_side_is_audited_on_its_own(core: str, tmp_path: Path) -> None:
    run = Run.open(make(tmp_path / "run", core))
    before = {k: v.clone() for k, v in run.core.state_dict().items() if torch.is_tensor(v)}
    found = audit(run, n=64, latents=3, k=3)
    assert list(found.sides) == ["a", "b"] and found.balance is None
    for side, own in found.sides.items():
        assert own.run == f"run, side {side} (gaussian-ring)"
        assert own.balance is not None and 0 <= own.balance.separation <= 1
        rises = [row["rise"] for row in own.critic]
        assert [row["attack"] for row in own.critic] == ["fgsm inf", "fgsm l2", "pgd inf", "pgd l2"]
        assert min(rises) > 0 and rises[2] >= rises[0] - 1e-4, "PGD is no weaker than FGSM"
        assert own.coverage is not None and own.distances["frechet"] > 0
        assert {"cycle", "latent"} & set(own.translation) == (
            {"cycle", "latent"} if core[0] == "a" else {"cycle"}
        )
        labels = [label for label, _ in own.pictures]
        assert labels[-1] == ("final, one source" if core[0] == "a" else "final")
        assert all(len(natives) == 3 for _, natives in own.pictures)
        assert sum(f.text.startswith(f"Side {side}: ") for f in found.findings) == len(own.findings)
    after = run.core.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    values = found.to_dict()
    assert json.loads(json.dumps(values)) == values == audit(run, n=64, latents=3, k=3).to_dict()


def test_leaves_are_those_of_a_side(tmp_path: Path) -> None:
    run = Run.open(make(tmp_path / "run"))
    found = audit(run, n=32, latents=0, leaves=["b.point"])
    assert not found.sides["a"].critic and len(found.sides["b"].critic) == 4
    with pytest.raises(InputError, match=r"'point' is no floating leaf.*a\.point, b\.point"):
        audit(run, n=32, latents=0, leaves=["point"])


def test_a_verdict_is_of_its_side(tmp_path: Path) -> None:
    """D_b told the samples apart by where they are; D_a sees nothing at all."""
    run = Run.open(make(tmp_path / "run"))
    core: Any = run.core
    core.generator_ab, core.side_b.projections = Moved(-9.0, 0.0), []
    core.side_b.critic = First()

    class Blind(nn.Module):
        def forward(self, x: TensorDict, condition: Tensor, given: TensorDict) -> Verdict:
            return Verdict(0 * x["point"][:, 0])

    core.side_a.critic = Blind()
    found = audit(run, n=48, latents=0)
    a, b = found.sides["a"].balance, found.sides["b"].balance
    assert a is not None and b is not None and (a.separation, b.separation) == (0.5, 1.0)
    texts = [f.text for f in found.findings if not f.good]
    assert any(t.startswith("Side b: The critic has won") for t in texts)
    assert any(t.startswith("Side a: The critic is nearly blind") for t in texts)
    assert not any(t.startswith("Side a: The critic has won") for t in texts)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    run = Run.open(make(tmp_path / "run", objective="gmmn"))
    found = audit(run, n=32, latents=0)
    for side in ("a", "b"):
        assert any(n.startswith(f"Side {side}: There is no critic") for n in found.notes)
        assert found.sides[side].coverage is not None
    with pytest.raises(InputError, match="no predictor"):
        audit(run, n=32, target="radius=max")
    run.config = run.config.model_copy(update={"data": str(tmp_path / "gone")})
    with pytest.raises(InputError, match="samples to begin with"):
        audit(run, n=32)


def test_the_command_writes_table_figures_and_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make(tmp_path / "run", "augmented-cycle-gan")
    with pytest.raises(SystemExit) as leaving:
        main(["audit", str(folder), "-n", "32", "--latents", "2"])
    assert not leaving.value.code
    said = capsys.readouterr().out
    assert "side a (gaussian-ring)" in said and "side b (gaussian-ring)" in said
    assert said.count("separation") == said.count("recovered") == 2 and "Side b: " in said
    kept = json.loads((folder / "audit.json").read_text())
    assert set(kept["sides"]) == {"a", "b"} and kept["sides"]["b"]["translation"]["cycle"] > 0
    page = (folder / "audit.html").read_text()
    assert page.count("<h1>") == 3 and page.count("Attacks on the critic") == 2
    # The start, two checkpoints, the best, the final and one source: two pictures each, by side.
    assert page.count("<img") == 24
