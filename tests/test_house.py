"""The rules of the house: what may know what, what imports what, and how long a file may be."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ("physgan", "domains", "datasets", "benchmarks", "examples", "tests")
HEAVY = (
    "ase", "chgnet", "distributed", "e3nn", "matminer", "matplotlib.pyplot", "numba", "pandas",
    "pymatgen", "smact", "spglib", "torch_geometric",
)  # fmt: skip
LOADED = f"""
import sys
{{}}
print(*(name for name in {HEAVY} + ("torch",) if name in sys.modules))
"""
HELP = """
from physgan.cli import main
try:
    main(["--help"])
except SystemExit as end:
    assert end.code == 0
"""


def python_files(*folders):
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def loaded_by(code):
    """Which heavy modules are loaded after ``code`` in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(code)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(done.stdout.splitlines()[-1].split()) if done.stdout.strip() else set()


def test_the_core_names_no_domain():
    named = re.compile(r"crystal|protein|terrain|foam", re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in python_files("physgan")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if named.search(line)
    ]
    assert not found, "\n".join(found)


def test_the_command_line_answers_help_without_torch():
    assert loaded_by(HELP) == set()


def test_the_package_loads_without_torch_and_its_core_without_heavy_libraries():
    assert loaded_by("import physgan") == set()
    assert loaded_by("import physgan; physgan.load; import physgan.run, physgan.design") == {
        "torch"
    }


def test_a_domain_is_loaded_without_its_heavy_libraries():
    pytest.importorskip("pymatgen")
    assert loaded_by("import physgan; physgan.load('crystal')") == {"torch"}


def test_no_file_is_longer_than_300_lines():
    long = {
        str(path.relative_to(ROOT)): lines
        for path in python_files(*SOURCES)
        if (lines := len(path.read_text().splitlines())) > 300
    }
    assert not long


def test_no_file_is_pickled():
    # Objects on their way to a worker process are (`dumps`), files never.
    unsafe = re.compile(
        r"pickle\.(load|dump|Pickler|Unpickler)\b|\b(dill|cloudpickle|joblib)\b"
        r"|allow_pickle=True|weights_only=False|\.(read|to)_pickle\("
    )
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in python_files("physgan", "domains", "datasets", "benchmarks")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if unsafe.search(line)
    ]
    assert not found


def test_tensors_are_always_read_with_weights_only():
    for path in python_files("physgan", "domains", "benchmarks"):
        for call in re.findall(r"torch\.load\([^)]*\)", path.read_text()):
            assert "weights_only=True" in call, f"{path}: {call}"


def test_folders_that_must_stay_plain_have_no_package_file():
    for folder in ("domains", "datasets", "tests"):
        assert not (ROOT / folder / "__init__.py").exists()
