"""The one place that names concrete classes: it puts a process together from its settings."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime

from moderation.config import Settings
from moderation.keyring_file import load_keyring
from moderation.scoring import Scorer
from moderation.service.accounts import Accounts
from moderation.service.acts import Acts, Kept
from moderation.service.coral import Coral
from moderation.service.coral_matching import Matches
from moderation.service.decisions import Decisions
from moderation.service.desk import Desk
from moderation.service.feedback import Feedback
from moderation.service.guesses import Guesses
from moderation.service.insight import Insight
from moderation.service.judging import Judge
from moderation.service.privacy import Privacy
from moderation.service.services import Services
from moderation.service.sites import SiteDirectory
from moderation.service.submissions import Submissions
from moderation.store.accounts import AccountStore
from moderation.store.archive import Archive
from moderation.store.comments import Comments
from moderation.store.connection import Connection
from moderation.store.outbox import Outbox
from moderation.store.queue import Queue
from moderation.store.reviews import Reviews
from moderation.store.sites import Sites

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(one + other for one in CROCKFORD for other in CROCKFORD)
_PAIR_SHIFTS = tuple(range(120, -1, -10))
RANDOM_BITS = 80


def now() -> datetime:
    """Return the time, aware and in UTC, in whole milliseconds, as the store keeps it."""
    return datetime.fromtimestamp(_milliseconds() / 1000, UTC)


def new_id() -> str:
    """Return a ULID: 26 characters that sort by time.

    Made here, since each comment gets one and the library takes five times as long over it.

    Source: https://github.com/ulid/spec
    """
    number = _milliseconds() << RANDOM_BITS | int.from_bytes(os.urandom(RANDOM_BITS // 8))
    return "".join([_PAIRS[number >> shift & 1023] for shift in _PAIR_SHIFTS])


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000


def build(settings: Settings, redis_url: str) -> Services:
    """Put the use cases together; nothing is connected or loaded before it is used.

    Args:
        settings: Of this process.
        redis_url: The store, as ``running_store`` gives it.

    Raises:
        SettingsError: If the secret keys are missing or unsafe.
    """
    keyring = load_keyring(settings)
    connection = Connection(redis_url)
    comments, queue, archive = Comments(connection), Queue(connection), Archive(connection)
    reviews, accounts, outbox = Reviews(connection), AccountStore(connection), Outbox(connection)
    scorer = Scorer(settings.models_dir)
    judge = Judge(scorer)
    decisions = Decisions(comments, queue, now=now, new_id=new_id)
    submissions = Submissions(comments, judge, keyring, now=now, new_id=new_id)
    return Services(
        settings=settings,
        keyring=keyring,
        connection=connection,
        comments=comments,
        queue=queue,
        archive=archive,
        outbox=outbox,
        scorer=scorer,
        judge=judge,
        submissions=submissions,
        decisions=decisions,
        feedback=Feedback(comments, submissions, decisions, archive, now=now),
        guesses=Guesses(accounts, keyring),
        coral=Coral(Matches(comments, queue, keyring), submissions, decisions, outbox, now=now, new_id=new_id),
        sites=SiteDirectory(Sites(connection), keyring, now=now, thresholds=judge.thresholds),
        privacy=Privacy(comments, queue, archive, now=now),
        accounts=Accounts(accounts, keyring, now=now),
        acts=Acts(decisions, Kept(comments, archive), queue, reviews, now=now, new_id=new_id),
        desk=Desk(comments, queue, reviews, sketch=lambda text: scorer.model.sketch(text), timer=time.perf_counter),
        insight=Insight(comments, queue, reviews, archive, now=now),
        reviews=reviews,
        now=now,
    )
