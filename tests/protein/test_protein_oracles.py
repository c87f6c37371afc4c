import json
import lzma
import math
import os
from pathlib import Path

import numpy as np
import pytest

from physgan.design.candidate import Candidate
from physgan.errors import InputError, RunError
from physgan_protein.oracles.base import BudgetExhausted, SequenceOracle
from physgan_protein.oracles.landscape import Landscape
from physgan_protein.oracles.measured import AAV, GB1, GFP, measured_landscape

DATA = os.environ.get("PHYSGAN_DATA")


class Tryptophans(SequenceOracle):
    """Number of W; unknown where there is an X. Keeps what it was really asked."""

    name = "tryptophans"

    def __init__(self, **options):
        super().__init__(**options)
        self.asked = []

    def score(self, sequences):
        self.asked.append(list(sequences))
        return np.array([math.nan if "X" in s else float(s.count("W")) for s in sequences])


def test_a_call_is_a_distinct_sequence_and_repeats_are_free():
    oracle = Tryptophans()
    assert oracle(["WW", "A", "WW"]).tolist() == [2, 0, 2]
    oracle.next_round()
    assert oracle(["A", "W"]).tolist() == [0, 1]
    assert oracle.asked == [["WW", "A"], ["W"]]
    assert (oracle.calls, oracle.repeats, oracle.remaining) == (3, 2, None)
    assert [(a.sequence, a.round) for a in oracle.log] == [("WW", 0), ("A", 0), ("W", 1)]
    assert oracle([]).shape == (0,)


def test_a_batch_over_the_budget_is_refused_whole():
    oracle = Tryptophans(budget=3)
    oracle(["W", "WW"])
    with pytest.raises(BudgetExhausted) as stop:
        oracle(["W", "A", "AA"])
    assert (stop.value.asked, stop.value.remaining) == (2, 1)
    assert oracle.calls == 2 and oracle.remaining == 1 and len(oracle.asked) == 1
    assert oracle(["W", "A"]).tolist() == [1, 0]
    assert oracle.remaining == 0
    assert oracle(["W", "A", "WW"]).tolist() == [1, 0, 2]
    with pytest.raises(InputError):
        Tryptophans(budget=-1)


def test_unknown_is_neither_zero_nor_best():
    oracle = Tryptophans(property="activity")
    assert math.isnan(oracle(["XW"])[0]) and oracle.best() is None
    assert oracle.judge(["XW", None, "W"]) == [
        {"error": "unknown to the oracle"},
        {"error": "no sequence"},
        {"activity": 1.0},
    ]
    summary = oracle.summary()
    assert (summary["calls"], summary["unknown"], summary["repeats"]) == (2, 1, 1)
    assert summary["best"] == {"sequence": "W", "value": 1.0}
    json.dumps(summary, allow_nan=False)


def test_a_search_goes_on_from_its_state():
    oracle = Tryptophans(budget=4)
    oracle(["W", "X"])
    oracle.next_round()
    oracle(["WW"])
    resumed = Tryptophans(budget=4)
    resumed.restore(json.loads(json.dumps(oracle.state(), allow_nan=False)))
    assert resumed.summary() == oracle.summary()
    assert resumed(["WW", "W"]).tolist() == [2, 1] and resumed.asked == []
    assert resumed.remaining == 1


def test_free_answers_leave_no_trace():
    oracle = Tryptophans(budget=1)
    oracle(["W"])
    with oracle.free():
        assert oracle(["W", "WW", "WWW"]).tolist() == [1, 2, 3]
    assert oracle.calls == 1 and oracle.repeats == 0
    with pytest.raises(BudgetExhausted):
        oracle(["WW"])


def test_the_log_is_written_with_empty_cells_for_unknown(tmp_path):
    oracle = Tryptophans()
    oracle(["W", "X"])
    oracle.write_log(tmp_path / "log.csv")
    assert (tmp_path / "log.csv").read_text() == "sequence,fitness,round\nW,1.0,0\nX,,0\n"


