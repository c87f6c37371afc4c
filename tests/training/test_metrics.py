from __future__ import annotations

from pathlib import Path

import torch

from physgan.training.metrics import Meter, MetricsFile


def test_the_header_grows_and_old_cells_stay_empty(tmp_path: Path) -> None:
    metrics = MetricsFile(tmp_path / "m.csv")
    metrics.append({"step": 1, "a": 0.5})
    metrics.append({"step": 2, "b": 2.0})
    assert metrics.rows() == [
        {"step": "1", "a": "0.5", "b": ""},
        {"step": "2", "a": "", "b": "2.0"},
    ]
    again = MetricsFile(tmp_path / "m.csv")
    again.append({"b": 3.0, "step": 3})
    assert [row["step"] for row in again.rows()] == ["1", "2", "3"]


def test_truncation_drops_later_and_torn_rows(tmp_path: Path) -> None:
    metrics = MetricsFile(tmp_path / "m.csv")
    for step in range(1, 5):
        metrics.append({"step": step, "a": step})
    with metrics.path.open("a") as file:
        file.write("3")
    metrics.truncate(3)
    assert [row["step"] for row in metrics.rows()] == ["1", "2", "3"]


def test_the_meter_averages_each_name_over_its_own_count() -> None:
    meter = Meter()
    for value in (1.0, 2.0, 6.0):
        meter.add("a", torch.tensor(value))
    meter.add("b", torch.tensor([4.0]))
    assert meter.read() == {"a": 3.0, "b": 4.0}
    assert meter.read() == {}
