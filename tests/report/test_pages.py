import re
from html.parser import HTMLParser

import pytest
from rectangles import Rectangle, Rectangles

from physgan.conditions import Target
from physgan.design import Candidate, Estimate, Proposals
from physgan.errors import InputError
from physgan.report import proposal_page, training_page
from physgan.report.html import el, number


class Balance(HTMLParser):
    """Every element that opens is closed in order."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in {"img", "meta"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def _proposals(oracle="press", label="1.0x2.0"):
    domain = Rectangles()
    candidates = [
        Candidate(
            name=f"candidate-{i:03d}",
            label=label,
            sample=Rectangle(1.0, i / 4),
            seed=0,
            draw=i,
            rank=i,
            score=0.1 * i,
            predicted={"strength": Estimate(1 + i / 4, 0.1, 0.8 + i / 4, 1.2 + i / 4)},
            exact={"area": i / 4},
            verified={"strength": 1.03 + i / 4} if oracle else {},
            laws={"grid": 0.0 if i > 1 else 0.5},
            novel=True,
        )
        for i in (1, 2, 3)
    ]
    return domain, Proposals(
        domain="rectangles",
        targets=(Target("strength", "value", 1.5, 1.5), Target("area", "range", 0.2, 0.6)),
        candidates=candidates,
        counts={"sampled": 10, "decoded": 9, "valid": 8, "unique": 7, "novel": 6, "verified": 3},
        oracle=oracle,
        level=0.9,
        properties=domain.properties,
        percentiles={name: [i / 50 for i in range(101)] for name in ("strength", "area")},
        tolerances={"grid": (1e-6, "m")},
        warnings=["something to know"],
    )


def _check(text):
    parser = Balance()
    parser.feed(text)
    assert parser.open == []
    links = re.findall(r'(?:src|href)="([^"#]{1,30})', text)
    assert all(link.startswith("data:") for link in links)
    assert "@import" not in text and "url(http" not in text and "<script" not in text


def test_proposal_page_is_whole_and_self_contained():
    domain, proposals = _proposals()
    text = proposal_page(proposals, domain)
    _check(text)
    assert text.count("<img") == 3 and text.count("<svg") == 5
    for figure in ("1.28", "1.05 to 1.45", "2 of 3", "something to know", "Judged by press"):
        assert figure in text


def test_missing_oracle_is_said_and_labels_are_escaped():
    domain, proposals = _proposals(oracle=None, label="<b>&")
    text = proposal_page(proposals, domain)
    _check(text)
    assert "No oracle has checked" in text and "judged by the oracle" not in text
    assert "&lt;b&gt;&amp;" in text and "<b>&" not in text


def test_a_page_without_candidates():
    domain, proposals = _proposals()
    proposals.candidates.clear()
    _check(proposal_page(proposals, domain))


def test_elements_escape_text_and_attributes():
    assert el("p", "a<b", class_='x"y') == '<p class="x&quot;y">a&lt;b</p>'
    assert el("ul", [el("li", 1), el("li", 2)]) == "<ul><li>1</li><li>2</li></ul>"


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.23456, "1.235"), (None, "–"), (float("nan"), "–"), (True, "yes"), (float("inf"), "∞")],
)
def test_numbers_for_people(value, text):
    assert number(value) == text


def test_training_page_shows_each_curve(tmp_path):
    (tmp_path / "metrics.csv").write_text(
        "step,loss/critic,loss/encoder,law.grid\n1,2.5,,1\n2,1.5,4.0,0.001\n3,0.75,nan,0.0001\n"
    )
    (tmp_path / "config.toml").write_text('domain = "rectangles"\n')
    text = training_page(tmp_path)
    _check(text)
    assert text.count("<svg") == 2 and "0.75" in text and "rectangles" in text
    assert "loss/encoder" in text and "3 steps" in text


def test_a_folder_without_metrics_is_refused(tmp_path):
    with pytest.raises(InputError, match="no metrics"):
        training_page(tmp_path)
