import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rectangles import Rectangle, Rectangles

from physgan.design.novelty import (
    first_equals,
    hash_key,
    hash_keys,
    is_novel,
    nearest_distances,
    stored_array,
)
from physgan.errors import InputError

DOMAIN = Rectangles()
SIDES = st.builds(
    Rectangle, st.integers(1, 40).map(lambda i: i / 10), st.integers(1, 40).map(lambda i: i / 10)
)


def test_hash_is_the_head_of_sha256():
    assert hash_key("abc") == int.from_bytes(bytes.fromhex("ba7816bf8f01cfea"), "little")
    assert hash_key("é") == int.from_bytes(hashlib.sha256("é".encode()).digest()[:8], "little")


def test_repeats_point_to_their_first():
    samples = [Rectangle(1, 1), Rectangle(1.01, 1), Rectangle(1, 1.5), Rectangle(1, 1.49)]
    assert first_equals(DOMAIN, samples) == [0, 0, 2, 2]


@given(st.lists(SIDES, max_size=30))
def test_buckets_find_what_brute_force_finds(samples):
    brute = [
        next(i for i, a in enumerate(samples) if DOMAIN.key(a) == DOMAIN.key(b) and _same(a, b))
        for b in samples
    ]
    assert first_equals(DOMAIN, samples) == brute


def _same(a, b):
    return DOMAIN.same(a, b)


def test_matching_tells_apart_what_a_shared_key_does_not():
    training = [Rectangle(1.0, 1.0)]
    samples = [Rectangle(1.0, 1.02), Rectangle(1.0, 1.5), Rectangle(1.9, 1.0)]
    assert is_novel(DOMAIN, samples, training) == [False, True, True]
    assert is_novel(DOMAIN, samples, keys=hash_keys(DOMAIN, training)) == [False, False, True]
    assert is_novel(DOMAIN, samples) == [None, None, None]


@given(st.lists(SIDES, max_size=12), st.lists(SIDES, max_size=12))
def test_keys_never_overstate_novelty(samples, training):
    by_match = is_novel(DOMAIN, samples, training)
    by_key = is_novel(DOMAIN, samples, keys=hash_keys(DOMAIN, training))
    assert all(match or not key for match, key in zip(by_match, by_key, strict=True))


def test_distance_to_the_nearest_fingerprint():
    training = np.array([[0.0, 0.0], [3.0, 4.0]])
    assert nearest_distances(DOMAIN, [Rectangle(3, 3)], training) == [1.0]
    assert nearest_distances(DOMAIN, [Rectangle(3, 3)], None) == [None]


def test_a_pickle_in_a_run_is_refused(tmp_path):
    np.save(tmp_path / "train_keys.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError):
        stored_array(tmp_path, "train_keys.npy")
