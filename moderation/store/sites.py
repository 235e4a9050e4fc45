"""Sites, their policies and their API keys.

A site's version rises with every change. Web processes keep the site they last read and compare versions, so that a
new policy or a revoked key counts from the next request on, in every process.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from moderation.core.comment import from_milliseconds, to_milliseconds
from moderation.core.errors import NotFound, StaleVersion
from moderation.core.site import ApiKey, Site, policy_of, stored_policy
from moderation.store import keys as names
from moderation.store.connection import Connection
from moderation.store.keys import SiteKeys
from moderation.store.records import dump


class Sites:
    """All registered sites."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def names(self) -> list[str]:
        """Return the names of all sites, sorted."""
        return sorted(self._connection.call(lambda client: client.smembers(names.SITES)))

    def get(self, name: str) -> Site:
        """Return one site.

        Raises:
            NotFound: If there is none of that name.
        """
        fields = self._connection.call(lambda client: client.hgetall(SiteKeys(name).record))
        if not fields:
            raise NotFound(f"There is no site {name!r}; `winnow site list` shows them all.")
        return _site_of(name, fields)

    def version(self, name: str) -> int | None:
        """Return a site's version, or None if it is gone; O(1)."""
        value = self._connection.run("version", [SiteKeys(name).record])
        return int(value) if value else None

    def find_by_key(self, digests: Sequence[str]) -> str | None:
        """Return the name of the site that has one of these key digests, or None."""
        found = self._connection.call(lambda client: client.hmget(names.API_KEYS, digests))
        return next((name for name in found if name), None)

    def add(self, site: Site) -> bool:
        """Store a new site with its keys; False if the name is taken and nothing was done."""
        keys = SiteKeys(site.name)
        created = bool(self._connection.run("site_add", [keys.record], _arguments(site, ("created", site.created_at))))
        if created or self.get(site.name).keys == site.keys:
            self._connection.call(lambda client: client.sadd(names.SITES, site.name))
            self._index_keys(site)
            return True
        return False

    def replace(self, before: Site, after: Site) -> Site:
        """Store a changed site and return it with its new version.

        Raises:
            StaleVersion: If somebody else changed it meanwhile; nothing was done.
        """
        reply = self._connection.run("site_set", [SiteKeys(before.name).record], [before.version, *_arguments(after)])
        if int(reply) < 0:
            raise StaleVersion(-int(reply))
        gone = {key.digest for key in before.keys} - {key.digest for key in after.keys}
        if gone:
            self._connection.call(lambda client: client.hdel(names.API_KEYS, *gone))
        self._index_keys(after)
        return self.get(after.name)

    def _index_keys(self, site: Site) -> None:
        if site.keys:
            index = {key.digest: site.name for key in site.keys}
            self._connection.call(lambda client: client.hset(names.API_KEYS, mapping=index))


def _arguments(site: Site, *extra: tuple[str, Any]) -> list[str]:
    fields: dict[str, str] = {
        "url": site.url,
        "policy": dump(stored_policy(site.policy)),
        "keys": dump([[key.id, key.digest, to_milliseconds(key.created_at)] for key in site.keys]),
        "webhook_generation": str(site.webhook_generation),
        "webhook_disabled": site.webhook_disabled or "",
        "coral_secrets": dump(list(site.coral_secrets)),
        "coral_access": site.coral_access or "",
    }
    fields |= {name: str(to_milliseconds(value)) for name, value in extra}
    return [part for pair in fields.items() for part in pair]


def _site_of(name: str, fields: dict[str, str]) -> Site:
    return Site(
        name=name,
        url=fields["url"],
        created_at=from_milliseconds(int(fields["created"])),
        version=int(fields["version"]),
        policy=policy_of(json.loads(fields["policy"])),
        keys=tuple(ApiKey(one, digest, from_milliseconds(at)) for one, digest, at in json.loads(fields["keys"])),
        webhook_generation=int(fields["webhook_generation"]),
        webhook_disabled=fields["webhook_disabled"] or None,
        coral_secrets=tuple(json.loads(fields.get("coral_secrets", "[]"))),
        coral_access=fields.get("coral_access") or None,
    )
