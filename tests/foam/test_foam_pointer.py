"""Pointers: mass is kept, names do not matter, fast passes are the slow ones bit for bit."""

import numpy as np
import pytest
import torch
from foams import random_labels, random_stepper, state_of
from hypothesis import given, settings
from hypothesis import strategies as st

from physgan_foam import pointer, symmetry
from physgan_foam.inference import _dense, advance, coarse_blocks, folded, predict, run, whole
from physgan_foam.networks.pointer_net import PointerNet, equalities
from physgan_foam.offsets import DIRECTIONS, OFFSETS, RADII, neighbours, wrap
from physgan_foam.told import bubbles_of, table


def leave(prediction):
    return prediction


def test_there_are_48_neighbours_and_the_pixel_itself():
    assert len(set(OFFSETS)) == 1 + len(DIRECTIONS) * len(RADII) == 49
    labels = random_labels(0)
    around = neighbours(wrap(labels[None], 8))
    for place in (0, 1, 17, 48):
        dy, dx = OFFSETS[place]
        assert torch.equal(around[0, place], labels.roll((-dy, -dx), (0, 1)))


@given(st.integers(0, 1000))
@settings(max_examples=8, deadline=None)
def test_any_weights_keep_the_total_area_and_make_no_bubble(seed):
    stepper, state = random_stepper(seed), state_of(random_labels(seed), random_labels(seed + 1))
    prediction, _ = stepper(state, torch.randn(2, 4), None, None)
    soft = pointer.soft_areas(prediction["logits"].softmax(1), state["labels"], 20)
    assert soft.sum(1).tolist() == pytest.approx([48.0**2] * 2, rel=1e-5)
    after = stepper.settle(prediction, state)["labels"]
    for row, old in zip(after, state["labels"], strict=True):
        assert set(row.unique().tolist()) <= set(old.unique().tolist())


def test_soft_areas_count_each_share_once():
    labels = random_labels(3)[None]
    around = neighbours(wrap(labels, 8))
    p = torch.randn(1, 49, 48, 48).softmax(1)
    by_hand = torch.zeros(20).index_add(0, around.flatten().long(), p.flatten())
    assert torch.allclose(pointer.soft_areas(p, labels, 20)[0], by_hand, rtol=1e-5)


def test_the_decision_is_the_label_with_the_largest_sum():
    stepper, state = random_stepper(5), state_of(random_labels(5))
    prediction, _ = stepper(state, torch.randn(1, 4), None, None)
    score = pointer.label_scores(prediction["logits"].softmax(1), prediction["around"])
    best = prediction["around"].gather(1, score.argmax(1, keepdim=True))[:, 0]
    assert torch.equal(stepper.settle(prediction, state)["labels"], best)
    # one offset may be the likeliest without its label being so
    likeliest = prediction["around"].gather(1, prediction["logits"].argmax(1, keepdim=True))[:, 0]
    assert not torch.equal(best, likeliest)


def test_names_commute_with_a_pass():
    stepper, labels = random_stepper(1), random_labels(1)
    other = torch.from_numpy(np.random.default_rng(1).permutation(20).astype(np.int32))
    condition = torch.randn(1, 4)
    plain, renamed = (
        advance(stepper, state_of(field), condition, None, leave)["labels"]
        for field in (labels, other[labels.long()])
    )
    assert torch.equal(other[plain.long()], renamed)


@pytest.mark.parametrize("fold", [1, 2])
def test_shifts_by_the_fold_commute_with_a_pass(fold):
    stepper, labels = random_stepper(2, fold=fold), random_labels(2)
    condition, shift = torch.randn(1, 4), (6 * fold, -3 * fold)
    plain, shifted = (
        advance(stepper, state_of(field), condition, None, leave)["labels"][0]
        for field in (labels, labels.roll(shift, (0, 1)))
    )
    assert torch.equal(plain.roll(shift, (0, 1)), shifted)


