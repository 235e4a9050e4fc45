"""What happens in the demonstration: a site and a moderator are added, comments arrive, one is approved.

Owns the order of events. Everything that a website does goes through the public API; the operator's part (site,
moderator) goes through the use cases, as ``winnow site add`` and ``winnow moderator add`` do.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moderation import bootstrap, logs
from moderation.config import Settings
from moderation.demo.calls import call
from moderation.demo.scenario import Sample
from moderation.demo.stage import POLL_SECONDS, DemoFailed, Running
from moderation.store.embedded import running_store

SITE = "demo"
MODERATOR = "alice"
PASSWORD_GROUPS, PASSWORD_GROUP = 4, 5  # 20 characters of 31: 99 bits, and still easy to type.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # Without those that are easily mixed up.
WEBHOOK_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Accounts:
    """What the operator made: keys for the website, a login for the moderator."""

    site: str
    key: str
    webhook_secret: str
    moderator: str
    password: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A sample and the answer to it: a comment, or a problem document."""

    sample: Sample
    status: int
    answer: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Approval:
    """What came of the moderator's decision.

    Attributes:
        comment: After the decision.
        event: Type of the webhook about it that the website received and verified.
        seconds: From the decision to the website's page showing the comment.
    """

    comment: Mapping[str, Any]
    event: str
    seconds: float


def make_accounts(environ: Mapping[str, str], data_dir: Path, *, site_url: str) -> Accounts:
    """Add the site with its webhook and a moderator with a fresh password."""
    from moderation.store.accounts import Role

    settings = Settings.from_environ(environ, data_dir=str(data_dir))
    logs.configure(settings, stream="stderr", level="warning")
    with running_store(settings, command="winnow demo") as url:
        services = bootstrap.build(settings, url)
        with closing(services.connection):
            _, key = services.sites.add(SITE, site_url)
            site = services.sites.change_policy(SITE, {"webhook_url": f"{site_url}/webhooks/winnow"})
            password = fresh_password()
            services.accounts.add(MODERATOR, password, sites=(SITE,), role=Role.ADMIN)
            return Accounts(SITE, key, services.sites.webhook_secrets(site)[0], MODERATOR, password)


def fresh_password() -> str:
    """Return a random password that can be read aloud."""
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(PASSWORD_GROUP)) for _ in range(PASSWORD_GROUPS))
    return "-".join(groups)


def site_settings(accounts: Accounts, *, service_url: str, site_url: str) -> dict[str, str]:
    """Return all that the website is told."""
    return {
        "COMMENTS_URL": service_url,
        "COMMENTS_KEY": accounts.key,
        "COMMENTS_WEBHOOK_SECRET": accounts.webhook_secret,
        "SITE_URL": site_url,
    }


def send(service: Running, accounts: Accounts, sample: Sample, *, permalink: str) -> Sent:
    """Submit one sample as the website would."""
    headers = {**_bearer(accounts), "Idempotency-Key": sample.name}
    body = sample.submission(permalink)
    reply = call(f"{service.url}/v1/comments", method="POST", body=body, headers=headers)
    return Sent(sample, reply.status, reply.document)


def approve(service: Running, site: Running, accounts: Accounts, sent: Sent) -> Approval:
    """Approve a pending comment, and wait until the website, told by a webhook, shows it.

    Raises:
        DemoFailed: If the comment is not pending, or the website's page does not show it in time.
    """
    mark = f'id="comment-{sent.answer.get("id")}"'.encode()
    if sent.answer.get("status") != "pending" or mark in call(site.url + "/").body:
        raise DemoFailed(f"The comment {sent.sample.name!r} should wait for a moderator, but it does not.")
    began = time.monotonic()
    decision = {"decision": "approve", "moderator": accounts.moderator, "version": sent.answer["version"]}
    url = f"{service.url}/v1/comments/{sent.answer['id']}/decision"
    reply = call(url, method="POST", body=decision, headers=_bearer(accounts))
    if reply.status != 200:
        raise DemoFailed(f"The decision was answered with {reply.status}: {reply.document.get('detail', '')}")
    event = f"comment.{reply.document['status']}"
    _wait(lambda: has_verified(site, event, sent.answer["id"]), "The website was not told of the decision in time.")
    _wait(lambda: mark in call(site.url + "/").body, "The website was told, but its page does not show the comment.")
    return Approval(reply.document, event, time.monotonic() - began)


def has_verified(site: Running, event: str, comment_id: str) -> bool:
    """Return whether the website has received a webhook about a comment and found its signature right."""
    return f"webhook verified: {event} {comment_id}" in site.log.read_text("utf-8", "replace")


def _wait(is_true: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + WEBHOOK_SECONDS
    while not is_true():
        if time.monotonic() > deadline:
            raise DemoFailed(otherwise)
        time.sleep(POLL_SECONDS)


def _bearer(accounts: Accounts) -> dict[str, str]:
    return {"Authorization": f"Bearer {accounts.key}"}
