"""Laws of a pass of foams: known areas, known angles, pressures that make areas meet the law."""

import math

import numpy as np
import pytest
import torch
from tensordict import TensorDict

from physgan_foam import labels as fields
from physgan_foam import measures, pointer
from physgan_foam.decisions import choices_of
from physgan_foam.foam import Foam
from physgan_foam.initial import voronoi_labels
from physgan_foam.laws import Pressures, VonNeumannLaw
from physgan_foam.laws.laplace import films, laplace_r2
from physgan_foam.laws.plateau import plateau_residual
from physgan_foam.laws.pressure import LIFE, Contest, target_areas
from physgan_foam.laws.von_neumann import COEFFICIENT, von_neumann_residual
from physgan_foam.offsets import OFFSETS, neighbours, wrap
from physgan_foam.solver.front_tracking import FrontTracking, Options
from physgan_foam.solver.initial import voronoi

SIZE = 64


def disc(radius):
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    return torch.from_numpy(np.where(x**2 + y**2 <= radius**2, 0, 1).astype(np.int32))


def context(labels, sides, dtau, step=0.1):
    passed = TensorDict(
        {"mean_sides": torch.tensor([sides]), "dtau": torch.tensor([float(dtau)])}, [1]
    )
    y = TensorDict({"step": torch.tensor([step])}, [1])
    return TensorDict({"labels": labels[None], "y": y, "pass": passed}, [1])


def test_a_circle_shrinks_at_two_pi():
    # a bubble without junctions turns by a full circle, as if it had no sides: -6 (pi/3) = -2 pi
    before, after = disc(20), disc(math.sqrt(20**2 - 2 * 40))
    given = context(before, [0.0, 12.0], 40.0)
    assert float(von_neumann_residual(pointer.areas(after[None], 2), given)) < 0.2
    assert float(von_neumann_residual(pointer.areas(before[None], 2), given)) > 3
    found, passed = (after == 0).sum() - (before == 0).sum(), 40.0
    assert float(found) / passed == pytest.approx(-2 * math.pi, rel=0.03)


def test_the_law_of_a_bubble_that_dies_is_that_it_is_gone():
    given = context(disc(3), [math.nan, 6.0], 30.0)
    gone = torch.tensor([[0.0, float(SIZE**2)]])
    area = pointer.areas(disc(3)[None], 2)
    assert float(von_neumann_residual(area, given)) > 0.5
    # the other bubble has gained what this one lost, against its six sides
    left = (area[0, 0] / (math.pi / 3 * 30)) / math.sqrt(2)
    assert float(von_neumann_residual(gone, given)) == pytest.approx(float(left), rel=1e-3)


def test_the_law_teaches_the_logits():
    labels = disc(20)
    around = neighbours(wrap(labels[None], 8))
    logits = torch.zeros(1, 49, SIZE, SIZE, requires_grad=True)
    prediction = TensorDict({"logits": logits, "around": around}, [1])
    residual = VonNeumannLaw()(prediction, context(labels, [0.0, 12.0], 40.0))
    residual.sum().backward()
    assert residual.shape == (1,) and logits.grad.abs().sum() > 0


def sectors(*angles, turn=0.3):
    """Three sectors that meet between pixels in the middle, on a field whose rim is one label."""
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    share = np.zeros((4, SIZE, SIZE), np.float32)
    fine = 8
    for i in range(fine):
        for j in range(fine):
            dy, dx = (i + 0.5) / fine - 0.5, (j + 0.5) / fine - 0.5
            at = (np.arctan2(y + dy, x + dx) - turn) % (2 * np.pi)
            part = np.digitize(at, np.cumsum(np.radians(angles))[:2])
            for label in range(3):
                share[label] += (part == label) / fine**2
    outer = np.hypot(x, y) > 24
    share[:, outer] = 0.0
    share[3, outer] = 1.0
    names = torch.arange(4).view(1, 4, 1, 1).expand(1, 4, SIZE, SIZE)
    order = torch.from_numpy(share).argsort(0, descending=True)[None]
    return names.gather(1, order), torch.from_numpy(share)[None].gather(1, order)


