import pytest
import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.conditions import ConditionSchema
from physgan.cores import VAEGAN, PhysicsGAN
from physgan.errors import InputError
from physgan.regularizers.perceptual import Perceptual
from physgan.testing import GaussianRing


class Linear(nn.Module):
    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.drop = nn.Dropout(0.9)

    def forward(self, x: TensorDict, given: TensorDict) -> Tensor:
        return self.drop(x["x"] @ self.weight)


def flat(rows: Tensor) -> TensorDict:
    return TensorDict({"x": rows}, [len(rows)])


def test_distances_have_their_closed_forms_and_the_network_rests() -> None:
    weight = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    term, none = Perceptual(Linear(weight)), TensorDict({}, [5])
    term.train()
    torch.manual_seed(0)
    a, b = torch.randn(2, 5, 3)
    a.requires_grad_()
    pairs = term.pairs(flat(a), flat(b), none)
    torch.testing.assert_close(pairs, ((a - b) @ weight).square().mean())
    means = term.means(flat(a), flat(b), none)
    torch.testing.assert_close(means, ((a.mean(0) - b.mean(0)) @ weight).square().mean())
    assert term.pairs(flat(b), flat(b), none).item() == 0.0
    (pairs + means).backward()
    assert a.grad.abs().sum() > 0 and term.network.weight.grad is None


def test_it_takes_the_weights_of_a_trained_network() -> None:
    term, trained = Perceptual(Linear(torch.zeros(3, 4))), Linear(torch.ones(3, 4))
    term.take(trained)
    assert torch.equal(term.state_dict()["network.weight"], torch.ones(3, 4))
    with pytest.raises(InputError, match="differ"):
        term.take(Linear(torch.ones(2, 4)))


@pytest.mark.parametrize(
    ("kind", "options"),
    [(PhysicsGAN, {}), (VAEGAN, {"start": 0}), (VAEGAN, {"start": 0, "adversarial": 0.0})],
)
def test_the_cores_weigh_it_and_keep_the_network_as_it_is(kind, options) -> None:
    torch.manual_seed(0)
    ring = GaussianRing(rows=32)
    data = ring.load(None, "train").batch
    schema = ConditionSchema(ring.properties, data["y"])
    core = kind(ring, schema, latent_dim=2, perceptual=0.7, **options)
    frozen = {n: p.clone() for n, p in core.perceptual.named_parameters()}
    assert not any(p.requires_grad for p in core.perceptual.parameters())
    assert not any("perceptual" in player for player in core.players)
    shown = []
    for turn in core.turns(lambda: data[:16], 5):
        shown += [turn.logs["perceptual"]] if "perceptual" in turn.logs else []
        for loss in turn.losses:
            inputs = [p for n in loss.players for p in core.players[n].parameters()]
            loss.value.backward(inputs=inputs, retain_graph=True)
    assert len(shown) == 1 and shown[0] > 0
    assert all(p.grad is None for p in core.perceptual.parameters())
    assert all(torch.equal(frozen[n], p) for n, p in core.perceptual.named_parameters())
