"""Reading a text: what HTML shows, links and hosts, near-copy keys; all in linear time."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from moderation.core import text

SIZE = 100_000
SECONDS_ALLOWED = 0.05
HOSTILE = {
    "one letter": "a" * SIZE,
    "words": "a b " * (SIZE // 4),
    "dots": "a." * (SIZE // 2),
    "hyphens": "a-" * (SIZE // 2),
    "schemes": "http://" * (SIZE // 7),
    "www": "www." * (SIZE // 4),
    "at signs": "@" * SIZE,
    "combining marks": "a" + "\u0345\u0301\u0323\u0327" * (SIZE // 8),
    "expanding characters": "\ufdfa\u3300" * (SIZE // 6),
    "zero width": "a\u200b" * (SIZE // 4),
    "opened tags": "<" * SIZE,
    "nested tags": "<div>" * (SIZE // 5),
    "different tags": "".join(f"<font x={number}>" for number in range(SIZE // 15)),
    "open comments": "<!--" * (SIZE // 4),
    "open scripts": "<script>" * (SIZE // 8),
    "closed scripts": "<script></script>" * (SIZE // 17),
    "attributes": "<a " + "x=1 " * (SIZE // 4) + ">",
    "ampersands": "&" * SIZE,
    "long entity": "&#" + "1" * SIZE + ";",
    "zeros": "&#" + "0" * SIZE + "65;",
}
FUNCTIONS: dict[str, Callable[[str], object]] = {
    "plain_text": lambda given: text.plain_text(given, "text/html"),
    "links": text.links,
    "hosts": text.hosts,
    "host": text.host,
    "folded": text.folded,
    "copy_key": text.copy_key,
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_no_text_of_100_kb_stalls(function: Callable[[str], object], hostile: str) -> None:
    def seconds() -> float:
        started = time.process_time()
        function(hostile)
        return time.process_time() - started

    assert min(seconds() for _ in range(3)) < SECONDS_ALLOWED


@given(st.text(), st.sampled_from(list(FUNCTIONS)))
def test_rubbish_never_raises(rubbish: str, name: str) -> None:
    FUNCTIONS[name](rubbish)


@pytest.mark.parametrize(
    "markup, expected",
    [
        ("plain", "plain"),
        ("<b>via</b>gra", "viagra"),
        ("<p>one</p><p>two</p>", "\none\n\ntwo\n"),
        ("one<br/>two", "one\ntwo"),
        ("Tom &amp; &lt;b&gt; &#8364; &eacute;", "Tom & <b> € é"),
        ("a<script>evil('</p>')</script>b", "ab"),
        ("a<STYLE type='x'>p {}</style >b", "ab"),
        ("a<script>never closed", "a"),
        ("a<!-- hidden <b> -->b", "ab"),
        ("a<!-- never closed", "a"),
        ("a<!doctype html>b", "ab"),
        ('<a href="https://spam.example/">here</a>', "here"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("I <3 this", "I <3 this"),
        ("&#99999999999999999999;", "\ufffd"),
        ("&#0;&#xD800;", "\ufffd\ufffd"),
        ("<o:p>office</o:p>", "office"),
    ],
)
def test_html_is_reduced_to_what_a_reader_sees(markup: str, expected: str) -> None:
    assert text.plain_text(markup, "text/html") == expected


@given(st.text(st.characters(exclude_characters="<&")))
def test_text_without_markup_stays_as_it_is(given_text: str) -> None:
    assert text.plain_text(given_text, "text/html") == given_text
    assert text.plain_text("<b>&amp;</b>" + given_text, "text/plain") == "<b>&amp;</b>" + given_text


@pytest.mark.parametrize(
    "given_text, expected",
    [
        ("see https://a.example/x?y=1#z and www.b.example.", ("https://a.example/x?y=1#z", "www.b.example.")),
        ("HTTP://A.EXAMPLE", ("HTTP://A.EXAMPLE",)),
        ("https://a.example https://a.example", ("https://a.example",)),
        ('<a href="https://a.example">https://b.example</a>', ("https://a.example", "https://b.example")),
        ("xwww.b.example a.www.b.example ftp://c.example http://x", ()),
    ],
)
def test_links_are_found_once_each(given_text: str, expected: tuple[str, ...]) -> None:
    assert text.links(given_text) == expected


@pytest.mark.parametrize(
    "link, expected",
    [
        ("https://User:secret@WWW.A.example:8080/x", "www.a.example"),
        ("a.example.", "a.example"),
        ("https://a.example\\@b.example", "a.example"),
        ("https://a.example?b.example", "a.example"),
        ("", ""),
        ("://", ""),
    ],
)
def test_the_host_of_a_link(link: str, expected: str) -> None:
    assert text.host(link) == expected


def test_hosts_are_named_in_links_or_bare() -> None:
    found = text.hosts("Go to Spam.Example or https://b.example/x, not to e.g. 3.14 or mallory@c.example")

    assert {"spam.example", "b.example"} <= found
    assert not found & {"3.14", "e.g"}


@pytest.mark.parametrize(
    "name, domain, expected",
    [("a.example", "a.example", True), ("x.a.example", "a.example", True), ("xa.example", "a.example", False)],
)
def test_below_means_the_domain_or_a_subdomain(name: str, domain: str, expected: bool) -> None:
    assert text.is_below(name, domain) is expected


@given(st.text())
def test_folding_twice_changes_nothing_that_lists_would_notice(given_text: str) -> None:
    once = text.folded(given_text)

    assert text.folded(once).casefold() == text.folded(text.folded(once)).casefold()


@pytest.mark.parametrize("spelling", ["Viagra", "ＶＩＡＧＲＡ", "vi\u200bagra", "v\u00adiagra", "𝐯𝐢𝐚𝐠𝐫𝐚"])
def test_disguises_fold_to_the_same(spelling: str) -> None:
    assert text.folded(spelling) == "viagra"


def test_honest_accents_survive_and_piles_of_them_do_not() -> None:
    assert text.folded("Ha\u0306\u0301t") == text.folded("Hắt")
    assert len(text.folded("a" + "\u0301" * 1000)) <= text.MARKS_IN_A_ROW + 1


SPAM = "Buy the very best watches in town from us today my friends"


@pytest.mark.parametrize(
    "copy",
    [SPAM.upper(), SPAM + " https://x.example/1", f"  {SPAM}!!! 12345", SPAM.replace("watches", "wat\u200bches")],
)
def test_near_copies_share_a_key(copy: str) -> None:
    assert text.copy_key(copy) == text.copy_key(SPAM)


def test_other_texts_have_other_keys_and_short_ones_none() -> None:
    assert text.copy_key("An honest sentence about the article that I have read") != text.copy_key(SPAM)
    assert text.copy_key("Thanks for the great post!") is None
    assert text.copy_key("") is None


@given(st.text("abcXYZ 019_-.\t\n\x1c'\"", max_size=120))
@example("one two three four 5 six_7 eight")
def test_both_ways_to_cut_words_give_the_same_key(ascii_text: str) -> None:
    # A number that is not ASCII makes the text go the long way, and numbers are left out either way.
    assert text.copy_key(ascii_text + " 1") == text.copy_key(ascii_text + " \u0661")
