import pytest
import torch
from safetensors.torch import load, save
from tensordict import TensorDict

from physgan.errors import InputError
from physgan.regularizers import Lazy, build, lazy_adam


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


def test_adam_correction() -> None:
    corrected = lazy_adam(1.0, (0.0, 0.99), interval=16)
    assert corrected["lr"] == pytest.approx(0.941176, abs=1e-6)
    assert corrected["betas"] == pytest.approx((0.0, 0.99 ** (16 / 17)))
    torch.optim.Adam([torch.zeros(1, requires_grad=True)], **corrected)


def test_impossible_interval_is_refused() -> None:
    with pytest.raises(InputError, match="interval"):
        Lazy(build("r1"), 0)
