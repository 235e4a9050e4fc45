"""The guard's table of refused networks, at its edges; the cases are in ``tests/core/test_addresses.py``."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from moderation.core.addresses import REFUSED, Network, check_address
from moderation.core.errors import WebhookRefused
from tests.core.test_addresses import REFUSED_CASES

# What Svix's filter refuses (specifications of this project, 4.4).
SVIX = (
    "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 127.0.0.0/8 169.254.0.0/16 224.0.0.0/4 192.0.2.0/24 198.51.100.0/24"
    " 203.0.113.0/24 100.64.0.0/10 192.0.0.0/24 192.88.99.0/24 198.18.0.0/15 0.0.0.0/8 240.0.0.0/4"
    " ::/128 ::1/128 fc00::/7 fe80::/10 2002::/16 64:ff9b::/96 64:ff9b:1::/48 100::/64 5f00::/16 ff00::/8 2001:db8::/32"
).split()


@pytest.mark.parametrize("text", SVIX)
def test_every_network_of_the_model_table_is_refused_from_end_to_end(text: str) -> None:
    network = ip_network(text)

    for address in (network[0], network[-1], network[network.num_addresses // 2]):
        with pytest.raises(WebhookRefused):
            check_address(str(address))


@pytest.mark.parametrize("network", [network for network, _ in REFUSED], ids=str)
def test_every_refused_network_has_a_case(network: Network) -> None:
    addresses = [ip_address(text.partition("%")[0]) for text, _ in REFUSED_CASES]

    assert any(one.version == network.version and one in network for one in addresses)
