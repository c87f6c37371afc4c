"""What the README says: its figures are the results', its commands exist, its Python runs."""

import importlib.util
import json
import re
import shlex
import sys
from pathlib import Path

import pytest
import typer

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCES = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
COMMANDS = [
    command.strip()
    for kind, block in FENCES
    if kind == "bash"
    for line in block.replace("\\\n", " ").splitlines()
    for command in line.split("#")[0].split("&&")
    if re.search(r"(^|/)physgan ", command.strip())
]


@pytest.fixture(scope="module")
def readme():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    spec = importlib.util.spec_from_file_location("readme", ROOT / "benchmarks" / "readme.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.path.remove(str(ROOT / "benchmarks"))
    return module


@pytest.fixture
def results(tmp_path):
    figures = {"struct_valid": 99.5, "wdist_density": 0.0712, "target_mae_predicted": 0.0349}
    record = {
        "figures": {**figures, "novel": float("nan")},
        "rows": {"filtered": {"struct_valid": 100.0, "wdist_density": 0.5}},
        "baselines": {"bootstrap": {"struct_valid": 98.0, "novel": 0.0}},
        "units": {"target_mae_predicted": "eV/atom"},
        "command": "python benchmarks/toy.py",
        "machine": {"cpu": "Some CPU", "cores": 2},
    }
    papers = {
        "remark": "Unchecked.",
        "published": {
            "Old": {"struct_valid": 73.6, "source": "arXiv:1", "from_memory": True},
            "New": {"wdist_density": 0.1, "source": "arXiv:2", "from_memory": False},
        },
    }
    for folder, content in (("results", record), ("published", papers)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "toy.json").write_text(json.dumps(content))
    return tmp_path


def test_every_figure_of_the_readme_is_that_of_the_results(readme):
    assert readme.render(README) == README


def test_every_table_of_the_readme_is_marked(readme):
    outside = readme.MARKER.sub("", README)
    assert not [row for row in outside.splitlines() if row.startswith("|") and "---:" in row]


def test_a_table_has_published_rows_baselines_and_ours(readme, results):
    text = readme.render("a <!-- table:toy -->stale<!-- / --> b", results)
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("|")]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["", "structure valid, %", "W density", "novel, %"],
        ["---", "---:", "---:", "---:"],
        ["Old (arXiv:1)", "73.60*", "-", "-"],
        ["New (arXiv:2)", "-", "0.100", "-"],
        ["bootstrap", "98.00", "-", "0.0"],
        ["**physgan**, raw", "99.50", "0.071", "-"],
        ["**physgan**, filtered", "100.00", "0.500", "-"],
    ]
    assert "stale" not in text and "\\* Unchecked." in text and "2 cores of Some CPU" in text
    assert readme.render(text, results) == text


def test_conditioning_and_single_figures_come_from_the_results(readme, results):
    text = readme.render("<!-- table:toy/conditioning --><!-- / -->", results)
    assert "| asked against predicted, mean absolute difference | 0.035 | eV/atom |" in text
    one = "<!-- figure:toy:wdist_density:.2f -->9<!-- / -->"
    assert readme.render(one, results) == one.replace("-->9<", "-->0.07<")


def test_without_results_a_table_is_empty_and_a_sentence_refused(readme, results):
    empty = "<!-- table:absent --><!-- / -->"
    assert readme.render(empty.replace("--><", "-->| 1 |<"), results) == empty
    with pytest.raises(SystemExit, match="which does not exist"):
        readme.render("<!-- figure:absent:struct_valid:.2f -->99<!-- / -->", results)


def test_it_opens_with_two_commands_that_do_their_own_set_up():
    first = [block.strip() for kind, block in FENCES if kind == "bash"][:2]
    assert all("python3 -m venv .venv && .venv/bin/pip install" in block for block in first)
    assert ".venv/bin/physgan propose crystal" in first[0]
    assert first[1].endswith(".venv/bin/pytest")


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_exists_with_its_options(line):
    from physgan.cli import build_app

    _, name, *arguments = shlex.split(line)
    command = typer.main.get_command(build_app())
    assert name in command.commands, f"there is no physgan {name}"
    # Parsing raises for an unknown option, a missing argument, a value of the wrong type.
    command.commands[name].make_context(name, arguments, resilient_parsing=False)


@pytest.mark.parametrize("block", [block for kind, block in FENCES if kind == "python"])
def test_what_the_python_examples_import_exists(block):
    compile(block, "README.md", "exec")
    for line in re.findall(r"^(?:from|import) physgan.*$", block, re.MULTILINE):
        exec(line, {})


def test_every_local_link_and_picture_exists():
    targets = re.findall(r"\]\(([^)#\s]+)\)|<img src=\"([^\"]+)\"", README)
    for target in (first or second for first, second in targets):
        if "://" not in target:
            assert (ROOT / target).exists(), target