def test_an_oracle_that_answers_too_little_is_reported():
    oracle = Tryptophans()
    oracle.score = lambda sequences: np.zeros(1)  # type: ignore[method-assign]
    with pytest.raises(RunError, match="one number each"):
        oracle(["A", "W"])
    assert oracle.calls == 0


def test_candidates_are_judged_by_the_oracle_itself_and_counted():
    from physgan.design.judge import judge

    class Plain:
        properties = ()

    oracle = Tryptophans()
    candidates = [Candidate(s, s, s, 0, n) for n, s in enumerate(("WW", "X"))]
    assert judge(Plain(), oracle, candidates) == 1  # type: ignore[arg-type]
    assert oracle.calls == 2 and candidates[0].oracle["fitness"] == 2


def test_an_unmeasured_variant_is_unknown():
    oracle = Landscape({"VDGV": 1.0, "AAAA": 0.0})
    values = oracle(["VDGV", "vdgv", "AAAA", "WWWW"])
    assert values[:3].tolist() == [1, 1, 0] and math.isnan(values[3])
    assert oracle.measured(["AAAA", "WWWW"]).tolist() == [True, False]
    known, unknown = oracle.judge(["AAAA", "WWWW"])
    assert known == {"fitness": 0.0, "measured": True}
    assert unknown["measured"] is False and "fitness" not in unknown
    with pytest.raises(InputError):
        Landscape({})


@pytest.mark.parametrize("ending", ["", ".xz"])
def test_tables_are_read_with_means_of_repeated_rows(tmp_path, ending):
    text = "variant,fitness,n\nAA,1.0,1\naa,3.0,1\nCC,,1\nDD,nan,1\nEE,-2.5,1\n"
    path = tmp_path / f"table.csv{ending}"
    path.write_bytes(lzma.compress(text.encode()) if ending else text.encode())
    oracle = Landscape.read(path, sequence="variant", budget=9)
    assert oracle.table == {"AA": 2.0, "EE": -2.5}
    assert oracle.summary()["highest"] == 2.0 and oracle.budget == 9


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sequence,score\nAA,1\n", "no column 'fitness'"),
        ("", "no column 'sequence'"),
        ("sequence,fitness\nAA,1\nCC,high\n", "line 3: 'high' is no number"),
        ("sequence,fitness\n,1\n", "line 2: no sequence"),
    ],
)
def test_tables_that_cannot_be_read_say_where(tmp_path, text, message):
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        Landscape.read(path)
    with pytest.raises(InputError, match="no such file"):
        Landscape.read(tmp_path / "absent.csv")


def test_a_damaged_archive_is_an_input_error(tmp_path):
    path = tmp_path / "table.csv.xz"
    path.write_bytes(lzma.compress(b"sequence,fitness\nAA,1\n")[:-9])
    with pytest.raises(InputError, match="cannot be read"):
        Landscape.read(path)


def test_normalisation_puts_the_extremes_of_the_table_at_zero_and_one():
    for each in (GB1, AAV, GFP):
        assert np.allclose(each.normalised([each.low, each.high]), [0, 1])
    assert math.isclose(AAV.normalised(AAV.wild_type_value), 0.465, abs_tol=5e-4)
    assert math.isclose(GFP.normalised(GFP.wild_type_value), 0.858, abs_tol=5e-4)
    with pytest.raises(InputError):
        measured_landscape("trpb", Path())


@pytest.mark.skipif(not DATA, reason="PHYSGAN_DATA is not set")
@pytest.mark.parametrize(("each", "rows"), [(GB1, 134_425), (AAV, 42_340)])
def test_public_landscapes_have_their_rows_and_their_extremes(each, rows):
    oracle = measured_landscape(each.name, Path(str(DATA)) / "protein")
    assert len(oracle.table) == rows
    if each is AAV:  # the wild type of GB1 is among the tenth of the rows that is kept apart
        assert oracle([each.wild_type])[0] == pytest.approx(each.wild_type_value)
    assert each.normalised(max(oracle.table.values())) == pytest.approx(1.0)
