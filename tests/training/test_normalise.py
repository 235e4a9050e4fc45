"""Disguises are undone, honest text is left alone, and no input takes long."""

import time
import unicodedata

import numpy as np
import pytest

from model import hashing
from model import workarea as wa
from model.batch import encode_one
from model.disguise import Disguise, disguise_as
from model.tables import build_tables, load_tables

TABLES = load_tables()


def read(text: str) -> tuple[str, int]:
    """Return the normalised text without its outer blanks, and how many characters were undone."""
    encoded, lengths = encode_one(text, "", "")
    work = hashing.scan(np.frombuffer(encoded, np.uint32), lengths, TABLES, hashing.NO_WEIGHTS, False)[0]
    kept = work.chars[: work.counts[wa.LENGTH]]
    return "".join(map(chr, kept)).strip(" "), int(work.counts[wa.UNDONE])


@pytest.mark.parametrize(
    "text, expected, undone",
    [
        ("Hello   World\n again", "hello world again", 0),
        ("ｆｒｅｅ money", "free money", 4),
        ("𝐟𝐫𝐞𝐞 𝒎𝒐𝒏𝒆𝒚", "free money", 9),
        ("\U0001d455ello", "hello", 1),
        ("сорр аросторн ехрес тор", "copp apoctoph expec top", 20),
        ("тот кот", "тот кот", 0),
        ("fr\u200bee mon\u2060ey", "free money", 2),
        ("сhеck оut", "check out", 3),
        ("ｒｅａｄ 漢字", "read 漢字", 0),
        ("скидкa на всё", "скидка на все", 1),
        ("она там", "она там", 0),
        ("<p>good <a href=\"http://www.spam.example/x\">here</a></p>", "good spam.example/x here", 0),
        ("3 < 4 and 5 > 4", "3 < 4 and 5 > 4", 0),
        ("&lt;b&gt; &#65;&#x42; &amp; &nope;", "<b> ab & &nope;", 0),
        ("sooooo cooool", "soo cool", 0),
        ("1000000", "1000000", 0),
        ("Straße café İzmir", "strasse cafe izmir", 0),
        ("Việt Nam", "viet nam", 0),
        (unicodedata.normalize("NFD", "Việt Nam café"), "viet nam cafe", 0),
        ("می\u200cخواهم", "میخواهم", 0),
        ("👩\u200d👧 ❤\ufe0f", "👩👧 ❤", 0),
        ("z\u0300\u0301\u0302\u0303\u0304algo", "zalgo", 3),
        ("", "", 0),
    ],
    ids=lambda value: repr(value)[:20],
)  # fmt: skip
def test_disguises_are_undone_and_honest_text_is_not(text: str, expected: str, undone: int) -> None:
    assert read(text) == (expected, undone)


@pytest.mark.parametrize("way", list(Disguise), ids=str)
@pytest.mark.parametrize("share", [0.3, 1.0])
def test_a_disguised_text_reads_like_the_plain_one(way: Disguise, share: float) -> None:
    text = "Check out my channel and subscribe for free money, please visit the page today"

    disguised = disguise_as(text, way, share, np.random.default_rng(7))

    assert disguised != text
    plain, undone = read(disguised)
    assert plain == read(text)[0]
    assert undone > 5


@pytest.mark.parametrize(
    "text",
    ["<a" * 32_768, "<" * 65_536, "&" * 65_536, "&#x" * 21_845, "<a href=" * 8_000 + ">", "http://" * 9_000,
     "а" * 65_536, "a\u0301" * 32_768, "\u200b" * 65_536, "ﷺ" * 65_536, "漢" * 65_536, "a" * 1_000_000],
    ids=lambda text: repr(text[:4]),
)  # fmt: skip
def test_hostile_text_is_read_in_linear_time(text: str) -> None:
    read("warm")

    started = time.process_time()
    read(text)

    assert time.process_time() - started < 0.15


@pytest.mark.slow
def test_the_shipped_table_is_what_the_look_alikes_say() -> None:
    """Unassigned code points differ between Pythons; the letters that matter must not."""
    built, letters = build_tables(), "aZéøжЖαΩ漢あ한Ｆ𝐛ﬁßᴀ0９ \u200b"

    for char in letters:
        assert wa.entry_of(ord(char), built) == wa.entry_of(ord(char), TABLES) or ord(char) > 0xFFFF or char in "ﬁß"
