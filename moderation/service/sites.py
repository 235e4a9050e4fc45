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
from moderation.core.identity import Hmac, Keyring
from moderation.core.policy import Policy, Thresholds, changed, merge_thresholds
from moderation.core.site import ApiKey, Site, policy_fields
from moderation.service.submissions import Clock
from moderation.store.sites import Sites

KEY_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
KEY_LENGTH = 12  # Akismet's clients accept no other; 36**12 are 62 bits.
WEBHOOK_SECRET_BYTES = 32
CORAL_SECRETS = 4  # Coral's phase and its webhook endpoint have one each, and each may be rolled.
UPDATE_ATTEMPTS = 5  # Of people who change one site at the same moment.
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
        self._key_hmacs = tuple(Hmac(secret) for secret in keyring.derived("api-key"))
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
        return tuple([keyed.digest(key.encode()).hex() for keyed in self._key_hmacs])

    def read(self, name: str) -> Site:
        """Return a site as the store has it now.

        Raises:
            NotFound: If there is none of that name.
        """
        site = self._sites.get(name)
        self._cache[name] = site
        return site

    def current(self, name: str) -> Site:
        """Return a site as it is now; one cheap round trip where nothing changed.

        Raises:
            NotFound: If there is none of that name.
        """
        site = self._cache.get(name)
        return site if site is not None and self._sites.version(name) == site.version else self.read(name)

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
        key = _random_key()
        site = self._with_key(Site(name=name, url=url, created_at=self._now()), key)
        if not self._sites.add(site):
            raise InvalidInput(f"There is a site {name!r} already.", [Fault("/name", "taken", "Choose another name.")])
        return site, key

    def add_key(self, name: str) -> tuple[Site, str]:
        """Give a site one more API key and return it; it is shown this once."""
        key = _random_key()
        return self._update(name, lambda site: self._with_key(site, key)), key

    def revoke_key(self, name: str, key_id: str) -> Site:
        """Take a key back; the next request with it is refused.

        Raises:
            NotFound: If the site has no such key.
        """
        if all(key.id != key_id for key in self.read(name).keys):
            raise NotFound(f"Site {name!r} has no key {key_id!r}.")
        return self._update(name, lambda site: replace(site, keys=tuple(key for key in site.keys if key.id != key_id)))

    def _with_key(self, site: Site, key: str) -> Site:
        digest = self._digests(key)[0]
        if any(one.digest == digest for one in site.keys):  # An attempt whose answer was lost.
            return site
        number = 1 + max((int(one.id.removeprefix("key")) for one in site.keys), default=0)
        return replace(site, keys=(*site.keys, ApiKey(f"key{number}", digest, self._now())))

    def change_policy(self, name: str, document: Mapping[str, Any]) -> Site:
        """Merge a validated policy document into a site's policy; what it does not name stays as it is.

        Raises:
            InvalidInput: If the result is not valid.
            SiteChanged: If others keep changing the site at the same time.
        """
        return self._update(name, lambda site: _with_policy(site, self.merged(site.policy, document)))

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
        return self._update(name, lambda site: replace(site, webhook_generation=site.webhook_generation + 1))

    def set_webhook_disabled(self, name: str, why: str | None) -> Site:
        """Stop deliveries to a site, or (None) let them go on."""
        return self._update(name, lambda site: replace(site, webhook_disabled=why))

    def add_coral_secret(self, name: str, sealed: str) -> Site:
        """Let one more secret of Coral's sign for a site; the oldest beyond the fourth goes."""
        return self._update(
            name, lambda site: replace(site, coral_secrets=(sealed, *site.coral_secrets)[:CORAL_SECRETS])
        )

    def remove_coral_secrets(self, name: str) -> Site:
        """Take all of Coral's secrets back; nothing that it sends is accepted any more."""
        return self._update(name, lambda site: replace(site, coral_secrets=()))

    def set_coral_access(self, name: str, sealed: str | None) -> Site:
        """Tell Coral of decisions from now on, or (None) no more."""
        return self._update(name, lambda site: replace(site, coral_access=sealed))

    def webhook_secrets(self, site: Site) -> tuple[str, ...]:
        """Return the secrets that sign a site's webhooks, newest first, as ``whsec_`` and base64."""
        generations = range(site.webhook_generation, max(0, site.webhook_generation - 2), -1)
        return tuple(self._webhook_secret_of(site.name, generation) for generation in generations)

    def _webhook_secret_of(self, name: str, generation: int) -> str:
        message = f"{name}\0{generation}".encode()
        digest = hmac.digest(self._webhook_secret, message, hashlib.sha256)[:WEBHOOK_SECRET_BYTES]
        return "whsec_" + base64.b64encode(digest).decode()

    def _update(self, name: str, change: Callable[[Site], Site]) -> Site:
        """Apply a change to the site as it is now; when somebody else was faster, to what they made of it."""
        for _ in range(UPDATE_ATTEMPTS):
            before = self.read(name)
            try:
                stored = self._sites.replace(before, change(before))
            except StaleVersion:
                continue
            self._cache[name] = stored
            return stored
        raise SiteChanged("Others keep changing this site; look at it again.")


def _with_policy(site: Site, policy: Policy) -> Site:
    """Return the site under a new policy; another webhook address deserves a new chance."""
    has_moved = policy.webhook_url != site.policy.webhook_url
    return replace(site, policy=policy, webhook_disabled=None if has_moved else site.webhook_disabled)


def _random_key() -> str:
    return "".join(secrets.choice(KEY_ALPHABET) for _ in range(KEY_LENGTH))


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
