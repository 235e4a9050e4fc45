"""Pseudonyms: who wrote a comment, without knowing who that is.

Owns the functions in which a plain e-mail address exists, ``identify`` and ``examine``; the address lives in their
locals and nowhere else. Refuses network look-ups: syntax only, no DNS on the request path.
"""

from __future__ import annotations

import hashlib
import hmac
import html
import ipaddress
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, unquote

import msgspec
from email_validator import EmailNotValidError, validate_email

from moderation.core.comment import AuthorIdentity, EmailFacts
from moderation.core.errors import Fault

LOCAL_PART_MAX_LENGTH = 64  # Octets: RFC 5321, 4.5.3.1.1.
EMAIL_MAX_LENGTH = 254  # Octets of a path without its angle brackets: RFC 5321, 4.5.3.1.3, erratum 1690.
PSEUDONYM_BYTES = 20  # 160 bits give 32 base32 characters without padding.
IPV4_PREFIX = 24  # Bits that are kept of an IPv4 address before it is hashed.
IPV6_PREFIX = 48  # A /48 is what a site is usually given: RFC 6177.
MASK = "[address removed]"
SHA256_BLOCK_BYTES = 64  # FIPS 180-4, figure 1.
_INNER_PAD = bytes(number ^ 0x36 for number in range(256))
_OUTER_PAD = bytes(number ^ 0x5C for number in range(256))
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = re.compile(rf"({_OCTET}\.{_OCTET}\.{_OCTET})\.{_OCTET}")
_ENTITIES = {"@": ("&commat;",), ".": ("&period;",), "+": ("&plus;",), "_": ("&lowbar;",), "&": ("&amp;",)}
ADDRESSES_COMPARED = 20  # In one text; at 0.1 ms each.
_WORD = r"""[^\s<>@,:()\[\]"?=/]"""
_ADDRESS_IN_TEXT = re.compile(
    rf"(?<!{_WORD}){_WORD}{{1,64}}?(?:@|%40|&#0*64;|&#x0*40;|&commat;)[\w.%-]{{1,253}}\w", re.IGNORECASE
)
_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"  # RFC 4648 in lower case; its table of pairs beats the library's loop.
_BASE32_PAIRS = tuple(one + other for one in _BASE32 for other in _BASE32)
_PAIR_SHIFTS = tuple(range(PSEUDONYM_BYTES * 8 - 10, -1, -10))
_PLAIN_LOCAL_PART = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*", re.ASCII)  # RFC 5322 dot-atom.
_PLAIN_DOMAIN = re.compile(r"(?!.*xn--)[a-z0-9.-]+", re.IGNORECASE | re.ASCII)  # Encoded ones go to the library.
_DOMAIN = r"[\w%-]{1,63}+(?:\.[\w%-]{1,63}+){1,8}+"
_ANY_ADDRESS = re.compile(rf"(?<!{_WORD}){_WORD}{{1,64}}+@{_DOMAIN}")
_ANY_ENCODED_ADDRESS = re.compile(
    rf"(?<!{_WORD}){_WORD}{{1,64}}?(?:%40|&#0{{0,9}}64;|&#x0{{0,9}}40;|&commat;){_DOMAIN}", re.IGNORECASE
)
_ENCODED_AT = re.compile(r"%40|&#0{0,9}64;|&#x0{0,9}40;|&commat;", re.IGNORECASE)
_ADDRESS_IN_NAME = re.compile(r"(?<![^\s<>@])[^\s<>@]++@[^\s<>@]++")  # Of any length: bounds would make it slower.


@dataclass(frozen=True, slots=True, repr=False)
class IdentityKey:
    """One key of the keyring.

    Attributes:
        id: Number shown in the pseudonym, 1 or more; the largest is the newest.
        secret: At least 32 bytes.
    """

    id: int
    secret: bytes

    def derive(self, purpose: str) -> bytes:
        """Return 32 bytes for one purpose, so that no two uses share a key (RFC 5869 in one step)."""
        return hmac.digest(self.secret, b"winnow/" + purpose.encode(), hashlib.sha256)

    def __repr__(self) -> str:
        return f"IdentityKey(id={self.id})"


class Hmac:
    """HMAC-SHA-256 under one key, ready to be used many times: the key is hashed once (RFC 2104, section 4)."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        block = (key if len(key) <= SHA256_BLOCK_BYTES else hashlib.sha256(key).digest()).ljust(
            SHA256_BLOCK_BYTES, b"\0"
        )
        self._inner = hashlib.sha256(block.translate(_INNER_PAD))
        self._outer = hashlib.sha256(block.translate(_OUTER_PAD))

    def digest(self, message: bytes) -> bytes:
        """Return the 32 bytes of a message."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()


