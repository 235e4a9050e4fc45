"""Where a site's Coral is told of decisions, and with which token.

Owns the pair and how it is sealed: address and token together, so that nobody who can write to the store has the token
sent elsewhere. Refuses to print either by accident.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from moderation.core.errors import WebhookRefused
from moderation.core.identity import Keyring
from moderation.core.site import Site
from moderation.webhooks.sealing import seal, unseal
from moderation.webhooks.transport import parse_target

PURPOSE = "coral-access"
PATH = "/api/graphql"
TOKEN_LENGTHS = range(20, 4097)  # Characters; Coral's are signed tokens of some 200.


@dataclass(frozen=True, slots=True)
class CoralAccess:
    """The address of a Coral and a personal access token for it.

    Attributes:
        url: Without Coral's own path, as ``https://coral.example``.
        token: What ``coral-cli token:create`` calls ``signedToken``.
    """

    url: str
    token: str = field(repr=False)

    @property
    def endpoint(self) -> str:
        """Return where Coral takes GraphQL."""
        return self.url + PATH


def parse_access(url: str, token: str) -> CoralAccess:
    """Return what an operator typed as an access.

    Raises:
        WebhookRefused: If the URL is not one that may be called, or the token cannot be one.
    """
    base = url.strip().rstrip("/").removesuffix(PATH)
    parse_target(base)
    if "?" in base or "#" in base:
        raise WebhookRefused("Coral's URL ends with its host, or with the path under which Coral is installed.")
    token = token.strip()
    if len(token) not in TOKEN_LENGTHS or not all("!" <= one <= "~" for one in token):
        raise WebhookRefused("Copy the whole token: it is `signedToken` of what `coral-cli token:create` prints.")
    return CoralAccess(base, token)


def seal_access(access: CoralAccess, keyring: Keyring) -> str:
    """Return an access as it may be stored."""
    return seal(keyring.newest.derive(PURPOSE), json.dumps([access.url, access.token]))


def access_of(site: Site, keyring: Keyring) -> CoralAccess | None:
    """Return a site's access, or None if it has none.

    Raises:
        WebhookRefused: If the key that sealed it is gone.
    """
    if site.coral_access is None:
        return None
    url, token = json.loads(unseal(keyring.derived(PURPOSE), site.coral_access))
    return CoralAccess(url, token)
