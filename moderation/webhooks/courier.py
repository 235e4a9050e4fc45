"""Delivering one message: sign, send, and write down what became of it.

Owns what each answer means: 2xx is success and nothing else is; 410 and a used-up schedule disable the site's webhook
with a reason, and its messages wait until an operator enables it again. Refuses to log anything but names and numbers.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import structlog

from moderation.core.errors import StaleVersion, WebhookRefused
from moderation.core.site import Site
from moderation.service.events import timestamp
from moderation.service.sites import SiteDirectory
from moderation.store.outbox import Delivery, Outbox
from moderation.webhooks.callbacks import CALLBACK_HEADERS, callback_form
from moderation.webhooks.coral_courier import CoralCourier
from moderation.webhooks.outcome import Outcome
from moderation.webhooks.schedule import DELAYS, next_delay, retry_after_seconds
from moderation.webhooks.sealing import unseal
from moderation.webhooks.signing import encode, signed_headers
from moderation.webhooks.transport import Answer, NoAnswer, Transport

GONE = "The endpoint answered 410 Gone."
TEST_EVENT = "winnow.test"
_CONFLICT_ATTEMPTS = 3

_log = structlog.get_logger(__name__)


class Courier:
    """Sends messages and settles them; safe for threads."""

    def __init__(
        self,
        sites: SiteDirectory,
        outbox: Outbox,
        transport: Transport,
        *,
        now: Callable[[], datetime],
        callback_keys: Sequence[bytes] = (),
        coral: CoralCourier | None = None,
    ) -> None:
        self._coral = coral
        self._callback_keys = callback_keys
        self._sites = sites
        self._outbox = outbox
        self._transport = transport
        self._now = now

    def send(self, site: Site, url: str, *, message_id: str, body: dict[str, Any]) -> Answer:
        """Sign a message for a site and send it once.

        Raises:
            WebhookRefused: If the guard does not let us call the address.
            NoAnswer: If no answer came.
        """
        text = encode(body)
        headers = signed_headers(self._sites.webhook_secrets(site), message_id=message_id, at=self._now(), body=text)
        return self._transport.post(
            url, body=text.encode(), headers={"Content-Type": "application/json; charset=utf-8", **headers}
        )

    def send_test(self, site: Site, url: str, *, message_id: str) -> Answer:
        """Send an event of type ``winnow.test``; raises as ``send`` does."""
        body = {"type": TEST_EVENT, "timestamp": timestamp(self._now()), "data": {"site": site.name}}
        return self.send(site, url, message_id=message_id, body=body)

    def call_back(self, delivery: Delivery) -> Answer:
        """Tell the callback that came with a comment what was decided, as Akismet's clients want to hear it.

        Raises:
            WebhookRefused: If the callback cannot be unsealed, or the guard does not let us call it.
            NoAnswer: If no answer came.
        """
        callback = json.loads(unseal(self._callback_keys, delivery.callback or ""))
        form = callback_form(
            callback["key"], delivery.comment_id, is_spam=delivery.body["data"]["status"] == "rejected"
        )
        return self._transport.post(callback["url"], body=urlencode(form).encode(), headers=CALLBACK_HEADERS)

    def attempt(self, site: Site, url: str | None, delivery: Delivery) -> Outcome:
        """Send a claimed message once; never raises for what the endpoint does."""
        started = time.monotonic()
        try:
            if delivery.is_for_coral and self._coral is not None:
                return self._coral.attempt(site, delivery)
            if delivery.callback is not None:
                answer = self.call_back(delivery)
            elif url is None:
                return Outcome("no-webhook", 0.0, is_delivered=True)  # It was taken away since the event happened.
            else:
                answer = self.send(site, url, message_id=delivery.id, body=delivery.body)
        except NoAnswer as error:
            return Outcome(error.trouble.value, time.monotonic() - started)
        except WebhookRefused:
            return Outcome("refused", time.monotonic() - started)
        return Outcome(
            str(answer.status),
            answer.seconds,
            is_delivered=answer.is_success,
            is_gone=answer.status == HTTPStatus.GONE,
            retry_after=retry_after_seconds(answer.status, answer.retry_after, now=self._now()),
        )

    def settle(self, url: str | None, delivery: Delivery, outcome: Outcome) -> None:
        """Write down what became of an attempt; safe to repeat.

        Raises:
            StoreUnavailable: If that is not possible now; the claim runs out and the message goes out again.
        """
        attempts = delivery.attempts + 1
        log = _log.bind(
            site=delivery.site, message=delivery.id, attempt=attempts, result=outcome.result, seconds=_rounded(outcome)
        )
        if outcome.is_delivered:
            self._outbox.delivered(delivery, now=self._now())
            log.info("webhook-delivered")
            return
        delay = next_delay(attempts, retry_after_seconds=outcome.retry_after, chance=random.random())
        if (delivery.callback is not None or delivery.is_for_coral) and (delay is None or outcome.is_gone):
            self._outbox.delivered(delivery, now=self._now())
            log.error("coral-given-up" if delivery.is_for_coral else "callback-given-up")
            return
        if delay is None or outcome.is_gone:
            reason = GONE if outcome.is_gone else f"All {len(DELAYS)} attempts failed; the last one: {outcome.result}."
            self._disable(delivery.site, url, reason)
            self._outbox.restart(delivery, now=self._now())
            return
        self._outbox.failed(delivery, delay_seconds=delay, now=self._now())
        log.warning("webhook-failed", retry_in_seconds=round(delay))

    def _disable(self, name: str, url: str | None, reason: str) -> None:
        """Stop deliveries to a site, unless it has another endpoint by now, which deserves its own chance."""
        for _ in range(_CONFLICT_ATTEMPTS):
            if self._sites.read(name).policy.webhook_url != url:
                return
            try:
                self._sites.set_webhook_disabled(name, reason)
            except StaleVersion:
                continue
            _log.error("webhook-disabled", site=name, reason=reason)
            return


def _rounded(outcome: Outcome) -> float:
    return round(outcome.seconds, 3)
