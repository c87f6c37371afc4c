"""Residues exchanged for the critic: what is kept, how often, and that it can be undone in law."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given as every
from hypothesis import settings
from hypothesis import strategies as st
from tensordict import TensorDict

from physgan.conditions import ConditionSchema
from physgan.cores import BiGAN, PhysicsGAN
from physgan.errors import InputError
from physgan.regularizers import build_augmentation
from physgan.testing import assert_domain_contract
from physgan_protein import ProteinDomain
from physgan_protein.alphabet import AMINO_ACIDS, PAD, TOKENS, decode, encode, one_hot
from physgan_protein.augment import FIGURES, PLACES, RATE, SIMILAR, augmented, exchanges
from physgan_protein.exact import EXACT

FREE = torch.zeros(30, dtype=torch.bool)


def sequences(n, low=8, high=30, seed=0):
    random = np.random.default_rng(seed)
    sizes = random.integers(low, high + 1, n)
    return ["".join(random.choice(list(AMINO_ACIDS), size)) for size in sizes]


def hots(n=64, seed=0):
    return one_hot(encode(sequences(n, seed=seed), 30))


def test_every_similar_pair_is_in_one_involution():
    maps = exchanges(["length"])
    assert len(SIMILAR) == 21 and len(maps) <= 2 * 3 - 1  # greedy, at most three pairs a residue
    pairs = set()
    for row in maps:
        assert torch.equal(row[row], torch.arange(TOKENS)) and row[PAD] == PAD
        pairs |= {(a, int(b)) for a, b in enumerate(row) if a < b}
    assert pairs == {tuple(sorted(map(AMINO_ACIDS.index, pair))) for pair in SIMILAR}


@pytest.mark.parametrize("seed", range(3))
def test_a_one_hot_stays_one_and_padding_ends_and_fixed_places_stay(seed):
    residues, fixed = hots(seed=seed), FREE.clone()
    fixed[[3, 11]] = True
    torch.manual_seed(seed)
    for kept in (["length"], ["charge", "gravy"]):
        changed = augmented(residues, kept, fixed)
        assert torch.equal(changed.sum(2), torch.ones(64, 30)) and changed.max() == 1
        assert torch.equal(changed[..., PAD], residues[..., PAD])
        assert torch.equal(changed[:, fixed], residues[:, fixed])
        assert not torch.equal(changed, residues)
    for one, other in zip(decode(residues.argmax(2)), decode(changed.argmax(2)), strict=True):
        assert (one[0], one[-1]) == (other[0], other[-1]) and sorted(one) == sorted(other)


@settings(deadline=None, max_examples=20)
@every(seed=st.integers(0, 999))
def test_the_mass_of_every_position_is_kept_and_gradients_are_its_transpose(seed):
    generator = torch.Generator().manual_seed(seed)
    relaxed = torch.rand(5, 30, TOKENS, generator=generator, dtype=torch.double)
    relaxed = (relaxed / relaxed.sum(2, keepdim=True)).requires_grad_()
    torch.manual_seed(seed)
    changed = augmented(relaxed, [], FREE)
    torch.testing.assert_close(changed.sum(2), torch.ones(5, 30, dtype=torch.double))
    assert torch.equal(changed[..., PAD], relaxed[..., PAD])
    # A permutation P: the gradient of w . P x is w as P moves it back, of the same sorted values.
    weight = torch.rand(changed.shape, generator=generator, dtype=torch.double)
    (slope,) = torch.autograd.grad((weight * changed).sum(), relaxed)
    assert torch.equal(slope.sort(dim=2).values, weight.sort(dim=2).values)
    torch.manual_seed(seed)
    torch.testing.assert_close(augmented(slope, [], FREE), weight)


def test_residues_are_exchanged_at_the_rate_that_the_pairs_say():
    maps, letters = exchanges([]), 4000
    share = {a: RATE * float((maps[:, a] != a).float().mean()) for a in range(PAD)}
    torch.manual_seed(0)
    for a in range(PAD):
        tokens = torch.full((letters // 30, 30), a)
        became = augmented(one_hot(tokens), [], FREE).argmax(2)
        count = became.numel()
        bound = 5 * math.sqrt(share[a] * (1 - share[a]) / count)
        assert float((became != a).float().mean()) == pytest.approx(share[a], abs=bound + 1e-12)
        partners = {p.replace(AMINO_ACIDS[a], "") for p in SIMILAR if AMINO_ACIDS[a] in p}
        assert {AMINO_ACIDS[t] for t in became.unique().tolist()} - {AMINO_ACIDS[a]} <= partners
    assert share[AMINO_ACIDS.index("C")] == share[AMINO_ACIDS.index("P")] == 0.0


def test_neighbours_move_at_the_known_rate():
    """A pair (i, i + 1) inside is looked at in one row of two, and moved with the rate."""
    tokens = torch.arange(10).expand(20_000, 10)
    torch.manual_seed(0)
    became = augmented(one_hot(tokens), ["charge", "gravy"], FREE[:10]).argmax(2)
    moved = became != tokens
    assert not moved[:, [0, 9]].any()
    for place, pairs in ((1, 1), (2, 2), (5, 2), (8, 1)):  # pairs that the place is in
        share = RATE * pairs / 2
        bound = 5 * math.sqrt(share * (1 - share) / len(tokens))
        assert float(moved[:, place].float().mean()) == pytest.approx(share, abs=bound)
    assert ((became - tokens).abs() <= 1).all()


@pytest.mark.parametrize("kept", [n for n in FIGURES if n not in PLACES])
def test_an_exact_figure_stays(kept):
    assert set(FIGURES) == set(EXACT)
    residues = hots(128).double()
    torch.manual_seed(1)
    for others in ([], ["gravy"], ["charge", "mass"]):
        names = [kept, *others]
        changed = augmented(residues, names, FREE)
        assert not torch.equal(changed, residues)
        for name in names:
            before, after = (
                EXACT[name].exact(TensorDict({"residues": r}, [128])) for r in (residues, changed)
            )
            torch.testing.assert_close(before, after)


def test_a_figure_of_residues_and_places_leaves_nothing():
    with pytest.raises(InputError, match="keeps gravy, hydrophobic_moment"):
        augmented(hots(), ["hydrophobic_moment", "gravy"], FREE)


def operator(kept, length, letters):
    """P(y | x) over all sequences of ``letters`` of this length, by its factors."""
    words = ["".join(w) for w in itertools.product(letters, repeat=length)]
    place = {w: i for i, w in enumerate(words)}
    size = len(words)
    whole = torch.zeros(size, size, dtype=torch.double)
    if kept:  # neighbours inside, from either place on
        for start in (0, 1):
            part = torch.eye(size, dtype=torch.double)
            for i in range(start, length - 1, 2):
                if i < 1 or i + 1 > length - 2:
                    continue
                step = torch.zeros(size, size, dtype=torch.double)
                for w in words:
                    swapped = w[:i] + w[i + 1] + w[i] + w[i + 2 :]
                    step[place[w], place[w]] += 1 - RATE
                    step[place[w], place[swapped]] += RATE
                part = part @ step
            whole += part / 2
        return whole, words
    maps = exchanges([])
    index = [AMINO_ACIDS.index(a) for a in letters]
    single = torch.eye(len(index), dtype=torch.double) * (1 - RATE)
    for row in maps:
        for i, a in enumerate(index):
            single[i, index.index(int(row[a]))] += RATE / len(maps)
    whole = single
    for _ in range(length - 1):
        whole = torch.kron(whole, single)
    return whole, words


@pytest.mark.parametrize(
    ("kept", "length", "letters"), [((), 3, "IVLM"), (("charge", "gravy"), 5, "ACD")]
)
def test_the_augmentation_can_be_undone_in_law(kept, length, letters):
    """Its operator on distributions has no eigenvalue near zero, and samples follow it."""
    law, words = operator(kept, length, letters)
    torch.testing.assert_close(law.sum(1), torch.ones(len(words), dtype=torch.double))
    torch.testing.assert_close(law, law.T)
    least = (1 - 2 * RATE) ** length
    assert float(torch.linalg.eigvalsh(law).min()) >= least - 1e-12
    start, many = len(words) // 3, 40_000
    residues = one_hot(encode([words[start]], length)).expand(many, -1, -1)
    torch.manual_seed(0)
    drawn = decode(augmented(residues, kept, FREE[:length]).argmax(2))
    place = {w: i for i, w in enumerate(words)}
    found = torch.bincount(torch.tensor([place[w] for w in drawn]), minlength=len(words)) / many
    bound = 5 * (law[start] * (1 - law[start]) / many).sqrt()
    assert ((found - law[start]).abs() <= bound + 1e-12).all()


def test_the_domain_keeps_the_contract_with_its_own_figures():
    domain = ProteinDomain()
    assert_domain_contract(domain)
    assert {p.name for p in domain.properties if p.is_exact} == {"charge", "gravy", "length"}


@pytest.mark.parametrize("kind", [PhysicsGAN, BiGAN])
def test_cores_play_with_it(kind):
    domain = ProteinDomain()
    data = domain.load(None, "train", ("kind",)).batch[:24]
    schema = ConditionSchema(domain.properties, data["y"])
    told = {"objective": "hinge", "augmentation": "domain", "latent_dim": 4}
    core = kind(domain, schema, **told, augmentation_constants={"adaptive": True})
    core.augmentation.probability.fill_(1.0)
    critic, makers = core.turns(lambda: data, 0)
    assert all(loss.value.isfinite() for turn in (critic, makers) for loss in turn.losses)
    makers.losses[0].value.backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in core.generator.parameters())
    x = data["x"]
    shown = build_augmentation("domain").bind(domain)(x)
    apart = (shown["residues"].argmax(2) != x["residues"].argmax(2)).float().sum(1)
    assert 0 < float(apart.mean()) < RATE * domain.length
