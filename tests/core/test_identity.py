"""Pseudonyms: equal addresses meet, different sites never do, and the address is nowhere afterwards."""

from __future__ import annotations

import hashlib
import re
import time
import unicodedata
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from moderation.core.identity import (
    MASK,
    Identified,
    IdentityKey,
    InvalidAddress,
    Keyring,
    forget_author,
    identify,
    public_name,
)

OLD, NEW = IdentityKey(1, b"\x01" * 32), IdentityKey(2, b"\x02" * 32)
KEYRING = Keyring([OLD])
AUTHOR_ID = re.compile(r"k1\.[a-z2-7]{32}")
LOCAL_PART = st.from_regex(r"[a-zA-Z0-9äöåéñ][a-zA-Z0-9äöåéñ+_'-]{0,20}(\.[a-zA-Z0-9éñ]{1,8})?", fullmatch=True)
DOMAIN = st.sampled_from(["mail.example", "Bücher.Example", "例子.example", "sub.mail.example"])
ADDRESS = st.builds("{}@{}".format, LOCAL_PART, DOMAIN)


def identified(address: str, *, site: str = "a", keyring: Keyring = KEYRING) -> Identified:
    return identify(address, site=site, keyring=keyring, is_disposable=lambda domain: domain == "throwaway.example")


def author_id(address: str, *, site: str = "a") -> str:
    return identified(address, site=site).identity.id


@given(ADDRESS)
@example("Ϊ́@mail.example")
def test_case_and_unicode_form_make_no_difference(address: str) -> None:
    local, _, domain = address.partition("@")
    spellings = [
        f"{local.upper()}@{domain.upper()}",
        f"{local.lower()}@{domain.lower()}",
        unicodedata.normalize("NFD", address),
        unicodedata.normalize("NFC", address),
        f"  {address}\n",
    ]

    assert {author_id(one) for one in spellings} == {author_id(address)}


@given(ADDRESS, ADDRESS)
def test_different_addresses_have_different_ids(one: str, other: str) -> None:
    is_same = unicodedata.normalize("NFC", one.casefold()) == unicodedata.normalize("NFC", other.casefold())

    assert (author_id(one) == author_id(other)) is is_same


@given(ADDRESS)
def test_ids_of_two_sites_cannot_be_joined(address: str) -> None:
    assert author_id(address, site="a") != author_id(address, site="b")


def test_both_spellings_of_an_international_domain_are_one_person() -> None:
    assert author_id("mallory@bücher.example") == author_id("mallory@xn--bcher-kva.example")


def test_an_id_is_the_keyed_hash_that_the_design_states() -> None:
    found = author_id("mallory@mail.example")

    assert AUTHOR_ID.fullmatch(found)
    for unkeyed in (hashlib.md5, hashlib.sha1, hashlib.sha256):
        assert unkeyed(b"mallory@mail.example").hexdigest()[:16] not in found


def test_new_writes_use_the_newest_key_and_look_ups_all() -> None:
    before = identified("mallory@mail.example").identity
    after = identified("mallory@mail.example", keyring=Keyring([OLD, NEW])).identity

    assert after.id.startswith("k2.")
    assert after.ids == (after.id, before.id)


def test_a_retired_key_can_no_longer_join_old_ids() -> None:
    before = identified("mallory@mail.example").identity
    after = identified("mallory@mail.example", keyring=Keyring([NEW])).identity

    assert before.id not in after.ids


@pytest.mark.parametrize(
    "address",
    [
        "",
        "mallory",
        "mallory@",
        "@mail.example",
        "mallory@mail",
        "a@b@mail.example",
        "mallory@mail..example",
        "mallory @mail.example",
        "Mallory <mallory@mail.example>",
        '"mallory"@mail.example',
        "mallory@[127.0.0.1]",
        "mallory\x00@mail.example",
        "mallory\u202e@mail.example",
        "m" * 242 + "@mail.example",
        "mallory@" + "m" * 64 + ".example",
        "mallory@localhost",
    ],
)
def test_a_malformed_address_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(InvalidAddress) as caught:
        identified(address)

    assert (caught.value.fault.pointer, caught.value.fault.code) == ("/author_email", "invalid-email")
    assert len(address) < 3 or address not in f"{caught.value} {caught.value.fault}"
    has_context = caught.value.__context__ is not None and not caught.value.__suppress_context__
    assert not has_context, "the library's error quotes the address"


@pytest.mark.parametrize(
    "address",
    ["a" * 60_000 + "@mail.example", "\u0345\u0301" * 30_000 + "@mail.example", "a@" + "a." * 30_000 + "example"],
    ids=["long local part", "combining marks", "many labels"],
)
def test_a_huge_address_is_refused_at_once(address: str) -> None:
    started = time.process_time()

    with pytest.raises(InvalidAddress):
        identified(address)

    assert time.process_time() - started < 0.05


