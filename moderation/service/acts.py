"""What one press of a moderator's button does: deciding one comment or many, and taking all of it back.

Owns acts: a record of exactly which comments at which versions a press changed, and which were somebody else's already.
An act touches the comments that were shown, never "everything that matches now". Each comment is decided by itself, so
that one that moved on does not hold up the others. An act over several comments is written down before it begins: if
the store or this process dies halfway, what it had changed by then is told from the comments themselves, and one undo
takes that back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from moderation.core.comment import Comment, RejectReason, Ruling, from_milliseconds, to_milliseconds
from moderation.core.errors import AlreadyDecided, Conflict, LeaseLost, NotFound, StoreUnavailable
from moderation.core.identity import public_name
from moderation.core.site import Site
from moderation.service.decisions import Decisions, Judgment
from moderation.service.submissions import Clock
from moderation.store.archive import Archive
from moderation.store.comments import Comments
from moderation.store.queue import Queue
from moderation.store.reviews import Reviews

NewId = Callable[[], str]
UNDO = "undo"
INTERRUPTED = (
    "The store went away after {done} of {all} comments. Those stay changed; when it is back, one undo under "
    "History, Acts takes them back."
)
MAX_ITEMS = 500  # Comments in one act; at a millisecond or two each.
KINDS: dict[str, tuple[Ruling, RejectReason | None]] = {
    "approve": (Ruling.APPROVE, None),
    **{reason.value: (Ruling.REJECT, reason) for reason in RejectReason},
}


@dataclass(frozen=True, slots=True)
class Item:
    """A comment as it was shown."""

    comment_id: str
    version: int
    fence: str | None = None


@dataclass(frozen=True, slots=True)
class Late:
    """A comment that had moved on.

    Attributes:
        kind: What was decided (a key of ``KINDS``), or ``changed``, ``claimed``, ``gone``, ``machine``.
        who: Who did it, if that is known.
    """

    comment_id: str
    kind: str
    who: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What one press did.

    Attributes:
        kind: A key of ``KINDS``, or ``UNDO``.
        done: What was changed, with the version it has since.
        undone_by: Who took it back, or empty.
        banned: Authors whom the act banned, each with the standing before: ``trusted`` or empty.
        planned: As shown, while the act has not ended; for one that was interrupted ``done`` is found out on reading.
    """

    id: str
    kind: str
    who: str
    at: datetime
    done: tuple[Item, ...]
    late: tuple[Late, ...]
    undone_by: str = ""
    banned: tuple[tuple[str, str], ...] = ()
    planned: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """Where comments and the standing of authors are kept."""

    comments: Comments
    archive: Archive


