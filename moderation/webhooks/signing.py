"""The signature of a webhook, after the Standard Webhooks specification (version 1, HMAC-SHA256).

Owns the headers. Refuses to keep secrets: the caller passes them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from standardwebhooks.webhooks import Webhook


def encode(body: Mapping[str, Any]) -> str:
    """Return the JSON text that is signed and sent."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def signed_headers(secrets: Sequence[str], *, message_id: str, at: datetime, body: str) -> dict[str, str]:
    """Return the three headers of a signed message.

    Args:
        secrets: ``whsec_`` and base64, newest first. While a secret is being replaced both sign, so that a receiver
            accepts the message whichever of them it knows.
        message_id: The same in every attempt; holds no full stop.
        at: When this attempt is made, aware and in UTC: the library takes the wall clock of whatever it gets for UTC.
        body: Exactly the text that is sent.

    Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """
    signatures = [Webhook(secret).sign(message_id, at, body) for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
