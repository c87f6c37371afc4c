"""Discrete choices with gradients, and the networks of proteins."""

import math

import pytest
import torch
from hypothesis import given as every
from hypothesis import settings
from hypothesis import strategies as st
from tensordict import TensorDict
from torch.nn import functional as F

from physgan.errors import InputError
from physgan_protein import alphabet
from physgan_protein.networks.critic import ProteinCritic
from physgan_protein.networks.generator import ProteinGenerator
from physgan_protein.networks.predictor import build_predictor
from physgan_protein.sampling import choose, edits, inside, no_padding, padded


def lengths_of(*some, longest=None):
    found = torch.zeros(longest or max(some), dtype=torch.bool)
    found[torch.tensor(some) - 1] = True
    return found


def nothing(size):
    return TensorDict({}, [size])


def test_choices_are_exact_samples_at_any_temperature():
    torch.manual_seed(0)
    shares = torch.tensor([0.6, 0.3, 0.1])
    logits = shares.log().expand(20_000, 3).clone().requires_grad_()
    for tau in (0.1, 1.0, 5.0):
        said = choose(logits, tau)
        assert torch.allclose(said.sum(dim=1), torch.ones(20_000))
        assert torch.allclose(said.mean(dim=0), shares, atol=0.015)
        assert bool(((said.detach() - said.detach().round()).abs() < 1e-6).all())


def test_the_gradient_is_that_of_the_relaxation():
    logits = torch.tensor([[0.3, -0.2, 0.1]], requires_grad=True)
    weight = torch.tensor([1.0, 2.0, 4.0])
    torch.manual_seed(1)
    (choose(logits, 0.7) * weight).sum().backward()
    torch.manual_seed(1)
    noise = -torch.rand(1, 3).log().neg().log()
    again = logits.detach().requires_grad_()
    (((again + noise) / 0.7).softmax(dim=1) * weight).sum().backward()
    assert torch.allclose(logits.grad, again.grad)


@settings(max_examples=30, deadline=None)
@every(st.integers(1, 12), st.integers(0, 1000))
def test_padding_is_outside_and_only_outside(length, seed):
    torch.manual_seed(seed)
    size = torch.randint(length, (7,))
    mask = inside(F.one_hot(size, length).float())
    assert torch.equal(mask.sum(dim=1).long(), size + 1)
    assert bool((mask.diff(dim=1) <= 0).all())
    residues = padded(choose(no_padding(torch.randn(7, length, 21)), 1.0), mask)
    assert torch.equal(residues[..., alphabet.PAD], 1 - mask)
    assert torch.allclose(residues.sum(dim=2), torch.ones(7, length))


@settings(max_examples=30, deadline=None)
@every(st.integers(1, 15), st.integers(0, 1000))
def test_a_budget_is_never_passed_and_fixed_positions_never_change(budget, seed):
    torch.manual_seed(seed)
    logits = 4 * torch.randn(9, 15) + 2
    free = torch.rand(15) > 0.3
    m = edits(logits, free, budget, 1.0)
    assert float(m.sum(dim=1).max()) <= budget
    assert not m[:, ~free].any()
    assert set(m.unique().tolist()) <= {0.0, 1.0}


def test_edits_are_bernoulli_where_the_budget_allows():
    torch.manual_seed(0)
    logits = torch.tensor([-1.0, 0.0, 2.0]).expand(20_000, 3)
    m = edits(logits, torch.ones(3, dtype=torch.bool), 3, 0.5)
    assert torch.allclose(m.mean(dim=0), logits[0].sigmoid(), atol=0.015)


def test_gradients_reach_logits_of_residues_lengths_and_edits():
    torch.manual_seed(0)
    free = ProteinGenerator(2, lengths_of(9, 12), latent_dim=3, width=16, depth=2)
    pool = torch.randint(20, (5, 12))
    fixed = torch.zeros(12, dtype=torch.bool)
    edit = ProteinGenerator(2, lengths_of(12), pool, fixed, 4, latent_dim=3, width=16, depth=2)
    for generator in (free, edit):
        made = generator(torch.randn(8, 3), torch.randn(8, 2), nothing(8))["residues"]
        (made * torch.randn_like(made)).sum().backward()
        without = [n for n, p in generator.named_parameters() if p.grad is None]
        assert not without
        assert all(bool(p.grad.isfinite().all()) for p in generator.parameters())


@pytest.mark.parametrize("longest", [5, 12])
def test_the_likelihood_sums_to_one_over_all_that_can_be_made(longest):
    """Of one free position and two lengths, every sequence is counted."""
    torch.manual_seed(0)
    generator = ProteinGenerator(1, lengths_of(1, 2, longest=longest), latent_dim=2, width=8)
    all_of = [a for a in alphabet.AMINO_ACIDS]
    all_of += [a + b for a in alphabet.AMINO_ACIDS for b in alphabet.AMINO_ACIDS]
    x = alphabet.one_hot(alphabet.encode(all_of, longest))
    size = len(all_of)
    z, c = torch.randn(1, 2).expand(size, 2), torch.zeros(size, 1)
    terms = generator.nll(TensorDict({"residues": x}, [size]), z, c, nothing(size))
    total = torch.exp(-torch.stack(list(terms.values())).sum(dim=0)).sum()
    assert float(total) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("length", [2, 9])
