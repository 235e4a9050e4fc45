"""Reading a comment's text: HTML to text, links, and a key that near-copies share.

Every function here is linear in its input; the patterns are bounded so that hostile text cannot make them slow. Owns
the reduction of HTML for that reason: a parser that builds a tree, as nh3's does, takes seconds for tags nested
thousands deep. What comes out is read by rules and people, never rendered.
"""

from __future__ import annotations

import html
import re
import unicodedata
import zlib
from collections.abc import Iterator

import re2

COPY_MIN_WORDS = 6  # Shorter texts ("Thanks for the great post!") are alike by nature.
COPY_CHARACTERS = 20_000  # So much of a text makes its near-copy key; the rest would only cost time.
MARKS_IN_A_ROW = (
    30  # More non-starters than any script needs: Stream-Safe Text Format, UAX #15. Sorting them is quadratic.
)
_LINK = re.compile(r"(?:https?://|(?<![\w.])www\.)[^\s<>\"'\[\]()]{3,2000}", re.IGNORECASE)
_HOST_LIKE = re.compile(r"(?<![\w.-])(?:[\w-]{1,63}\.){1,10}[^\W\d_]{2,24}(?![\w-])")
_WORD = re.compile(r"\w+")
_ASCII_WORDS = bytes(ord(ch) if ch.isalnum() or ch == "_" else 32 for ch in map(chr, range(128))).ljust(256)
_ZERO_WIDTH = dict.fromkeys([0x00AD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x180E])
_REPLACED = _ZERO_WIDTH | dict.fromkeys([0xFDFA, 0xFDFB], " ")  # NFKC would make a sentence of each of the last two.
_TAG = re.compile(r"<(?:!--|/?([a-zA-Z][a-zA-Z0-9]{0,19})[^<>]*>|[!?][^<>]*>)")
_HIDDEN_TAGS = frozenset(("script", "style", "template", "title"))
_BREAKING_TAGS = frozenset(
    "address article blockquote br dd div dl dt figure footer h1 h2 h3 h4 h5 h6 header hr li ol p pre section table td"
    " th tr ul".split()
)
_LONG_NUMBER = re.compile(r"&#[0-9]{8,};?")  # Beyond any code point, and int() refuses more than 4,300 digits.
_MARKS = re2.compile(rf"([\pM]{{{MARKS_IN_A_ROW}}})[\pM]+")

SHORTENERS = frozenset(
    "adf.ly bit.ly buff.ly clck.ru cutt.ly goo.su is.gd lnkd.in ow.ly qps.ru rb.gy rebrand.ly s.id shorte.st"
    " shorturl.at soo.gd t.co t.ly t2m.io tiny.cc tiny.one tinyurl.com u.to v.gd vk.cc".split()
)


def plain_text(content: str, content_type: str) -> str:
    """Return what a reader would see: ``text/html`` loses its markup, all else is returned as it is.

    Tags that break a line become one; scripts, styles and comments go with what they hold.
    """
    if content_type != "text/html":
        return content
    return html.unescape(_LONG_NUMBER.sub("\ufffd", "".join(_visible(content))))


def _visible(content: str) -> Iterator[str]:
    """Yield the text between the tags; what a hidden tag holds goes up to its end, or to the end of all."""
    position = 0
    while (tag := _TAG.search(content, position)) is not None:
        yield content[position : tag.start()]
        name = (tag.group(1) or "").lower()
        position = tag.end()
        if tag.group() == "<!--":
            position = _after("-->", content, position)
        elif name in _HIDDEN_TAGS and tag.group()[1] != "/":
            position = _after(f"</{name}[^<>]*>", content, position)
        elif name in _BREAKING_TAGS:
            yield "\n"
    yield content[position:]


def _after(end: str, content: str, position: int) -> int:
    found = re.compile(end, re.IGNORECASE).search(content, position)
    return found.end() if found else len(content)


def links(text: str) -> tuple[str, ...]:
    """Return the distinct links of a text in order of appearance, ``www.`` ones included."""
    if not _may_hold_links(text):
        return ()
    return tuple(dict.fromkeys(match.group() for match in _LINK.finditer(text)))


def _may_hold_links(text: str) -> bool:
    """Return whether a text can hold a link at all: most hold none, and two look-ups cost less than a search."""
    return "://" in text or "www." in text.lower()


def host(link: str) -> str:
    """Return the lower-case host of a link or of a bare host name; never raises on rubbish."""
    rest = link.split("://", 1)[-1]
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    return authority.rsplit("@", 1)[-1].split(":", 1)[0].rstrip(".").lower()


def hosts(text: str) -> frozenset[str]:
    """Return the hosts that a text names, in links or bare."""
    return frozenset(host(link) for link in links(text)) | frozenset(
        match.group().lower() for match in _HOST_LIKE.finditer(text)
    )


def is_below(name: str, domain: str) -> bool:
    """Return whether a host is the domain or one of its subdomains."""
    return name == domain or name.endswith("." + domain)


def folded(text: str) -> str:
    """Return the text as lists compare it: NFKC, zero-width characters removed, case folded.

    Of more than 30 combining marks in a row the first 30 are kept, so that it takes linear time.
    """
    if text.isascii():
        return text.casefold()
    bounded = _MARKS.sub(r"\1", text.translate(_REPLACED))
    return unicodedata.normalize("NFKC", bounded).casefold()


def copy_key(text: str) -> str | None:
    """Return a key that near-copies of a text share, or None for texts too short to be told apart.

    The key is the smallest and the largest CRC-32 over the shingles of four words, links and digits left out. Two texts
    whose shingle sets have Jaccard similarity J share it with probability of about J².

    Source: A. Broder, "On the resemblance and containment of documents", 1997 (min-wise hashing).
    """
    head = folded(text[:COPY_CHARACTERS])[:COPY_CHARACTERS]
    bare = _LINK.sub(" ", head) if _may_hold_links(head) else head
    words = _encoded_words(bare)
    if len(words) < COPY_MIN_WORDS:
        return None
    hashes = list(map(zlib.crc32, map(b" ".join, zip(words, words[1:], words[2:], words[3:], strict=False))))
    return f"{min(hashes):08x}{max(hashes):08x}"


def _encoded_words(text: str) -> list[bytes]:
    """Return the words of a text that are not numbers; ASCII is cut several times as fast without an expression."""
    if text.isascii():
        return [word for word in text.encode().translate(_ASCII_WORDS).split() if not word.isdigit()]
    return [word.encode("utf-8", "surrogatepass") for word in _WORD.findall(text) if not word.isdecimal()]
