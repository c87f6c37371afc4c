"""The builder of training sequences: what it writes, and that it does not do a run twice."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

BUILDER = Path(__file__).parents[2] / "datasets" / "foam" / "build.py"


@pytest.fixture(scope="module")
def build():
    spec = importlib.util.spec_from_file_location("foam_build", BUILDER)
    module = importlib.util.module_from_spec(spec)
    sys.modules["foam_build"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["foam_build"]


def test_sequences_hold_every_run_and_are_cached(build, tmp_path):
    runs = [build.Run(seed, beta, 16, 24, 3, 0.2) for beta in (1.0, 0.5) for seed in (0, 9)]
    assert all(build.make(run, tmp_path) > 0 for run in runs)
    assert all(build.make(run, tmp_path) == 0 for run in runs)
    arrays = build.gather(runs, [build.load(run.path(tmp_path)) for run in runs])
    assert arrays["labels"].shape == (4, 3, 1, 24, 24)
    assert arrays["split"].tolist() == ["train", "test"] * 2
    assert np.nansum(arrays["area"], -1) == pytest.approx(24.0**2, rel=1e-5)
    assert arrays["sides"].sum(-1) == pytest.approx(6 * np.isfinite(arrays["area"]).sum(-1))
    mean = np.nanmean(arrays["area"], -1)
    assert np.diff(arrays["tau"], axis=1) == pytest.approx(0.2 * mean[:, :-1], rel=1e-5)
