import threading
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import pytest
from rectangles import Press, Rectangle

from physgan.design import screen


def double(items):
    return [{"twice": 2 * item} for item in items]


def fragile(items):
    if 3 in items:
        raise ValueError("three")
    return double(items)


def short(items):
    return []


def slow_first(items):
    time.sleep(0.1 if 0 in items else 0.0)
    return double(items)


def test_rows_keep_the_order_of_the_items():
    with ThreadPoolExecutor(4) as executor:
        rows = screen(slow_first, range(20), executor=executor, chunk=3)
    assert [row["twice"] for row in rows] == [2 * i for i in range(20)]


def test_a_failure_is_a_row_and_spares_its_chunk():
    with ThreadPoolExecutor(2) as executor:
        rows = screen(fragile, range(6), executor=executor, chunk=6)
    assert rows[3] == {"error": "ValueError: three"}
    assert [row.get("twice") for row in rows] == [0, 2, 4, None, 8, 10]


def test_a_wrong_number_of_rows_is_an_error():
    with ThreadPoolExecutor(1) as executor:
        rows = screen(short, [1, 2], executor=executor)
    assert all("0 rows for 1 samples" in row["error"] for row in rows)


def test_spawned_processes_give_the_same_rows():
    samples = [Rectangle(w, 1.0) for w in (0.5, 1.0, 1.9)]
    rows = screen(Press().judge, samples, workers=1, chunk=2)
    assert [row.get("strength") for row in rows] == [1.25, 2.0, None]
    assert rows[2] == {"error": "too wide for the press"}
    assert rows[0]["relaxed_sample"] == Rectangle(0.5, 0.5)


def test_nothing_to_do_starts_nothing():
    assert screen(double, []) == []


class Interrupted(Executor):
    """Its second task meets Ctrl-C; the others never start."""

    def __init__(self):
        self.futures = []

    def submit(self, function, /, *args, **options):
        future = Future()
        self.futures.append(future)
        if len(self.futures) == 2:
            future.set_exception(KeyboardInterrupt())
        return future


def test_ctrl_c_cancels_what_waits_and_is_raised():
    executor = Interrupted()
    threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        screen(double, range(12), executor=executor, chunk=3)
    assert [future.cancelled() for future in executor.futures] == [True, False, True, True]
    assert threading.active_count() == threads
