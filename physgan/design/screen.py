"""Run a function over many samples on any executor, in order, with failures as rows."""

from __future__ import annotations

import functools
import multiprocessing
import os
import pickle
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Row = dict[str, Any]
Judge = Callable[[list[Any]], Sequence[Row]]

# One unpickled function per process: an oracle that loads a model does it once, not per chunk.
_unpickle = functools.lru_cache(maxsize=2)(pickle.loads)


def screen(
    function: Judge,
    items: Sequence[Any],
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    chunk: int = 4,
    description: str = "screening",
    show_progress: bool = False,
) -> list[Row]:
    """One row per item, in the items' order: ``function(chunk of items) -> rows``.

    ``function`` must be picklable. Without an ``executor`` a pool of spawned processes is made
    for this call (``workers`` of them, one per processor by default). What fails becomes a row
    with ``error``; an item that fails does not take the rest of its chunk with it. Ctrl-C cancels
    what waits, ends this call's own processes and is raised again.
    """
    if not items:
        return []
    payload = pickle.dumps(function)
    parts = [list(items[i : i + chunk]) for i in range(0, len(items), chunk)]
    if executor is not None:
        return _collect(executor, payload, parts, description, show_progress)
    before = set(multiprocessing.active_children())
    count = min(workers or os.cpu_count() or 1, len(parts))
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=_start_worker)
    try:
        return _collect(pool, payload, parts, description, show_progress)
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _collect(
    executor: Executor, payload: bytes, parts: list[list[Any]], description: str, show: bool
) -> list[Row]:
    futures: dict[Future[list[Row]], int] = {}
    rows: list[list[Row]] = [[] for _ in parts]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    try:
        with Progress(*columns, TimeRemainingColumn(), disable=not show, transient=True) as bar:
            task = bar.add_task(description, total=sum(map(len, parts)))
            for index, part in enumerate(parts):
                futures[executor.submit(run_chunk, payload, part)] = index
            for future in as_completed(futures):
                index = futures[future]
                try:
                    rows[index] = future.result()
                except Exception as error:  # a worker that died, an executor that was closed
                    rows[index] = [_failure(error) for _ in parts[index]]
                bar.advance(task, len(parts[index]))
    except BaseException:
        for future in futures:
            future.cancel()
        raise
    return [row for part in rows for row in part]


def run_chunk(payload: bytes, part: list[Any]) -> list[Row]:
    """Rows of one chunk, in the worker; after a failure its items are tried one by one."""
    function = _unpickle(payload)
    try:
        rows = [dict(row) for row in function(part)]
        if len(rows) != len(part):
            raise ValueError(f"{len(rows)} rows for {len(part)} samples")
    except Exception as error:
        if len(part) == 1:
            return [_failure(error)]
        return [row for item in part for row in run_chunk(payload, [item])]
    return rows


def _failure(error: BaseException) -> Row:
    return {"error": f"{type(error).__name__}: {error}".rstrip(": ")}


def _start_worker() -> None:
    """The parent alone answers Ctrl-C; each worker keeps to one thread."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        import torch
    except ModuleNotFoundError:
        return
    torch.set_num_threads(1)
