"""The README's tables of proteins, from a record with known figures."""

import importlib.util
from pathlib import Path

import pytest

FILE = Path(__file__).parents[2] / "benchmarks" / "protein_tables.py"


@pytest.fixture(scope="module")
def tables():
    spec = importlib.util.spec_from_file_location("protein_tables", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RECORD = {
    "published": {
        "Old": {"aav_hard": {"fitness": 0.6, "diversity": 4.5, "novelty": 7.0}, "source": "A",
                "from_memory": True},
        "Searcher": {"gb1_best_96x5": 0.93, "source": "B", "from_memory": False},
    },
    "baselines": {"random": {"gb1_best_96x5": 0.4712, "aav_hard": {"fitness": None}}},
    "figures": {"aav_hard": {"fitness": 0.605, "diversity": 4.78, "novelty": 6.0,
                             "fitness_lowest": 0.55, "fitness_highest": 0.7},
                "gb1_best_96x5": 1.0},
    "ablation": {
        "ours without critic": {"aav_hard": {"fitness": 0.5, "diversity": 4, "novelty": 6}}
    },
    "machine": {"cpu": "Some CPU", "cores": 2}, "command": "python x.py", "remark": "Mind.",
    "seeds": [0, 1, 2], "set_seeds": 2, "ablation_seeds": 1,
}  # fmt: skip


def test_fitness_stands_beside_diversity_and_novelty(tables):
    lines = tables.sets_table(RECORD).splitlines()
    assert lines[0].endswith("| AAV hard |") and "| Old (A) | 0.60 / 4.5 / 7.0* |" in lines
    assert (
        "| **physgan** | 0.60 (0.55 to 0.70) / 4.8 / 6.0 |" in lines and "| random | - |" in lines
    )
    assert not any("Searcher" in line for line in lines)


def test_rows_appear_where_they_have_figures(tables):
    lines = tables.searches_table(RECORD).splitlines()
    assert "| Searcher (B) | - | 0.930 | - | - | - |" in lines
    assert "| random | - | 0.471 | - | - | - |" in lines
    assert not any("Old" in line for line in lines)


def test_the_last_table_says_what_holds_for_all(tables):
    lines = tables.ablation_table(RECORD).splitlines()
    assert "| ours without critic | 0.50 / 4.0 / 6.0 |" in lines and lines[-1].endswith("Mind.")
    assert "Medians of 3 seeds, of AAV and GFP of 2 and of the ablation of 1" in lines[-1]