def test_plateau_is_zero_at_120_degrees_only():
    from physgan_foam.laws import plateau

    def at_centre(*asked):
        names, shares = sectors(*asked)
        centre = torch.tensor([[(SIZE // 2 - 1) * SIZE + SIZE // 2 - 1]])
        patch = plateau._patches(names, shares, centre, torch.tensor([[[0, 1, 2]]]))
        return plateau.angles(patch)[0].flatten()

    assert (at_centre(120, 120, 120) - 120).abs().max() < 2
    right = at_centre(90, 135, 135)
    assert right[0] < 110 and right[1] > 122 and right[2] > 122
    apart = [(at_centre(360 - 2 * a, a, a) - 120).abs().max() for a in (125, 130, 135, 150)]
    assert apart == sorted(apart) and apart[0] > 2


def test_plateau_looks_at_every_junction_and_at_nothing_else():
    labels = torch.zeros(1, 1, SIZE, SIZE, dtype=torch.int32)
    labels[..., SIZE // 2 :] = 1
    one = torch.ones(labels.shape)
    assert float(plateau_residual(labels, one)) < 1e-6
    foam = torch.from_numpy(voronoi_labels(30, (SIZE, SIZE), 0))[None, None]
    assert float(plateau_residual(foam, one)) > 5
    noisy = one.clone().requires_grad_()
    plateau_residual(foam, noisy).sum().backward()
    assert noisy.grad.abs().sum() > 0


def flat(labels):
    """A prediction that knows nothing but who is near, sure of nothing."""
    near = torch.tensor([-max(abs(dy), abs(dx)) / 3.0 for dy, dx in OFFSETS])
    return near.view(49, 1, 1).expand(49, *labels.shape).contiguous()


def test_pressures_make_areas_meet_their_targets():
    labels = voronoi_labels(40, (SIZE, SIZE), 1)
    choices = choices_of(flat(labels), torch.from_numpy(labels))
    field, zero = Contest(choices, 40), np.zeros(40, np.float32)
    free = choices.take(zero)
    assert field.expected.sum() == pytest.approx(SIZE**2, rel=0.01)
    target = target_areas(labels, free, 0.2, field.expected)
    assert target.sum() == pytest.approx(SIZE**2) and target.min() >= 0
    bias = field.meet(target, zero, sweeps=40, tolerance=0.2)
    missed = np.abs(fields.areas(choices.take(bias), 40) - target)
    before = np.abs(fields.areas(free, 40) - target)
    assert missed.mean() < 1.5 < 0.5 * before.mean()


def test_the_law_is_asked_of_bubbles_that_live_and_none_of_those_that_do_not():
    labels = voronoi_labels(40, (SIZE, SIZE), 1)
    area, sides = fields.areas(labels), fields.sides(labels)
    expected = np.where(np.arange(40) == 7, 0.0, 1e-9)
    target = target_areas(labels, labels, 0.05, expected)
    law = area + COEFFICIENT * 0.05 * SIZE**2 / 40 * (sides - 6)
    # what the vanished one had, others have by their circumference
    share = (target - law)[np.arange(40) != 7] / np.sqrt(law)[np.arange(40) != 7]
    assert target[7] == 0 and share == pytest.approx(np.full(39, share[0]), rel=0.05)


def test_a_bubble_vanishes_when_next_to_nothing_is_expected_of_it():
    labels = voronoi_labels(40, (SIZE, SIZE), 1)
    small = labels.copy()
    small[small == 3] = 4
    small[30:34, 30:34] = 3
    choices = choices_of(flat(small), torch.from_numpy(small))
    mean = SIZE**2 / 40
    expected = Contest(choices, 40).expected[3]
    for share, lives in ((0.5, True), (2.0, False)):
        step = share * expected / (LIFE * mean)
        taken = choices.take(Pressures().solve(choices, small, step))
        assert bool((taken == 3).any()) == lives


def test_dense_and_fast_pressures_agree():
    labels = torch.from_numpy(voronoi_labels(40, (SIZE, SIZE), 2))
    around = neighbours(wrap(labels[None], 8))
    dense = TensorDict({"logits": flat(labels)[None], "around": around}, [1])
    choices = choices_of(flat(labels), labels)
    fast = TensorDict({}, [1]).set_non_tensor("choices", [choices])
    given = context(labels, [6.0] * 40, 10.0, step=0.2)
    law = Pressures()
    slow = choices_of(law(dense, given)["logits"][0], labels).take(np.zeros(40, np.float32))
    quick = choices.take(law(fast, given).get_non_tensor("bias")[0])
    assert (slow != quick).mean() < 1e-3


def test_the_curvature_of_a_disc_is_one_over_its_radius():
    for turn in (1, -1):
        labels = (disc(20).numpy() if turn == 1 else 1 - disc(20).numpy()).astype(np.int32)
        y, x = np.mgrid[:SIZE, :SIZE]
        # a quarter at a time: a film that runs around its bubble has no chord
        quarter = 2 * (y >= SIZE // 2) + (x >= SIZE // 2)
        inside = labels == labels[SIZE // 2, SIZE // 2]
        cut = np.where(inside, quarter if turn == 1 else 7 - quarter, 4 if turn == 1 else 0)
        found = films(cut.astype(np.int32))
        rim = (found.second == 4) if turn == 1 else (found.first == 0)
        assert rim.sum() == 4
        # the disc bulges outwards: towards the higher name, and then towards the lower
        assert found.curvature[rim] == pytest.approx(turn / 20, rel=0.2)
        assert np.abs(found.curvature[~rim]).max() < 0.01


def test_laplace_tells_a_dry_foam_from_a_voronoi_one():
    films_ = voronoi(30, (128, 128), 1)
    run = FrontTracking(Options(beta=0.2)).run(films_, interval=0.3, frames=3, relative=True)
    dry = laplace_r2(run.labels((256, 256))[-1])
    # the films of a Voronoi foam are straight
    assert dry > 0.5 > laplace_r2(voronoi_labels(30, (256, 256), 1))


def test_side_numbers_areas_and_pieces_of_a_brick_wall():
    labels = np.zeros((48, 48), np.int32)
    for row in range(6):
        shifted = (np.arange(48) + 4 * (row % 2)) // 8 % 6
        labels[8 * row : 8 * row + 8] = 6 * row + shifted
    assert fields.sides(labels).tolist() == [6] * 36
    assert fields.areas(labels).tolist() == [64.0] * 36
    assert fields.components(labels) == 36
    assert measures.mu2(fields.sides(labels)) == 0
    labels[20, 20] = 35
    assert fields.components(labels) == 37


def test_side_numbers_of_labels_torn_to_single_pixels():
    # far more contacts than a foam has: the table of pairs must grow
    labels = np.random.default_rng(0).integers(0, 400, (64, 64)).astype(np.int32)
    pairs = set()
    for axis in (0, 1):
        for a, b in zip(labels.ravel(), np.roll(labels, -1, axis).ravel(), strict=True):
            if a != b:
                pairs.add((min(a, b), max(a, b)))
    assert fields.sides(labels).sum() == 2 * len(pairs)


def test_von_neumann_is_read_from_the_pixels_of_a_solver():
    films = voronoi(100, (128, 128), 3)
    run = FrontTracking(Options(beta=1.0)).run(films, interval=0.1, frames=7, relative=True)
    foams = [Foam(field) for field in run.labels((128, 128))]
    line = measures.von_neumann([foams], [run.tau])
    assert line.slope == pytest.approx(1, abs=0.04) and line.r2 > 0.96
    assert measures.von_neumann([foams], [2 * run.tau]).slope == pytest.approx(0.5, abs=0.04)
    assert measures.summary(foams)["mean_sides"] == pytest.approx(6, abs=0.05)
    assert measures.area_distance(foams, foams) == 0
