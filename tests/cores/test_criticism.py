"""Spectral norm, augmentation and further critic moves: options of every core with a critic."""

import pytest
import torch
from tensordict import TensorDict

from physgan.conditions import ConditionSchema
from physgan.cores import VAEGAN, AugmentedCycleGAN, BiGAN, CycleGAN, PhysicsGAN
from physgan.errors import InputError
from physgan.pair import Pair
from physgan.testing import GaussianRing
from physgan.training import Trainer
from physgan.training.options import TrainerOptions

ROWS = 16
TRANSLATING = (CycleGAN, AugmentedCycleGAN)
each = pytest.mark.parametrize("kind", [PhysicsGAN, VAEGAN, BiGAN, *TRANSLATING])
signed = {"objective": "hinge", "augmentation": "domain", "regularizer": "none"}
ADA = {"adaptive": True, "images": 160, "interval": 2}


def core_of(kind, **options):
    torch.manual_seed(0)
    if kind in TRANSLATING:
        domain = Pair(GaussianRing(rows=64), GaussianRing(modes=3, rows=64))
        schema = None
    else:
        domain = GaussianRing(rows=64)
        schema = ConditionSchema(domain.properties, domain.load(None, "train").batch["y"])
        options = {"latent_dim": 2, "condition_drop": 0.0, **options}
    if kind is VAEGAN:
        options = {"start": 0, **options}
    return kind(domain, schema, **options), domain.load(None, "train").batch


def critics(core):
    """Every critic of samples with the Criticism that shows them to it."""
    if hasattr(core, "sides"):
        return [(side.critic, side) for side in core.sides.values()]
    return [(core.joint_critic if isinstance(core, BiGAN) else core.critic, core)]


def play(core, batch, step=0):
    """One step as the trainer differentiates it; the players of each turn."""
    steps = []
    for turn in core.turns(lambda: batch[:ROWS], step):
        core.zero_grad(set_to_none=True)
        for place, loss in enumerate(turn.losses):
            inputs = [p for n in loss.players for p in core.players[n].parameters()]
            assert loss.value.isfinite()
            loss.value.backward(inputs=inputs, retain_graph=place + 1 < len(turn.losses))
        with torch.no_grad():
            for parameter in (p for n in turn.step for p in core.players[n].parameters()):
                if parameter.grad is not None:
                    parameter -= 0.05 * parameter.grad
        steps.append(turn.step)
    return steps


@each
def test_with_spectral_norm_every_layers_largest_singular_value_is_one(kind):
    core, batch = core_of(kind, spectral_norm=True)
    for step in range(3):
        play(core, batch, step)
    for critic, _ in critics(core):
        for _ in range(300):  # power iterations at rest, which the estimate needs to be exact
            critic(*arguments(core, critic, batch))
        linear = [m for m in critic.modules() if isinstance(m, torch.nn.Linear)]
        layers = [layer for layer in linear if layer.weight.numel()]
        assert layers
        for layer in layers:
            largest = torch.linalg.matrix_norm(layer.weight, ord=2)
            assert float(largest) == pytest.approx(1.0, abs=1e-3)
    plain, _ = core_of(kind)
    weights = [m.weight for c, _ in critics(plain) for m in c.modules() if hasattr(m, "weight")]
    found = [float(torch.linalg.matrix_norm(w.detach(), ord=2)) for w in weights if w.ndim == 2]
    assert any(abs(value - 1) > 0.1 for value in found)


def arguments(core, critic, batch):
    """x, condition and given that ``critic`` can look at."""
    rows = batch[:ROWS]
    if hasattr(core, "sides"):
        (side,) = (s for s, own in core.sides.items() if own.critic is critic)
        return rows["x", side], torch.zeros(ROWS, 0), rows["given", side]
    condition = core.schema(rows["y"])
    if isinstance(core, BiGAN):
        condition = torch.cat([condition, torch.zeros(ROWS, core.options.latent_dim)], 1)
    return rows["x"], condition, rows["given"]


