"""Sites: registering them, their keys, their policies, and knowing them on every request.

Owns the process's cache of sites. A cached site carries its version; whoever uses it compares that with the store's, so
that a changed policy or a revoked key counts at once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from moderation.core.errors import Fault, InvalidInput, NotFound, SiteChanged, StaleVersion, Unauthenticated
from moderation.core.identity import Keyring
from moderation.core.policy import Policy, Thresholds, changed, merge_thresholds
from moderation.core.site import ApiKey, Site, policy_fields
from moderation.service.submissions import Clock
from moderation.store.sites import Sites

KEY_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
KEY_LENGTH = 12  # Akismet's clients accept no other; 36**12 are 62 bits.
WEBHOOK_SECRET_BYTES = 32
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_UNKNOWN_KEY = "This API key is unknown or revoked."


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated website: its site as last read, and the digest of the key it used."""

    site: Site
    digest: str


class SiteDirectory:
    """Knows the sites; safe for threads."""

    def __init__(
        self, sites: Sites, keyring: Keyring, *, now: Clock, thresholds: Callable[[], Mapping[str, Thresholds]]
    ) -> None:
        self._sites = sites
        self._now = now
        self._thresholds = thresholds
        self._key_secrets = keyring.derived("api-key")
        self._webhook_secret = keyring.keys[-1].derive("webhook")
        self._cache: dict[str, Site] = {}

    def authenticate(self, key: str) -> Caller:
        """Return the site that an API key belongs to, as this process last read it.

        Raises:
            Unauthenticated: If no site has the key.
        """
        digests = self._digests(key)
        for site in self._cache.values():
            for known in site.keys:
                if known.digest in digests:
                    return Caller(site, known.digest)
        name = self._sites.find_by_key(digests)
        if name is None:
            raise Unauthenticated(_UNKNOWN_KEY)
        return self._caller(self.read(name), digests)

    def refreshed(self, caller: Caller) -> Caller:
        """Return the caller with its site as it is now; one cheap round trip where nothing changed.

        Raises:
            Unauthenticated: If the key was revoked or the site is gone.
        """
        if self._sites.version(caller.site.name) == caller.site.version:
            return caller
        self._cache.pop(caller.site.name, None)
        try:
            return self._caller(self.read(caller.site.name), (caller.digest,))
        except NotFound:
            raise Unauthenticated(_UNKNOWN_KEY) from None

    def _caller(self, site: Site, digests: tuple[str, ...]) -> Caller:
        digest = next((key.digest for key in site.keys if key.digest in digests), None)
        if digest is None:
            raise Unauthenticated(_UNKNOWN_KEY)
        return Caller(site, digest)

    def _digests(self, key: str) -> tuple[str, ...]:
        return tuple(hmac.new(secret, key.encode(), hashlib.sha256).hexdigest() for secret in self._key_secrets)

    def read(self, name: str) -> Site:
        """Return a site as the store has it now.

        Raises:
            NotFound: If there is none of that name.
        """
        site = self._sites.get(name)
        self._cache[name] = site
        return site

    def names(self) -> list[str]:
        """Return the names of all sites, sorted."""
        return self._sites.names()

    def add(self, name: str, url: str) -> tuple[Site, str]:
        """Register a site and return it with its first API key, which is shown this once.

        Raises:
            InvalidInput: If name or URL is not valid, or the name is taken.
        """
        faults = [*_name_faults(name), *_url_faults(url)]
        if faults:
            raise InvalidInput("The site cannot be added.", faults)
        key, record = self._new_key(())
        site = Site(name=name, url=url, created_at=self._now(), keys=(record,))
        if not self._sites.add(site):
            raise InvalidInput(f"There is a site {name!r} already.", [Fault("/name", "taken", "Choose another name.")])
        return site, key

    def add_key(self, name: str) -> tuple[Site, str]:
        """Give a site one more API key and return it; it is shown this once."""
        site = self.read(name)
        key, record = self._new_key(site.keys)
        return self._replace(site, replace(site, keys=(*site.keys, record))), key

    def revoke_key(self, name: str, key_id: str) -> Site:
        """Take a key back; the next request with it is refused.

        Raises:
            NotFound: If the site has no such key.
        """
        site = self.read(name)
        kept = tuple(key for key in site.keys if key.id != key_id)
        if len(kept) == len(site.keys):
            raise NotFound(f"Site {name!r} has no key {key_id!r}.")
        return self._replace(site, replace(site, keys=kept))

    def _new_key(self, existing: tuple[ApiKey, ...]) -> tuple[str, ApiKey]:
        key = "".join(secrets.choice(KEY_ALPHABET) for _ in range(KEY_LENGTH))
        number = 1 + max((int(one.id.removeprefix("key")) for one in existing), default=0)
        return key, ApiKey(f"key{number}", self._digests(key)[0], self._now())

    def change_policy(self, name: str, document: Mapping[str, Any]) -> Site:
        """Merge a validated policy document into a site's policy; what it does not name stays as it is.

        Raises:
            InvalidInput: If the result is not valid.
            SiteChanged: If somebody else changed the site at the same time, twice in a row.
        """
        for _ in range(2):
            site = self.read(name)
            try:
                return self._replace(site, _with_policy(site, self.merged(site.policy, document)))
            except StaleVersion:
                continue
        raise SiteChanged("Somebody else is changing this site; look at it again.")

    def merged(self, policy: Policy, document: Mapping[str, Any]) -> Policy:
        """Return the policy with a validated document merged into it.

        Raises:
            InvalidInput: If the result is not valid.
        """
        nested = {name: _merge_list(policy, name, document[name]) for name in ("block", "hold") if name in document}
        fields = policy_fields({**document, **nested})
        if "thresholds" in document:
            fields["thresholds"] = merge_thresholds(policy.thresholds, document["thresholds"])
        return changed(policy, self._thresholds(), **fields)

    def rotate_webhook_secret(self, name: str) -> Site:
        """Give the site a new webhook secret; the old one signs alongside until the next rotation."""
        site = self.read(name)
        return self._replace(site, replace(site, webhook_generation=site.webhook_generation + 1))

    def set_webhook_disabled(self, name: str, why: str | None) -> Site:
        """Stop deliveries to a site, or (None) let them go on."""
        site = self.read(name)
        return self._replace(site, replace(site, webhook_disabled=why))

    def webhook_secrets(self, site: Site) -> tuple[str, ...]:
        """Return the secrets that sign a site's webhooks, newest first, as ``whsec_`` and base64."""
        generations = range(site.webhook_generation, max(0, site.webhook_generation - 2), -1)
        return tuple(self._webhook_secret_of(site.name, generation) for generation in generations)

    def _webhook_secret_of(self, name: str, generation: int) -> str:
        message = f"{name}\0{generation}".encode()
        digest = hmac.digest(self._webhook_secret, message, hashlib.sha256)[:WEBHOOK_SECRET_BYTES]
        return "whsec_" + base64.b64encode(digest).decode()

    def _replace(self, before: Site, after: Site) -> Site:
        stored = self._sites.replace(before, after)
        self._cache[stored.name] = stored
        return stored


def _with_policy(site: Site, policy: Policy) -> Site:
    """Return the site under a new policy; another webhook address deserves a new chance."""
    has_moved = policy.webhook_url != site.policy.webhook_url
    return replace(site, policy=policy, webhook_disabled=None if has_moved else site.webhook_disabled)


def _merge_list(policy: Policy, name: str, change: Mapping[str, Any]) -> dict[str, Any]:
    current = getattr(policy, name)
    return {part: change.get(part, list(getattr(current, part))) for part in ("words", "patterns", "domains")}


def _name_faults(name: str) -> list[Fault]:
    if _NAME.fullmatch(name):
        return []
    detail = "A name is 1 to 63 lower-case letters, digits and hyphens, and starts and ends with a letter or digit."
    return [Fault("/name", "invalid-name", detail)]


def _url_faults(url: str) -> list[Fault]:
    if re.fullmatch(r"https?://[^\s/?#@]+(?:[/?#]\S*)?", url):
        return []
    return [Fault("/url", "invalid-url", "The URL of a site starts with https:// or http:// and names a host.")]
