"""Pieces of work on threads, each piece on one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Found = TypeVar("Found")


def spread(work: Callable[..., Found], *pieces: Iterable[object]) -> list[Found]:
    """``work`` of each of ``pieces``, as ``map`` gives it, on as many threads as torch has.

    Meanwhile torch itself has one: two pools, torch's and ours, would wait for each other in every
    loop. ``work`` may spread pieces of its own, which then stay on its thread.
    """
    rows = list(zip(*pieces, strict=True))
    threads = torch.get_num_threads()
    if threads == 1 or len(rows) < 2:
        return [work(*row) for row in rows]
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(lambda row: work(*row), rows))
    finally:
        torch.set_num_threads(threads)