class Keyring:
    """The active keys, newest first; new writes use the newest, look-ups try all."""

    __slots__ = ("_author", "_network", "keys")

    def __init__(self, keys: Sequence[IdentityKey]) -> None:
        if not keys:
            raise ValueError("a keyring needs at least one key")
        self.keys = tuple(sorted(keys, key=lambda key: -key.id))
        self._author = tuple((key.id, Hmac(key.derive("author"))) for key in self.keys)
        self._network = Hmac(self.keys[0].derive("network"))

    @property
    def newest(self) -> IdentityKey:
        """Return the key that new writes use."""
        return self.keys[0]

    def derived(self, purpose: str) -> tuple[bytes, ...]:
        """Return the derived key for ``purpose`` of every active key, newest first."""
        return tuple(key.derive(purpose) for key in self.keys)

    def author_ids(self, address: str, *, site: str) -> tuple[str, ...]:
        """Return the pseudonyms of a normalised address under every active key, newest first."""
        message = f"{site}\0{address}".encode()
        return tuple([f"k{number}.{_pseudonym(keyed, message)}" for number, keyed in self._author])

    def network_id(self, ip: str, *, site: str) -> str:
        """Return the pseudonym of the /24 or /48 that ``ip`` lies in.

        Raises:
            ValueError: If ``ip`` is not an IP address.
        """
        return _pseudonym(self._network, f"{site}\0{_network_of(ip)}".encode())


def check_ip(ip: str) -> None:
    """Raise ValueError if a text is neither an IPv4 nor an IPv6 address."""
    if _IPV4.fullmatch(ip) is None:
        ipaddress.ip_address(ip)


def _network_of(ip: str) -> str:
    """Return the /24 or /48 that an address lies in; the usual form of IPv4 is cut without the library's objects."""
    plain = _IPV4.fullmatch(ip)
    if plain is not None:
        return f"{plain.group(1)}.0/{IPV4_PREFIX}"
    address = ipaddress.ip_address(ip)
    mapped = getattr(address, "ipv4_mapped", None) or address
    prefix = IPV4_PREFIX if mapped.version == 4 else IPV6_PREFIX
    bits = mapped.max_prefixlen - prefix
    return f"{type(mapped)(int(mapped) >> bits << bits)}/{prefix}"


def _pseudonym(keyed: Hmac, message: bytes) -> str:
    number = int.from_bytes(keyed.digest(message)[:PSEUDONYM_BYTES], "big")
    return "".join([_BASE32_PAIRS[number >> shift & 1023] for shift in _PAIR_SHIFTS])


class Identified(msgspec.Struct, frozen=True):
    """What is left of an address: its pseudonyms, and a way to take it out of other fields."""

    identity: AuthorIdentity
    forget_in: Callable[[str], str]


class InvalidAddress(ValueError):
    """The address is malformed; ``fault`` says how, without repeating it."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.code)
        self.fault = fault


def identify(address: str, *, site: str, keyring: Keyring, is_disposable: Callable[[str], bool]) -> Identified:
    """Turn an e-mail address into a pseudonym and facts, and forget it.

    Equal addresses (letter case, Unicode form and the encoding of the domain aside) give equal ids on one site, so that
    an author's history can be found; the address cannot be recovered without the key.

    Args:
        address: As typed, at most 254 octets; internationalised ones (RFC 6531) are fine.
        site: Site name; it is part of the input, so that ids cannot be joined across sites.
        keyring: The active keys.
        is_disposable: Says whether an ASCII domain belongs to a throw-away provider.

    Returns:
        The pseudonyms, and a function that masks this address wherever else the author typed it.

    Raises:
        InvalidAddress: If the address is malformed.

    Source: RFC 2104 (HMAC), RFC 6531, RFC 5321.
    """
    typed, valid, facts = _examined(address, is_disposable)
    ids = keyring.author_ids(f"{_caseless(valid.local_part)}@{facts.domain}", site=site)
    return Identified(AuthorIdentity(id=ids[0], ids=ids, facts=facts), _masker(typed, valid))


def examine(address: str, *, is_disposable: Callable[[str], bool]) -> Identified:
    """Do as ``identify`` but without pseudonyms, where nothing is stored and no history looked at.

    Raises:
        InvalidAddress: If the address is malformed.
    """
    typed, valid, facts = _examined(address, is_disposable)
    return Identified(AuthorIdentity(id="", ids=(), facts=facts), _masker(typed, valid))


def _examined(address: str, is_disposable: Callable[[str], bool]) -> tuple[str, _Parts, EmailFacts]:
    """Return an address without the blanks around it, its parts, and what the rules may know of it."""
    typed = address.strip()
    if len(typed) > EMAIL_MAX_LENGTH:  # The library would look through all of it first.
        raise InvalidAddress(_address_fault())
    try:
        valid = _validated(typed)
    except EmailNotValidError:
        raise InvalidAddress(_address_fault()) from None
    domain, local_part = valid.ascii_domain.lower(), valid.local_part
    return typed, valid, EmailFacts(domain, False, is_disposable(domain), "+" in local_part, local_part.count("."))


class _Parts(NamedTuple):
    """A well-formed address: what stands before the @, and the domain as people and as machines write it."""

    local_part: str
    domain: str
    ascii_domain: str


def _validated(typed: str) -> _Parts:
    """Return the parts of an address, or raise EmailNotValidError.

    The library takes longer over an address than all rules take over its comment, most of it over the domain; so plain
    addresses are split here, and it is asked once about each of their domains.
    """
    local, _, domain = typed.rpartition("@")
    if len(local) <= LOCAL_PART_MAX_LENGTH and _PLAIN_LOCAL_PART.fullmatch(local) and _PLAIN_DOMAIN.fullmatch(domain):
        return _Parts(local, *_validated_domain(domain))
    return _parts(typed)


@lru_cache(maxsize=4096)
def _validated_domain(domain: str) -> tuple[str, str]:
    return _parts(f"a@{domain}")[1:]


def _parts(address: str) -> _Parts:
    valid = validate_email(address, check_deliverability=False, test_environment=True)
    return _Parts(valid.local_part, valid.domain, valid.ascii_domain)


def _address_fault() -> Fault:
    return Fault(
        "/author_email", "invalid-email", "This is not a complete e-mail address; it should look like name@example.org."
    )


def _caseless(text: str) -> str:
    """Return a form that is equal for texts that differ in case or Unicode form only (Unicode, section 3.13, D145)."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())


