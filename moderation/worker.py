"""The worker: what has to happen without anybody asking for it.

Owns one loop with a deadline for each chore: webhooks, leases that ran out, retention, trimming, and the heartbeat.
Each chore fails by itself, and so does each site within it. Deliveries run in threads of their own, so that the loop
never waits for somebody else's server, and stopping takes no longer than the store's answer. Any number of workers may
run side by side; a worker that is killed loses nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

import structlog

from moderation.core.errors import NotFound, StoreUnavailable
from moderation.core.site import Site
from moderation.service.services import Services
from moderation.store.outbox import CLAIM_SECONDS, Delivery
from moderation.webhooks.coral_courier import CoralCourier
from moderation.webhooks.courier import Courier
from moderation.webhooks.outcome import Outcome
from moderation.webhooks.traffic import Traffic
from moderation.webhooks.transport import Transport

DELIVER_SECONDS = 0.25  # How often new messages are looked for; a finished delivery looks at once.
HEARTBEAT_EVERY_SECONDS = 5.0
LEASES_SECONDS = 5.0
RETENTION_SECONDS = 3600.0
TRIM_SECONDS = 600.0
SITES_SECONDS = 5.0
DISABLED_SECONDS = 5.0  # How soon an enabled webhook is noticed.
SET_ASIDE_SECONDS = 600.0  # For messages of a disabled webhook; enabling it brings them back at once.
OUTAGE_SECONDS = 0.5
SETTLE_AGAIN_SECONDS = 1.0
LAST_WORDS_SECONDS = 0.4  # For deliveries that are about to end when the worker stops.
PURGE_SLICE = 25  # Comments blanked at a time: each is an fsync, and webhooks should not wait for many.

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Chore:
    """Something done again and again.

    Attributes:
        run: Returns True if there is more to do right away.
        next_at: Monotonic time.
    """

    name: str
    every_seconds: float
    run: Callable[[], bool]
    next_at: float = 0.0


def run(services: Services, stop: threading.Event) -> None:
    """Work until ``stop`` is set, and return within a second of it."""
    # urllib3 would log the URL of an endpoint that sends broken headers, and a URL may hold a secret.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    transport = Transport(allow=services.settings.webhook_allow_networks)
    Worker(services, transport).run(stop)


class Round:
    """A chore for every site, one site a turn, so that a long one does not hold up the others."""

    def __init__(self, names: Callable[[], list[str]], act: Callable[[str], bool]) -> None:
        """Prepare a round; ``act`` returns True if the site has more to do."""
        self._names = names
        self._act = act
        self._left: list[str] = []

    def __call__(self) -> bool:
        """Do the next site and return whether the round goes on; whatever goes wrong stays that site's problem."""
        if not self._left:
            self._left = list(self._names())
        if self._left and not guarded(self._left[-1], self._act):
            self._left.pop()
        return bool(self._left)


def guarded(name: str, act: Callable[[str], bool]) -> bool:
    """Do something for a site; only an outage of the store is everybody's problem."""
    try:
        return act(name)
    except StoreUnavailable:
        raise
    except NotFound:
        return False  # It was removed since the names were read.
    except Exception:
        _log.exception("site-chore-failed", site=name)
        return False


