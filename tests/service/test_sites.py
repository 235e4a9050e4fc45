"""Sites: keys that work and are revoked at once, policies that merge, in every process."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from moderation import bootstrap
from moderation.config import Settings
from moderation.core.errors import InvalidInput, NotFound, SiteChanged, Unauthenticated
from moderation.core.policy import RateLimit
from moderation.core.site import Site
from moderation.service.services import Services
from tests.cast import everything_in


@pytest.fixture
def elsewhere(services: Services, settings: Settings, store_url: str) -> Iterator[Services]:
    """Give the use cases of a second process, with caches of its own."""
    built = bootstrap.build(settings, store_url)
    yield built
    built.connection.close()


def test_a_key_is_shown_once_and_stored_as_a_hash(services: Services, store_url: str) -> None:
    site, key = services.sites.add("site-a", "https://a.example")

    assert re.fullmatch(r"[a-z0-9]{12}", key)
    assert key not in str(everything_in(store_url))
    assert services.sites.authenticate(key).site == site


@pytest.mark.parametrize("key", ["", "wrong", "a" * 12, "a" * 10_000, "Ümläut", "\x00"])
def test_a_wrong_key_is_refused(services: Services, site: Site, key: str) -> None:
    with pytest.raises(Unauthenticated):
        services.sites.authenticate(key)


def test_a_revoked_key_is_refused_at_once_in_every_process(services: Services, elsewhere: Services) -> None:
    services.sites.add("site-a", "https://a.example")
    _, key = services.sites.add_key("site-a")
    known = elsewhere.sites.refreshed(elsewhere.sites.authenticate(key))
    assert known.site.name == "site-a"

    services.sites.revoke_key("site-a", "key2")

    with pytest.raises(Unauthenticated):
        elsewhere.sites.refreshed(elsewhere.sites.authenticate(key))
    with pytest.raises(Unauthenticated):
        services.sites.authenticate(key)


def test_other_keys_go_on_working(services: Services) -> None:
    _, first = services.sites.add("site-a", "https://a.example")
    _, second = services.sites.add_key("site-a")
    services.sites.revoke_key("site-a", "key1")
    third, key = services.sites.add_key("site-a")

    assert services.sites.authenticate(second).site.name == services.sites.authenticate(key).site.name == "site-a"
    assert [one.id for one in third.keys] == ["key2", "key3"], "a number is not used again"
    with pytest.raises(Unauthenticated):
        services.sites.authenticate(first)


def overtaken(process: Services, monkeypatch: pytest.MonkeyPatch, by: Callable[[], object]) -> None:
    """Let somebody else change the site right after this process has read it, once."""
    read = process.sites.read

    def read_and_be_overtaken(name: str) -> Site:
        monkeypatch.undo()
        site = read(name)
        by()
        return site

    monkeypatch.setattr(process.sites, "read", read_and_be_overtaken)


def test_two_keys_added_at_once_both_work(
    services: Services, elsewhere: Services, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs: list[str] = []
    with monkeypatch.context() as patch:
        overtaken(services, patch, lambda: theirs.append(elsewhere.sites.add_key(site.name)[1]))
        changed, mine = services.sites.add_key(site.name)

    assert [one.id for one in changed.keys] == ["key1", "key2", "key3"]
    assert [services.sites.authenticate(key).site.name for key in (*theirs, mine)] == [site.name] * 2


def test_revoking_an_unknown_key_is_an_error(services: Services, site: Site) -> None:
    with pytest.raises(NotFound):
        services.sites.revoke_key(site.name, "key9")


def test_a_policy_counts_in_every_process_from_the_next_request_on(services: Services, elsewhere: Services) -> None:
    _, key = services.sites.add("site-a", "https://a.example")
    known = elsewhere.sites.authenticate(key)
    services.sites.change_policy("site-a", {"links_allowed": 0})

    assert known.site.policy.links_allowed == 3
    assert elsewhere.sites.refreshed(known).site.policy.links_allowed == 0


@pytest.mark.parametrize("name", ["", "A", "-a", "a-", "a_b", "a}b", "a" * 64, "ä", "a b", "a\n"])
def test_a_name_that_cannot_be_a_key_is_refused(services: Services, name: str, store_url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        services.sites.add(name, "https://a.example")

    assert [fault.pointer for fault in caught.value.faults] == ["/name"]
    assert everything_in(store_url) == {}


@pytest.mark.parametrize(
    "url", ["", "a.example", "ftp://a.example", "javascript:alert(1)", "https://", "https://u@a.example"]
)
def test_a_url_of_another_kind_is_refused(services: Services, url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        services.sites.add("site-a", url)

    assert [fault.pointer for fault in caught.value.faults] == ["/url"]


def test_a_taken_name_is_refused_and_the_first_site_stays(services: Services, site: Site) -> None:
    with pytest.raises(InvalidInput):
        services.sites.add(site.name, "https://other.example")

    assert services.sites.read(site.name).url == "https://a.example"


def test_a_change_merges_into_the_policy(services: Services, site: Site) -> None:
    services.sites.change_policy(site.name, {"block": {"words": ["casino"], "domains": ["spam.example"]}})
    services.sites.change_policy(
        site.name, {"thresholds": {"spam": {"review": 0.4}}, "retention_days": {"rejected": 1}}
    )
    changed = services.sites.change_policy(site.name, {"block": {"words": []}, "rate_limit": "5/second"})

    assert changed == services.sites.read(site.name)
    assert (changed.policy.block.words, changed.policy.block.domains) == ((), ("spam.example",))
    assert changed.policy.thresholds == {"spam": {"review": 0.4}}
    assert (changed.policy.rejected_days, changed.policy.labels_days) == (1, 730)
    assert changed.policy.rate_limit == RateLimit(5, 1)
    assert changed.policy.webhook_url == "https://hooks.example/a", "what is not named stays"


def test_thresholds_null_means_never_and_a_null_label_the_models_own(services: Services, site: Site) -> None:
    model = services.judge.thresholds()
    never = services.sites.change_policy(site.name, {"thresholds": {"spam": {"review": None, "reject": None}}})
    own = services.sites.change_policy(site.name, {"thresholds": {"spam": None}})

    assert (never.policy.effective(model)["spam"].review, never.policy.effective(model)["spam"].reject) == (None, None)
    assert own.policy.effective(model)["spam"] == model["spam"]


def test_a_policy_that_is_not_valid_changes_nothing(services: Services, site: Site) -> None:
    with pytest.raises(InvalidInput):
        services.sites.change_policy(site.name, {"links_allowed": 9, "block": {"patterns": ["("]}})

    assert services.sites.read(site.name) == site


def test_changes_at_the_same_time_are_both_kept(
    services: Services, elsewhere: Services, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        overtaken(services, patch, lambda: elsewhere.sites.change_policy(site.name, {"hold": {"words": ["theirs"]}}))
        changed = services.sites.change_policy(site.name, {"block": {"words": ["mine"]}})

    assert (changed.policy.block.words, changed.policy.hold.words) == (("mine",), ("theirs",))


def test_a_site_that_keeps_changing_is_left_alone(
    services: Services, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    outdated = replace(site, version=site.version - 1)
    monkeypatch.setattr(services.sites, "read", lambda _: outdated)

    with pytest.raises(SiteChanged):
        services.sites.change_policy(site.name, {"links_allowed": 0})


def test_webhook_secrets_are_derived_and_the_last_two_sign(services: Services, elsewhere: Services, site: Site) -> None:
    [first] = services.sites.webhook_secrets(site)
    rotated = services.sites.rotate_webhook_secret(site.name)
    newest, previous = elsewhere.sites.webhook_secrets(elsewhere.sites.read(site.name))

    assert previous == first
    assert newest != first
    assert rotated.webhook_generation == 2
    assert first.startswith("whsec_")