class Acts:
    """Carries out what moderators press."""

    def __init__(
        self, decisions: Decisions, kept: Kept, queue: Queue, reviews: Reviews, *, now: Clock, new_id: NewId
    ) -> None:
        self._decisions = decisions
        self._comments = kept.comments
        self._archive = kept.archive
        self._queue = queue
        self._reviews = reviews
        self._now = now
        self._new_id = new_id

    def decide(
        self, site: Site, items: Sequence[Item], *, kind: str, who: str, note: str | None = None, override: bool = False
    ) -> Act:
        """Decide on the items that were shown and return what came of it.

        Args:
            site: Whose comments they are.
            items: As they were shown.
            kind: A key of ``KINDS``.
            who: The moderator.
            note: For colleagues.
            override: Decide although a comment is not pending.

        Raises:
            StoreUnavailable: If the store goes away; what was decided until then stays decided, and the act can be
                undone when the store is back.
        """
        ruling, reason = KINDS[kind]
        judgment = Judgment(ruling=ruling, reason=reason, moderator=who, note=note, override=override)

        def one(item: Item) -> Comment:
            seen = replace(judgment, version=item.version, fence=item.fence)
            return self._decisions.decide(site, item.comment_id, seen).comment

        return self._carried_out(site, items, one, kind=kind, who=who)

    def reject_and_ban(self, site: Site, items: Sequence[Item], *, who: str, override: bool = False) -> Act:
        """Reject the items that were shown as spam, and ban the authors of those that this changed.

        Args:
            site: Whose comments they are.
            items: As they were shown.
            who: The moderator.
            override: As for ``decide``.

        Raises:
            StoreUnavailable: As for ``decide``.
        """
        act = self.decide(site, items, kind="spam", who=who, override=override)
        comments = self._comments.get_many(site.name, [item.comment_id for item in act.done])
        authors = sorted({one.author_id for one in comments if one.author_id})
        known = self._reviews.authors(site.name, authors)
        before = tuple((one, "trusted" if known[one].is_trusted else "") for one in authors if not known[one].is_banned)
        act = replace(act, banned=before)
        self._save(site, act)  # First, so that an undo knows of every ban.
        for author_id, _ in before:
            self._set_standing(site, author_id, "banned", who=who)
        return act

    def _set_standing(self, site: Site, author_id: str, standing: str, *, who: str) -> None:
        self._archive.set_standing(site.name, author_id, standing or None)
        at = to_milliseconds(self._now())
        entry = {"at": at, "act": "standing", "author": author_id, "who": who, "standing": standing or "none"}
        self._reviews.record(site.name, entry)

    def undo(self, site: Site, act_id: str, *, who: str) -> Act:
        """Take back everything that an act did and that nobody has changed since, bans included.

        Raises:
            NotFound: If there is no such act, or it is too old.
        """
        act = self.get(site, act_id)
        undone = self.undo_items(site, act.done, who=who)
        known = self._reviews.authors(site.name, [author_id for author_id, _ in act.banned])
        for author_id, before in act.banned:
            if known[author_id].is_banned:
                self._set_standing(site, author_id, before, who=who)
        self._save(site, replace(act, undone_by=who))
        return undone

    def undo_items(self, site: Site, items: Sequence[Item], *, who: str) -> Act:
        """Take the last decision on each item back, where it is still at the version that was shown."""

        def one(item: Item) -> Comment:
            return self._decisions.undo(site, item.comment_id, who=who, version=item.version).comment

        return self._carried_out(site, items, one, kind=UNDO, who=who)

    def _carried_out(
        self, site: Site, items: Sequence[Item], one: Callable[[Item], Comment], *, kind: str, who: str
    ) -> Act:
        plan = tuple(items[:MAX_ITEMS])
        act = Act(id=self._new_id(), kind=kind, who=who, at=self._now(), done=(), late=(), planned=plan)
        if len(plan) > 1 and kind != UNDO:
            self._save(site, act)
        done: list[Item] = []
        late: list[Late] = []
        try:
            for item in plan:
                self._try(site, item, one, done, late)
            act = replace(act, done=tuple(done), late=tuple(late), planned=())
            self._save(site, act)
        except StoreUnavailable as error:
            if not done:
                raise
            raise StoreUnavailable(INTERRUPTED.format(done=len(done), all=len(plan))) from error
        return act

    def _try(self, site: Site, item: Item, one: Callable[[Item], Comment], done: list[Item], late: list[Late]) -> None:
        try:
            done.append(Item(item.comment_id, one(item).version))
        except (Conflict, NotFound) as error:
            late.append(self._late(site, item, error))

    def _late(self, site: Site, item: Item, error: Conflict | NotFound) -> Late:
        if isinstance(error, LeaseLost):
            holder = self._queue.holders(site.name, [item.comment_id]).get(item.comment_id, "")
            return Late(item.comment_id, "claimed", holder)
        if isinstance(error, NotFound):
            return Late(item.comment_id, "gone")
        if not isinstance(error, AlreadyDecided):
            return Late(item.comment_id, "changed")
        if error.decision is None:
            return Late(item.comment_id, "machine")
        decision = error.decision
        kind = decision["reason"] or decision["decision"]
        return Late(item.comment_id, str(kind), str(decision["moderator"]), _time(decision["at"]))

    def get(self, site: Site, act_id: str) -> Act:
        """Return an act of the last 30 days.

        Raises:
            NotFound: If there is none of that id.
        """
        document = self._reviews.act(site.name, act_id)
        if document is None:
            raise NotFound("There is no such act, or it is older than 30 days.")
        return self._ended(site, _act_of(document))

    def latest(self, site: Site, *, limit: int = 50) -> list[Act]:
        """Return the latest acts, newest first."""
        documents = self._reviews.latest_acts(site.name, limit=limit)
        return [self._ended(site, _act_of(document)) for document in documents]

    def _ended(self, site: Site, act: Act) -> Act:
        """Return an act that was interrupted with what it had done by then; any other as it is."""
        if not act.planned:
            return act
        found = {one.id: one for one in self._comments.get_many(site.name, [one.comment_id for one in act.planned])}
        done = [
            Item(item.comment_id, item.version + 1)
            for item in act.planned
            if item.comment_id in found and _is_work_of(act, found[item.comment_id], item)
        ]
        return replace(act, done=tuple(done), planned=())

    def _save(self, site: Site, act: Act) -> None:
        self._reviews.save_act(site.name, act.id, _document(act), at=act.at)


def _is_work_of(act: Act, comment: Comment, item: Item) -> bool:
    """Return whether a comment is as an act that began left it: decided likewise, by the same person, since."""
    decision = comment.decision
    if decision is None or comment.version != item.version + 1 or decision.at < act.at:
        return False
    return (decision.ruling, decision.reason) == KINDS[act.kind] and decision.moderator == public_name(act.who)


def _time(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None


def _document(act: Act) -> dict[str, Any]:
    return {
        "id": act.id,
        "kind": act.kind,
        "who": act.who,
        "at": to_milliseconds(act.at),
        "done": [[item.comment_id, item.version] for item in act.done],
        "late": [[one.comment_id, one.kind, one.who, to_milliseconds(one.at) if one.at else 0] for one in act.late],
        "undone_by": act.undone_by,
        "banned": [list(one) for one in act.banned],
        "planned": [[item.comment_id, item.version] for item in act.planned],
    }


def _act_of(document: dict[str, Any]) -> Act:
    late = (Late(one, kind, who, from_milliseconds(at) if at else None) for one, kind, who, at in document["late"])
    return Act(
        id=document["id"],
        kind=document["kind"],
        who=document["who"],
        at=from_milliseconds(document["at"]),
        done=tuple(Item(one, version) for one, version in document["done"]),
        late=tuple(late),
        undone_by=document["undone_by"],
        banned=tuple((author_id, before) for author_id, before in document.get("banned", ())),
        planned=tuple(Item(one, version) for one, version in document.get("planned", ())),
    )
