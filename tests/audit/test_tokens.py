"""HotFlip and universal triggers: where the loss is linear, first order is brute force."""

import pytest
import torch
from tensordict import TensorDict

from physgan.audit import first_order, hotflip, universal_trigger
from physgan.audit.tokens import token_leaves
from physgan.errors import InputError

ROWS, LENGTH, WORDS, WIDTH = 5, 4, 7, 3


@pytest.fixture
def world():
    torch.manual_seed(0)
    weight = torch.randn(WORDS, WIDTH, dtype=torch.double)
    slope = torch.randn(LENGTH, WIDTH, dtype=torch.double)
    tokens = torch.randint(WORDS, (ROWS, LENGTH))
    return (lambda e: (e * slope).sum((1, 2))), tokens, weight


def brute(loss, tokens, weight):
    """The change of the loss by every word at every position, ``(B, L, V)``."""
    before = loss(weight[tokens])
    out = torch.zeros(*tokens.shape, len(weight), dtype=weight.dtype)
    for place in range(tokens.shape[1]):
        for word in range(len(weight)):
            tried = tokens.clone()
            tried[:, place] = word
            out[:, place, word] = loss(weight[tried]) - before
    return out


def test_first_order_is_brute_force_at_every_position_of_a_linear_loss(world):
    assert torch.allclose(first_order(*world), brute(*world), atol=1e-12)


@pytest.mark.parametrize("flips", [1, 2, LENGTH])
def test_hotflip_reaches_the_best_exchange(world, flips):
    loss, tokens, weight = world
    found = hotflip(loss, tokens, weight, flips=flips)
    gains = brute(*world).amax(dim=2).clamp(min=0).sort(dim=1, descending=True).values
    rise = loss(weight[found]) - loss(weight[tokens])
    assert torch.allclose(rise, gains[:, :flips].sum(1), atol=1e-12)
    assert ((found != tokens).sum(1) <= flips).all()


def test_masks_are_kept(world):
    loss, tokens, weight = world
    words = torch.tensor([True, True] + [False] * 5)
    positions = torch.zeros_like(tokens, dtype=torch.bool)
    positions[:, 2] = True
    found = hotflip(loss, tokens, weight, flips=3, words=words, positions=positions)
    changed = found != tokens
    assert not changed[:, [0, 1, 3]].any() and (found[:, 2][changed[:, 2]] < 2).all()


def test_a_row_that_cannot_rise_stays(world):
    loss, tokens, weight = world
    best = hotflip(loss, tokens, weight, flips=LENGTH)
    assert torch.equal(hotflip(loss, best, weight, flips=LENGTH), best)


def test_one_trigger_for_all_rows_is_the_best_of_a_linear_loss(world):
    loss, tokens, weight = world
    found = universal_trigger(loss, tokens, weight, [1, 3], candidates=2)
    gains = brute(*world).mean(dim=0)
    assert found.words.tolist() == [int(gains[1].argmax()), int(gains[3].argmax())]
    wanted = gains[1].max() + gains[3].max()
    assert found.after - found.before == pytest.approx(wanted.item(), abs=1e-12)


def test_a_trigger_never_lowers_a_curved_loss_and_keeps_its_words(world):
    _, tokens, weight = world
    loss = lambda e: -(e.sum((1, 2)) - 1).square()  # noqa: E731
    words = torch.arange(WORDS) < 3
    found = universal_trigger(loss, tokens, weight, [0], words=words, start=0)
    assert (
        found.after
        >= loss(weight[torch.cat([torch.zeros(ROWS, 1).long(), tokens[:, 1:]], 1)]).mean()
    )
    assert int(found.words[0]) < 3
    with pytest.raises(InputError, match="words and positions"):
        universal_trigger(loss, tokens, weight, [])


def test_token_leaves_are_found_by_their_rows():
    words = torch.eye(4)[torch.randint(4, (3, 5))]
    padded = words.clone()
    padded[:, 4] = 0
    x = TensorDict({"a": words, "in": {"b": padded}, "c": torch.randn(3, 5, 4), "d": words[:, 0],
                    "none": torch.zeros(3, 5, 4)}, [3])  # fmt: skip
    assert token_leaves(x) == ["a", ("in", "b")]
