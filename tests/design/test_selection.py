from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tensordict import TensorDict

from physgan.design import propose
from physgan.design.selection import select, with_plausibility
from physgan.errors import InputError

WORDS = {"letters": ("a", "b", "")}


def spelled(*rows: str) -> TensorDict:
    tokens = torch.tensor([[("a", "b").index(c) for c in row] for row in rows])
    hot = torch.nn.functional.one_hot(tokens, 3).float()
    return TensorDict({"letters": hot}, [len(rows)])


def domain(words: Any = WORDS, known: Any = None) -> Any:
    return SimpleNamespace(name="toy", words=words, plausibility=lambda samples: known)


def test_without_diversity_the_best_are_taken_and_no_number_comes_last():
    score = torch.tensor([3.0, float("nan"), 1.0, 2.0])
    x = spelled("aa", "ab", "ba", "bb")
    assert select(score, domain(), x, 2, 0.0) == [2, 3]
    assert select(score, domain(), x, 9, 0.0) == [2, 3, 0, 1]


def test_diversity_gives_up_score_for_distance():
    x = spelled("aaaa", "aaab", "aaba", "bbbb")
    score = torch.tensor([0.0, 0.1, 0.2, 5.0])
    assert select(score, domain(), x, 2, 0.0) == [0, 1]
    assert select(score, domain(), x, 2, 4.0) == [0, 3]
    with pytest.raises(InputError, match="diversity"):
        select(score, domain(), x, 3, 4.0)
    with pytest.raises(InputError, match="places of sequences"):
        select(score, domain({}), x, 2, 1.0)


def test_plausibility_counts_as_much_as_the_score():
    score = torch.tensor([0.0, 1.0, 2.0])
    same = with_plausibility(score, domain(known=-score.numpy()), ["x"] * 3)
    assert same == pytest.approx([-2.0, 0.0, 2.0])
    against = with_plausibility(score, domain(known=10 * score.numpy() + 3), ["x"] * 3)
    assert against == pytest.approx([0.0, 0.0, 0.0])
    alone = with_plausibility(torch.zeros(3), domain(known=[1.0, 3.0, 2.0]), ["x"] * 3)
    assert alone.argsort().tolist() == [1, 2, 0]


def test_a_domain_without_plausibility_says_so(run):
    with pytest.raises(InputError, match="nothing of plausibility"):
        propose(run, {"strength": 2.0}, 4, oracle=False, plausible=True)
