"""Sites in the store: versions that rise, keys that are found until they are taken back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from moderation.core.errors import NotFound, StaleVersion
from moderation.core.patterns import ListRules
from moderation.core.policy import Policy
from moderation.core.site import ApiKey, Site
from moderation.store.connection import Connection
from moderation.store.sites import Sites
from tests.store.conftest import AT


@pytest.fixture
def sites(connection: Connection) -> Sites:
    return Sites(connection)


def test_a_site_comes_out_as_it_went_in(sites: Sites, site: Site) -> None:
    assert sites.get("site-a") == site
    assert sites.names() == ["site-a"]
    assert sites.version("site-a") == 1
    assert sites.find_by_key(["unknown", "digest"]) == "site-a"


def test_what_is_not_there_is_said_so(sites: Sites) -> None:
    assert sites.version("site-a") is None
    assert sites.find_by_key(["digest"]) is None
    with pytest.raises(NotFound):
        sites.get("site-a")


def test_adding_again_after_a_lost_reply_is_harmless_and_a_namesake_is_refused(sites: Sites, site: Site) -> None:
    assert sites.add(site)
    assert not sites.add(replace(site, url="https://other.example", keys=(ApiKey("key1", "other", AT),)))
    assert sites.get("site-a") == site


def test_a_change_raises_the_version_and_moves_the_keys(sites: Sites, site: Site) -> None:
    policy = Policy(block=ListRules(words=("casino",)), webhook_url="https://hooks.example")
    after = replace(site, policy=policy, keys=(ApiKey("key2", "new", AT),), webhook_disabled="410")

    stored = sites.replace(site, after)

    assert stored == replace(after, version=2) == sites.get("site-a")
    assert (sites.find_by_key(["digest"]), sites.find_by_key(["new"])) == (None, "site-a")


def test_a_change_of_an_older_version_is_refused(sites: Sites, site: Site) -> None:
    sites.replace(site, replace(site, url="https://first.example"))

    with pytest.raises(StaleVersion) as caught:
        sites.replace(site, replace(site, url="https://second.example", keys=()))

    assert caught.value.current == 2
    assert sites.get("site-a").url == "https://first.example"
    assert sites.find_by_key(["digest"]) == "site-a"