def test_the_likelihood_of_edits_sums_to_one(length):
    torch.manual_seed(0)
    pool = torch.randint(20, (1, length))
    fixed = torch.ones(length, dtype=torch.bool)
    fixed[:2] = False
    generator = ProteinGenerator(1, lengths_of(length), pool, fixed, 2, latent_dim=2, width=8)
    tokens = pool.repeat(400, 1)
    tokens[:, 0], tokens[:, 1] = torch.arange(400) // 20, torch.arange(400) % 20
    z, c = torch.randn(1, 2).expand(400, 2), torch.zeros(400, 1)
    given = TensorDict({"reference": pool.expand(400, length)}, [400])
    x = TensorDict({"residues": alphabet.one_hot(tokens)}, [400])
    terms = generator.nll(x, z, c, given)
    total = torch.exp(-torch.stack(list(terms.values())).sum(dim=0)).sum()
    assert float(total) == pytest.approx(1, abs=1e-4)


def test_what_is_drawn_has_the_frequencies_of_the_likelihood():
    torch.manual_seed(0)
    generator = ProteinGenerator(1, lengths_of(1, 2), latent_dim=2, width=8)
    z, c = torch.randn(1, 2).expand(20_000, 2), torch.zeros(20_000, 1)
    with torch.no_grad():
        tokens = generator(z, c, nothing(20_000))["residues"].argmax(dim=2)
        for text in ("A", "WY", "KK"):
            x = alphabet.one_hot(alphabet.encode([text], 2))
            terms = generator.nll(TensorDict({"residues": x}, [1]), z[:1], c[:1], nothing(1))
            share = math.exp(-float(torch.stack(list(terms.values())).sum()))
            seen = (tokens == x.argmax(dim=2)).all(dim=1).float().mean()
            assert float(seen) == pytest.approx(share, abs=4 * math.sqrt(share / 20_000) + 1e-4)


def test_lengths_that_the_data_lack_are_never_drawn():
    torch.manual_seed(0)
    generator = ProteinGenerator(0, lengths_of(9, 11, 14), latent_dim=4, width=8, depth=1)
    made = generator(torch.randn(500, 4), torch.zeros(500, 0), nothing(500))["residues"]
    sizes = (made.argmax(dim=2) != alphabet.PAD).sum(dim=1)
    assert set(sizes.tolist()) == {9, 11, 14}


def test_the_temperature_of_gradients_falls_and_is_kept():
    generator = ProteinGenerator(0, lengths_of(4), latent_dim=2, width=8, tau=(1.0, 0.5), anneal=10)
    z, c = torch.randn(3, 2), torch.zeros(3, 0)
    for _ in range(5):
        generator(z, c, nothing(3))
    assert float(generator.tau) == pytest.approx(0.75)
    with torch.no_grad():
        generator(z, c, nothing(3))
    assert float(generator.tau) == pytest.approx(0.75)
    assert float(generator.state_dict()["tau"]) == pytest.approx(0.75)
    for _ in range(20):
        generator(z, c, nothing(3))
    assert float(generator.tau) == pytest.approx(0.5)


def test_the_critic_sees_a_generator_that_repeats_itself():
    torch.manual_seed(0)
    critic = ProteinCritic(0, 6, width=16, minibatch=4)
    various = alphabet.one_hot(torch.randint(20, (16, 6)))
    same = various[:1].expand(16, 6, 21)
    assert float(critic._variety(same).max()) < 1e-3 < float(critic._variety(various).min())
    # Two rows that differ at every position: each of 12 entries deviates by a half.
    pair = alphabet.one_hot(torch.tensor([[0] * 6, [1] * 6]))
    two = ProteinCritic(0, 6, width=16, minibatch=2)._variety(pair)
    assert torch.allclose(two, torch.full((2, 1), 0.5 * 12 / 126), atol=1e-4)


def test_the_end_of_a_sequence_gives_no_steeper_slope_than_its_residues():
    torch.manual_seed(0)
    critic = ProteinCritic(0, 16, width=16)
    x = alphabet.one_hot(alphabet.encode(["ACDEFGHIKL", "ACDEFGHIKLMNPQRS"], 16)).requires_grad_()
    score = critic(TensorDict({"residues": x}, [2]), torch.zeros(2, 0), nothing(2)).score
    (slope,) = torch.autograd.grad(score.sum(), x)
    ends, letters = slope[..., alphabet.PAD].abs().max(), slope[..., : alphabet.PAD].abs().max()
    assert 0 < float(ends) < 20 * float(letters)


def test_padding_does_not_change_what_a_predictor_says():
    torch.manual_seed(0)
    network = build_predictor(24, "cnn", width=16).eval()
    short = alphabet.one_hot(alphabet.encode(["ACDEFGHIKL"], 24))
    said = network(TensorDict({"residues": short}, [1]), nothing(1))
    beside = alphabet.one_hot(alphabet.encode(["ACDEFGHIKL", "W" * 24], 24))
    again = network(TensorDict({"residues": beside}, [2]), nothing(2))[:1]
    assert torch.allclose(said, again, atol=1e-5)


def test_pairs_are_single_terms_and_products_of_two():
    """The mixed third difference of a model of pairs is zero, the second is not."""
    torch.manual_seed(0)
    network = build_predictor(3, "pairs", width=4)

    def said(a, b, c):
        x = alphabet.one_hot(torch.tensor([[a, b, c]]))
        return network(TensorDict({"residues": x}, [1]), nothing(1))[0]

    second = said(0, 0, 5) - said(1, 0, 5) - said(0, 1, 5) + said(1, 1, 5)
    other = said(0, 0, 7) - said(1, 0, 7) - said(0, 1, 7) + said(1, 1, 7)
    assert torch.allclose(second, other, atol=1e-5) and second.abs().max() > 1e-2


def test_unknown_networks_are_refused():
    with pytest.raises(InputError, match="cnn, mlp or pairs"):
        build_predictor(10, "transformer")
    with pytest.raises(InputError, match="too many"):
        build_predictor(200, "pairs")
