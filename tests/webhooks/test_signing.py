"""Signatures that the specification's own library accepts."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from moderation.webhooks.signing import encode, signed_headers

OLD, NEW = ("whsec_" + base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))
BODY = encode({"type": "comment.approved", "data": {"note": "schön ☃", "decision": None}})


def headers(secrets: list[str], at: datetime | None = None) -> dict[str, str]:
    return signed_headers(secrets, message_id="msg_1", at=at or datetime.now(UTC), body=BODY)


def test_signature_follows_the_specification() -> None:
    at = datetime(2026, 11, 23, 16, 20, 0, 900_000, tzinfo=UTC)

    found = headers([NEW], at)

    signed = f"msg_1.{int(at.timestamp())}.{BODY}".encode()
    expected = base64.b64encode(hmac.digest(bytes([2]) * 32, signed, hashlib.sha256)).decode()
    assert found == {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": f"v1,{expected}",
    }


@pytest.mark.parametrize("secret", [OLD, NEW], ids=["old", "new"])
def test_both_secrets_verify_while_one_replaces_the_other(secret: str) -> None:
    assert Webhook(secret).verify(BODY, headers([NEW, OLD]))["data"]["note"] == "schön ☃"


def test_another_secret_does_not_verify() -> None:
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD).verify(BODY, headers([NEW]))


def test_changed_body_does_not_verify() -> None:
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(BODY.replace("approved", "rejected"), headers([NEW]))
