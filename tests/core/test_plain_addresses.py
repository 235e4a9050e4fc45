"""Plain addresses, of people and of networks, take a short way; it must say what the library says."""

from __future__ import annotations

import base64
import hmac
import ipaddress

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import structs

from moderation.core.identity import Hmac, IdentityKey, InvalidAddress, Keyring, check_ip, examine, identify

KEYRING = Keyring([IdentityKey(1, b"k" * 32)])
LOCAL = st.text("abzAZ09.!#$%&'*+/=?^_`{|}~-@\" (\\ö", max_size=70)
DOMAIN = st.one_of(
    st.text("abzAZ09.-_[]:xnö", max_size=30),
    st.sampled_from(
        ["example.org", "EXAMPLE.org", "mail.test", "localhost", "a.b", "xn--bcher-kva.example", "a..b", "1.2"]
    ),
    st.lists(st.text("ab1-", min_size=1, max_size=70), min_size=1, max_size=5).map(".".join),
)


@given(LOCAL, DOMAIN)
@example("a" * 64, "example.org")
@example("a" * 65, "example.org")
@example("a.b", "example.org")
@example("a..b", "example.org")
@example(".a", "example.org")
@example("Postmaster", "example.org")
@example("a", "b" * 64 + ".org")
@example("a", ".".join(["b" * 60] * 4) + ".org")
@example("a" * 64, ".".join(["b" * 60] * 3) + ".org")
@example("a", "example.org.")
@example("a\n", "example.org")
def test_short_way_agrees_with_the_library(local: str, domain: str) -> None:
    typed = f"{local}@{domain}".strip()
    try:
        expected = validate_email(typed, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        with pytest.raises(InvalidAddress):
            identify(typed, site="site-a", keyring=KEYRING, is_disposable=lambda _: False)
        return

    found = identify(typed, site="site-a", keyring=KEYRING, is_disposable=lambda _: False)

    assert found.identity.facts.domain == expected.ascii_domain.lower()
    assert found.identity.facts.dots_in_local_part == expected.local_part.count(".")
    again = identify(expected.normalized, site="site-a", keyring=KEYRING, is_disposable=lambda _: False)
    assert found.identity.id == again.identity.id
    assert expected.normalized not in found.forget_in(f"write to {expected.normalized} now")


@given(st.binary(min_size=1, max_size=200), st.binary(max_size=200))
@example(b"k" * 64, b"")
@example(b"k" * 65, b"")
def test_prepared_hmac_agrees_with_the_library(key: bytes, message: bytes) -> None:
    assert Hmac(key).digest(message) == hmac.digest(key, message, "sha256")


@given(
    st.one_of(
        st.ip_addresses().map(str),
        st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){2,4}[ \n]?", fullmatch=True),
        st.text("0123456789.:abcf%/ \u0661", max_size=20),
    )
)
@example("192.0.2.1")
@example("192.0.2.01")
@example("192.0.2.256")
@example("192.0.2.1\n")
@example("::ffff:192.0.2.1")
@example("1\u0661.2.3.4")
def test_networks_are_those_of_the_library(typed: str) -> None:
    try:
        address = ipaddress.ip_address(typed)
    except ValueError:
        with pytest.raises(ValueError, match="does not appear"):
            KEYRING.network_id(typed, site="site-a")
        with pytest.raises(ValueError, match="does not appear"):
            check_ip(typed)
        return
    mapped = getattr(address, "ipv4_mapped", None) or address
    network = ipaddress.ip_network((mapped, 24 if mapped.version == 4 else 48), strict=False)
    secret = KEYRING.newest.derive("network")

    check_ip(typed)

    digest = hmac.digest(secret, f"site-a\0{network}".encode(), "sha256")[:20]
    assert KEYRING.network_id(typed, site="site-a") == base64.b32encode(digest).decode().lower()


@given(LOCAL, DOMAIN)
@example("Mallory+x", "Mail.Example.ORG")
@example("mallory", "nowhere")
def test_examining_finds_what_identifying_does_but_the_pseudonyms(local: str, domain: str) -> None:
    typed = f"{local}@{domain}"
    try:
        full = identify(typed, site="site-a", keyring=KEYRING, is_disposable=lambda _: True)
    except InvalidAddress:
        with pytest.raises(InvalidAddress):
            examine(typed, is_disposable=lambda _: True)
        return

    found = examine(typed, is_disposable=lambda _: True)

    assert found.identity == structs.replace(full.identity, id="", ids=())
    assert found.forget_in(f"I am {typed.strip()}") == full.forget_in(f"I am {typed.strip()}")
