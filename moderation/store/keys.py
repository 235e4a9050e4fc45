"""Names of all keys; docs/storage.md lists each with its type, fields, lifetime and growth.

All keys of a site share one hash tag, ``w:{SITE}:``, so that a script that touches several of them runs on a cluster.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

SITES = "w:sites"  # Set of site names.
API_KEYS = "w:keys"  # Hash: keyed hash of an API key -> site.
MODERATORS = "w:moderators"  # Set of moderator names.


def moderator(name: str) -> str:
    """Hash of one moderator's account."""
    return f"w:moderator:{name}"


def moderator_sessions(name: str) -> str:
    """Set of the session digests of one moderator."""
    return f"w:moderator:{name}:sessions"


def session(digest: str) -> str:
    """Hash of one signed-in session; ``digest`` is the SHA-256 of its secret id."""
    return f"w:session:{digest}"


def throttle(subject: str) -> str:
    """Counter of failed sign-ins, or of wrong API keys; ``subject`` is a keyed hash."""
    return f"w:throttle:{subject}"


def worker_heartbeat() -> str:
    """Time of the worker's last round; expires when it stops."""
    return "w:worker"


@dataclass(frozen=True, slots=True)
class SiteKeys:
    """The keys of one site."""

    site: str

    def _key(self, rest: str) -> str:
        return f"w:{{{self.site}}}:{rest}"

    @property
    def record(self) -> str:
        """Hash: url, policy, version, keys, created, webhook state."""
        return self._key("site")

    def comment(self, comment_id: str) -> str:
        """Hash of one comment."""
        return self._key(f"c:{comment_id}")

    def by_status(self, status: str) -> str:
        """Sorted set of comment ids by creation time, in milliseconds."""
        return self._key(f"s:{status}")

    def thread(self, permalink: str, status: str) -> str:
        """Sorted set of one page's comment ids by creation time."""
        digest = hashlib.blake2b(permalink.encode(), digest_size=12).hexdigest()
        return self._key(f"t:{digest}:{status}")

    @property
    def risk(self) -> str:
        """Sorted set of pending comment ids by highest score."""
        return self._key("risk")

    @property
    def lease(self) -> str:
        """Sorted set of claimed comment ids by deadline."""
        return self._key("lease")

    @property
    def fence(self) -> str:
        """Hash: comment id -> number of its latest claim."""
        return self._key("fence")

    @property
    def holder(self) -> str:
        """Hash: comment id -> who claimed it."""
        return self._key("holder")

    @property
    def rejected_at(self) -> str:
        """Sorted set of rejected comment ids by the time of rejection, for retention."""
        return self._key("rejected-at")

    @property
    def decided_at(self) -> str:
        """Sorted set of comment ids decided by people, by the time of the decision."""
        return self._key("decided-at")

    def author(self, author_id: str) -> str:
        """Hash of an author's counters and standing."""
        return self._key(f"a:{author_id}")

    def author_comments(self, author_id: str) -> str:
        """Sorted set of an author's comment ids by creation time."""
        return self._key(f"ac:{author_id}")

    def label(self, comment_id: str) -> str:
        """String: one training label as JSON; expires by policy."""
        return self._key(f"l:{comment_id}")

    @property
    def labels(self) -> str:
        """Sorted set of labelled comment ids by time."""
        return self._key("labels")

    @property
    def erased(self) -> str:
        """Sorted set of author ids that were erased, by time, so that an import cannot bring them back."""
        return self._key("erased")

    def idempotency(self, digest: str) -> str:
        """String: what a request with an Idempotency-Key did."""
        return self._key(f"i:{digest}")

    def trace(self, digest: str) -> str:
        """String: id of the latest comment with this trace; expires after 90 days."""
        return self._key(f"x:{digest}")

    @property
    def rate(self) -> str:
        """Counter of submissions in the running window; expires with it."""
        return self._key("rate")

    def copies(self, copy_key: str) -> str:
        """Counter of texts that share a near-copy key; expires after a day."""
        return self._key(f"n:{copy_key}")

    @property
    def audit(self) -> str:
        """Stream of what was done to comments, by whom."""
        return self._key("audit")

    @property
    def outbox(self) -> str:
        """Stream of webhook messages that were not taken up yet."""
        return self._key("outbox")

    @property
    def due(self) -> str:
        """Sorted set of webhook message ids by the time of their next attempt."""
        return self._key("due")

    @property
    def deliveries(self) -> str:
        """Hash: webhook message id -> attempts, claim, message; ``q:`` and a comment id -> its message ids in order."""
        return self._key("deliveries")

    def day(self, day: str) -> str:
        """Hash of one day's counters; ``day`` is ``YYYYMMDD``."""
        return self._key(f"d:{day}")

    def act(self, act_id: str) -> str:
        """String: what one press of a moderator's button did, as JSON; expires after 30 days."""
        return self._key(f"act:{act_id}")

    @property
    def acts(self) -> str:
        """Sorted set of the ids of acts by time; trimmed to 30 days."""
        return self._key("acts")
