"""DiffAugment, its adaptive probability, the domain's own transform, and consistency."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tensordict import TensorDict
from torch import Tensor

from physgan.conditions import ConditionSchema
from physgan.cores import PhysicsGAN
from physgan.domain import Domain
from physgan.errors import InputError
from physgan.regularizers import Lazy, build, build_augmentation
from physgan.regularizers.diff_augment import (
    OPERATIONS,
    brightness,
    contrast,
    cutout,
    saturation,
    translation,
)
from physgan.testing import GaussianRing

FIELD = torch.randn(5, 3, 8, 12, generator=torch.Generator().manual_seed(0), dtype=torch.double)
U = torch.rand(5, 2, generator=torch.Generator().manual_seed(1), dtype=torch.double)
unit = st.floats(0, 0.999)


def field(x: Tensor = FIELD) -> TensorDict:
    leaves = {"height": x, "deep": {"slope": 2 * x}, "kind": torch.arange(len(x))}
    return TensorDict(leaves, [len(x)])


def test_brightness_moves_all_pixels_of_a_sample_alike() -> None:
    change = brightness(FIELD, U) - FIELD
    torch.testing.assert_close(change, (U[:, :1, None, None] - 0.5).expand_as(FIELD))


def test_saturation_keeps_the_mean_of_the_channels_and_needs_more_than_one() -> None:
    changed = saturation(FIELD, U)
    torch.testing.assert_close(changed.mean(1), FIELD.mean(1))
    assert not torch.allclose(changed, FIELD)
    one = FIELD[:, :1]
    torch.testing.assert_close(saturation(one, U), one)


def test_contrast_keeps_the_mean_of_the_sample() -> None:
    changed = contrast(FIELD, U)
    torch.testing.assert_close(changed.mean((1, 2, 3)), FIELD.mean((1, 2, 3)))
    spread = changed.std((1, 2, 3)) / FIELD.std((1, 2, 3))
    torch.testing.assert_close(spread, 0.5 + U[:, 0])


@settings(deadline=None, max_examples=30)
@given(u=unit, v=unit)
def test_translation_is_a_shift_by_at_most_an_eighth_with_zeros(u: float, v: float) -> None:
    moved = translation(FIELD, torch.tensor([[u, v]] * 5))
    down, right = int(u * 3) - 1, int(v * 5) - 2
    assert max(abs(down), abs(right)) <= 2
    wanted = torch.zeros_like(FIELD)
    for i in range(8):
        for j in range(12):
            if 0 <= i - down < 8 and 0 <= j - right < 12:
                wanted[:, :, i, j] = FIELD[:, :, i - down, j - right]
    assert torch.equal(moved, wanted)


@settings(deadline=None, max_examples=30)
@given(u=unit, v=unit)
def test_cutout_zeroes_one_window_of_half_the_sides(u: float, v: float) -> None:
    hole = cutout(torch.ones(1, 1, 8, 12), torch.tensor([[u, v]]))[0, 0] == 0
    rows, columns = hole.any(1), hole.any(0)
    assert torch.equal(hole, rows[:, None] & columns[None, :])
    assert 2 <= rows.sum() <= 4 and 3 <= columns.sum() <= 6
    assert rows.int().diff().abs().sum() <= 2 and columns.int().diff().abs().sum() <= 2
    if 4 / 9 < u < 5 / 9 and 6 / 13 < v < 7 / 13:
        assert hole.sum() == 24


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_gradients_flow_to_the_field(name: str) -> None:
    x = FIELD.clone().requires_grad_()
    OPERATIONS[name](x, U).square().sum().backward()
    assert torch.isfinite(x.grad).all() and x.grad.abs().sum() > 0


def test_every_field_is_changed_by_the_same_numbers_and_nothing_else_is() -> None:
    torch.manual_seed(0)
    changed = build_augmentation("diffaugment", policy=("translation", "cutout"))(field())
    assert torch.equal(changed["deep", "slope"], 2 * changed["height"])
    assert torch.equal(changed["kind"], torch.arange(5)) and changed.batch_size == (5,)
    assert not torch.equal(changed["height"], FIELD)
    flat = TensorDict({"x": torch.zeros(3, 2)}, [3])
    with pytest.raises(InputError, match="no field"):
        build_augmentation("diffaugment")(flat)
    with pytest.raises(InputError, match="policy of the augmentation"):
        build_augmentation("diffaugment", policy=("blur",))


def test_the_adaptive_probability_follows_the_sign_of_real_scores() -> None:
    ada = build_augmentation("diffaugment", adaptive=True)
    assert ada.probability.item() == 0.0 and torch.equal(ada(field())["height"], FIELD)
    for _ in range(4):
        assert ada.probability.item() == 0.0
        ada.adapt(torch.full((64,), 2.0))
    assert ada.probability.item() == pytest.approx(5.12e-4, abs=1e-9)
    half = build_augmentation("diffaugment", adaptive=True)
    half.load_state_dict(ada.state_dict())
    for _ in range(4):  # mean sign 0.5 is below the target 0.6
        half.adapt(torch.tensor([1.0] * 48 + [-1.0] * 16))
    assert half.probability.item() == pytest.approx(0.0, abs=1e-9)
    for _ in range(8):
        half.adapt(torch.full((64,), -1.0))
    assert half.probability.item() == 0.0
    plain = build_augmentation("diffaugment")
    plain.adapt(torch.ones(64))
    assert plain.probability.item() == 1.0


def test_the_probability_is_the_share_of_rows_that_change() -> None:
    ada = build_augmentation("diffaugment", adaptive=True, policy=("brightness",))
    ada.probability.fill_(0.3)
    torch.manual_seed(0)
    x = torch.zeros(20_000, 1, 1, 1)
    changed = ada(TensorDict({"x": x}, [len(x)]))["x"].flatten() != 0
    # 4.5 standard errors of a share.
    assert changed.float().mean().item() == pytest.approx(0.3, abs=4.5 * (0.21 / 20_000) ** 0.5)


def test_a_domain_offers_its_own_transform() -> None:
    ring = GaussianRing(rows=64)
    x = ring.load(None, "train").batch["x"]
    torch.manual_seed(0)
    turned = build_augmentation("domain").bind(ring)(x)
    assert not torch.equal(turned["point"], x["point"])
    torch.testing.assert_close(turned["point"].norm(dim=1), x["point"].norm(dim=1))
    torch.testing.assert_close(ring.log_density(turned["point"]), ring.log_density(x["point"]))

    with pytest.raises(InputError, match="no augmentation of its own"):
        Domain.augment(ring, x)


def test_consistency_has_its_closed_form() -> None:
    torch.manual_seed(0)
    weight = torch.randn(3 * 8 * 12, dtype=torch.double, requires_grad=True)

    def critic(td: TensorDict) -> Tensor:
        return td["height"].flatten(1) @ weight

    term = build("consistency", weight=1.0)
    term.augmentation.transforms = lambda: []  # T is the identity
    assert term(critic, field(), field()).item() == 0.0
    shift = torch.linspace(-1, 1, 5, dtype=torch.double)[:, None, None, None]
    term.augmentation.transforms = lambda: [lambda x: field(x["height"] + shift)]
    wanted = (shift.flatten() * weight.sum()).square().mean()
    found = term(critic, field(), field())
    torch.testing.assert_close(found, wanted)
    slopes = [torch.autograd.grad(value, weight)[0] for value in (found, wanted)]
    torch.testing.assert_close(*slopes)


def core_of(**options):
    torch.manual_seed(0)
    ring = GaussianRing(rows=64)
    data = ring.load(None, "train").batch
    schema = ConditionSchema(ring.properties, data["y"])
    return PhysicsGAN(ring, schema, latent_dim=2, condition_drop=0.0, **options), data[:16]


def test_real_and_fake_pass_the_augmentation_and_the_generator_gets_its_gradient() -> None:
    core, batch = core_of(
        objective="hinge", augmentation="domain", augmentation_constants={"adaptive": True}
    )
    core.augmentation.probability.fill_(1.0)
    seen, judged = [], []
    transform, forward = core.augmentation._transform, core.critic.forward
    core.augmentation._transform = lambda x: seen.append(transform(x)) or seen[-1]
    core.critic.forward = lambda x, *rest: judged.append(x) or forward(x, *rest)
    for turn in core.turns(lambda: batch, 0):
        core.zero_grad(set_to_none=True)
        for loss in turn.losses:
            inputs = [p for n in loss.players for p in core.players[n].parameters()]
            loss.value.backward(inputs=inputs)
    assert len(seen) == len(judged) == 4  # real, fake, the regulariser's real; the generator's fake
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in core.generator.parameters())
    assert "augmentation_probability" in core.report()
    assert "augmentation.probability" in core.state_dict()


def test_adaptive_augmentation_needs_scores_whose_sign_means_something() -> None:
    with pytest.raises(InputError, match="sign of scores"):
        core_of(augmentation="domain", augmentation_constants={"adaptive": True})
    with pytest.raises(InputError, match="no augmentation called 'vary'"):
        core_of(augmentation="vary")


def test_a_regulariser_takes_the_domains_transform() -> None:
    core, batch = core_of(regularizer="consistency", regularizer_constants={"transform": "domain"})
    assert isinstance(core.regularizer, Lazy)
    (first, *_) = core.turns(lambda: batch, 0)
    assert torch.isfinite(first.losses[0].value)


def test_impossible_adaptation_is_refused() -> None:
    with pytest.raises(InputError, match="adaptive augmentation"):
        build_augmentation("domain", adaptive=True, target=1.0)
