"""Whether Coral has sent a request: ``X-Coral-Signature``, an HMAC-SHA256 of the raw body.

Owns the comparison. Several signatures and several secrets may overlap while one is rolled. An unknown site, a site
without a secret and a wrong signature look alike from outside.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator

from moderation.core.errors import Unauthenticated, WebhookRefused
from moderation.core.identity import Keyring
from moderation.core.site import Site
from moderation.webhooks.sealing import seal, unseal

PURPOSE = "coral-secret"
SIGNATURES_MAX = 8
SECRET_LENGTHS = range(16, 257)  # Characters; Coral makes 64.
REFUSED = "The signature is missing or wrong, or the site has no secret of Coral's."


def seal_secret(secret: str, keyring: Keyring) -> str:
    """Return one of Coral's secrets as it may be stored."""
    return seal(keyring.newest.derive(PURPOSE), secret)


def check_signature(header: str, body: bytes, *, site: Site, keyring: Keyring) -> None:
    """Raise Unauthenticated unless a secret of the site signed the body.

    Args:
        header: ``sha256=HEX``, or several of them with commas between.
        body: As it came.
        site: Whose secrets count.
        keyring: Opens them.
    """
    given = _signatures(header)
    is_signed = False
    for secret in _secrets(site, keyring):
        expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode()
        for one in given:
            is_signed |= hmac.compare_digest(one, expected)
    if not is_signed:
        raise Unauthenticated(REFUSED)


def _signatures(header: str) -> list[bytes]:
    pairs = (part.strip().partition("=") for part in header[:1024].split(",")[:SIGNATURES_MAX])
    return [value.strip().lower().encode("latin-1", "replace") for name, _, value in pairs if name == "sha256"]


def _secrets(site: Site, keyring: Keyring) -> Iterator[str]:
    keys = keyring.derived(PURPOSE)
    for sealed in site.coral_secrets:
        try:
            yield unseal(keys, sealed)
        except WebhookRefused:  # Sealed under a key that is gone; the others still count.
            continue
