"""The grammar writes varied, well-formed, balanced rows, and equal seeds give equal rows."""

import re
from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model import spintax
from model.grammar import SOURCE, write_rows
from model.phrasebook import PhraseError, check, load_phrasebook
from model.roughen import roughen, tidy
from model.writer import BUILT_IN, Writer

MANY = 20_000
LANGUAGES = set("en de fr es pt it ru nl pl tr ja zh ko ar ca cs da fa fi hi hr hu id nb ro sk sv uk vi".split())


@pytest.fixture(scope="module")
def rows():
    return list(write_rows(1, MANY))


def share(rows, wanted):
    return sum(map(wanted, rows)) / len(rows)


def test_equal_seeds_give_equal_rows():
    assert list(write_rows(5, 300)) == list(write_rows(5, 300))


def test_other_seeds_give_other_rows():
    texts = [{row["text"] for row in write_rows(seed, 300)} for seed in (5, 6)]

    assert len(texts[0] & texts[1]) < 30


def test_a_longer_run_starts_like_a_shorter_one():
    assert list(write_rows(5, 50)) == list(write_rows(5, 400))[:50]


def test_half_of_the_rows_are_spam(rows):
    assert share(rows, lambda row: row["labels"]["spam"]) == pytest.approx(0.5, abs=0.001)


def test_rows_have_exactly_the_training_shape(rows):
    for row in rows:
        assert set(row) == {"text", "author", "url", "language", "source", "labels"}
        assert row["source"] == SOURCE
        assert row["labels"]["spam"] in (0, 1)
        assert row["labels"]["toxic"] is None
        assert row["text"].strip()
        assert len(row["text"]) < 2000


def test_texts_hardly_repeat(rows):
    assert len({row["text"] for row in rows}) > 0.99 * MANY


def test_variety_is_more_than_numbers_and_hosts(rows):
    shapes = {re.sub(r"https?://\S+|\d+", "", row["text"]).lower() for row in rows}

    assert len(shapes) > 0.85 * MANY


def test_every_language_is_written_for_both_labels(rows):
    counts = Counter((row["language"], row["labels"]["spam"]) for row in rows)

    assert {language for language, _ in counts} == LANGUAGES
    assert min(counts.values()) >= 60


def test_nothing_of_the_pattern_language_is_left(rows):
    # Code has braces of its own, so only what looks like a slot or an unfinished choice counts.
    left = [row["text"] for row in rows if re.search(r"\{\w+(:[\w-]+)?\}(?<!\{[xX]\})|\{\?|\|\}", row["text"])]

    assert left == []


def test_a_link_alone_does_not_give_the_label_away(rows):
    linked = [row for row in rows if re.search(r"https?://", row["text"])]

    assert 0.25 < share(linked, lambda row: not row["labels"]["spam"]) < 0.6


def test_a_missing_name_does_not_give_the_label_away(rows):
    spam, ham = ([row for row in rows if row["labels"]["spam"] == label] for label in (1, 0))

    assert share(spam, lambda row: bool(row["author"])) == pytest.approx(
        share(ham, lambda row: bool(row["author"])), abs=0.02
    )


def test_honest_people_fill_in_their_own_site(rows):
    ham = [row for row in rows if not row["labels"]["spam"]]

    assert share(ham, lambda row: bool(row["url"])) > 0.15


def test_honest_comments_speak_of_what_spam_sells(rows):
    ham = [row["text"].lower() for row in rows if not row["labels"]["spam"]]

    for word in ("bitcoin", "casino", "loan", "viagra", "metformin"):
        assert any(word in text for text in ham), word


def test_spam_links_lead_to_invented_hosts_only(rows):
    parts = load_phrasebook().materials.parts
    messengers = {"t.me", "wa.me", *parts["short"]}
    allowed = re.compile(rf"^(?:www\.)?[a-z0-9-]+\.(?:{'|'.join(map(re.escape, parts['tlds']))})$")

    hosts = {
        host
        for row in rows
        if row["labels"]["spam"]
        for host in re.findall(r"https?://([^\s/<>\"\[\])?,.]+(?:\.[\w-]+)+)", f"{row['text']} {row['url'] or ''}")
    }

    assert [host for host in hosts if host not in messengers and not allowed.match(host)] == []


