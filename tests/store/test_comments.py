"""Comments in the store: what goes in comes out, and nothing is written on what has moved on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moderation.core.comment import Comment, Decision, Earlier, RejectReason, Ruling, Status, Verdict
from moderation.core.errors import AlreadyDecided, NotFound, SiteChanged, StaleVersion
from moderation.core.reasons import KINDS, Action, Evidence, reason
from moderation.core.site import Site
from moderation.store.comments import Comments
from moderation.store.connection import Connection
from moderation.store.queue import Queue
from moderation.store.writes import Addition, Change, Presumption
from tests.cast import everything_in
from tests.store.conftest import AT, Adder, comment

NUMBERS = {"count": 3, "allowed": 1, "seconds": "1.0", "verb": "resembles"}
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
OPTIONAL = st.none() | TEXT.filter(bool)


@st.composite
def stored(draw: st.DrawFn) -> Comment:
    """Draw a comment with everything a stored one can have."""
    content = draw(TEXT.filter(bool))
    end = draw(st.integers(0, len(content)))
    evidence = Evidence(0, end, content[:end], draw(st.floats(-9, 9)))
    reasons = tuple(reason(code, evidence=(evidence,), **NUMBERS) for code in draw(st.sets(st.sampled_from([*KINDS]))))
    verdict = Verdict(
        action=draw(st.sampled_from(Action)),
        scores={"spam": draw(st.floats(0, 1))},
        model=draw(OPTIONAL),
        reasons=reasons,
    )
    return comment(
        draw(st.integers(0, 99)),
        draw(st.sampled_from(Status)),
        content=content,
        author_name=draw(TEXT),
        author_url=draw(OPTIONAL),
        external_id=draw(OPTIONAL),
        parent_id=draw(OPTIONAL),
        language=draw(OPTIONAL),
        content_type=draw(st.sampled_from(["text/plain", "text/html"])),
        verdict=verdict,
    )


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stored())
def test_what_goes_in_comes_out(connection: Connection, comments: Comments, site: Site, one: Comment) -> None:
    connection.client.delete(f"w:{{site-a}}:c:{one.id}")

    comments.add(Addition(comment=one, audit={}))

    assert comments.get("site-a", one.id) == one


def change(before: Comment, after: Comment, **fields: object) -> Change:
    return Change(before=before, after=after, operation_id="op", audit={}, counted_at=AT, **fields)  # type: ignore[arg-type]


def decided(before: Comment, note: str | None = None) -> Comment:
    at = AT + timedelta(hours=1)
    decision = Decision(ruling=Ruling.REJECT, reason=RejectReason.TOXIC, moderator="Alice", at=at, note=note)
    history = (Earlier(before.status, before.decision),)
    return replace(
        before, status=Status.REJECTED, decision=decision, history=history, version=before.version + 1, updated_at=at
    )


def test_a_decision_and_its_history_come_out(comments: Comments, add: Adder) -> None:
    after = decided(add(1), note='Quotes " and\nlines')

    comments.decide(change(comment(1), after))

    assert comments.get("site-a", after.id) == after


def test_many_are_fetched_in_the_order_asked_for_without_the_missing(comments: Comments, add: Adder) -> None:
    first, second = add(1), add(2)

    assert comments.get_many("site-a", [second.id, "unknown", first.id]) == [second, first]
    assert comments.get_many("site-a", []) == []


def test_what_moved_on_is_left_alone(comments: Comments, add: Adder, store_url: str) -> None:
    before = add(1)
    comments.decide(change(before, decided(before)))
    held = everything_in(store_url)
    late = replace(change(before, decided(before)), operation_id="late")

    with pytest.raises(AlreadyDecided):
        comments.decide(late)
    with pytest.raises(AlreadyDecided):
        comments.edit(late)
    with pytest.raises(StaleVersion):
        comments.decide(replace(late, before=replace(before, status=Status.APPROVED)))
    assert comments.remove(before, audit={}) is None
    assert everything_in(store_url) == held


def test_what_is_gone_cannot_be_changed(comments: Comments, add: Adder) -> None:
    before = add(1)
    assert comments.remove(before, audit={}) == 0
    assert comments.remove(before, audit={}) == 0, "repeating it is harmless"

    for act in (comments.decide, comments.edit):
        with pytest.raises(NotFound):
            act(change(before, decided(before)))


def test_a_removed_comment_leaves_nothing_but_the_audit_trail(comments: Comments, add: Adder, store_url: str) -> None:
    before = set(everything_in(store_url))
    after = decided(add(1))
    comments.decide(change(comment(1), after))
    comments.remove(after, audit={"act": "forget"})

    left = set(everything_in(store_url)) - before
    assert left <= {"w:{site-a}:audit", "w:{site-a}:a:k1.mallory", *(key for key in left if ":d:" in key)}


def test_an_edit_into_rejection_gives_a_lease_back(comments: Comments, add: Adder, connection: Connection) -> None:
    before = add(1)
    Queue(connection).claim("site-a", "Alice", seconds=60)

    comments.edit(change(before, replace(before, status=Status.REJECTED, version=2)))

    for name in ("lease", "holder", "risk", "s:pending"):
        assert not connection.client.exists(f"w:{{site-a}}:{name}"), name
    assert connection.client.hkeys("w:{site-a}:fence") == ["#"]


def test_an_author_is_summed_over_all_pseudonyms(comments: Comments, add: Adder) -> None:
    add(1, Status.APPROVED, author_id="k1.a"), add(2, Status.REJECTED, author_id="k2.a"), add(3, author_id="k2.a")

    record = comments.author("site-a", ["k2.a", "k1.a", "k0.unknown"])

    assert (record.approved, record.rejected, record.pending) == (1, 1, 1)
    assert record.first_seen == comment(1).created_at


def test_a_site_that_is_gone_takes_nothing(comments: Comments, store_url: str) -> None:
    with pytest.raises(NotFound):
        comments.add(Addition(comment=comment(1), audit={}))
    with pytest.raises(NotFound):
        comments.context("site-a", author_ids=[], idempotency=None, copy_key=None)

    assert everything_in(store_url) == {}


@pytest.mark.parametrize(
    "fields",
    [{"approved": 2}, {"rejected": 1}, {"standing": "trusted"}, {"standing": "banned"}],
    ids=lambda fields: "-".join(map(str, *fields.items())),
)
@pytest.mark.parametrize("author_id", ["k2.mallory", "k1.mallory"], ids=["newest pseudonym", "older one"])
def test_a_verdict_that_presumed_too_little_is_not_stored(
    connection: Connection, comments: Comments, site: Site, fields: dict[str, str], author_id: str
) -> None:
    connection.client.hset(f"w:{{site-a}}:a:{author_id}", mapping=fields)
    presuming = Addition(
        comment=comment(1), audit={}, copy_key="k", presumed=Presumption(("k2.mallory", "k1.mallory"), 2)
    )

    found = comments.add(presuming).context

    known = comments.context("site-a", author_ids=("k2.mallory", "k1.mallory"), idempotency=None, copy_key="k")
    assert found == known
    with pytest.raises(NotFound):
        comments.get("site-a", comment(1).id)


@pytest.mark.parametrize("enough, is_known", [(3, True), (4, False), (0, False)])
def test_approvals_count_over_all_pseudonyms(
    connection: Connection, comments: Comments, site: Site, enough: int, is_known: bool
) -> None:
    for author_id, approved in {"k2.mallory": 1, "k1.mallory": 2}.items():
        connection.client.hset(f"w:{{site-a}}:a:{author_id}", "approved", approved)

    presumed = Presumption(("k2.mallory", "k1.mallory"), enough)

    assert (comments.add(Addition(comment=comment(1), audit={}, presumed=presumed)).context is not None) == is_known


def test_a_text_that_came_before_is_known(comments: Comments, site: Site) -> None:
    comments.add(Addition(comment=comment(1), audit={}, copy_key="k", presumed=Presumption((), 2)))

    found = comments.add(Addition(comment=comment(2), audit={}, copy_key="k", presumed=Presumption((), 2))).context

    assert found is not None
    assert found.recent_copies == 1


def test_a_second_run_of_a_presuming_addition_changes_nothing(comments: Comments, site: Site) -> None:
    presuming = Addition(comment=comment(1), audit={}, copy_key="k", presumed=Presumption(("k1.mallory",), 2))

    first, second = comments.add(presuming), comments.add(presuming)

    assert (first.context, second.context) == (None, None)
    assert comments.context("site-a", author_ids=(), idempotency=None, copy_key="k").recent_copies == 1


def test_a_site_that_changed_meanwhile_gets_nothing_stored(comments: Comments, site: Site) -> None:
    with pytest.raises(SiteChanged):
        comments.add(Addition(comment=comment(1), audit={}, site_version=site.version + 1))

    with pytest.raises(NotFound):
        comments.get("site-a", comment(1).id)
