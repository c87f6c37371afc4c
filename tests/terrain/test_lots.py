"""Real tiles' figures as something to draw from."""

import math

import pytest
import torch

from physgan.errors import InputError
from physgan_terrain import exact
from physgan_terrain.lots import COLUMNS, MOST, draw_lots, keeping, lots_of, values_of


def lots(count=40):
    generator = torch.Generator().manual_seed(0)
    height = 100 * torch.rand(count, 1, 64, 64, generator=generator).cumsum(dim=3)
    index = torch.arange(count) % 2
    return height, lots_of(height, index, torch.full((count,), 30.0), 90.0)


def test_a_lot_holds_what_its_tile_has():
    height, found = lots(2)
    assert found.shape == (2, len(COLUMNS))
    assert torch.allclose(found[:, COLUMNS.index("relief")], exact.relief(height))
    assert torch.equal(values_of(found, ["class"])["class"], torch.tensor([0.0, 1.0]))


def test_lots_of_a_class_are_dealt_like_cards():
    _, found = lots()
    drawn = draw_lots(found, [1] * 45, torch.Generator().manual_seed(1))
    assert (drawn[:, 0] == 1).all()
    first = drawn[:20, 1].sort().values
    assert torch.equal(first, found[found[:, 0] == 1, 1].sort().values)


def test_any_class_draws_from_all_and_a_missing_one_is_named():
    _, found = lots()
    assert set(draw_lots(found, [-1] * 40, torch.Generator())[:, 0].tolist()) == {0.0, 1.0}
    with pytest.raises(InputError, match="no tile of class"):
        draw_lots(found, [7], torch.Generator())


def test_no_class_keeps_more_than_its_share():
    height = torch.rand(MOST + 30, 1, 16, 16)
    zeros = torch.zeros(len(height))
    found = lots_of(height.repeat(1, 1, 4, 4), zeros.long(), zeros, 90.0)
    assert len(found) == MOST


def test_a_limit_is_kept_by_gentler_tiles():
    steep = torch.tensor([[0, 1000.0, 30.0, 3, 0.5, 45.0], [0, 100.0, 5.0, 3, 0.5, 20.0]])
    found = keeping(steep, 40.0)
    assert len(found) == 2 and torch.equal(found[1], steep[1])
    share = math.tan(math.radians(40.0))
    assert found[0, 1] == pytest.approx(1000 * share, rel=1e-5)
    wanted = math.degrees(math.atan(share * math.tan(math.radians(30.0))))
    assert found[0, 2] == pytest.approx(wanted, rel=1e-5)
    assert found[0, -1] == 40.0
    # At 15 degrees the first is too steep by far; without a limit both stay.
    assert keeping(steep, 15.0)[:, 1].tolist() == pytest.approx([73.62], rel=1e-3)
    torch.testing.assert_close(keeping(steep, math.inf), steep)
