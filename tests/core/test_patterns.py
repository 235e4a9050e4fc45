"""Lists: words at word boundaries, RE2 patterns, domains; none of them can be made slow."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.core.patterns import (
    MAX_PATTERN_LENGTH,
    MAX_PATTERNS,
    MAX_WORD_LENGTH,
    MAX_WORDS,
    PATTERN_CHARACTERS,
    ListRules,
    faults,
    find_hit,
)
from moderation.core.reasons import Evidence

SECONDS_ALLOWED = 0.05
LETTERS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=8)


def hit(rules: ListRules, text: str) -> tuple[Evidence, ...] | None:
    return find_hit(rules, [("content", text)], ())


@pytest.mark.parametrize(
    "word, text, is_hit",
    [
        ("cialis", "Socialism and specialists", False),
        ("cialis", "Buy CIALIS now", True),
        ("cialis", "cialis", True),
        ("cialis", "(cialis)", True),
        ("cialis", "cialis_x", False),
        ("cialis", "cialis2", False),
        ("cialis", "ｃｉａｌｉｓ here", True),
        ("cialis", "cia\u200blis here", True),
        ("Straße", "an der STRASSE", True),
        ("free money", "get free money!", True),
        ("free money", "free  money", False),
        ("c++", "I like C++.", True),
        (".*", "anything", False),
        ("казино", "лучшее казино тут", True),
        ("казино", "показинот", False),
        ("彩票", "我买彩票了", True),
        (" spam ", "spam", True),
    ],
)
def test_words_match_at_word_boundaries(word: str, text: str, is_hit: bool) -> None:
    assert (hit(ListRules(words=(word,)), text) is not None) is is_hit


@given(LETTERS, LETTERS, LETTERS)
def test_a_word_inside_a_longer_one_is_never_hit(word: str, before: str, after: str) -> None:
    assert hit(ListRules(words=(word,)), f"x{before}{word}{after}x") is None or word in {before, after}


@given(LETTERS, st.sampled_from([" ", ", ", "!", "\n", "…"]), st.text(max_size=20))
def test_a_word_on_its_own_is_always_hit(word: str, edge: str, rest: str) -> None:
    assert hit(ListRules(words=(word,)), f"{rest}{edge}{word}{edge}{rest}") is not None


@pytest.mark.parametrize("word", ["\u200b", "\u00ad", "\ufeff\u200d"])
def test_a_word_of_invisible_characters_hits_nothing(word: str) -> None:
    rules = ListRules(words=(word, "casino"))

    assert hit(rules, "Nice — really nice") is None
    assert hit(rules, "a casino") is not None


def test_evidence_says_where() -> None:
    found = hit(ListRules(words=("casino",)), "Best Casino ever")

    assert found == (Evidence(5, 11, "Casino", 0.0, "content"),)


def test_the_first_field_that_matches_is_reported() -> None:
    fields = [("content", "nothing"), ("author", "Casino Royal"), ("url", "https://casino.example")]
    found = find_hit(ListRules(words=("casino",)), fields, ())

    assert found == (Evidence(0, 6, "Casino", 0.0, "author"),)


def test_patterns_search_as_written() -> None:
    rules = ListRules(patterns=(r"win \d+ euro", r"^top"))

    assert hit(rules, "you WIN 1000 euro") == (Evidence(4, 17, "WIN 1000 euro", 0.0, "content"),)
    assert hit(rules, "not top") is None


@pytest.mark.parametrize(
    "host, is_hit",
    [("spam.example", True), ("www.spam.example", True), ("notspam.example", False), ("spam.example.org", False)],
)
def test_a_domain_means_itself_and_what_is_below(host: str, is_hit: bool) -> None:
    found = find_hit(ListRules(domains=("spam.example",)), [("content", "")], [host])

    assert (found is not None) is is_hit


@pytest.mark.parametrize(
    "pattern, code",
    [
        ("(", "invalid-pattern"),
        ("(?=look)", "invalid-pattern"),
        (r"(a)\1", "invalid-pattern"),
        ("x{1001}", "invalid-pattern"),
        ("((x{100}){100}){100}", "invalid-pattern"),
        ("a*", "empty-match"),
        ("|x", "empty-match"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_named(pattern: str, code: str) -> None:
    found = faults(ListRules(patterns=("good", pattern)), "/block")

    assert [(fault.pointer, fault.code) for fault in found] == [("/block/patterns/1", code)]
    assert pattern not in found[0].detail


def test_a_list_that_is_too_large_together_is_refused() -> None:
    patterns = tuple(rf"(x{{{number % 90 + 10}}}y{number}){{9}}" for number in range(MAX_PATTERNS))

    assert [fault.code for fault in faults(ListRules(patterns=patterns), "/hold")] == ["list-too-large"]


def test_the_longest_list_of_words_is_taken() -> None:
    words = tuple(f"{number:x}".rjust(MAX_WORD_LENGTH // 4, "w") for number in range(MAX_WORDS))

    assert faults(ListRules(words=words), "/block") == []
    assert hit(ListRules(words=words), f"a {words[-1]} b") is not None


def _seconds(rules: ListRules, text: str) -> float:
    hit(rules, "compile first")
    started = time.process_time()
    hit(rules, text)
    return time.process_time() - started


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+b", "(.*a){12}b", ".*.*.*=.*", r"(\w+\s?)+!", "[^x]{0,60}yz"])
@pytest.mark.parametrize("text", ["a" * 65_000, "a " * 32_000, "é" * 32_000], ids=["letters", "words", "accents"])
def test_no_pattern_stalls(pattern: str, text: str) -> None:
    assert faults(ListRules(patterns=(pattern,)), "") == []
    assert min(_seconds(ListRules(patterns=(pattern,)), text) for _ in range(3)) < SECONDS_ALLOWED


def test_many_words_on_a_long_text_do_not_stall() -> None:
    words = tuple(f"word{number}" for number in range(MAX_WORDS))

    assert min(_seconds(ListRules(words=words), "word " * 13_000) for _ in range(3)) < SECONDS_ALLOWED


def test_expanding_characters_do_not_stall() -> None:
    rules = ListRules(words=("casino",), patterns=("(.*a){12}b",))

    assert min(_seconds(rules, "\ufdfa" * 21_000) for _ in range(3)) < 2 * SECONDS_ALLOWED


def test_patterns_see_the_beginning_and_words_all_of_a_text() -> None:
    text = "x " * PATTERN_CHARACTERS + "casino"

    assert hit(ListRules(patterns=("casino",)), text) is None
    assert hit(ListRules(words=("casino",)), text) is not None


@given(st.text(max_size=MAX_PATTERN_LENGTH), st.text(max_size=200))
def test_a_pattern_is_refused_or_works(pattern: str, text: str) -> None:
    rules = ListRules(patterns=(pattern,))

    assert faults(rules, "") or hit(rules, text) is None or hit(rules, text) is not None


@given(st.lists(st.text(max_size=MAX_WORD_LENGTH), max_size=5), st.text(max_size=200))
def test_no_word_breaks_the_expression(words: list[str], text: str) -> None:
    for evidence in hit(ListRules(words=tuple(words)), text) or ():
        assert text[evidence.start : evidence.end] == evidence.text
