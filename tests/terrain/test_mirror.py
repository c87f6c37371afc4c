"""Turned and mirrored tiles keep what was asked of them, and are seen as what they are."""

import itertools

import pytest
import torch
from tensordict import TensorDict

from physgan_terrain import TerrainDomain, exact
from physgan_terrain.mirror import turned, turned_planes
from physgan_terrain.networks.critic import views

FORMS = list(itertools.product([False, True], repeat=3))


def tiles(count, side=32):
    torch.manual_seed(1)
    rough = torch.randn(1, 1, side, side).cumsum(2).cumsum(3)
    return (100 + rough).repeat(count, 1, 1, 1)


def as_height(height, down, right, across):
    if down:
        height = height.flip(2)
    if right:
        height = height.flip(3)
    return height.transpose(2, 3) if across else height


@pytest.mark.parametrize("form", FORMS)
def test_planes_move_as_the_heights_do(form):
    """Seeing a mirrored tile is mirroring what is seen; the figures do not change."""
    height = tiles(1)
    planes, figures = views(height)
    wanted, same = views(as_height(height, *form))
    masks = [torch.tensor(on).reshape(1, 1, 1, 1) for on in form]
    assert torch.allclose(turned_planes(planes, *masks), wanted, atol=1e-4)
    assert torch.allclose(figures, same, atol=1e-4)


def test_all_eight_forms_are_drawn_row_by_row_and_no_other():
    height = tiles(200, side=32)
    torch.manual_seed(3)
    out = TerrainDomain(tile=32).augment(TensorDict({"height": height}, [200]))["height"]
    forms = torch.cat([as_height(height[:1], *form) for form in FORMS])
    hits = (out[:, None] == forms[None]).flatten(2).all(dim=2)
    assert hits.sum(dim=1).eq(1).all() and hits.sum(dim=0).min() > 10


def test_the_same_draws_move_heights_and_planes_alike():
    height = tiles(12)
    planes, figures = views(height)
    torch.manual_seed(5)
    moved = turned(TensorDict({"height": height}, [12]))["height"]
    torch.manual_seed(5)
    seen = turned(TensorDict({"planes": planes, "figures": figures}, [12]))
    wanted, same = views(moved)
    assert torch.allclose(seen["planes"], wanted, atol=1e-4)
    assert torch.allclose(seen["figures"], same, atol=1e-4)


def test_figures_and_slope_limits_stay_and_gradients_pass():
    height = tiles(24).requires_grad_()
    out = turned(TensorDict({"height": height}, [24]))["height"]
    for name, formula in exact.formulas(90.0).items():
        assert torch.allclose(formula(out), formula(height), rtol=1e-4, atol=1e-4), name
    steepest = exact.steepest_edge(height, 90.0)
    assert torch.allclose(exact.steepest_edge(out, 90.0), steepest)
    (gradient,) = torch.autograd.grad(out.square().sum(), height)
    assert torch.allclose(gradient, 2 * height)