def _masker(typed: str, valid: _Parts) -> Callable[[str], str]:
    def forget_in(text: str) -> str:
        # Most texts hold no address at all, and building the expression costs more than all the rest of a submission.
        return _spellings(typed, valid).sub(MASK, text) if _may_hold_address(text) else text

    return forget_in


def _may_hold_address(text: str) -> bool:
    """Return whether an at sign stands in a text, in any spelling; look-ups, since they cost less than a search."""
    return "@" in text or "%40" in text or ("&" in text and ("&#" in text or "&commat" in text.lower()))


def _spellings(typed: str, valid: _Parts) -> re.Pattern[str]:
    """Return an expression for every way to write an address: Unicode forms, either form of the domain, encodings."""
    addresses = {f"{valid.local_part}@{domain}" for domain in (valid.domain, valid.ascii_domain)}
    spellings = {typed} | {unicodedata.normalize(form, one) for one in addresses for form in ("NFC", "NFD")}
    longest_first = sorted(spellings, key=len, reverse=True)
    return re.compile("|".join("".join(map(_any_encoding, one)) for one in longest_first), re.IGNORECASE)


def _any_encoding(character: str) -> str:
    """Return an expression for a character as it is, in a URL, and in HTML."""
    if character.isascii() and character.isalnum():
        return character
    in_url = quote(character, safe="") if quote(character, safe="") != character else f"%{ord(character):02X}"
    in_html = [f"&#0*{ord(character)};?", f"&#x0*{ord(character):x};?", *_ENTITIES.get(character, ())]
    return f"(?:{'|'.join([re.escape(character), in_url, *in_html])})"


def forget_author(text: str, *, author_id: str, site: str, keyring: Keyring) -> str:
    """Return a text without its author's address, for a moment in which only the author's pseudonym is known.

    The first addresses in it are each turned into pseudonyms and compared; those of other people stay.
    """
    if not author_id or not _may_hold_address(text):
        return text
    for found in list(dict.fromkeys(_ADDRESS_IN_TEXT.findall(text)))[:ADDRESSES_COMPARED]:
        try:
            one = identify(html.unescape(unquote(found)), site=site, keyring=keyring, is_disposable=lambda _: False)
        except InvalidAddress:
            continue
        if author_id in one.identity.ids:
            text = one.forget_in(text)
    return text


def forget_all(text: str) -> str:
    """Return a text without any e-mail address, for texts that come without the address of whoever wrote them."""
    if "@" in text:
        text = _ANY_ADDRESS.sub(MASK, text)
    return _ANY_ENCODED_ADDRESS.sub(MASK, text) if _ENCODED_AT.search(text) else text


def public_name(name: str) -> str:
    """Return a name, or a note, that is safe to publish: any address typed into it is masked."""
    if "@" not in name:
        return name
    return _ADDRESS_IN_NAME.sub(MASK, name)
