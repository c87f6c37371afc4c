import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.domain import Verdict
from physgan.objectives import build as build_objective
from physgan.regularizers import REGULARIZERS, build

W = torch.tensor([3.0, 4.0], dtype=torch.double)


def flat(rows: Tensor) -> TensorDict:
    return TensorDict({"x": rows}, batch_size=[len(rows)])


def linear(weight: Tensor):
    return lambda td: td["x"] @ weight.to(td["x"])


@settings(deadline=None)
@given(rows=st.integers(1, 9), seed=st.integers(0, 99), scale=st.floats(0.01, 3))
def test_linear_critic_for_any_batch(rows: int, seed: int, scale: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    real, fake = (flat(10 * torch.randn(rows, 2, generator=generator).double()) for _ in range(2))
    for weight, value in ((W, 16.0), (scale * W, (5 * scale - 1) ** 2)):
        penalty = build("gp", weight=1.0)(linear(weight), real, fake)
        assert penalty.item() == pytest.approx(value, abs=1e-9)


@settings(deadline=None)
@given(cuts=st.lists(st.integers(1, 6), min_size=1, max_size=4), rows=st.integers(1, 5))
def test_linear_critic_for_any_partition_into_leaves(cuts: list[int], rows: int) -> None:
    size = sum(cuts)
    weight = torch.linspace(-1, 2, size, dtype=torch.double)

    def batch(seed: int) -> TensorDict:
        x = torch.randn(rows, size, generator=torch.Generator().manual_seed(seed)).double()
        pieces = {f"leaf{i}": piece for i, piece in enumerate(x.split(cuts, dim=1))}
        inner = TensorDict({"last": pieces.pop(f"leaf{len(cuts) - 1}")}, batch_size=[rows])
        integer = torch.full((rows,), seed)
        return TensorDict({**pieces, "inner": inner, "template": integer}, batch_size=[rows])

    def critic(td: TensorDict) -> Tensor:
        assert (td["template"] == 1).all()  # what is not floating comes from the real batch
        leaves = [td[f"leaf{i}"] for i in range(len(cuts) - 1)] + [td["inner", "last"]]
        return torch.cat(leaves, dim=1) @ weight

    penalty = build("gp", weight=1.0)(critic, batch(1), batch(2))
    assert penalty.item() == pytest.approx((weight.norm().item() - 1) ** 2, abs=1e-9)


def test_optimal_linear_critic_of_wgan_gp() -> None:
    d, weight = W, 10.0
    best = ((1 + d.norm() / (2 * weight)) * d / d.norm()).requires_grad_()
    real, fake = flat(d.expand(6, 2)), flat(torch.zeros(6, 2).double())
    loss = build_objective("wgan").critic_loss(
        Verdict(linear(best)(real)), Verdict(linear(best)(fake))
    ) + build("gp", weight=weight)(linear(best), real, fake)
    assert -loss.item() == pytest.approx(5.625, abs=1e-9)
    (slope,) = torch.autograd.grad(loss, best)
    assert slope.abs().max() < 1e-9


def test_points_lie_between_pairs_with_a_weight_of_their_own() -> None:
    seen = []

    def critic(td: TensorDict) -> Tensor:
        seen.append(td["x"].detach())
        return td["x"].sum(1)

    build("gp")(critic, flat(torch.ones(50, 2)), flat(torch.zeros(50, 2)))
    assert torch.equal(seen[0][:, 0], seen[0][:, 1])
    assert seen[0].min() >= 0 and seen[0].max() <= 1 and seen[0][:, 0].unique().numel() > 40


def test_one_sided_form_spares_small_gradients() -> None:
    x = flat(torch.randn(4, 2))
    assert build("one-sided-gp", weight=1.0)(linear(W / 10), x, x).item() == 0.0
    assert build("one-sided-gp", weight=1.0)(linear(W), x, x).item() == pytest.approx(16.0)
    assert build("gp", weight=1.0)(linear(W / 10), x, x).item() == pytest.approx(0.25)


def test_a_flat_critic_gives_a_finite_gradient() -> None:
    weight = torch.zeros(2, requires_grad=True)
    x = flat(torch.randn(4, 2))
    penalty = build("gp", weight=1.0)(linear(weight), x, x)
    (slope,) = torch.autograd.grad(penalty, weight)
    assert penalty.item() == pytest.approx(1.0) and torch.isfinite(slope).all()


def test_full_precision_under_autocast_and_for_half_precision_input() -> None:
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(2, 16), nn.Softplus(), nn.Linear(16, 1))

    def score(td: TensorDict) -> Tensor:
        return critic(td["x"]).squeeze(1)

    x = flat(torch.randn(5, 2).bfloat16().float())
    exact = build("r1")(score, x, x)
    with torch.autocast("cpu", torch.bfloat16):
        assert build("r1")(score, x, x).item() == exact.item()
        assert build("r1")(score, x.to(torch.bfloat16), x).item() == exact.item()


# "none" adds nothing, and consistency is for 2-D fields: its test is beside the augmentations'.
@pytest.mark.parametrize("name", sorted(set(REGULARIZERS) - {"none", "consistency"}))
def test_every_parameter_gets_a_gradient_and_constants_rebuild(name: str) -> None:
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(2, 8), nn.Softplus(), nn.Linear(8, 1))
    twin = copy.deepcopy(critic)
    x, y = flat(torch.randn(5, 2)), flat(torch.randn(5, 2))
    regularizer = build(name, target=0.01) if "gp" in name else build(name)
    for network, term in ((critic, regularizer), (twin, type(regularizer)(**regularizer.hparams))):
        torch.manual_seed(1)
        loss = term(lambda td, network=network: network(td["x"]).squeeze(1), x, y)
        loss.backward()
    # The last bias enters no gradient penalty: only the added zero reaches it, as DDP needs.
    assert critic[2].bias.grad is not None and critic[2].bias.grad.item() == 0.0
    assert critic[0].weight.grad.abs().sum() > 0
    for a, b in zip(critic.parameters(), twin.parameters(), strict=True):
        assert torch.equal(a.grad, b.grad)


def test_inputs_keep_no_gradient_and_unused_leaves_count_as_zero() -> None:
    source = torch.randn(3, 2, requires_grad=True)
    x = TensorDict({"x": source * 1, "unused": torch.randn(3, 7)}, batch_size=[3])
    weight = W.clone().requires_grad_()
    build("r1")(linear(weight), x, x).backward()
    assert source.grad is None
    torch.testing.assert_close(weight.grad, W)