def test_input_of_a_turned_foam_is_the_turned_input():
    labels = random_labels(4)[None]
    seen = equalities(wrap(labels, 8))
    turned = equalities(wrap(labels.rot90(1, (1, 2)), 8))
    quarter = [OFFSETS[1:].index((-dx, dy)) for dy, dx in OFFSETS[1:]]
    assert torch.equal(turned[:, quarter], seen.rot90(1, (2, 3)))


@pytest.mark.parametrize("bubbles", [False, True])
@pytest.mark.parametrize("fold", [1, 2])
def test_the_fast_pass_is_the_network(fold, bubbles):
    stepper, labels = random_stepper(6, fold=fold, bubbles=bubbles), random_labels(6)
    condition = torch.randn(1, 4)
    padded = wrap(labels, stepper.net.halo)
    told = wrap(bubbles_of(labels[None]), stepper.net.margin) if bubbles else None
    slow = stepper.net(padded[None], condition, told)[0]
    layers = folded(stepper.net, condition[0])
    fast = run(stepper.net, padded.numpy(), layers, table(labels.numpy())[:, : stepper.net.told])
    fast = fast.permute(2, 0, 1)[None]
    assert torch.allclose(torch.nn.functional.pixel_shuffle(fast, fold)[0], slow, atol=1e-4)
    state = state_of(labels)
    prediction, _ = stepper(state, condition, None, None)
    after = advance(stepper, state, condition, None, leave)
    settled = stepper.settle(prediction, state)["labels"]
    assert np.array_equal(after["labels"][0].numpy(), whole(settled[0].numpy()))


def test_a_device_decides_as_processors_do():
    stepper = random_stepper(11)
    rows = [random_labels(seed, size=128, bubbles=64).numpy() for seed in (0, 1)]
    coarse = np.ascontiguousarray(rows[1][::2, ::2])
    condition = torch.randn(2, 4)
    with torch.no_grad():
        dense = _dense(stepper, [rows[0], coarse], torch.tensor([1, 2]), condition, None)
    flat = np.zeros(64, np.float32)
    for grid, c, found in zip([rows[0], coarse], condition, dense, strict=True):
        fast = predict(stepper.net, grid, c)
        assert (fast.take(flat) != found.take(flat)).mean() < 1e-4


def test_noise_is_drawn_anew_and_moves_films():
    stepper, state = random_stepper(12, noise=2), state_of(random_labels(12))
    torch.manual_seed(0)
    draws = [stepper.noise(state) for _ in range(2)]
    assert draws[0].shape == (1, 2, 6, 6)
    after = [advance(stepper, state, torch.zeros(1, 4), z, leave)["labels"] for z in draws]
    assert not torch.equal(*after)
    again = advance(stepper, state, torch.zeros(1, 4), draws[0], leave)["labels"]
    assert torch.equal(after[0], again)


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_symmetries_are_undone(seed):
    torch.manual_seed(seed)
    form = symmetry.read(symmetry.draw(1, 12, 12)[0])
    field = torch.randn(2, 12, 12)
    assert torch.equal(form.undo(form.apply(field)), field)
    array = form.apply(field).permute(1, 2, 0).numpy()
    assert np.array_equal(form.undo_array(array), field.permute(1, 2, 0).numpy())
    labels = torch.arange(144, dtype=torch.int32).view(1, 12, 12)
    around, turned = (neighbours(wrap(f, 8))[0] for f in (labels, form.apply(labels)))
    assert torch.equal(form.undo(turned[form.offsets()]), around)
    flat = symmetry.draw(20, 12, 8)
    assert set(flat[:, 1].tolist()) <= {0, 2} and int(flat[:, 3].max()) < 8


def test_a_pass_in_another_form_is_the_pass_of_the_turned_foam():
    stepper, labels = random_stepper(13), random_labels(13)
    condition, z = torch.randn(1, 4), torch.tensor([[1, 3, 5, 8]])
    form = symmetry.read(z[0])
    turned = advance(stepper, state_of(form.apply(labels)), condition, None, leave)["labels"][0]
    drawn = advance(stepper, state_of(labels), condition, z, leave)["labels"][0]
    # pieces that touch two bubbles alike may go to either
    assert (form.undo(turned) != drawn).float().mean() < 0.02
    prediction, _ = stepper(state_of(labels), condition, z, None)
    settled = stepper.settle(prediction, state_of(labels))["labels"][0]
    # exact ties fall the other way in the other order of offsets
    assert (whole(settled.numpy()) != drawn.numpy()).mean() < 2e-3
    assert (
        stepper.noise(state_of(labels)).shape == (1, 4)
        and stepper.train().noise(state_of(labels)) is None
    )


