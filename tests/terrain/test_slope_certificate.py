"""Certificates count what is there, whole or in blocks."""

import json
import math

import numpy as np
import pytest

from physgan.errors import InputError
from physgan_terrain.slope.certificate import CertificateBuilder, certify
from physgan_terrain.slope.envelope import project
from physgan_terrain.slope.fill import fill
from physgan_terrain.slope.limit_map import project_to_map
from physgan_terrain.slope.operators import OPERATORS


def rough(shape=(60, 50), seed=0):
    return (np.random.default_rng(seed).normal(size=shape) * 40).astype(np.float32)


def test_a_projected_terrain_is_certified():
    z = rough()
    limited = project(z, 30.0, 35.0)
    certificate = certify(z, limited, 30.0, 35.0)
    assert certificate.holds and certificate.over == 0
    assert certificate.cells == 58 * 48
    assert set(certificate.slopes) == set(OPERATORS)
    for name, operator in OPERATORS.items():
        assert certificate.slopes[name] == pytest.approx(operator(limited, 30.0).max(), rel=1e-12)
    moved = np.abs(limited - z)[1:-1, 1:-1] > 0.5
    assert certificate.share_moved == pytest.approx(100 * moved.mean())
    horn = OPERATORS["horn"](limited, 30.0)
    near = np.abs(horn - 35) <= 0.35
    assert certificate.share_near_limit == pytest.approx(100 * near.mean())
    assert certificate.share_filled is None


def test_cells_over_the_limit_are_counted_and_nothing_is_moved():
    z = rough()
    certificate = certify(z, z, 30.0, 35.0)
    over = np.max([operator(z, 30.0) for operator in OPERATORS.values()], axis=0) > 35
    assert certificate.over == over.sum() > 0
    assert not certificate.holds
    assert certificate.share_moved == 0.0
    only = certify(None, z, 30.0, 35.0, operators=["zevenbergen-thorne"])
    assert only.over == (OPERATORS["zevenbergen-thorne"](z, 30.0) > 35).sum()
    assert only.share_moved is None


def test_filling_is_told_from_moving():
    z = rough()
    limited = project(z, 30.0, 35.0)
    filled = fill(limited)
    certificate = certify(z, filled, 30.0, 35.0, unfilled=limited)
    raised = (filled > limited)[1:-1, 1:-1]
    assert certificate.share_filled == pytest.approx(100 * raised.mean())
    assert certificate.share_moved == certify(z, limited, 30.0, 35.0).share_moved
    assert certificate.holds


@pytest.mark.parametrize("mapped", [False, True])
def test_blocks_add_up_to_the_whole(mapped):
    z = rough()
    limit = np.random.default_rng(1).uniform(20, 50, z.shape)
    limited = project_to_map(z, 30.0, limit)
    filled = fill(limited)
    filled[7, 9] += 400
    whole = certify(z, filled, 30.0, limit if mapped else 35.0, unfilled=limited)
    builder = CertificateBuilder(30.0, 35.0)
    for top in range(0, 58, 11):
        for left in range(0, 48, 17):
            at = slice(top, min(top + 13, 60)), slice(left, min(left + 19, 50))
            builder.add(filled[at], z[at], limit=limit[at] if mapped else None,
                        unfilled=limited[at])  # fmt: skip
    assert builder.build() == whole
    assert 0 < whole.over < 60
    if mapped:
        assert (whole.least_limit, whole.limit) == pytest.approx(
            (limit[1:-1, 1:-1].min(), limit[1:-1, 1:-1].max())
        )


def test_a_map_is_judged_cell_by_cell():
    z = rough()
    limit = np.where(np.arange(50) < 25, 15.0, 60.0) * np.ones(z.shape)
    limited = project_to_map(z, 30.0, limit)
    assert certify(z, limited, 30.0, limit).holds
    assert not certify(z, limited, 30.0, 15.0).holds


def test_holes_do_not_pass():
    z = np.zeros((6, 6), dtype=np.float32)
    z[3, 3] = np.nan
    certificate = certify(None, z, 30.0, 35.0)
    assert not certificate.holds
    assert certificate.over == 9
    assert certificate.to_dict()["slopes"]["horn"] is None


def test_nothing_measured_certifies_nothing():
    assert not CertificateBuilder(30.0, 35.0).build().holds


def test_it_is_written_as_json():
    row = certify(rough(), project(rough(), 30.0, 35.0), 30.0, 35.0).to_dict()
    assert json.loads(json.dumps(row, allow_nan=False)) == row
    assert row["holds"] is True and row["limit"] == 35.0 and row["moved_by"] == 0.5
    free = certify(None, rough(), 30.0, math.inf).to_dict()
    assert free["limit"] is None and free["holds"] and free["share_near_limit"] == 0.0


def test_blocks_that_do_not_match_are_refused():
    z = rough()
    with pytest.raises(InputError, match="blocks"):
        certify(z[:-1], z, 30.0, 35.0)
    with pytest.raises(InputError, match="3 x 3"):
        certify(None, z[:2], 30.0, 35.0)
    with pytest.raises(InputError, match="operator"):
        CertificateBuilder(30.0, 35.0, operators=[])
