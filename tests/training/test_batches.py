"""Batches: an epoch is a permutation, weights are probabilities, a cursor is the whole state."""

from itertools import chain

import torch
from tensordict import TensorDict

from physgan.training.batches import Batches

ROWS = TensorDict({"i": torch.arange(12)}, batch_size=[12])


def shifted(batch, generator):
    return batch.apply(lambda x: x + 100 * torch.randint(5, (), generator=generator))


def drawn(batches, count):
    return [batches.draw()["i"].tolist() for _ in range(count)]


def test_an_epoch_is_a_permutation_that_depends_on_the_seed():
    first, second = drawn(Batches(ROWS, 4, 0), 6), drawn(Batches(ROWS, 4, 0), 6)
    assert first == second != drawn(Batches(ROWS, 4, 1), 6)
    assert sorted(chain(*first[:3])) == sorted(chain(*first[3:])) == list(range(12))


def test_rows_are_drawn_with_their_probabilities():
    weights = torch.zeros(12)
    weights[3], weights[7] = 1.0, 3.0
    found = list(chain(*drawn(Batches(ROWS, 12, 0, weights=weights), 200)))
    assert set(found) == {3, 7}
    assert abs(found.count(7) / len(found) - 0.75) < 0.03


def test_variation_goes_on_where_a_cursor_says():
    whole = drawn(Batches(ROWS, 4, 0, vary=shifted), 5)
    later = Batches(ROWS, 4, 0, vary=shifted)
    later.cursor = 3
    assert drawn(later, 2) == whole[3:]
    assert len({row[0] // 100 for row in whole}) > 1
    other = drawn(Batches(ROWS, 4, 0, rank=1, world=2, vary=shifted), 5)
    assert [row[0] // 100 for row in other] != [row[0] // 100 for row in whole]
