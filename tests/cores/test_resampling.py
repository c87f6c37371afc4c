"""Choosing among draws turns a wrong density into the right one."""

import torch

from physgan.cores.resampling import Resampler


def two_clusters(count, share):
    """Draws at -2 and 2, the right one with probability ``share``; deviation 0.3."""
    side = 2.0 * (torch.rand(count, 1) < share) - 1
    return 2 * side + 0.3 * torch.randn(count, 1)


def wrong(condition):
    return two_clusters(len(condition), 0.25)


def test_shares_of_clusters_are_mended():
    torch.manual_seed(0)
    resampler, nothing = Resampler(1, 0, proposals=16, hidden=32), torch.zeros(4000, 0)
    assert torch.equal(_seeded(resampler.sample, wrong, nothing), _seeded(wrong, nothing))
    truth = [(two_clusters(4000, 0.6), torch.zeros(4000, 1), nothing) for _ in range(2)]
    gain, steps = resampler.fit(wrong, *truth, seconds=2.0, lr=1e-2)
    # The Bayes-optimal classifier's gain, from the two shares.
    best = sum(
        0.5 * (p * torch.tensor(2 * p / (p + q)).log() + q * torch.tensor(2 * q / (p + q)).log())
        for p, q in ((0.6, 0.25), (0.4, 0.75))
    )
    assert steps > 5 and abs(gain - float(best)) < 0.02
    share = (resampler.sample(wrong, nothing) > 0).float().mean()
    assert abs(share - 0.6) < 0.05


def test_nothing_is_kept_where_there_is_nothing_to_tell():
    torch.manual_seed(0)
    resampler, nothing = Resampler(1, 0, hidden=8), torch.zeros(64, 0)
    # Held-out encodings that contradict the training ones.
    train = (torch.full((64, 1), 3.0), torch.zeros(64, 1), nothing)
    held = (torch.full((64, 1), -3.0), torch.zeros(64, 1), nothing)
    gain, _ = resampler.fit(lambda c: torch.zeros(len(c), 1), train, held, seconds=0.3, lr=0.1)
    assert gain == 0.0 and not resampler.fitted


def _seeded(call, *arguments):
    torch.manual_seed(1)
    return call(*arguments)
