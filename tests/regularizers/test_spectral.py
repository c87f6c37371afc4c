import pytest
import torch
from torch import nn

from physgan.regularizers import apply_spectral_norm


@pytest.mark.parametrize(
    "layer",
    [nn.Linear(7, 5), nn.Embedding(6, 4), nn.Conv2d(3, 4, 3), nn.ConvTranspose1d(3, 4, 3)],
    ids=lambda layer: type(layer).__name__,
)
def test_largest_singular_value_is_one(layer: nn.Module) -> None:
    torch.manual_seed(0)
    normalised = apply_spectral_norm(nn.Sequential(layer), power_iterations=50)[0]
    weight = normalised.weight.detach()
    if isinstance(layer, nn.ConvTranspose1d):
        weight = weight.transpose(0, 1)
    assert torch.linalg.matrix_norm(weight.flatten(1), 2).item() == pytest.approx(1.0, abs=1e-6)


def test_gradient_takes_the_singular_direction_out() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(6, 4, bias=False).double()
    raw = layer.weight.detach().clone()
    apply_spectral_norm(layer, power_iterations=200)
    upstream = torch.randn(4, 6, dtype=torch.double)
    (layer.weight * upstream).sum().backward()
    u, s, vh = torch.linalg.svd(raw)
    rank_one = torch.outer(u[:, 0], vh[0])
    expected = (upstream - (upstream * raw / s[0]).sum() * rank_one) / s[0]
    torch.testing.assert_close(layer.parametrizations.weight.original.grad, expected)


def test_nested_layers_are_found_once() -> None:
    shared = nn.Linear(3, 3)
    module = nn.Sequential(shared, nn.ReLU(), nn.Sequential(shared, nn.LayerNorm(3)))
    assert apply_spectral_norm(module) is module
    apply_spectral_norm(module)
    assert len(shared.parametrizations.weight) == 1
    assert not hasattr(module[2][1], "parametrizations")
