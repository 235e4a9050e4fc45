"""Coral's requests: signed questions of its moderation phase, signed events of its webhooks, and its feedback."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import httpx

from moderation.core.comment import Comment
from moderation.web.coral.signature import seal_secret
from tests.web.protocols.conftest import Live

SECRET = "5f1d4c0b" * 8
ROLLED = "9a7e3d21" * 8
HAM, SPAM, BORDERLINE, TOXIC = "Lovely soup.", "Best casino in town", "See my channel", "You idiot"
STORY = "https://news.example/soup"


def signature(body: bytes, *secrets: str) -> str:
    digests = (hmac.new(secret.encode(), body, hashlib.sha256).hexdigest() for secret in secrets)
    return ",".join(f"sha256={digest}" for digest in digests)


def add_secret(live: Live, secret: str) -> None:
    live.services.sites.add_coral_secret(live.site, seal_secret(secret, live.services.keyring))


def question(text: str, *, action: str = "NEW", **changes: Any) -> dict[str, Any]:
    """Return what Coral's phase sends; ``changes`` are merged into its parts."""
    whole: dict[str, Any] = {
        "action": action,
        "comment": {"body": f"<div>{text}</div>", "parentID": None},
        "author": {"id": "user-mallory", "role": "COMMENTER"},
        "story": {"id": "story-1", "url": STORY},
        "site": {"id": "site-1"},
        "tenantID": "tenant-1",
        "tenantDomain": "coral.example",
    }
    for name, value in changes.items():
        whole[name] = {**whole[name], **value} if isinstance(value, dict) else value
    return whole


def post(live: Live, path: str, body: object, *secrets: str, **headers: str) -> httpx.Response:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", "X-Coral-Signature": signature(raw, *(secrets or (SECRET,))), **headers}
    return httpx.post(live.url + path, content=raw, headers=sent)


def ask(live: Live, text: str, **changes: Any) -> httpx.Response:
    return post(live, "/coral/phase/blog", question(text, **changes))


def tell(live: Live, kind: str, *, comment: str = "coral-1", at: str | None = None, **data: str) -> httpx.Response:
    event = {
        "id": "event-1",
        "type": f"COMMENT_{kind}_MODERATION_QUEUE",
        "data": {"queue": "PENDING", "commentID": comment, "storyID": "story-1", "siteID": "site-1", **data},
        "createdAt": at or live.services.now().isoformat().replace("+00:00", "Z"),
        "tenantID": "tenant-1",
        "tenantDomain": "coral.example",
    }
    return post(live, "/coral/webhook/blog", event)


def stored(live: Live) -> list[Comment]:
    keys = live.services.connection.client.scan_iter("w:{blog}:c:*")
    return live.services.comments.get_many(live.site, sorted(key.rpartition(":")[2] for key in keys))


def feedback(live: Live, text: str, value: int, **context: Any) -> httpx.Response:
    facts = {"url": STORY, "reply_to_id_Coral_comment_id": None, "Coral_comment_id": "coral-1", **context}
    body = {
        "comment": {"text": text},
        "context": {"entries": [{"text": json.dumps(facts)}]},
        "attributeScores": {"TOXICITY": {"summaryScore": {"value": value}}},
        "communityId": "Coral:https://coral.example",
        "clientToken": "comment:coral-1",
    }
    return httpx.post(f"{live.url}/v1alpha1/comments:suggestscore?key={live.key}", json=body)
