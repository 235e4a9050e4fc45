"""The guard of webhooks: which concrete addresses may be called."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.core.addresses import REFUSED, check_address
from moderation.core.errors import WebhookRefused

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.167.255.255",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
    "2a00:1450:4001:81b::200e",
    "::ffff:8.8.8.8",
]
REFUSED_CASES = [
    ("0.0.0.0", "this host"),
    ("0.1.2.3", "this host"),
    ("10.0.0.1", "private"),
    ("10.255.255.255", "private"),
    ("100.64.0.1", "carrier"),
    ("100.127.255.255", "carrier"),
    ("127.0.0.1", "loopback"),
    ("127.255.255.254", "loopback"),
    ("169.254.169.254", "metadata"),
    ("172.16.0.1", "private"),
    ("172.31.255.255", "private"),
    ("192.0.0.1", "protocols"),
    ("192.0.0.8", "protocols"),
    ("192.0.2.1", "documentation"),
    ("192.88.99.1", "6to4 relay"),
    ("192.168.1.1", "private"),
    ("198.18.0.1", "benchmarking"),
    ("198.19.255.255", "benchmarking"),
    ("198.51.100.7", "documentation"),
    ("203.0.113.7", "documentation"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.255", "multicast"),
    ("240.0.0.1", "reserved"),
    ("255.255.255.255", "reserved"),
    ("::", "unspecified"),
    ("::1", "loopback"),
    ("::7f00:1", "reserved"),  # IPv4-compatible 127.0.0.1
    ("::ffff:127.0.0.1", "loopback"),
    ("::ffff:a9fe:a9fe", "metadata"),
    ("::ffff:0:127.0.0.1", "reserved"),  # IPv4-translated, RFC 2765
    ("64:ff9b::a9fe:a9fe", "NAT64"),
    ("64:ff9b::8.8.8.8", "NAT64"),
    ("64:ff9b:1::1", "NAT64"),
    ("100::1", "discarded"),
    ("2001::1", "Teredo"),
    ("2001:0:53aa:64c:0:0:80ff:fffe", "Teredo"),  # of client 127.0.0.1
    ("2001:2::1", "protocols"),
    ("2001:10::1", "protocols"),
    ("2001:20::1", "protocols"),
    ("2001:db8::1", "documentation"),
    ("2002:a9fe:a9fe::1", "6to4"),
    ("2002:7f00:1::", "6to4"),
    ("2002:808:808::1", "6to4"),
    ("3fff::1", "documentation"),
    ("4000::1", "reserved"),
    ("5f00::1", "segment routing"),
    ("fc00::1", "private"),
    ("fd12:3456::1", "private"),
    ("fe80::1", "link-local"),
    ("fe80::1%eth0", "link-local"),
    ("fec0::1", "reserved"),  # site-local, deprecated
    ("ff02::1", "multicast"),
    ("ff0e::1", "multicast"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_address_may_be_called(address: str) -> None:
    assert check_address(address) == ip_address(address)


@pytest.mark.parametrize("address, why", REFUSED_CASES, ids=[case[0] for case in REFUSED_CASES])
def test_special_address_is_refused_with_its_reason(address: str, why: str) -> None:
    with pytest.raises(WebhookRefused, match=why):
        check_address(address)


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "0x7f.0.0.1", "1.2.3", "[::1]", "8.8.8.8/32", "é"])
def test_what_is_not_an_address_is_refused(text: str) -> None:
    with pytest.raises(WebhookRefused):
        check_address(text)


@pytest.mark.parametrize(
    "address, network",
    [
        ("10.1.2.3", "10.0.0.0/8"),
        ("127.0.0.1", "127.0.0.0/8"),
        ("::ffff:10.1.2.3", "10.0.0.0/8"),
        ("fd00::1", "fd00::/8"),
        ("64:ff9b::8.8.8.8", "64:ff9b::/96"),
        ("2002:808:808::1", "2002::/16"),
    ],
)
def test_operator_can_allow_a_network(address: str, network: str) -> None:
    assert check_address(address, allow=[ip_network(network)])


@pytest.mark.parametrize(
    "address, network",
    [
        ("10.1.2.3", "192.168.0.0/16"),
        ("64:ff9b::a9fe:a9fe", "64:ff9b::/96"),
        ("64:ff9b:1::10.0.0.1", "64:ff9b:1::/48"),
        ("2002:a9fe:a9fe::1", "2002::/16"),
        ("2001:0:53aa:64c:0:0:80ff:fffe", "2001::/32"),
        ("::ffff:127.0.0.1", "::ffff:0:0/96"),
    ],
)
def test_allowing_a_tunnel_does_not_open_what_lies_behind_it(address: str, network: str) -> None:
    with pytest.raises(WebhookRefused):
        check_address(address, allow=[ip_network(network)])


def test_sentence_says_how_to_allow_it() -> None:
    with pytest.raises(WebhookRefused, match="WINNOW_WEBHOOK_ALLOW_NETWORKS"):
        check_address("10.0.0.1")


@given(st.ip_addresses(v=4))
def test_no_wrapping_makes_a_refused_address_callable(inner: IPv4Address) -> None:
    bits = int(inner)
    wrapped = [
        f"::ffff:{inner}",
        f"64:ff9b::{inner}",
        f"2002:{bits >> 16:x}:{bits & 0xFFFF:x}::1",
        f"2001:0:808:808:0:0:{(bits >> 16) ^ 0xFFFF:x}:{(bits & 0xFFFF) ^ 0xFFFF:x}",
    ]
    is_refused = any(inner in network for network, _ in REFUSED if isinstance(network, IPv4Network))
    allow = [IPv6Network("64:ff9b::/96"), IPv6Network("2002::/16"), IPv6Network("2001::/32")]

    for text in wrapped:
        if is_refused:
            with pytest.raises(WebhookRefused):
                check_address(text, allow=allow)
        else:
            assert check_address(text, allow=allow)
