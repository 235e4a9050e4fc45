"""The report is one self-contained page that says what the numbers say, and shows no comment."""

import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from rich.console import Console

from model import report, summary
from model.evaluate import evaluate, to_json
from tests.training.conftest import write_jsonl


@pytest.fixture(scope="module")
def evaluation(held_out, small_model, smaller_model):
    return evaluate([held_out], small_model, baseline=smaller_model)


@pytest.fixture(scope="module")
def page(evaluation):
    return report.render(evaluation)


class Balance(HTMLParser):
    """Notes elements that are not closed."""

    VOID = frozenset({"meta", "br", "link", "input", "hr", "img"})

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.slow
def test_page_and_numbers_are_written(tmp_path, evaluation):
    path = report.write(evaluation, tmp_path / "new" / "folder")

    assert path.read_text("utf-8").startswith("<!doctype html>")
    assert json.loads((path.parent / "evaluation.json").read_text("utf-8")) == json.loads(
        json.dumps(to_json(evaluation))
    )


@pytest.mark.slow
def test_equal_evaluations_give_equal_bytes(page, evaluation):
    assert report.render(evaluation) == page


def test_every_element_is_closed(page):
    parser = Balance()

    parser.feed(page)

    assert parser.open == []


def test_the_page_needs_nothing_from_elsewhere(page):
    assert not re.search(r"<(script|link|img|iframe)\b|@import|src=", page)
    assert set(re.findall(r'(?:xlink:)?href="([^"#]+)', page)) == set()


def test_four_plots_a_label_with_the_colours_of_the_page(page):
    plots = re.findall(r"<svg.*?</svg>", page, re.DOTALL)

    assert len(plots) == 4
    for plot in plots:
        ElementTree.fromstring(plot)
        assert "var(--ink)" in plot
        assert 'role="img" aria-label="' in plot
        assert not re.search(r"#0[0-9a-f]0[0-9a-f]0[0-9a-f]", plot)


def test_the_page_says_what_was_measured(page, evaluation):
    found = evaluation.model.labels["spam"].outcome

    assert report.percent(found.ham_rejected.share) in page
    assert report.interval(found.published) in page
    assert "small-1" in page
    assert "smaller-1 (baseline)" in page


@pytest.mark.slow
def test_names_from_files_are_escaped(tmp_path, small_model):
    rows = [
        {"text": "hello", "source": "<script>alert(1)</script>", "language": "<b>", "labels": {"spam": label}}
        for label in (0, 1)
    ]

    page = report.render(evaluate([write_jsonl(tmp_path / "x.jsonl", rows)], small_model))

    assert "<script" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.slow
def test_a_version_with_dollar_signs_is_drawn_as_it_is(held_out, small_model):
    odd = replace(small_model, version="$x$ & <y>")

    page = report.render(evaluate([held_out], odd))

    assert "$x$ &amp; &lt;y&gt;" in page


@pytest.mark.slow
@pytest.mark.parametrize("label", [0, 1], ids=["ham alone", "spam alone"])
def test_one_class_alone_still_makes_a_page(tmp_path, small_model, label):
    path = write_jsonl(tmp_path / "one.jsonl", [{"text": "thanks a lot", "labels": {"spam": label}}])

    assert "no such rows" in report.render(evaluate([path], small_model))


def test_without_matplotlib_the_error_says_what_to_install(tmp_path, evaluation, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(report.ReportError, match=r"winnow\[report\]"):
        report.write(evaluation, tmp_path)


@pytest.mark.slow
def test_a_directory_that_cannot_be_made_is_an_error_with_a_sentence(tmp_path, evaluation):
    (tmp_path / "file").write_text("")

    with pytest.raises(report.ReportError, match="cannot be written to"):
        report.write(evaluation, tmp_path / "file" / "below")


@pytest.mark.parametrize(
    "share, told",
    [(None, "–"), (0.0, "0.0 %"), (0.0049, "0.49 %"), (0.123, "12.3 %"), (1.0, "100.0 %")],
)
def test_percentages_are_as_precise_as_they_need_to_be(share, told):
    assert report.percent(share).replace("\N{NO-BREAK SPACE}", " ") == told


def test_the_terminal_says_the_same(evaluation):
    console = Console(file=io.StringIO(), width=160)

    for table in summary.tables(evaluation):
        console.print(table)

    told = console.file.getvalue()
    assert report.percent(evaluation.model.labels["spam"].outcome.ham_rejected.share) in told
    assert "smaller-1 (baseline)" in told
    assert "ham with a link rejected" in told
