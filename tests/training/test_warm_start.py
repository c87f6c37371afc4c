"""Weights of another run: taken over, widened so that nothing changes, refused where foreign."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from physgan.errors import InputError
from physgan.testing.gaussians import GaussianRing
from physgan.training.checkpoint import model_bytes
from physgan.training.warm_start import Begun, begin_with, ready_run

OWN = {"domain": "ring", "core": "vae-gan"}


def net(inputs: int, hidden: int = 4) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.Tanh(), nn.Linear(hidden, 2))


def written(module: nn.Module, folder: Path, average: float | None = None) -> Path:
    tensors = dict(module.state_dict())
    if average is not None:
        tensors |= {f"ema.{name}": torch.full_like(t, average) for name, t in tensors.items()}
    path = folder / "model.safetensors"
    path.write_bytes(model_bytes(tensors, OWN, 7))
    return path


def test_all_is_taken_over_from_a_folder_or_a_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    old, x = net(3), torch.randn(5, 3)
    path = written(old, tmp_path)
    for source in (path, tmp_path):
        new = net(3)
        assert begin_with(new, source, OWN) == Begun(taken=4, widened=0, new=0)
        assert torch.equal(new(x), old(x))


def test_the_averaged_weights_are_taken(tmp_path: Path) -> None:
    new = net(3)
    begin_with(new, written(net(3), tmp_path, average=0.5), OWN)
    assert all((tensor == 0.5).all() for tensor in new.state_dict().values())


def test_a_widened_network_computes_what_it_did(tmp_path: Path) -> None:
    torch.manual_seed(1)
    old, new, x = net(3), net(5), torch.randn(6, 5)
    begun = begin_with(new, written(old, tmp_path), OWN)
    assert begun == Begun(taken=3, widened=1, new=0)
    assert str(begun) == "3 tensors taken over, 1 widened"
    assert torch.allclose(new(x), old(x[:, :3]))
    new(x).sum().backward()
    assert new[0].weight.grad[:, 3:].abs().sum() > 0


def test_what_does_not_fit_stays_new(tmp_path: Path) -> None:
    torch.manual_seed(2)
    new = net(3, hidden=6)
    before = {name: tensor.clone() for name, tensor in new.state_dict().items()}
    assert begin_with(new, written(net(3), tmp_path), OWN) == Begun(taken=1, widened=1, new=2)
    assert torch.equal(new.state_dict()["0.weight"], before["0.weight"])


def test_foreign_weights_are_refused(tmp_path: Path) -> None:
    path = written(net(3), tmp_path)
    with pytest.raises(InputError, match=r"of \{'domain': 'ring'.*same domain and core"):
        begin_with(net(3), path, {"domain": "other", "core": "vae-gan"})
    with pytest.raises(InputError, match="none of these weights fits"):
        begin_with(nn.Sequential(nn.Linear(9, 9, bias=False)), path, OWN)
    with pytest.raises(InputError, match="no such model file"):
        begin_with(net(3), tmp_path / "nowhere", OWN)
    save_file({"x": torch.zeros(1)}, str(tmp_path / "other.safetensors"))
    with pytest.raises(InputError, match="not written by physgan"):
        begin_with(net(3), tmp_path / "other.safetensors", OWN)


def test_a_domain_without_weights_says_so() -> None:
    with pytest.raises(InputError, match="ships no trained run"):
        ready_run(GaussianRing())
