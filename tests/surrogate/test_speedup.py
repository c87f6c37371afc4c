"""Speed-ups are ratios of medians of alternating runs, with errors and the break-even beside."""

import json

import pytest

from physgan.errors import InputError
from physgan.surrogate.speedup import compare


class Clock:
    """A clock that only contenders move."""

    def __init__(self):
        self.now, self.order = 0.0, []

    def __call__(self):
        return self.now

    def contender(self, name, seconds, result):
        seconds = iter(seconds)

        def run(start):
            self.order.append(name)
            self.now += next(seconds) * (len(start) if isinstance(start, list) else 1)
            return result

        return run


def test_ratios_spreads_and_break_even_are_those_of_the_clock():
    clock = Clock()
    contenders = {
        "solver": clock.contender("solver", [9, 4.0, 5.0, 6.0], 100.0),
        "surrogate": clock.contender("surrogate", [9, 0.5, 0.5, 1.0], 98.0),
    }
    found = compare(
        contenders, "start", lambda end: {"count": end}, baseline="solver", repeats=3,
        training_seconds={"surrogate": 90.0}, clock=clock, cpu_clock=clock,
    )  # fmt: skip
    row = found["surrogate"]
    assert row.single.seconds == 0.5 and row.single.greatest == 1.0
    assert row.ratio == 10.0 and (row.ratio_least, row.ratio_greatest) == (6.0, 10.0)
    assert row.errors["count"] == pytest.approx(0.02)
    assert row.break_even == pytest.approx(90.0 / 4.5)
    assert found["solver"].ratio == 1.0 and found["solver"].break_even is None
    assert clock.order == ["solver", "surrogate"] * 2 + ["surrogate", "solver"] + ["solver", "surrogate"]  # fmt: skip  # noqa: E501
    told = json.loads(json.dumps(found.to_dict()))
    assert told["baseline"] == "solver" and told["machine"]["threads"] >= 1
    assert "against solver" in str(found) and "even after 20 runs" in str(found)


def test_a_batch_is_stated_per_sequence():
    clock = Clock()
    contenders = {
        "solver": clock.contender("solver", [1, 1, 1, 1], 1.0),
        "surrogate": clock.contender("surrogate", [0.5, 0.5, 0.1, 0.1], 1.0),
    }
    found = compare(
        contenders, "start", lambda end: {}, baseline="solver", repeats=1, batch=["a"] * 4,
        batch_size=4, clock=clock, cpu_clock=clock,
    )  # fmt: skip
    row = found["surrogate"]
    assert row.ratio == 2.0
    assert row.batch.seconds == pytest.approx(0.1) and row.batch_ratio == pytest.approx(10.0)


def test_a_surrogate_that_is_slower_never_pays():
    clock = Clock()
    contenders = {
        "solver": clock.contender("solver", [1, 1], 1.0),
        "surrogate": clock.contender("surrogate", [2, 2], 1.0),
    }
    found = compare(
        contenders, 0, lambda end: {}, baseline="solver", repeats=1,
        training_seconds={"surrogate": 1.0}, clock=clock, cpu_clock=clock,
    )  # fmt: skip
    assert found["surrogate"].ratio == 0.5 and found["surrogate"].break_even is None
    assert "even after never" in str(found)


def test_a_baseline_must_take_part():
    with pytest.raises(InputError, match="takes no part"):
        compare({"a": lambda start: 0}, 0, lambda end: {}, baseline="b")
    with pytest.raises(InputError, match="batch with its size"):
        compare({"a": lambda start: 0}, 0, lambda end: {}, baseline="a", batch=[0])
