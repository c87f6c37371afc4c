"""Threads, tiles and rows at once change nothing, bit for bit."""

import numpy as np
import pytest
import torch
from foams import random_labels, random_stepper, state_of
from tensordict import TensorDict

from physgan_foam.inference import advance, predict
from physgan_foam.laws.pressure import Pressures


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_nothing(threads):
    stepper, labels = random_stepper(7), random_labels(7, size=192).numpy()
    condition, before = torch.randn(4), torch.get_num_threads()
    torch.set_num_threads(1)
    alone = predict(stepper.net, labels, condition)
    torch.set_num_threads(threads)
    try:
        shared = predict(stepper.net, labels, condition)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    flat = np.zeros(20, np.float32)
    assert np.array_equal(alone.take(flat), shared.take(flat))
    assert np.array_equal(alone.share[..., 0], shared.share[..., 0])


@pytest.mark.parametrize("tile", [16, 32, 40])
def test_tiles_leave_no_seam(tile):
    stepper, labels = random_stepper(7, bubbles=True), random_labels(7, size=64).numpy()
    condition = torch.randn(4)
    whole = predict(stepper.net, labels, condition, tile=64)
    tiled = predict(stepper.net, labels, condition, tile=tile)
    flat = np.zeros(20, np.float32)
    assert np.array_equal(whole.take(flat), tiled.take(flat))
    assert np.array_equal(whole.count, tiled.count)


def test_rows_at_once_are_rows_alone():
    stepper = random_stepper(15)
    rows = [random_labels(seed, size=64, bubbles=30) for seed in range(3)]
    condition, project = torch.randn(3, 4), Weighed()
    alone = [
        advance(stepper, state_of(row), c[None], None, project)["labels"][0]
        for row, c in zip(rows, condition, strict=True)
    ]
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        together = advance(stepper, state_of(*rows), condition, None, project)["labels"]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert torch.equal(together, torch.stack(alone))


class Weighed:
    """Pressures under a step that all rows share."""

    def __call__(self, prediction):
        rows = len(prediction)
        labels = torch.stack(
            [torch.from_numpy(c.name[..., 0]) for c in prediction.get_non_tensor("choices")]
        )
        told = TensorDict({"step": torch.full((rows,), 0.2)}, [rows])
        return Pressures()(prediction, TensorDict({"labels": labels, "y": told}, [rows]))
