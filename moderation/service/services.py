"""All use cases of one process, put together by ``bootstrap`` and handed to web, worker and command line."""

from __future__ import annotations

from dataclasses import dataclass

from moderation.config import Settings
from moderation.core.identity import Keyring
from moderation.scoring import Scorer
from moderation.service.accounts import Accounts
from moderation.service.acts import Acts
from moderation.service.coral import Coral
from moderation.service.decisions import Decisions
from moderation.service.desk import Desk
from moderation.service.feedback import Feedback
from moderation.service.guesses import Guesses
from moderation.service.insight import Insight
from moderation.service.judging import Judge
from moderation.service.privacy import Privacy
from moderation.service.sites import SiteDirectory
from moderation.service.submissions import Clock, Submissions
from moderation.store.archive import Archive
from moderation.store.comments import Comments
from moderation.store.connection import Connection
from moderation.store.outbox import Outbox
from moderation.store.queue import Queue
from moderation.store.reviews import Reviews


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What an entry point needs."""

    settings: Settings
    keyring: Keyring
    connection: Connection
    comments: Comments
    queue: Queue
    archive: Archive
    outbox: Outbox
    scorer: Scorer
    judge: Judge
    submissions: Submissions
    decisions: Decisions
    feedback: Feedback
    guesses: Guesses
    coral: Coral
    sites: SiteDirectory
    privacy: Privacy
    accounts: Accounts
    acts: Acts
    desk: Desk
    insight: Insight
    reviews: Reviews
    now: Clock