class Worker:
    """One worker process."""

    def __init__(self, services: Services, transport: Transport, *, claim_seconds: float = CLAIM_SECONDS) -> None:
        self._services = services
        self._outbox = services.outbox
        self._courier = Courier(
            services.sites,
            self._outbox,
            transport,
            now=services.now,
            callback_keys=services.keyring.derived("callback"),
            coral=CoralCourier(services.coral, services.keyring, transport, now=services.now),
        )
        self._traffic = Traffic()
        self._claim_seconds = claim_seconds
        self._claims: dict[str, Delivery] = {}
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._names: list[str] = []
        self._is_out = False
        self._webhooks = Chore("webhooks", DELIVER_SECONDS, self._deliver_due)
        self._chores = [
            Chore("heartbeat", HEARTBEAT_EVERY_SECONDS, self._beat),
            Chore("sites", SITES_SECONDS, self._read_names),
            self._webhooks,
            Chore("leases", LEASES_SECONDS, Round(self._known, self._expire_leases)),
            Chore("retention", RETENTION_SECONDS, Round(self._known, self._purge)),
            Chore("trim", TRIM_SECONDS, Round(self._known, self._trim)),
        ]

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set; an outage of the store is waited out."""
        self._stop = stop
        _log.info("worker-started")
        while not stop.is_set():
            if not self._turn():
                stop.wait(OUTAGE_SECONDS)
            next_at = min(chore.next_at for chore in self._chores)
            if self._wake.wait(max(0.0, min(DELIVER_SECONDS, next_at - time.monotonic()))):
                self._wake.clear()
                self._webhooks.next_at = 0.0
        self._give_back()
        _log.info("worker-stopped")

    def _turn(self) -> bool:
        """Do each chore that is due and return whether the store was there for all of them."""
        is_fine = True
        for chore in self._chores:
            if not self._stop.is_set() and time.monotonic() >= chore.next_at:
                is_fine = self._do(chore) and is_fine
        return is_fine

    def _do(self, chore: Chore) -> bool:
        """Do a chore and return whether the store was there; whatever else it raises stays its own problem."""
        has_more = False
        try:
            has_more = chore.run()
        except StoreUnavailable:
            self._note_outage(True, chore.name)
            return False  # It stays due.
        except Exception:
            _log.exception("chore-failed", chore=chore.name)
        if chore.name == "heartbeat":  # The one that surely asked the store.
            self._note_outage(False, chore.name)
        chore.next_at = time.monotonic() + (0.0 if has_more else chore.every_seconds)
        return True

    def _note_outage(self, is_out: bool, chore: str) -> None:
        if is_out != self._is_out:
            _log.warning("store-unavailable" if is_out else "store-back", chore=chore)
        self._is_out = is_out

    def _beat(self) -> bool:
        self._outbox.beat(now=self._services.now())
        return False

    def _read_names(self) -> bool:
        self._names = self._services.sites.names()
        return False

    def _known(self) -> list[str]:
        return self._names

    def _expire_leases(self, name: str) -> bool:
        self._services.queue.expire_leases(name)
        return False

    def _purge(self, name: str) -> bool:
        purged = self._services.privacy.purge_text(self._services.sites.read(name), limit=PURGE_SLICE)
        if purged:
            _log.info("retention", site=name, comments=purged)
        return purged == PURGE_SLICE

    def _trim(self, name: str) -> bool:
        self._services.privacy.trim(self._services.sites.read(name))
        dropped = self._outbox.trim(name)
        if dropped:
            _log.error("webhooks-dropped", site=name, messages=dropped)
        return False

    def _deliver_due(self) -> bool:
        """Start what may start now; the order of the sites rotates, so that none is always last."""
        self._names = self._names[1:] + self._names[:1]
        for name in self._outbox.busy(self._names):
            if not self._stop.is_set():
                guarded(name, self._deliver_for)
        return False

    def _deliver_for(self, name: str) -> bool:
        room = self._traffic.room(name, now=time.monotonic())
        if not room:
            return False
        site = self._services.sites.read(name)
        url = site.policy.webhook_url
        is_disabled = url is not None and site.webhook_disabled is not None
        if is_disabled and site.coral_access is None:
            self._traffic.pause(name, until=time.monotonic() + DISABLED_SECONDS)
            return False
        for delivery in self._outbox.claim(name, token=uuid4().hex, limit=room, seconds=self._claim_seconds):
            if is_disabled and delivery.is_for_webhook:  # What Coral is told does not wait for it.
                self._outbox.set_aside(delivery, seconds=SET_ASIDE_SECONDS)
            else:
                self._start(site, url, delivery)
        return False

    def _start(self, site: Site, url: str | None, delivery: Delivery) -> None:
        self._claims[delivery.token + delivery.id] = delivery
        was_in_trouble = self._traffic.start(site.name)
        # Daemon threads: an endpoint that is slow to answer must not hold up the end of the process.
        threading.Thread(
            target=self._deliver, args=(site, url, delivery, was_in_trouble), name="webhook", daemon=True
        ).start()

    def _deliver(self, site: Site, url: str | None, delivery: Delivery, was_in_trouble: bool) -> None:
        outcome = Outcome("error", 0.0)
        until = time.monotonic() + self._claim_seconds
        try:
            outcome = self._courier.attempt(site, url, delivery)
            self._settle(url, delivery, outcome, until=until)
        except Exception:
            _log.exception("delivery-failed", site=site.name, message=delivery.id)
        finally:
            self._finish(site, delivery, outcome, was_in_trouble)

    def _settle(self, url: str | None, delivery: Delivery, outcome: Outcome, *, until: float) -> None:
        """Write the outcome down, and again while the store is away and the claim lasts."""
        while True:
            try:
                return self._courier.settle(url, delivery, outcome)
            except StoreUnavailable:
                if self._stop.wait(SETTLE_AGAIN_SECONDS) or time.monotonic() > until:
                    raise

    def _finish(self, site: Site, delivery: Delivery, outcome: Outcome, was_in_trouble: bool) -> None:
        now = time.monotonic()
        self._traffic.finish(site.name, was_in_trouble, is_well=outcome.is_delivered, seconds=outcome.seconds, now=now)
        if outcome.retry_after:
            self._traffic.pause(site.name, until=now + min(outcome.retry_after, 60.0))
        self._claims.pop(delivery.token + delivery.id, None)
        self._wake.set()

    def _give_back(self) -> None:
        """Let deliveries that are about to end do so, and give the others to the next worker at once."""
        deadline = time.monotonic() + LAST_WORDS_SECONDS
        while self._claims and time.monotonic() < deadline:
            self._wake.wait(0.05)
            self._wake.clear()
        for delivery in list(self._claims.values()):
            try:
                self._outbox.release(delivery)
            except StoreUnavailable:
                return  # The claims run out by themselves.
