"""FGSM and PGD against the closed forms of linear and logistic models, and robust training."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tensordict import TensorDict
from torch import nn
from torch.nn.functional import softplus

from physgan.audit import fgsm, pgd
from physgan.audit.attacks import spread_of
from physgan.domain import Property
from physgan.errors import InputError
from physgan.predictors.fitting import robust_loss
from physgan.predictors.member import Member, member_loss
from physgan.tensors import per_sample_square_norm

W = torch.tensor([0.5, -1.0, 0.25, 0.75], dtype=torch.double)
ATTACKS = {"fgsm": fgsm, "pgd": pgd}


def batch_of(rows=6, seed=0):
    """Four coordinates in two leaves of different depth, beside an integer leaf."""
    random = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(rows, *shape, generator=random, dtype=torch.double)  # noqa: E731
    x = {"p": draw(2), "inner": {"q": draw(2, 1)}, "kind": torch.arange(rows)}
    return TensorDict(x, [rows])


def dot(x, w=W):
    return x["p"] @ w[:2] + x["inner", "q"][..., 0] @ w[2:]


def dual(w, norm):
    return w.abs().sum() if norm == "inf" else w.norm()


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("norm", ["inf", "2"])
@settings(deadline=None, max_examples=15)
@given(eps=st.floats(0.001, 3.0), target=st.floats(-5, 5), seed=st.integers(0, 99))
def test_the_worst_square_error_of_a_linear_model(name, norm, eps, target, seed):
    """max (w.x - y)^2 = (|w.x - y| + eps |w|_q)^2; both attacks reach it."""
    x = batch_of(seed=seed)
    wanted = ((dot(x) - target).abs() + eps * dual(W, norm)).square()
    found = ATTACKS[name](lambda x: (dot(x) - target).square(), x, eps, norm)
    assert torch.allclose((dot(found) - target).square(), wanted, rtol=1e-9, atol=1e-9)


def test_the_catalogues_figure():
    """|w.x - y| = 0.2, |w|_1 = 2.5, eps = 0.5: (0.2 + 1.25)^2 = 2.1025."""
    x = TensorDict({"p": torch.zeros(1, 4, dtype=torch.double)}, [1])
    found = fgsm(lambda x: (x["p"] @ W - 0.2).square(), x, 0.5)
    assert (found["p"] @ W - 0.2).square().item() == pytest.approx(2.1025, abs=1e-12)


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("norm", ["inf", "2"])
@pytest.mark.parametrize("label", [-1.0, 1.0])
def test_the_worst_logistic_loss(name, norm, label):
    x, eps = batch_of(), 0.3
    wanted = softplus(-label * dot(x) + eps * dual(W, norm))
    found = ATTACKS[name](lambda x: softplus(-label * dot(x)), x, eps, norm)
    assert torch.allclose(softplus(-label * dot(found)), wanted, atol=1e-9)


@pytest.mark.parametrize("norm", ["inf", "2"])
@settings(deadline=None, max_examples=15)
@given(eps=st.floats(0.0, 2.0), seed=st.integers(0, 99))
def test_no_attack_leaves_its_ball_or_touches_other_leaves(norm, eps, seed):
    x = batch_of(seed=seed)
    loss = lambda x: (3 * x["p"]).sin().sum(1) + x["inner", "q"].square().sum((1, 2))  # noqa: E731
    for attack in ATTACKS.values():
        found = attack(loss, x, eps, norm)
        assert torch.equal(found["kind"], x["kind"])
        gap = TensorDict({"p": found["p"] - x["p"], "q": (found - x)["inner", "q"]}, [6])
        if norm == "2":
            assert (per_sample_square_norm(gap).sqrt() <= eps + 1e-9).all()
        else:
            assert max(gap["p"].abs().max(), gap["q"].abs().max()) <= eps + 1e-9
    assert (loss(pgd(loss, x, eps, norm)) >= loss(x) - 1e-12).all()


def test_a_scale_moves_each_leaf_in_its_own_unit_and_what_never_varies_stays():
    x = batch_of(64)
    x["inner", "q"][:, 1] = 7.0
    scale = spread_of(x)
    assert float(scale[("inner", "q")][1, 0]) == 0
    found = fgsm(dot, x, 0.1, scale=scale)
    assert torch.equal(found["inner", "q"][:, 1], x["inner", "q"][:, 1])
    step = (found["p"] - x["p"]).abs()
    assert torch.allclose(step, 0.1 * x["p"].std(0, unbiased=False).square().mean().sqrt())


def test_chosen_leaves_alone_move():
    x = batch_of()
    found = pgd(dot, x, 0.5, leaves=["p"])
    assert torch.equal(found["inner", "q"], x["inner", "q"])
    assert torch.allclose(dot(found) - dot(x), 0.5 * W[:2].abs().sum())


def test_a_flat_loss_moves_nothing():
    x = batch_of()
    for norm in ("inf", "2"):
        assert torch.equal(fgsm(lambda x: 0 * dot(x), x, 1.0, norm)["p"], x["p"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"eps": -1.0}, "size of an attack"),
        ({"eps": 1.0, "norm": "1"}, "no norm"),
        ({"eps": 1.0, "leaves": ["kind"]}, "no floating leaf"),
    ],
)
def test_what_is_refused(options, said):
    with pytest.raises(InputError, match=said):
        fgsm(dot, batch_of(), **options)


class Plain(nn.Module):
    """Features are the coordinates themselves."""

    feature_dim = 4

    def forward(self, x, given):
        return torch.cat([x["p"], x["inner", "q"][..., 0]], dim=1)


def test_robust_training_weighs_the_worst_rows_of_a_linear_member():
    """A linear mean of unit variance: the moved half of the loss is (|w.x-y| + eps |w|_1)^2."""
    member = Member(Plain(), [Property("value")], hidden=4).double()
    member.head = nn.Linear(4, 2).double()
    with torch.no_grad():
        member.head.weight.copy_(torch.stack([W, torch.zeros(4).double()]))
        # 8 tanh(raw / 8) - 1 = 0: the variance is one.
        member.head.bias.copy_(torch.tensor([0.0, 8 * torch.atanh(torch.tensor(1 / 8.0))]))
    x, eps = batch_of(), 0.3
    target = torch.randn(6, 1, dtype=torch.double)
    part = TensorDict(
        {"x": x, "given": {}, "target": target, "classes": torch.zeros(6, 0).long()}, [6]
    )
    error = (dot(x) - target[:, 0]).abs()
    moved = error + eps * W.abs().sum()
    wanted = (error.square().mean() + moved.square().mean()) / 4
    scale = {key: 1.0 for key in ("p", ("inner", "q"))}
    found = robust_loss(member, part, eps, 0.0, scale)
    assert found.item() == pytest.approx(wanted.item(), abs=1e-6)
    plain = robust_loss(member, part, 0.0, 0.0, {})
    assert plain.item() == pytest.approx(member_loss(member(x, None), target, [], 0.0).item())