@pytest.mark.parametrize(
    "brand", ["rolex", "gucci", "louis vuitton", "nike", "amazon", "coinbase", "binance", "paypal", "microsoft"]
)
def test_no_firm_is_smeared(rows, brand):
    spam = " ".join(f"{row['text']} {row['author']} {row['url']}".lower() for row in rows if row["labels"]["spam"])

    assert not re.search(rf"\b{brand}\b", spam)


@pytest.mark.slow
def test_every_pattern_of_every_file_can_be_written():
    book = load_phrasebook()
    for language in book.languages:
        for kind in (*language.spam, *language.ham):
            for pattern in kind.patterns:
                for seed in range(20):
                    rng = Random(seed)
                    writer = Writer(book, language, rng, rng.choice(kind.trades) if kind.trades else None)
                    assert roughen(writer.write(pattern), rng), (language.code, kind.name)


def test_a_slot_that_nobody_fills_is_refused():
    with pytest.raises(PhraseError, match=r"nobody fills phone"):
        check(load_phrasebook(), frozenset(BUILT_IN) - {"phone"})


@pytest.mark.parametrize(
    "pattern, outcomes",
    [
        ("plain", {"plain"}),
        ("{a|b}", {"a", "b"}),
        ("x{?y}", {"x", "xy"}),
        ("{a|{b|c}}!", {"a!", "b!", "c!"}),
        ("{slot:3}", {"<slot 3>"}),
        (r"\{a\|b\}", {"{a|b}"}),
        ("a|b", {"a|b"}),
        ("{a|}", {"a", ""}),
    ],
    ids=["literal", "choice", "option", "nested", "slot", "escaped", "bar outside braces", "empty alternative"],
)
def test_patterns(pattern, outcomes):
    parsed = spintax.parse(pattern)

    written = {
        spintax.write(parsed, Random(seed), lambda slot, _: f"<{slot.name} {slot.argument}>") for seed in range(60)
    }

    assert written == outcomes


@pytest.mark.parametrize("pattern", ["{a|b", "a}b", "{}", "{two words}", "{{a}"])
def test_broken_patterns_are_refused(pattern):
    with pytest.raises(spintax.PatternError):
        spintax.parse(pattern)


def test_a_slot_that_contains_itself_ends():
    endless = spintax.parse("{again}")

    def fill(_slot, depth):
        return spintax.write(endless, Random(0), fill, depth)

    with pytest.raises(spintax.PatternError, match="refers to itself"):
        spintax.write(endless, Random(0), fill)


@given(st.text(max_size=60))
@settings(max_examples=300)
def test_any_pattern_parses_or_is_refused(pattern):
    try:
        parsed = spintax.parse(pattern)
    except spintax.PatternError:
        return
    assert isinstance(spintax.write(parsed, Random(0), lambda slot, _: slot.name), str)


@given(st.text(min_size=1, max_size=200), st.integers(0, 1000))
def test_roughening_is_deterministic_and_short(text, seed):
    rough = roughen(text, Random(seed))

    assert rough == roughen(text, Random(seed))
    assert len(rough) <= 3 * len(text) + 2


def test_addresses_and_code_survive_roughening():
    text = 'see https://Example.org/Some_Path?x=1 and `Make -j4` or <a href="http://A.example/B">this</a>, thanks'

    for seed in range(200):
        rough = roughen(text, Random(seed))
        assert "https://Example.org/Some_Path?x=1" in rough
        assert "`Make -j4`" in rough
        assert '<a href="http://A.example/B">' in rough


def test_tidy_closes_the_gaps_of_unused_options():
    assert tidy("Nice  post , thanks !. ") == "Nice post, thanks!"
