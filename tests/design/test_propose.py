import csv
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import pytest
from rectangles import Rectangle

from physgan.design import propose
from physgan.design.table import flat
from physgan.errors import InputError


def _propose(run, targets, n=6, **options):
    with ThreadPoolExecutor(2) as executor:
        return propose(run, targets, n, executor=executor, **options)


def test_candidates_are_what_was_asked(run):
    proposals = _propose(run, {"strength": 2.0, "area": (0.5, 1.5)}, oversample=40)
    assert len(proposals) == 6 and proposals.oracle == "press"
    best = proposals[0]
    assert abs(best.verified["strength"] - 2.0) < 0.2
    assert abs(best.exact["area"] - best.sample.width * best.sample.height) < 1e-5
    assert best.predicted["strength"].low < 2.0 < best.predicted["strength"].high
    assert [c.rank for c in proposals] == [1, 2, 3, 4, 5, 6]
    assert all(a.score <= b.score for a, b in pairwise(proposals))


def test_every_candidate_is_projected_valid_unique_and_novel(run):
    proposals = _propose(run, {"strength": 2.0}, n=30)
    domain = run.domain
    for candidate in proposals:
        assert candidate.laws["grid"] < 1e-6
        assert all(candidate.validity.values())
        assert candidate.novel is True and candidate.sample.width > 0.5
        assert candidate.nearest > 0.2
    samples = [c.sample for c in proposals]
    assert not any(domain.same(a, b) for i, a in enumerate(samples) for b in samples[:i])


def test_counts_fall_stage_by_stage(run):
    counts = _propose(run, {"strength": 2.0}, n=20).counts
    stages = ["sampled", "decoded", "valid", "unique", "novel", "filtered"]
    values = [counts[stage] for stage in stages]
    assert (
        values[0] == 20 * 32 and values == sorted(values, reverse=True) and values[-1] < values[0]
    )
    assert counts["verified"] <= 20


def test_what_the_oracle_refuses_is_not_verified(run):
    proposals = _propose(run, {"strength": "max"})
    wide = [c for c in proposals if c.sample.width > 1.75]
    assert wide and all(c.oracle == {"error": "too wide for the press"} for c in wide)
    assert all(not c.verified and c.relaxed is None for c in wide)
    assert proposals.counts["verified"] == len(proposals) - len(wide)


def test_filters_drop_only_when_asked(run):
    kept = _propose(run, {"strength": 2.0}, n=40)
    assert any(not all(c.filters.values()) for c in kept)
    dropped = _propose(run, {"strength": 2.0}, n=40, filter=True)
    assert dropped.candidates and all(all(c.filters.values()) for c in dropped)


def test_novelty_by_matching_and_keeping_the_known(run):
    known = Rectangle(1.1, 0.8)
    first = _propose(run, {"strength": 2.0}, n=40, training=[])
    assert any(run.domain.same(c.sample, known) for c in first)
    without = _propose(run, {"strength": 2.0}, n=40, training=[known])
    assert not any(run.domain.same(c.sample, known) for c in without)
    kept = _propose(run, {"strength": 2.0}, n=40, training=[known], keep_known=True)
    assert [c.novel for c in kept if run.domain.same(c.sample, known)] == [False]


def test_same_seed_same_candidates(run):
    first, second = (_propose(run, {"strength": 2.0}, seed=3) for _ in range(2))
    assert [flat(c) for c in first] == [flat(c) for c in second]
    assert [c.sample for c in _propose(run, {"strength": 2.0}, seed=4)] != [c.sample for c in first]


def test_target_outside_the_data_warns_or_is_refused(run):
    proposals = _propose(run, {"strength": 100.0})
    assert any("outside the training data" in text for text in proposals.warnings)
    assert proposals[0].asked == {"strength": "100"}
    with pytest.raises(InputError, match="outside"):
        _propose(run, {"strength": 100.0}, strict=True)


def test_without_an_oracle_it_says_so(run, tmp_path):
    proposals = _propose(run, {"strength": 2.0}, n=2, oracle=False, out=tmp_path / "out")
    assert proposals.oracle is None and proposals.counts["verified"] == 0
    assert any("no oracle" in text for text in proposals.warnings)
    written = json.loads((tmp_path / "out" / "candidates.json").read_text())
    assert "not checked" in written["oracle"]
    assert "No oracle has checked" in (tmp_path / "out" / "report.html").read_text()


def test_the_folder_holds_table_files_and_page(run, tmp_path):
    out = tmp_path / "deep" / "out"
    proposals = _propose(run, {"strength": 2.0, "shape": "wide"}, n=3, out=out)
    assert proposals.folder == out
    assert [p.name for p in out.parent.iterdir()] == ["out"]
    rows = list(csv.DictReader((out / "candidates.csv").open()))
    assert [row["label"] for row in rows] == [c.label for c in proposals]
    assert float(rows[0]["verified.strength"]) == proposals[0].verified["strength"]
    for entry, candidate in zip(
        json.loads((out / "candidates.json").read_text())["candidates"], proposals, strict=True
    ):
        width, height = map(float, (out / entry["files"]["sampled"]).read_text().split())
        assert Rectangle(width, height) == candidate.sample
        relaxed = entry["files"].get("relaxed")
        assert (relaxed is None) == (candidate.relaxed is None)
        if relaxed:
            assert float((out / relaxed).read_text().split()[1]) == candidate.sample.height / 2


def test_a_failed_write_leaves_the_old_proposal(run, tmp_path, monkeypatch):
    out = tmp_path / "out"
    _propose(run, {"strength": 2.0}, n=1, out=out)
    before = (out / "candidates.json").read_text()

    def full_disk(*args):
        raise OSError("no space left")

    monkeypatch.setattr(run.domain, "draw", full_disk)
    with pytest.raises(OSError, match="no space"):
        _propose(run, {"strength": 1.0}, n=1, out=out)
    assert (out / "candidates.json").read_text() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "run"]


def test_a_folder_with_other_files_is_not_touched(run, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="not a proposal"):
        _propose(run, {"strength": 2.0}, out=tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_projections_see_what_was_asked(run, monkeypatch):
    seen = []

    def look(x, given):
        seen.append(given["asked"]["strength"])
        return x

    kind, plain = type(run.domain), run.domain.projections()
    extra = replace(plain[0], name="look", law="", function=look)
    monkeypatch.setattr(kind, "projections", lambda self: (*plain, extra))
    _propose(run, {"strength": 2.0}, oversample=4)
    assert seen[0].tolist() == [2.0] * 24
