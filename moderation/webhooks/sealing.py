"""Sealing what must be stored but not read: the callback of a comment with its key, and the secrets of Coral.

AES-256-GCM from ``cryptography``, with a fresh nonce each time; the keys come from the keyring.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from moderation.core.errors import WebhookRefused

NONCE_BYTES = 12  # NIST SP 800-38D, 8.2.


def seal(key: bytes, text: str) -> str:
    """Return ``text`` encrypted and authenticated under 32 key bytes, as URL-safe base64."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return base64.urlsafe_b64encode(nonce + AESGCM(key).encrypt(nonce, text.encode(), None)).decode()


def unseal(keys: Sequence[bytes], sealed: str) -> str:
    """Return what was sealed under one of the keys.

    Raises:
        WebhookRefused: If none of them opens it.
    """
    try:
        raw = base64.urlsafe_b64decode(sealed)
    except ValueError:
        raw = b""
    for key in keys:
        try:
            return AESGCM(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], None).decode()
        except (InvalidTag, ValueError):
            continue
    raise WebhookRefused("What was sealed cannot be read: the key that sealed it is gone.")
