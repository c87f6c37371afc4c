"""The pool of old fakes: nothing with size 0, half old when full, nothing lost, kept in state."""

import io
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from tensordict import TensorDict
from torch import nn

from physgan.cores import AugmentedCycleGAN, CycleGAN
from physgan.cores.pool import FakePool
from physgan.domain import Verdict
from physgan.errors import InputError
from physgan.pair import Pair
from physgan.testing import GaussianRing
from physgan.training import Trainer
from physgan.training.options import TrainerOptions
from physgan.training.progress import Reporter


def numbered(first, rows):
    """Rows that carry their number, in x and in what was given."""
    n = torch.arange(first, first + rows)
    return TensorDict({"x": {"p": n.double()[:, None]}, "given": {"n": n}, "none": {}}, [rows])


def numbers(rows):
    assert rows["x", "p"][:, 0].tolist() == rows["given", "n"].tolist(), "rows stay whole"
    return rows["given", "n"].tolist()


def full(size):
    pool = FakePool(size)
    pool.swap(numbered(0, size))
    return pool


def test_with_size_0_fakes_pass_and_no_random_number_is_drawn():
    pool, fresh, before = FakePool(0), numbered(0, 5), torch.get_rng_state()
    for _ in range(3):
        assert numbers(pool.swap(fresh)) == numbers(fresh)
    assert len(pool) == 0 and torch.equal(torch.get_rng_state(), before)


def test_while_it_fills_every_fake_is_seen_and_kept():
    torch.manual_seed(0)
    pool = FakePool(6)
    assert numbers(pool.swap(numbered(0, 4))) == [0, 1, 2, 3] and len(pool) == 4
    seen = numbers(pool.swap(numbered(4, 2)))
    assert seen == [4, 5] and sorted(numbers(pool.rows)) == list(range(6))


def test_a_full_pool_gives_old_rows_half_of_the_time():
    """Binomial(2000, 1/2) within four deviations; each place of the pool equally often."""
    torch.manual_seed(0)
    size, rounds, old, places = 8, 2000, 0, torch.zeros(8)
    pool = full(size)
    for turn in range(rounds):
        held = numbers(pool.rows)
        (seen,) = numbers(pool.swap(numbered(size + turn, 1)))
        if seen != size + turn:
            old += 1
            place = held.index(seen)
            places[place] += 1
            held[place] = size + turn
        assert numbers(pool.rows) == held, "what is taken out is replaced by the new one"
    assert abs(old - rounds / 2) < 4 * (rounds / 4) ** 0.5
    wanted = old / size
    assert (places - wanted).abs().max() < 4.5 * wanted**0.5


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 9), st.lists(st.integers(1, 12), max_size=5), st.integers(0, 2**16))
def test_a_full_pool_loses_and_doubles_nothing(size, batches, seed):
    torch.manual_seed(seed)
    pool, first = full(size), size
    for rows in batches:
        fresh, held = numbered(first, rows), numbers(pool.rows)
        seen = numbers(pool.swap(fresh))
        assert sorted(seen + numbers(pool.rows)) == sorted(held + numbers(fresh))
        assert len(pool) == size and len(seen) == rows
        first += rows


def test_no_gradient_passes_and_a_negative_size_is_refused():
    point = torch.zeros(2, 1, requires_grad=True)
    seen = FakePool(1).swap(TensorDict({"p": 2 * point}, [2]))
    assert not seen["p"].requires_grad
    with pytest.raises(InputError, match="pool of -1"):
        FakePool(-1)


def test_its_contents_are_in_the_state_of_training_not_in_weights():
    torch.manual_seed(0)
    pool, twin = full(5), FakePool(5)
    content = io.BytesIO()
    torch.save(pool.state_dict(), content)
    content.seek(0)
    twin.load_state_dict(torch.load(content, weights_only=True))
    assert numbers(twin.rows) == numbers(pool.rows)
    drawn = []
    for each in (pool, twin):
        torch.manual_seed(1)
        drawn.append(numbers(each.swap(numbered(5, 9))))
    assert drawn[0] == drawn[1]
    assert not any(torch.is_tensor(value) for value in pool.state_dict().values())
    twin.load_state_dict(FakePool(5).state_dict())
    assert len(twin) == 0


def rings():
    return Pair(GaussianRing(rows=64), GaussianRing(modes=3, rows=64))


def moves(pool, steps=3):
    """The losses of ``steps`` steps without learning, each move with its own random numbers."""
    torch.manual_seed(0)
    core, found = CycleGAN(rings(), pool=pool), []
    batch = rings().load(None, "train").batch[:16]
    for step in range(1, 1 + steps):
        torch.manual_seed(2 * step)
        for turn in core.turns(lambda: batch, step):
            found.append([loss.value.item() for loss in turn.losses])
            torch.manual_seed(2 * step + 1)
    return core, found


def test_the_generators_never_see_the_pool():
    """Critics that do not learn: what the generators pay is the same with and without it."""
    _, without = moves(0)
    core, with_pool = moves(4)
    assert with_pool[1::2] == without[1::2] and len(without[1]) == 1
    assert with_pool[0::2] != without[0::2]
    assert len(core.side_a.pool) == len(core.side_b.pool) == 4


class Shifted(nn.Module):
    """D(x, given) = x_1 + shift."""

    def forward(self, x, condition, given):
        return Verdict(x["point"][:, 0] + given["shift"])


def test_the_critic_pays_for_old_fakes_under_what_was_given_for_them():
    torch.manual_seed(0)
    side = CycleGAN(rings(), pool=2, regularizer="none").side_a
    side.critic = Shifted()
    real = TensorDict({"point": torch.ones(4, 2)}, [4])
    shift = torch.tensor([0.0, 100.0, 200.0, 300.0])
    first = TensorDict({"point": -shift[:, None].expand(4, 2)}, [4])
    # Every fake scores 0 beside its own shift, whichever is taken from the pool.
    for order in (torch.arange(4), torch.tensor([3, 1, 2, 0]), torch.tensor([2, 0, 3, 1])):
        given = TensorDict({"shift": shift[order]}, [4])
        ours = first[order]
        loss, _ = side.critic_loss(real, ours, side.mixed(ours, given), given)
        wanted = (1 + shift - 1).square().mean() / 2
        assert loss.item() == pytest.approx(wanted.item())
        assert len(side.pool) == 2


@pytest.mark.parametrize("kind", [CycleGAN, AugmentedCycleGAN])
def test_a_resumed_run_is_the_run_that_was_never_stopped(tmp_path, kind):
    def trainer(folder, steps=6) -> Any:
        torch.manual_seed(0)
        options = TrainerOptions(steps=steps, batch_size=16, accelerator="cpu")
        quiet = Reporter(Console(file=io.StringIO(), force_terminal=False))
        data, core = rings().load(None, "train").batch, kind(rings(), pool=10)
        return Trainer(core, data, options=options, folder=tmp_path / folder, reporter=quiet)

    whole = trainer("whole")
    whole.fit()
    trainer("parts").fit(until=3)
    parts = trainer("parts")
    assert len(parts.core.side_a.pool) == 0
    parts.fit(resume=True)
    one, two = whole.core.state_dict(), parts.core.state_dict()
    for name, value in one.items():
        if torch.is_tensor(value):
            assert torch.equal(value, two[name]), name
    for side in ("side_a", "side_b"):
        mine, other = getattr(whole.core, side).pool.rows, getattr(parts.core, side).pool.rows
        assert len(mine) == 10 and torch.equal(mine["x", "point"], other["x", "point"])
