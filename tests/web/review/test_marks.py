"""Text on the pages: always inert, always legible, evidence at the right place."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from moderation.core.reasons import Evidence, reason
from moderation.web.review import marks
from moderation.web.review.marks import Stretch, legible, shown, stretches

TAG = re.compile(
    r'</?mark(?: class="(?:for|against) (?:weak|strong)" title="[^"<>]*")?>|<span class="odd" title="[^"<>]*">|</span>'
)
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<style>*{display:none}</style>",
    '" onmouseover="alert(1)',
    "{{ 7 * 7 }} {% raw %} ${7*7} #{7*7}",
    "javascript:alert(1)",
    "\x00\x01\x1b[31m\x7f",
    "&lt;b&gt; &amp; &#60;",
    "</div></article></main>",
]


def bare(markup: str) -> str:
    """Return markup without the only tags that it may hold."""
    return TAG.sub("", markup)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_becomes_text(text: str) -> None:
    left = bare(legible(text, [Stretch(1, 5, 1.0, "spam")]))

    assert "<" not in left
    assert ">" not in left
    assert '"' not in left


@given(
    st.text(max_size=300), st.lists(st.tuples(st.integers(-5, 310), st.integers(-5, 310), st.floats(-3, 3)), max_size=6)
)
def test_nothing_but_our_tags_ever_comes_out(text: str, spans: list[tuple[int, int, float]]) -> None:
    found = [Stretch(start, end, weight, "spam") for start, end, weight in spans]

    markup = legible(text, found)

    assert "<" not in bare(markup)
    assert markup.count("<mark") == markup.count("</mark>")
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\u200b]", markup)


@given(st.text(alphabet=st.characters(categories=("Lu", "Ll", "Nd", "Zs", "Po")), max_size=200))
def test_ordinary_text_comes_out_as_it_is(text: str) -> None:
    assert legible(text) == escape(text)


def test_evidence_is_marked_where_it_stands() -> None:
    text = "Buy <b>cheap</b> pills"
    start = text.index("cheap")

    markup = legible(text, [Stretch(start, start + 5, 1.0, "spam", is_strong=True)])

    assert '<mark class="against strong" title="Speaks strongly for spam">cheap</mark>' in markup


def test_where_evidence_overlaps_the_strongest_wins() -> None:
    markup = legible("abcdef", [Stretch(2, 4, 2.0, "spam", is_strong=True), Stretch(0, 6, -0.5, "toxicity")])

    assert bare(markup) == "abcdef"
    assert re.findall(r'class="(\w+) \w+"[^>]*>(\w+)<', markup) == [("for", "ab"), ("against", "cd"), ("for", "ef")]


def test_weak_evidence_beside_strong_is_left_out() -> None:
    evidence = (Evidence(0, 3, "one", 10.0), Evidence(4, 7, "two", 4.0), Evidence(8, 13, "three", 0.9))

    found = stretches([reason("model-spam", weight=1.0, evidence=evidence, verb="resembles")])

    assert [(one.start, one.is_strong) for one in found] == [(0, True), (4, True)]


def test_a_hit_of_a_list_is_marked_although_it_has_no_weight() -> None:
    found = stretches([reason("held-list", evidence=(Evidence(0, 6, "casino", 0.0),))])

    assert [(one.start, one.end, one.is_strong) for one in found] == [(0, 6, True)]


@pytest.mark.parametrize(
    "text, told",
    [
        ("abc\u202egnp.exe", "RLO"),
        ("a\u200bb", "hidden"),
        ("a\u200b\u200b\u200bb", "hidden ×3"),
        ("a\x00b", "control"),
        ("Z" + "\u0301" * 40, "+38 marks"),
        ("a" + "\n" * 40 + "b", "39 empty lines"),
    ],
)
def test_disguises_are_named(text: str, told: str) -> None:
    assert f">{told}</span>" in legible(text)


@pytest.mark.parametrize(
    "text",
    [
        "e\u0301 o\u0302\u0323",
        "\U0001f469\u200d\U0001f4bb family",
        "می\u200cخواهم",
        "ประเทศไทย",
        "שָׁלוֹם",
        "हिन्दी",
        "Tiếng Việt",
        "one\n\ntwo",
    ],
)
def test_honest_scripts_are_left_alone(text: str) -> None:
    assert "odd" not in legible(text)


BIG = {
    "letters": "A" * 65_536,
    "bidi": "\u202e" * 65_536,
    "mixed": "a\u202e" * 32_768,
    "tags": "<" * 65_536,
    "lines": "\n" * 65_536,
    "spaced lines": "\n " * 32_768,
    "spaces": " " * 65_536 + "\n",
    "zalgo": "e\u0301\u0302\u0303\u0304" * 13_000,
    "wide lines": ("\n" + " " * 199) * 320,
}


@pytest.mark.parametrize("text", list(BIG.values()), ids=list(BIG))
def test_big_texts_cost_little_and_are_cut(text: str) -> None:
    started = time.process_time()

    cut = shown(text, [], characters=1_200, markup_bytes=6_000)

    assert time.process_time() - started < 0.05
    assert len(cut.markup) <= 6_500
    assert cut.left_out > 0


def test_a_short_text_is_not_cut() -> None:
    assert shown("Is it right?", [], characters=1_200, markup_bytes=6_000) == marks.Shown(legible("Is it right?"), 0)