def test_a_box_of_four_copies_is_four_boxes():
    stepper, labels = random_stepper(14), random_labels(14).numpy()
    condition = torch.randn(4)
    one, four = (
        predict(stepper.net, field, condition, tile=48).take(np.zeros(20, np.float32))
        for field in (labels, np.tile(labels, (2, 2)))
    )
    assert np.array_equal(four, np.tile(one, (2, 2)))


def test_a_pixel_sees_no_further_than_the_halo():
    net, labels = random_stepper(8).net, random_labels(8, size=96, bubbles=60)
    condition = torch.randn(1, 4)
    changed = labels.clone()
    changed[48, 48] = 60
    one, two = (net(wrap(field, net.halo)[None], condition)[0] for field in (labels, changed))
    differs = (one != two).any(0)
    rows = differs.any(1).nonzero()[:, 0]
    assert differs.any()
    assert 48 - net.halo - 1 <= int(rows.min()) and int(rows.max()) <= 48 + net.halo + 1
    assert int(rows.max()) > 48 + 8


def test_grown_bubbles_are_followed_on_every_second_pixel():
    labels = torch.arange(4).reshape(2, 2).repeat_interleave(128, 0).repeat_interleave(128, 1)
    state = state_of(labels.int())
    assert coarse_blocks(state["labels"], state["block"]).tolist() == [4]
    small = random_labels(0, size=128, bubbles=128 * 128 // 100)
    assert coarse_blocks(small[None], torch.ones(1, dtype=torch.int16)).tolist() == [1]
    after = advance(random_stepper(0), state, torch.randn(1, 4), None, leave)
    assert after["labels"].shape == (1, 256, 256) and after["block"].tolist() == [4]
    squares = after["labels"][0].reshape(64, 4, 64, 4)
    assert (squares == squares[:, :1, :, :1]).all()


def test_pieces_go_to_the_bubble_around_them():
    labels = np.zeros((32, 32), np.int32)
    labels[:, 16:] = 1
    torn = labels.copy()
    torn[5:8, 4:7], torn[6, 5] = 1, 2
    torn[20, 20:24] = 0
    # 2 has but one piece, however small: it stays, in what is now 0 all around
    expected = labels.copy()
    expected[6, 5] = 2
    assert np.array_equal(whole(torn), expected)
    around = np.roll(labels, 9, 1)
    assert np.array_equal(whole(around.copy()), around)


def test_the_condition_reaches_the_logits_and_starts_without_effect():
    net = PointerNet(3, width=8, dilations=(1,))
    torch.nn.init.normal_(net.head.weight)
    padded = wrap(random_labels(0)[None], net.halo)
    one, two = (net(padded, torch.full((1, 3), value)) for value in (0.0, 1.0))
    assert torch.equal(one, two)
    torch.nn.init.normal_(net.film[2].weight)
    assert not torch.equal(net(padded, torch.zeros(1, 3)), net(padded, torch.ones(1, 3)))


def test_what_critics_see_is_the_same_of_a_sure_prediction_and_its_state():
    stepper, state = random_stepper(9), state_of(random_labels(9))
    prediction, _ = stepper(state, torch.randn(1, 4), None, None)
    sure = prediction.copy().set("logits", 1e4 * torch.eye(49)[0].view(1, 49, 1, 1).expand(
        1, 49, 48, 48))  # fmt: skip
    assert torch.equal(stepper.foreseen(sure, state)["films"], stepper.seen(state)["films"])
    films = stepper.foreseen(prediction, state)["films"]
    films.sum().backward()
    assert float(films.min()) >= 0 and float(films.max()) <= 1 + 1e-5
    assert stepper.net.stem.weight.grad.abs().sum() > 0