@each
@pytest.mark.parametrize("count", [1, 3])
def test_the_critics_move_n_times_before_the_others_do(kind, count):
    core, batch = core_of(kind, n_critic=count)
    batches = []
    for turn in core.turns(lambda: batches.append(1) or batch[:ROWS], 0):
        last = turn.step
    # A latent's critics move besides, as often.
    steps = [s for s in play(core, batch) if "critic_za" not in s]
    assert len(batches) == count
    assert [any(n.startswith("critic") for n in s) for s in steps] == [True] * count + [False]
    assert not any(n.startswith("critic") for n in last)
    if kind is AugmentedCycleGAN:
        assert sum("critic_za" in s for s in play(core, batch)) == count
    with pytest.raises(InputError, match="n_critic is 0"):
        core_of(kind, n_critic=0)


@each
def test_critics_see_real_and_made_samples_augmented_alone(kind):
    """Whatever reaches a critic has just come out of the augmentation, as it was."""
    core, batch = core_of(kind, **signed)
    given_out, seen = [], []

    def watch(critic, side):
        transform, forward = side.augmentation._transform, critic.forward

        def shown(x):
            given_out.append(transform(x))
            return given_out[-1]

        def judged(x, *rest):
            seen.append(x)
            return forward(x, *rest)

        side.augmentation._transform, critic.forward = shown, judged

    for critic, side in critics(core):
        watch(critic, side)
    play(core, batch)
    samples = [x["x"] if isinstance(core, BiGAN) else x for x in given_out]
    assert len(seen) == len(samples) >= 3
    for one, other in zip(seen, samples, strict=True):
        assert torch.equal(one["point"], other["point"])
        assert one["point"].norm(dim=1).isfinite().all()


@each
def test_the_probability_moves_by_the_known_amount(kind):
    """Every two critic moves by 2 ROWS / images, up: all real scores are above zero."""
    core, batch = core_of(kind, **signed, augmentation_constants=ADA)
    for critic, side in critics(core):
        forward = critic.forward

        def surely_real(x, *rest, forward=forward):
            verdict = forward(x, *rest)
            return type(verdict)(verdict.score.abs() + 1, verdict.features)

        critic.forward = surely_real
        assert float(side.augmentation.probability) == 0.0
    for step in range(5):
        play(core, batch, step)
    for _, side in critics(core):
        assert float(side.augmentation.probability) == pytest.approx(2 * 2 * ROWS / 160)
    told = [v for n, v in core.report().items() if n.endswith("augmentation_probability")]
    assert told == pytest.approx([0.4] * len(critics(core)))


@each
def test_scores_whose_sign_says_nothing_adapt_no_probability(kind):
    with pytest.raises(InputError, match="sign of scores"):
        core_of(kind, objective="wgan", augmentation="domain", augmentation_constants=ADA)


@pytest.mark.parametrize("kind", [BiGAN, *TRANSLATING])
def test_a_resumed_run_goes_on_with_its_probability(kind, tmp_path):
    options = {**signed, "augmentation_constants": ADA}

    def train(steps, folder, resume=False):
        core, batch = core_of(kind, **options)
        told = TrainerOptions(steps=steps, batch_size=ROWS, accelerator="cpu", seed=3)
        Trainer(core, batch, batch, told, folder).fit(resume=resume)
        return core

    whole = train(7, tmp_path / "whole")
    train(4, tmp_path / "parts")
    resumed = train(7, tmp_path / "parts", resume=True)
    one, two = whole.state_dict(), resumed.state_dict()
    names = [n for n in one if "augmentation." in n]
    assert any(n.endswith("augmentation._signs") for n in names)
    for name in names:
        assert torch.equal(one[name], two[name]), name
    assert any(one[n] != 0 for n in names if n.endswith(("probability", "_rows")))


def test_a_bigan_regularises_in_the_units_of_its_critic():
    core, batch = core_of(BiGAN)
    core.joint_critic.prepare = lambda x: TensorDict({"point": 10 * x["point"]}, x.batch_size)
    given, plain = [], core.regularizer.forward
    core.regularizer.forward = lambda f, real, fake: given.append(real) or plain(f, real, fake)
    list(core.turns(lambda: batch[:ROWS], 0))
    assert torch.equal(given[0]["x", "point"], 10 * batch["x", "point"][:ROWS])
