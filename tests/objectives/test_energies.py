import math

import pytest
import torch
from torch import nn

from physgan.domain import Verdict
from physgan.errors import InputError
from physgan.objectives import build
from physgan.objectives.energy import pulling_away

NET = nn.Identity()


def energy(*values: float) -> Verdict:
    score = torch.tensor(values)
    return Verdict(score, torch.ones(len(score), 2))


@pytest.mark.parametrize(
    ("features", "value"),
    [
        (torch.eye(4), 0.0),
        (torch.tensor([[1.0, 2.0], [10.0, 20.0], [-3.0, -6.0]]), 1.0),
        (torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 3.0]]), 1 / 3),
    ],
)
def test_pulling_away(features: torch.Tensor, value: float) -> None:
    assert pulling_away(features).item() == pytest.approx(value, abs=1e-6)
    assert pulling_away(5 * features).item() == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
def test_a_constant_energy_below_the_margin_costs_the_margin(level: float) -> None:
    same = energy(level, level)
    for name in ("ebgan", "magan"):
        game = build(name, margin=1.0)
        assert game.autoencoding
        assert game.critic_loss(same, same).item() == pytest.approx(1.0, abs=1e-6)


def test_ebgan_by_hand() -> None:
    game = build("ebgan", margin=2.0, pulling=0.1)
    real, fake = energy(0.5, 1.5), energy(1.0, 5.0)
    assert game.critic_loss(real, fake).item() == pytest.approx(1.0 + 0.5, abs=1e-6)
    assert game.generator_loss(real, fake).item() == pytest.approx(3.0 + 0.1, abs=1e-6)
    alone = Verdict(torch.tensor([3.0]), torch.ones(1, 2))
    assert game.generator_loss(real, alone).item() == pytest.approx(3.0, abs=1e-6)


def test_began_balances_itself_and_remembers() -> None:
    game = build("began", gamma=0.5, rate=0.001)
    real, fake = energy(1.0), energy(0.2)
    assert game.critic_loss(real, fake).item() == pytest.approx(1.0, abs=1e-6)
    with torch.no_grad():
        game.after_critic_step(NET, real, fake)
    assert game.report() == pytest.approx({"k": 3e-4, "measure": 1.3}, abs=1e-6)
    again = build("began")
    again.load_state_dict(game.state_dict())
    assert again.critic_loss(real, fake).item() == pytest.approx(1 - 3e-4 * 0.2, abs=1e-6)
    with torch.no_grad():
        game.after_critic_step(NET, fake, real)
        assert game.k.item() == 0.0
        game.k.fill_(0.9999)
        game.after_critic_step(NET, real, fake)
        assert game.k.item() == 1.0


def test_the_margin_follows_a_scripted_game() -> None:
    """Rows: mean energies of real and fake, and the margin after them (algorithm 1)."""
    game = build("magan", margin=1.0, period=1)
    script = [
        (0.8, 0.9, 1.0),  # no period before: nothing to compare the fakes with
        (0.7, 0.85, 1.0),  # the fakes' energy fell
        (0.6, 0.95, 0.6),  # all three hold
        (0.9, 0.96, 0.6),  # the data's energy is above the margin
        (0.5, 0.3, 0.6),  # the data's energy is above the fakes'
        (0.4, 0.45, 0.4),  # all three again
    ]
    for on_real, on_fake, margin in script:
        with torch.no_grad():
            game.after_critic_step(NET, energy(on_real, on_real), energy(on_fake, on_fake))
        assert game.margin.item() == pytest.approx(margin, abs=1e-6)
    loss = game.critic_loss(energy(0.1), energy(0.25))
    assert loss.item() == pytest.approx(0.1 + 0.15, abs=1e-6)
    again = build("magan")
    again.load_state_dict(game.state_dict())
    assert again.margin.item() == pytest.approx(0.4, abs=1e-6) and "margin" in again.report()


def test_the_margin_reads_means_over_its_period_and_never_grows() -> None:
    game, before = build("magan", margin=1.0, period=2), math.inf
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for real, fake in ((0.9, 2.0), (0.1, 2.0), (0.8, 2.0)):
            game.after_critic_step(NET, energy(real), energy(fake))
        assert game.margin.item() == 1.0
        game.after_critic_step(NET, energy(0.2), energy(3.0))
        assert game.margin.item() == pytest.approx(0.5, abs=1e-6)
        for _ in range(40):
            game.after_critic_step(NET, *(Verdict(torch.rand(3, generator=random)) for _ in "ab"))
            assert game.margin.item() <= before
            before = game.margin.item()


@pytest.mark.parametrize(
    ("name", "constants", "said"),
    [
        ("ebgan", {"margin": 0.0}, "margin"),
        ("ebgan", {"pulling": -1.0}, "pulling-away"),
        ("began", {"gamma": 0.0}, "gamma"),
        ("began", {"rate": -1.0}, "rate of k"),
        ("magan", {"margin": -1.0}, "first margin"),
        ("magan", {"period": 0}, "period"),
        ("magan", {"period": 1.5}, "period of the objective 'magan' is 1.5"),
        ("magan", {"margin": "wide"}, "margin of the objective 'magan' is 'wide'"),
        ("lsgan", {"a": math.nan}, "finite number"),
    ],
)
def test_impossible_constants_are_refused(name: str, constants: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        build(name, **constants)
