"""Every order of events on the queue: a machine drives the real store and a plain model of it side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from moderation.core.comment import STATUS_OF_ACTION, Decision, RejectReason, Ruling, Status, label_of
from moderation.core.errors import AlreadyDecided, LeaseLost, NotFound, NothingToUndo, StaleVersion
from moderation.core.site import Site
from moderation.service.decisions import Judgment
from moderation.service.services import Services
from moderation.service.submissions import Edit
from moderation.store.queue import Claim
from moderation.store.writes import Addition
from moderation.web.parsing import author_ids
from tests.cast import BORDERLINE, FINE, MALLORY, SPAM, everything_in, submission

Kind = tuple[Ruling, RejectReason | None]
TEXTS = st.sampled_from([FINE, BORDERLINE, BORDERLINE, SPAM])
AUTHORS = st.sampled_from([MALLORY, "carol@mail.example", ""])
MODERATORS = st.sampled_from(["Alice", "Bob"])
KINDS = st.sampled_from([(Ruling.APPROVE, None), *((Ruling.REJECT, reason) for reason in RejectReason)])


@dataclass
class Expected:
    """What the model knows of one comment."""

    status: Status
    author_id: str
    version: int = 1
    decision: Decision | None = None
    history: list[tuple[Status, Decision | None]] = field(default_factory=list)
    is_labelled: bool = False


@dataclass
class Lease:
    """What the model knows of one claim."""

    who: str
    claim: Claim
    has_expired: bool = False


def gives_label(decision: Decision | None) -> bool:
    return decision is not None and label_of(decision.ruling, decision.reason) is not None


class QueueMachine(RuleBasedStateMachine):
    """Submits, edits, claims, renews, decides, undoes, expires, erases and retries, next to a plain model of it all."""

    services: Services
    site: Site
    posted: Bundle[str] = Bundle("posted")

    def __init__(self) -> None:
        super().__init__()
        self.services.connection.client.flushall()
        self.services.sites.add("site-a", "https://a.example")
        type(self).site = self.services.sites.change_policy("site-a", {"rate_limit": "off"})
        self.items: dict[str, Expected] = {}
        self.leases: dict[str, Lease] = {}
        self.last_fence = 0
        self.repeats: list[tuple[str, Callable[[], object]]] = []

    # What can happen.

    @rule(target=posted, text=TEXTS, author=AUTHORS)
    def submit(self, text: str, author: str) -> str:
        given = submission(self.services, self.site, text, address=author)
        comment = self.services.submissions.submit(self.site, given).comment
        self.items[comment.id] = Expected(STATUS_OF_ACTION[comment.verdict.action], comment.author_id)
        self.repeats.append((comment.id, lambda: self.services.comments.add(Addition(comment=comment, audit={}))))
        return comment.id

    @rule(comment_id=posted, text=TEXTS)
    def edit(self, comment_id: str, text: str) -> None:
        item = self.items.get(comment_id)
        if item is None:
            with pytest.raises(NotFound):
                self.services.submissions.edit(self.site, comment_id, Edit(content=text))
            return
        edited = self.services.submissions.edit(self.site, comment_id, Edit(content=text))
        by_machine = STATUS_OF_ACTION[edited.verdict.action]
        stands = item.decision is not None and (item.decision.ruling is Ruling.REJECT or by_machine is item.status)
        item.version += 1
        item.is_labelled = False
        item.history = [(by_machine, None)] if stands else []
        if not stands:
            item.decision, item.status = None, by_machine
        if item.status is not Status.PENDING:
            self.leases.pop(comment_id, None)

    @rule(who=MODERATORS, count=st.integers(1, 3))
    def claim(self, who: str, count: int) -> None:
        waiting = [one for one, item in sorted(self.items.items()) if item.status is Status.PENDING]
        expired = [one for one in waiting if one in self.leases and self.leases[one].has_expired]
        free = [one for one in waiting if one not in self.leases]

        claims = self.services.decisions.claim(self.site, who, count=count)

        assert [claim.comment_id for claim in claims] == [*sorted(expired), *free][:count]
        for claim in claims:
            assert int(claim.fence) > self.last_fence
            self.last_fence = int(claim.fence)
            self.leases[claim.comment_id] = Lease(who, claim)

    @rule(who=MODERATORS, gives_up=st.booleans())
    def renew_or_give_up(self, who: str, gives_up: bool) -> None:
        held = {one: lease for one, lease in self.leases.items() if lease.who == who}
        stale = Claim(next(iter(self.items), "01K"), "0")
        act = self.services.decisions.release if gives_up else self.services.decisions.renew

        assert sorted(act(self.site, [lease.claim for lease in held.values()] + [stale])) == sorted(held)

        for one in held:
            if gives_up:
                del self.leases[one]
            else:
                self.leases[one].has_expired = False

    @rule(data=st.data())
    def let_a_lease_expire(self, data: st.DataObject) -> None:
        if not self.leases:
            return
        one = data.draw(st.sampled_from(sorted(self.leases)))
        self.services.connection.client.zadd("w:{site-a}:lease", {one: 1}, xx=True)
        self.leases[one].has_expired = True

    @rule()
    def free_expired_leases(self) -> None:
        expired = [one for one, lease in self.leases.items() if lease.has_expired]

        assert self.services.queue.expire_leases("site-a") == len(expired)

        for one in expired:
            del self.leases[one]

    @rule(
        comment_id=posted,
        who=MODERATORS,
        kind=KINDS,
        override=st.booleans(),
        version=st.sampled_from(["none", "current", "stale"]),
        fence=st.sampled_from(["none", "held", "lost"]),
    )
    def decide(
        self,
        comment_id: str,
        who: str,
        kind: tuple[Ruling, RejectReason | None],
        override: bool,
        version: str,
        fence: str,
    ) -> None:
        item, lease = self.items.get(comment_id), self.leases.get(comment_id)
        number = 0 if item is None else item.version
        judgment = Judgment(
            ruling=kind[0],
            reason=kind[1],
            moderator=who,
            override=override,
            version={"none": None, "current": number, "stale": number - 1}[version],
            fence={"none": None, "held": lease.claim.fence if lease else None, "lost": "0"}[fence],
        )
        error = _refusal(item, judgment, number)
        if error is not None:
            with pytest.raises(error):
                self.services.decisions.decide(self.site, comment_id, judgment)
            return
        decided = self.services.decisions.decide(self.site, comment_id, judgment).comment
        assert item is not None
        item.history.append((item.status, item.decision))
        item.status = Status.APPROVED if kind[0] is Ruling.APPROVE else Status.REJECTED
        item.decision = decided.decision
        item.version += 1
        item.is_labelled = gives_label(item.decision)
        self.leases.pop(comment_id, None)

    @rule(comment_id=posted)
    def undo(self, comment_id: str) -> None:
        item = self.items.get(comment_id)
        if item is None or not item.history:
            with pytest.raises(NotFound if item is None else NothingToUndo):
                self.services.decisions.undo(self.site, comment_id)
            return
        self.services.decisions.undo(self.site, comment_id)
        item.status, item.decision = item.history.pop()
        item.version += 1
        item.is_labelled = gives_label(item.decision)

    @rule(comment_id=posted)
    def forget(self, comment_id: str) -> None:
        if comment_id in self.items:
            assert self.services.privacy.forget(self.site, comment_id) == self.items[comment_id].is_labelled
            self._gone(comment_id)

    @rule(author=AUTHORS.filter(bool))
    def erase(self, author: str) -> None:
        known = author_ids(author, site=self.site, keyring=self.services.keyring)
        theirs = [one for one, item in self.items.items() if item.author_id in known]
        labels = sum(self.items[one].is_labelled for one in theirs)

        erased = self.services.privacy.erase(self.site, known)

        assert (erased.comments, erased.labels) == (len(theirs), labels)
        for one in theirs:
            self._gone(one)

    def _gone(self, comment_id: str) -> None:
        del self.items[comment_id]
        self.leases.pop(comment_id, None)

    @precondition(lambda self: self.repeats)
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        comment_id, repeat = data.draw(st.sampled_from(self.repeats))
        if comment_id in self.items:
            repeat()

    # What must hold after each of them.

    @invariant()
    def no_item_is_lost_and_none_is_decided_twice(self) -> None:
        stored = {one.id: one for one in self.services.comments.get_many("site-a", self.items)}

        assert {one: (c.status, c.decision, c.version, c.author_id) for one, c in stored.items()} == {
            one: (item.status, item.decision, item.version, item.author_id) for one, item in self.items.items()
        }
        for one, item in self.items.items():
            assert [(earlier.status, earlier.decision) for earlier in stored[one].history] == item.history

    @invariant()
    def the_store_holds_exactly_what_follows_from_the_comments(self) -> None:
        found = everything_in(self.services.connection.url)
        prefix = "w:{site-a}:"
        held = {key.removeprefix(prefix): value for key, value in found.items() if key.startswith(prefix)}

        assert {key[2:] for key in held if key.startswith("c:")} == set(self.items)
        for status in Status:
            expected = {one for one, item in self.items.items() if item.status is status}
            assert set(held.get(f"s:{status}", ())) == expected
            threads = [set(value) for key, value in held.items() if key.startswith("t:") and key.endswith(f":{status}")]
            assert set().union(*threads) == expected
        assert set(held.get("risk", ())) == set(held.get("s:pending", ()))
        assert set(held.get("rejected-at", ())) == set(held.get("s:rejected", ()))
        assert set(held.get("decided-at", ())) == {one for one, item in self.items.items() if item.decision}
        assert set(held.get("lease", ())) == set(held.get("holder", ())) == set(self.leases)
        assert set(self.leases) <= set(held.get("s:pending", ()))
        assert set(held.get("fence", ())) - {"#"} <= set(held.get("s:pending", ()))
        labelled = {one for one, item in self.items.items() if item.is_labelled}
        assert set(held.get("labels", ())) == {key[2:] for key in held if key.startswith("l:")} == labelled

    @invariant()
    def counters_are_the_sums_of_the_comments(self) -> None:
        for author in {item.author_id for item in self.items.values()} - {""}:
            theirs = [item.status for item in self.items.values() if item.author_id == author]
            record = self.services.comments.author("site-a", [author])
            assert (record.approved, record.pending, record.rejected) == tuple(
                theirs.count(status) for status in (Status.APPROVED, Status.PENDING, Status.REJECTED)
            )
            assert len(self.services.archive.author_comment_ids("site-a", author)) == len(theirs)


def _refusal(item: Expected | None, judgment: Judgment, version: int) -> type[Exception] | None:
    """Return the error that a decision must meet, or None."""
    if item is None:
        return NotFound
    if item.status is not Status.PENDING and not judgment.override:
        return AlreadyDecided
    if judgment.version not in (None, version):
        return StaleVersion
    return LeaseLost if judgment.fence == "0" else None


def _run(services: Services, *, examples: int, steps: int) -> None:
    machine = type("Machine", (QueueMachine,), {"services": services})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


@pytest.mark.slow
def test_every_order_of_events_keeps_the_queue_whole(services: Services) -> None:
    _run(services, examples=8, steps=30)


@pytest.mark.slow
def test_many_more_orders_of_events_keep_the_queue_whole(services: Services) -> None:
    _run(services, examples=150, steps=60)
