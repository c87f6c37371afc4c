import math
import sys
import threading
import time

import pytest

from physgan.errors import InputError, RunError
from physgan_protein.oracles.callable import CallableOracle, CommandOracle

COUNT_W = """
import sys
for line in sys.stdin:
    print("nan" if "X" in line else line.count("W"))
"""
COUNT_FASTA = """
import sys
for line in sys.stdin:
    print(float(line.count("W"))) if not line.startswith(">") else print()
"""


def command(code, **options):
    return CommandOracle([sys.executable, "-c", code], **options)


def test_a_function_is_found_by_name_and_asked_once_for_each_sequence(tmp_path, monkeypatch):
    (tmp_path / "judge_of_mine.py").write_text(
        "ASKED = []\ndef count(sequences):\n"
        "    ASKED.extend(sequences)\n    return [s.count('W') for s in sequences]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    oracle = CallableOracle("judge_of_mine:count", budget=2)
    assert oracle(["WW", "A", "WW"]).tolist() == [2, 0, 2]
    assert sys.modules["judge_of_mine"].ASKED == ["WW", "A"]
    assert oracle.summary()["oracle"] == "judge_of_mine:count"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("math", "names no function"),
        ("nowhere.at.all:f", "cannot import"),
        ("math:nothing", "has no 'nothing'"),
        ("math:pi", "not callable"),
    ],
)
def test_a_name_that_names_no_function_is_an_input_error(name, message):
    with pytest.raises(InputError, match=message):
        CallableOracle(name)


def test_failures_of_a_function_are_told_with_their_reason():
    with pytest.raises(RunError, match="ValueError: no such fold"):
        CallableOracle(lambda _: (_ for _ in ()).throw(ValueError("no such fold")))(["A"])
    with pytest.raises(RunError, match="one number each"):
        CallableOracle(lambda _: [1.0])(["A", "W"])
    with pytest.raises(RunError, match="not a list of numbers"):
        CallableOracle(lambda _: ["high"])(["A"])


def test_a_late_function_is_given_up_and_not_counted():
    done = threading.Event()
    oracle = CallableOracle(lambda s: done.wait(20) and [0.0], timeout=0.05)
    start = time.monotonic()
    with pytest.raises(RunError, match=r"in 0\.05 s"):
        oracle(["A"])
    done.set()
    assert time.monotonic() - start < 5 and oracle.calls == 0
    with pytest.raises(InputError):
        CallableOracle(len, timeout=0.0)  # type: ignore[arg-type]


def test_a_command_reads_lines_or_fasta_and_answers_a_number_a_line():
    lines = command(COUNT_W)(["WAW", "X", "A"])
    assert lines[0] == 2 and math.isnan(lines[1]) and lines[2] == 0
    assert command(COUNT_FASTA, format="fasta")(["WAW", "A"]).tolist() == [2, 0]


def test_a_command_gets_its_seed():
    oracle = command("import os; print(os.environ['PHYSGAN_SEED'])", seed=17)
    assert oracle(["A"])[0] == 17


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import sys; sys.exit('no model here')", "exit code 1: no model here"),
        ("print(1)", "1 lines for 2 sequences"),
        ("print(1); print('good')", "'good' on line 2 is no number"),
    ],
)
def test_failures_of_a_command_are_told(code, message):
    with pytest.raises(RunError, match=message):
        command(code)(["A", "W"])


def test_a_late_command_is_ended_with_all_it_started(tmp_path):
    mark = tmp_path / "alive"
    child = f"import time; time.sleep(1.5); open({str(mark)!r}, 'w')"
    code = (
        "import subprocess, sys; "
        f"subprocess.Popen([sys.executable, '-c', {child!r}], stdout=subprocess.DEVNULL).wait()"
    )
    with pytest.raises(RunError, match="no answer in"):
        command(code, timeout=0.5)(["A"])
    time.sleep(1.6)
    assert not mark.exists()


def test_commands_that_cannot_run_are_refused():
    for wrong in ("", "no-such-program-anywhere --fast", "unclosed 'quote"):
        with pytest.raises(InputError):
            CommandOracle(wrong)
    with pytest.raises(InputError):
        CommandOracle([sys.executable], format="json")  # type: ignore[arg-type]
