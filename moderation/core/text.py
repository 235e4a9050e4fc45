"""Reading a comment's text: HTML to text, links, and a key that near-copies share.

Every function here is linear in its input; the patterns are bounded so that hostile text cannot make them slow.
"""

from __future__ import annotations

import html
import re
import unicodedata
import zlib

import nh3

SHINGLE_WORDS = 4  # Words in a shingle of the near-copy key.
COPY_MIN_WORDS = 6  # Shorter texts ("Thanks for the great post!") are alike by nature.
_LINK = re.compile(r"(?:https?://|(?<![\w.])www\.)[^\s<>\"'\[\]()]{3,2000}", re.IGNORECASE)
_HOST_LIKE = re.compile(r"(?<![\w.-])(?:[\w-]{1,63}\.){1,10}[^\W\d_]{2,24}(?![\w-])")
_WORD = re.compile(r"\w+")
_ZERO_WIDTH = dict.fromkeys([0x00AD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x180E])
_DROPPED_WITH_CONTENT = {"script", "style"}

SHORTENERS = frozenset(
    "adf.ly bit.ly buff.ly clck.ru cutt.ly goo.su is.gd lnkd.in ow.ly qps.ru rb.gy rebrand.ly s.id shorte.st"
    " shorturl.at soo.gd t.co t.ly t2m.io tiny.cc tiny.one tinyurl.com u.to v.gd vk.cc".split()
)


def plain_text(content: str, content_type: str) -> str:
    """Return what a reader would see: ``text/html`` loses its markup, all else is returned as it is."""
    if content_type != "text/html":
        return content
    return html.unescape(nh3.clean(content, tags=set(), clean_content_tags=_DROPPED_WITH_CONTENT))


def links(text: str) -> tuple[str, ...]:
    """Return the distinct links of a text in order of appearance, ``www.`` ones included."""
    return tuple(dict.fromkeys(match.group() for match in _LINK.finditer(text)))


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
    """Return the text as lists compare it: NFKC, zero-width characters removed, case folded."""
    return unicodedata.normalize("NFKC", text.translate(_ZERO_WIDTH)).casefold()


def copy_key(text: str) -> str | None:
    """Return a key that near-copies of a text share, or None for texts too short to be told apart.

    The key is the smallest and the largest CRC-32 over the shingles of four words, links and digits left out. Two texts
    whose shingle sets have Jaccard similarity J share it with probability of about J².

    Source: A. Broder, "On the resemblance and containment of documents", 1997 (min-wise hashing).
    """
    words = [word for word in _WORD.findall(_LINK.sub(" ", folded(text))) if not word.isdecimal()]
    if len(words) < COPY_MIN_WORDS:
        return None
    shingles = (" ".join(words[i : i + SHINGLE_WORDS]) for i in range(len(words) - SHINGLE_WORDS + 1))
    hashes = [zlib.crc32(shingle.encode("utf-8", "surrogatepass")) for shingle in shingles]
    return f"{min(hashes):08x}{max(hashes):08x}"
