"""Which concrete IP addresses a webhook may call.

Owns the table of refused networks and the unwrapping of IPv4 addresses that hide inside IPv6 ones. Refuses names: who
resolves one checks every address it got, right before connecting to exactly that address. ``ipaddress.is_global`` is
not used, because it says yes to multicast, to NAT64 forms of private addresses, and differs between Python versions.

Source: the IANA special-purpose address registries (RFC 6890) and the RFC beside each row.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from moderation.core.errors import WebhookRefused

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

REFUSED: Final[tuple[tuple[Network, str], ...]] = tuple(
    (ip_network(network), what)
    for network, what in (
        ("0.0.0.0/8", "this host"),  # RFC 1122
        ("10.0.0.0/8", "a private network"),  # RFC 1918
        ("100.64.0.0/10", "a carrier's shared network"),  # RFC 6598
        ("127.0.0.0/8", "loopback"),  # RFC 1122
        ("169.254.0.0/16", "link-local, where clouds keep their metadata"),  # RFC 3927
        ("172.16.0.0/12", "a private network"),  # RFC 1918
        ("192.0.0.0/24", "reserved for protocols"),  # RFC 6890
        ("192.0.2.0/24", "documentation"),  # RFC 5737
        ("192.88.99.0/24", "a 6to4 relay"),  # RFC 7526
        ("192.168.0.0/16", "a private network"),  # RFC 1918
        ("198.18.0.0/15", "benchmarking"),  # RFC 2544
        ("198.51.100.0/24", "documentation"),  # RFC 5737
        ("203.0.113.0/24", "documentation"),  # RFC 5737
        ("224.0.0.0/4", "multicast"),  # RFC 5771
        ("240.0.0.0/4", "reserved"),  # RFC 1112; the broadcast address included
        ("2001::/32", "a Teredo tunnel"),  # RFC 4380
        ("2001::/23", "reserved for protocols"),  # RFC 2928
        ("2001:db8::/32", "documentation"),  # RFC 3849
        ("2002::/16", "a 6to4 tunnel"),  # RFC 3056
        ("3fff::/20", "documentation"),  # RFC 9637
        ("::/128", "unspecified"),  # RFC 4291
        ("::1/128", "loopback"),  # RFC 4291
        ("64:ff9b::/96", "a NAT64 translation"),  # RFC 6052
        ("64:ff9b:1::/48", "a NAT64 translation"),  # RFC 8215
        ("100::/64", "discarded"),  # RFC 6666
        ("5f00::/16", "segment routing"),  # RFC 9602
        ("fc00::/7", "a private network"),  # RFC 4193
        ("fe80::/10", "link-local"),  # RFC 4291
        ("ff00::/8", "multicast"),  # RFC 4291
    )
)
# IANA gives out global unicast addresses from this block alone; all else is reserved, named above or not.
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_NAT64: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_IPV4_BITS: Final = 0xFFFF_FFFF


def check_address(text: str, *, allow: Sequence[Network] = ()) -> Address:
    """Return a concrete address that a webhook may call.

    An address that carries an IPv4 address (IPv4-mapped, 6to4, Teredo, NAT64) must be fine itself, and so must what it
    carries: allowing a NAT64 prefix does not open the private addresses behind it.

    Args:
        text: What the resolver said; a zone (``%eth0``) is fine.
        allow: Networks the operator opened (``WINNOW_WEBHOOK_ALLOW_NETWORKS``).

    Raises:
        WebhookRefused: If it may not be called, or is not an address; the sentence says why.
    """
    try:
        address = ip_address(text)
    except ValueError:
        raise WebhookRefused("The webhook's host does not resolve to an IP address.") from None
    for one in (_plain(address), *_carried(address)):
        what = _refused_as(one)
        if what is not None and not _is_in(one, allow):
            raise WebhookRefused(
                f"The webhook's address {one} is not called: {what}. "
                "An operator can allow it with WINNOW_WEBHOOK_ALLOW_NETWORKS."
            )
    return address


def _plain(address: Address) -> Address:
    """Return the IPv4 address of its mapped form, which is only another way to write it."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _carried(address: Address) -> tuple[IPv4Address, ...]:
    """Return the IPv4 addresses to which a tunnel or translator would pass packets on."""
    if isinstance(address, IPv4Address):
        return ()
    if address.sixtofour is not None:
        return (address.sixtofour,)
    if address.teredo is not None:
        return address.teredo
    if _is_in(address, _NAT64):
        return (IPv4Address(int(address) & _IPV4_BITS),)
    return ()


def _refused_as(address: Address) -> str | None:
    for network, what in REFUSED:
        if address.version == network.version and address in network:
            return what
    if isinstance(address, IPv6Address) and not _is_in(address, (_GLOBAL_UNICAST,)):
        return "reserved"
    return None


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
