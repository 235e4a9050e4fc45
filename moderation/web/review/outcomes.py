"""What an act did, as a sentence: how many changed, and who had been faster with the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from moderation.service.acts import UNDO, Act, Late
from moderation.web.review import times
from moderation.web.review.texts import count, say, say_or

LATE_TOLD = 2  # Late ones told in full; the rest is a number.


def sentence(act: Act, now: datetime) -> str:
    """Return what an act did in one or a few sentences."""
    told = [count(f"done.{act.kind}", len(act.done))] if act.done else [say("done.nothing")]
    told += [count("done.banned", len(act.banned))] if act.banned and act.kind != UNDO else []
    told += [late_sentence(one, now) for one in act.late[:LATE_TOLD]]
    if len(act.late) > LATE_TOLD:
        told.append(count("late.more", len(act.late) - LATE_TOLD))
    return " ".join(told)


def joined(acts: Sequence[Act]) -> Act:
    """Return the acts of one press, one at each site, as if they were one; there must be one at least."""
    done = tuple(item for act in acts for item in act.done)
    banned = tuple(one for act in acts for one in act.banned)
    return replace(acts[0], done=done, banned=banned, late=tuple(one for act in acts for one in act.late))


def late_sentence(late: Late, now: datetime) -> str:
    """Return what had become of a comment before we came."""
    if late.kind == "claimed":
        return say("late.claimed", who=late.who) if late.who else say("late.claimed.somebody")
    if late.kind in ("gone", "changed", "machine") or late.at is None:
        return say(f"late.{late.kind}")
    what = say_or(f"what.{late.kind}", late.kind)
    return say("late.decided", who=late.who, what=what, ago=times.ago(now - late.at), at=times.exact(late.at))