def test_facts_are_what_the_rules_need_and_no_more() -> None:
    facts = identified("mal.lo.ry+news@THROWAWAY.example").identity.facts

    assert (facts.domain, facts.is_disposable, facts.has_plus_alias, facts.dots_in_local_part) == (
        "throwaway.example",
        True,
        True,
        2,
    )


@pytest.mark.parametrize(
    "spelling",
    [
        "mal.lory+x@bücher.example",
        "MAL.LORY+X@BÜCHER.EXAMPLE",
        "mal.lory+x@bu\u0308cher.example",
        "mal.lory+x@xn--bcher-kva.example",
        "mal.lory+x%40xn--bcher-kva.example",
        "mal.lory%2Bx%40b%c3%bccher.example",
        "mal%2elory%2bx%40b%C3%BCcher.example",
        "mal.lory&#43;x&#64;bücher.example",
        "mal.lory+x&#x40;bücher.example",
        "mal.lory+x&commat;bücher.example",
    ],
)
def test_the_address_is_masked_however_it_is_spelt(spelling: str) -> None:
    forget_in = identified("Mal.Lory+x@bücher.example").forget_in

    assert forget_in(f"Write to {spelling}, please") == f"Write to {MASK}, please"


@given(ADDRESS, st.text(max_size=20), st.text(max_size=20))
def test_no_text_keeps_the_address(address: str, before: str, after: str) -> None:
    masked = identified(address).forget_in(f"{before} {address} {quote(address)} {after}")

    assert address.lower() not in masked.lower()
    assert quote(address).lower() not in masked.lower()


def test_other_texts_stay_as_they_are() -> None:
    forget_in = identified("mallory@mail.example").forget_in

    for text in ("bob@mail.example", "mallory at mail.example", "50%40", "@mallory", ""):
        assert forget_in(text) == text


def test_an_address_in_the_name_field_is_masked_whoever_it_belongs_to() -> None:
    assert public_name("Bob <bob@mail.example>") == f"Bob <{MASK}>"
    assert public_name("bob @ home") == "bob @ home"


@pytest.mark.parametrize(
    "one, other, is_same",
    [
        ("192.0.2.1", "192.0.2.254", True),
        ("192.0.2.1", "192.0.3.1", False),
        ("2001:db8:1:1::1", "2001:db8:1:ffff::9", True),
        ("2001:db8:1::1", "2001:db8:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.7", True),
    ],
)
def test_networks_and_not_machines_are_told_apart(one: str, other: str, is_same: bool) -> None:
    assert (KEYRING.network_id(one, site="a") == KEYRING.network_id(other, site="a")) is is_same


def test_networks_of_two_sites_cannot_be_joined() -> None:
    assert KEYRING.network_id("192.0.2.1", site="a") != KEYRING.network_id("192.0.2.1", site="b")


@pytest.mark.parametrize("rubbish", ["", "192.0.2", "192.0.2.1/24", "localhost", "1" * 10_000])
def test_what_is_not_an_ip_address_is_refused(rubbish: str) -> None:
    with pytest.raises(ValueError, match="does not appear"):
        KEYRING.network_id(rubbish, site="a")


def test_no_two_purposes_share_a_key_and_no_repr_shows_one() -> None:
    assert len({OLD.derive(purpose) for purpose in ("author", "network", "api-key", "cursor", "webhook")}) == 5
    assert OLD.secret.hex() not in repr(OLD) + repr(KEYRING)
    assert repr(OLD) == "IdentityKey(id=1)"


def test_an_empty_keyring_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Keyring([])


@pytest.mark.parametrize(
    "text, expected",
    [
        ("Mail MALLORY@Mail.Example.", f"Mail {MASK}."),
        ("<mallory@mail.example>, bob@mail.example", f"<{MASK}>, bob@mail.example"),
        ("https://x.example/?to=mallory%40mail.example&b=1", f"https://x.example/?to={MASK}&b=1"),
        ("mallory&#64;mail.example", MASK),
        ("(mallory@mail.example)", f"({MASK})"),
        ("@mallory, 50%40 of it", "@mallory, 50%40 of it"),
    ],
)
def test_an_author_known_by_pseudonym_is_forgotten_in_later_texts(text: str, expected: str) -> None:
    known = author_id("mallory@mail.example")

    assert forget_author(text, author_id=known, site="a", keyring=KEYRING) == expected
    assert forget_author(text, author_id="", site="a", keyring=KEYRING) == text


@pytest.mark.parametrize("text", ["a" * 65_000 + "@", "@" * 65_000, "a@a.b " * 10_000, "a@b." * 16_000, "&#0" * 21_000])
def test_forgetting_does_not_stall(text: str) -> None:
    started = time.process_time()

    forget_author(text, author_id="k1.x", site="a", keyring=KEYRING)

    assert time.process_time() - started < 0.05
