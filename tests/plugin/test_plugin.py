"""A stranger's domain, in a distribution of its own, installs and works like a built-in one."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "physgan_sine"
MAIN = "from physgan.cli import main; main()"
CONTRACT = """
from physgan.domain import load
from physgan.testing import assert_domain_contract
assert_domain_contract(load("sine", rows=64))
"""


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """Runs Python code with the plug-in installed; returns the finished process."""
    place = tmp_path_factory.mktemp("plugin")
    target = place / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    build = ["--no-build-isolation", "--no-cache-dir", "--target", str(target), str(HERE)]
    # Outside the checkout, so that nothing is written beside the sources.
    subprocess.run([*pip, *build], check=True, cwd=place)
    paths = os.pathsep.join([str(target), *filter(None, [os.environ.get("PYTHONPATH")])])
    # The width keeps rich from wrapping the tables.
    env = {**os.environ, "PYTHONPATH": paths, "COLUMNS": "200", "OMP_NUM_THREADS": "1"}

    def run(code, *arguments):
        command = [sys.executable, "-c", code, *arguments]
        return subprocess.run(command, cwd=place, env=env, capture_output=True, text=True)

    return run


def test_it_is_one_file_under_200_lines():
    assert len((HERE / "physgan_sine.py").read_text().splitlines()) < 200


def test_it_is_listed(stranger):
    shown = stranger(MAIN, "domains")
    assert shown.returncode == 0, shown.stderr
    assert "sine" in shown.stdout and "amplitude (V)" in shown.stdout


def test_it_keeps_the_contract(stranger):
    done = stranger(CONTRACT)
    assert done.returncode == 0, done.stderr


def test_it_trains_and_proposes(stranger, tmp_path):
    run, out = str(tmp_path / "run"), tmp_path / "proposal"
    settings = ["--set", "core.start=10", "--set", "core.regularizer_interval=1"]
    trained = stranger(MAIN, "train", "sine", "--steps", "30", "--out", run, *settings)
    assert trained.returncode == 0, trained.stderr
    asked = ["--target", "amplitude=1.2", "-n", "5", "--no-oracle"]
    answered = stranger(MAIN, "propose", "sine", "--run", run, *asked, "--out", str(out))
    assert answered.returncode == 0, answered.stderr
    with (out / "candidates.csv").open() as file:
        rows = list(csv.DictReader(file))
    missed = [abs(float(row["exact.amplitude"]) - 1.2) for row in rows]
    assert len(rows) == 5 and missed == sorted(missed), "the nearest to the target first"
    for row in rows:
        assert float(row["laws.offset"]) < 1e-5, "the projection made the law hold"
        assert row["novel"] == "True"
        assert (out / "sampled" / f"{row['name']}.csv").stat().st_size > 0


def test_without_a_run_it_says_what_to_give(stranger):
    refused = stranger(MAIN, "propose", "sine", "--no-oracle")
    assert refused.returncode == 2
    assert "ships no trained run" in refused.stderr
