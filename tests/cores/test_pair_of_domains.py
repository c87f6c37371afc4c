"""A pair of domains: each side is varied by its own, rows meet anew, what is missing is named."""

import pytest
import torch
from tensordict import TensorDict

from physgan.errors import InputError
from physgan.pair import Pair
from physgan.testing import GaussianRing


def pair_of(first=GaussianRing):
    return Pair(first(rows=64), GaussianRing(rows=64))


def batch_of(pair, rows=32):
    return pair.load(None, "train").batch[:rows]


class Counting(GaussianRing):
    """Its rows are varied with all that a training batch has."""

    def vary(self, batch, generator):
        assert {"x", "y", "given"} <= set(batch.keys())
        out = batch.clone(recurse=False)
        out["x"] = TensorDict({"point": batch["x", "point"] + 1.0}, batch.batch_size)
        return out


def test_each_side_is_varied_by_its_own_domain():
    pair = pair_of(Counting)
    batch = batch_of(pair)
    varied = pair.vary(batch, torch.Generator().manual_seed(0))
    assert torch.equal(varied["x", "a", "point"], batch["x", "a", "point"] + 1.0)
    b, was = varied["x", "b", "point"], batch["x", "b", "point"]
    assert torch.equal(b.sort(0).values, was.sort(0).values)


def test_rows_are_paired_anew_and_kept_whole():
    pair = pair_of()
    batch = batch_of(pair)
    varied = pair.vary(batch, torch.Generator().manual_seed(0))
    assert torch.equal(varied["x", "a", "point"], batch["x", "a", "point"])
    b, was = varied["x", "b", "point"], batch["x", "b", "point"]
    assert not torch.equal(b, was) and torch.equal(b.sort(0).values, was.sort(0).values)


def test_a_side_without_data_is_named(tmp_path):
    with pytest.raises(InputError, match="side 'a'"):
        pair_of().load(tmp_path, "train")
