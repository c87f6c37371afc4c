import pytest
import torch
from safetensors.torch import load, save
from tensordict import TensorDict

from physgan.conditions import ConditionSchema
from physgan.cores import PhysicsGAN
from physgan.errors import InputError
from physgan.regularizers import Lazy, build
from physgan.testing import GaussianRing


def batch() -> TensorDict:
    return TensorDict({"x": torch.ones(3, 2)}, batch_size=[3])


def test_sixteen_steps_add_up_to_sixteen_plain_ones() -> None:
    weight = torch.tensor([3.0, 4.0], requires_grad=True)
    r1 = build("r1", gamma=2.0)
    lazy = Lazy(r1, interval=16)
    x = batch()
    totals, active = {}, 0
    for name, term in (("plain", r1), ("lazy", lazy)):
        weight.grad = None
        for _ in range(16):
            loss = term(lambda td: td["x"] @ weight, x, x)
            if loss is not None:
                active += name == "lazy"
                loss.backward()
        totals[name] = weight.grad.clone()
    assert active == 1
    torch.testing.assert_close(totals["plain"], 16 * torch.tensor([6.0, 8.0]))
    torch.testing.assert_close(totals["lazy"], totals["plain"])


def test_a_resumed_run_keeps_step() -> None:
    weight, x = torch.tensor([3.0, 4.0]), batch()

    def rests(lazy: Lazy, steps: int) -> list[bool]:
        return [lazy(lambda td: td["x"] @ weight, x, x) is None for _ in range(steps)]

    whole = rests(Lazy(build("r1"), 3), 10)
    first = Lazy(build("r1"), 3)
    head = rests(first, 5)
    second = Lazy(build("r1"), 3)
    second.load_state_dict(load(save(first.state_dict())))
    assert head + rests(second, 5) == whole
    assert whole == [step % 3 != 0 for step in range(10)]


def test_the_critic_moves_once_a_step_whether_or_not_the_term_rests() -> None:
    """So Adam's rates need no correction for steps that the term takes alone."""
    ring = GaussianRing(rows=16)
    data = ring.load(None, "train").batch
    schema = ConditionSchema(ring.properties, data["y"])
    core = PhysicsGAN(ring, schema, latent_dim=2, regularizer_interval=3)
    moves = [[turn.step for turn in core.turns(lambda: data, step)] for step in range(4)]
    assert moves == [[("critic",), ("generator",)]] * 4
    assert core.regularizer.calls == 4


def test_impossible_interval_is_refused() -> None:
    with pytest.raises(InputError, match="interval"):
        Lazy(build("r1"), 0)
