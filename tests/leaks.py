"""Looks for e-mail addresses, and for hashes that anybody could make of them, in any bytes.

Owns the list of spellings and hashes (promise 3). An address is searched in every letter case, as UTF-8, JSON-escaped
and percent-encoded; a hash (MD5, SHA-1, SHA-256; of the address as typed, lower-cased and normalised) as hex in any
letter case and as base64 in both alphabets.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

from email_validator import validate_email

HASHES = ("md5", "sha1", "sha256")
AT = re.compile(r"@|%40|\\u0040|&#64;|&#x40;")
HEX_RUN = re.compile(r"[0-9a-f]{32,}")
BASE64_RUN = re.compile(r"[A-Za-z0-9+/_-]{22,}")
EDGE = 4  # Characters on each side of the @ by which candidates are found.


@dataclass(frozen=True, slots=True)
class Leak:
    """Something that must not be where it was found."""

    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.what} in {self.place}"


class Scanner:
    """Knows what to look for after it was given the addresses."""

    def __init__(self, addresses: Iterable[str]) -> None:
        self._parts: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
        self._hex: dict[str, str] = {}
        self._base64: dict[str, str] = {}
        for address in addresses:
            self._add(address)
        self._hex_lengths = sorted({len(digest) for digest in self._hex})
        self._base64_lengths = sorted({len(digest) for digest in self._base64})

    def _add(self, typed: str) -> None:
        spellings = spellings_of(typed)
        for spelling in spellings:
            for local, domain in encodings_of(spelling):
                self._parts[local[-EDGE:], domain[:EDGE]].add((local, domain))
            for name in HASHES:
                digest = hashlib.new(name, spelling.encode()).digest()
                self._hex[digest.hex()] = f"{name} of {spelling!r} as hex"
                for encode in (base64.b64encode, base64.urlsafe_b64encode):
                    self._base64[encode(digest).decode().rstrip("=")] = f"{name} of {spelling!r} as base64"

    def scan(self, place: str, data: bytes) -> Iterator[Leak]:
        """Yield every leak in some bytes.

        Args:
            place: Their name, for the report.
            data: Any bytes; text in them is taken for UTF-8.
        """
        text = data.decode("utf-8", "replace")
        folded = text.casefold()
        yield from (Leak(place, f"the address {found!r}") for found in self._addresses_in(folded))
        yield from self._digests_in(place, folded, HEX_RUN, self._hex)
        yield from self._digests_in(place, text, BASE64_RUN, self._base64)

    def _addresses_in(self, folded: str) -> Iterator[str]:
        for match in AT.finditer(folded):
            begin, end = match.span()
            for local, domain in self._parts.get((folded[max(0, begin - EDGE) : begin], folded[end : end + EDGE]), ()):
                if folded.endswith(local, 0, begin) and folded.startswith(domain, end):
                    yield f"{local}@{domain}"

    def _digests_in(self, place: str, text: str, runs: re.Pattern[str], digests: dict[str, str]) -> Iterator[Leak]:
        lengths = sorted({len(digest) for digest in digests})
        for match in runs.finditer(text):
            run = match.group()
            for length in lengths:
                for start in range(len(run) - length + 1):
                    what = digests.get(run[start : start + length])
                    if what is not None:
                        yield Leak(place, what)


def spellings_of(typed: str) -> set[str]:
    """Return an address as typed, lower-cased, folded and normalised, its domain as Unicode and as ASCII."""
    valid = validate_email(typed.strip(), check_deliverability=False)
    forms = {typed, typed.strip(), valid.normalized, f"{valid.local_part}@{valid.ascii_domain}"}
    return forms | {form.lower() for form in forms} | {form.casefold() for form in forms}


def encodings_of(spelling: str) -> set[tuple[str, str]]:
    """Return local part and domain, folded, in every encoding in which text may stand somewhere."""
    local, _, domain = spelling.rpartition("@")
    found = set()
    for encode in (str, lambda part: json.dumps(part)[1:-1], quote):
        found.add((encode(local).casefold(), encode(domain).casefold()))
    return found
