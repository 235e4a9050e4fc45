"""Compares what clients were told with what the store holds, and the store with itself.

Owns the rules of promises 1 and 2: nothing acknowledged is missing, nothing happened twice, nothing happened that
nobody asked for, and every index and counter is what the comments say it must be. Reads the store directly, so that a
fault in the service's own reading cannot hide one in its writing.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import redis

from moderation.store.keys import SiteKeys
from tests.faults.load import Kind, Operation

SITE = "site-a"
STATUS_AFTER = {"approve": "approved", "reject": "rejected"}
BATCH = 1000


@dataclass(frozen=True, slots=True)
class Stored:
    """A comment as its hash says."""

    id: str
    fields: Mapping[str, str]
    document: Mapping[str, Any]

    @property
    def status(self) -> str:
        """Return where it stands."""
        return self.fields["status"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything of one site, read while nobody writes.

    Attributes:
        audit: Entries per comment, in the order in which they happened.
        keys: Names of all keys.
    """

    comments: Mapping[str, Stored]
    audit: Mapping[str, Sequence[Mapping[str, Any]]]
    sets: Mapping[str, Mapping[str, float]]
    hashes: Mapping[str, Mapping[str, str]]
    keys: frozenset[str]


def read_snapshot(client: redis.Redis) -> Snapshot:
    """Read a site whole; the client may decode or not."""
    names = sorted(_text(key) for key in client.scan_iter(f"w:{{{SITE}}}:*", count=BATCH))
    prefix = SiteKeys(SITE).comment("")
    kinds = dict(zip(names, _ask(client, "TYPE", names), strict=True))
    hashes = _read(client, "HGETALL", [name for name in names if kinds[name] == "hash"], _pairs)
    sets = _read(client, "ZRANGE", [name for name in names if kinds[name] == "zset"], _scores, "0", "-1", "WITHSCORES")
    comments = {
        name.removeprefix(prefix): Stored(name.removeprefix(prefix), fields, json.loads(fields["doc"]))
        for name, fields in hashes.items()
        if name.startswith(prefix)
    }
    return Snapshot(comments, _read_audit(client), sets, hashes, frozenset(names))


def _read_audit(client: redis.Redis) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for _, fields in client.xrange(SiteKeys(SITE).audit):
        entry = json.loads({_text(name): value for name, value in fields.items()}["entry"])
        found[entry["comment"]].append(entry)
    return found


def _ask(client: redis.Redis, command: str, names: Sequence[str], *rest: str) -> list[Any]:
    """Return raw replies: redis-py's own parsing of them would depend on the client's settings."""
    found: list[Any] = []
    for start in range(0, len(names), BATCH):
        pipeline = client.pipeline(transaction=False)
        pipeline.response_callbacks = {}  # type: ignore[assignment]
        for name in names[start : start + BATCH]:
            pipeline.execute_command(command, name, *rest)
        found += pipeline.execute()
    return [_text(reply) if isinstance(reply, bytes) else reply for reply in found]


def _read(client: redis.Redis, command: str, names: Sequence[str], shape: Any, *rest: str) -> dict[str, Any]:
    return {name: shape(reply) for name, reply in zip(names, _ask(client, command, names, *rest), strict=True)}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _pairs(reply: Any) -> dict[str, str]:
    if isinstance(reply, dict):
        return {_text(name): _text(value) for name, value in reply.items()}
    flat = [_text(one) for one in reply]
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _scores(reply: Any) -> dict[str, float]:
    if reply and isinstance(reply[0], (list, tuple)):
        return {_text(member): float(score) for member, score in reply}
    return {name: float(score) for name, score in _pairs(reply).items()}


def faults(operations: Iterable[Operation], snapshot: Snapshot) -> list[str]:
    """Return a sentence for each difference between what was acknowledged and what is stored; empty if all is well."""
    wanted = list(operations)
    return [
        *_submissions(wanted, snapshot),
        *_rulings(wanted, snapshot),
        *_strangers(wanted, snapshot),
        *_histories(snapshot),
        *index_faults(snapshot),
        *_idempotency(wanted, snapshot),
    ]


def _submissions(operations: Sequence[Operation], snapshot: Snapshot) -> Iterator[str]:
    by_tag: dict[str, list[Stored]] = defaultdict(list)
    for comment in snapshot.comments.values():
        by_tag[comment.document.get("x", "")].append(comment)
    for operation in operations:
        if operation.kind is not Kind.SUBMIT:
            continue
        stored = by_tag.get(operation.tag, [])
        told = {answer["id"] for answer in operation.answers}
        if len(stored) > 1 or len(told) > 1:
            yield f"submission {operation.tag} was doubled: stored {len(stored)}, told {sorted(told)}"
        if operation.is_acknowledged and not told <= {one.id for one in stored}:
            yield f"submission {operation.tag} was acknowledged and is lost"
        if stored and not operation.is_acknowledged and not operation.is_in_doubt:
            yield f"submission {operation.tag} was refused ({operation.statuses}) and is stored"
        if stored and stored[0].document.get("c") != operation.body["content"]:
            yield f"submission {operation.tag} has another text than was sent"


def _rulings(operations: Sequence[Operation], snapshot: Snapshot) -> Iterator[str]:
    applied = Counter((entry["who"], entry["act"]) for entries in snapshot.audit.values() for entry in entries)
    for operation in operations:
        if operation.kind is Kind.SUBMIT:
            continue
        count = applied[operation.body["moderator"], operation.kind.value]
        if count > 1:
            yield f"{operation.kind} {operation.tag} was applied {count} times"
        if operation.is_acknowledged and count == 0:
            yield f"{operation.kind} {operation.tag} was acknowledged and is lost"
        was_unanswered = any(status == 0 or status >= 500 for status in operation.statuses)
        if count and not operation.is_acknowledged and not was_unanswered:
            yield f"{operation.kind} {operation.tag} was refused ({operation.statuses}) and was applied"


def _strangers(operations: Sequence[Operation], snapshot: Snapshot) -> Iterator[str]:
    """Find what is in the store although nobody asked for it."""
    tags = {operation.tag for operation in operations if operation.kind is Kind.SUBMIT}
    people = {operation.body["moderator"] for operation in operations if operation.kind is not Kind.SUBMIT} | {"api"}
    for comment in snapshot.comments.values():
        if comment.document.get("x") not in tags:
            yield f"comment {comment.id} was never sent"
    for entries in snapshot.audit.values():
        yield from (f"nobody is called {entry['who']}" for entry in entries if entry["who"] not in people)


def _histories(snapshot: Snapshot) -> Iterator[str]:
    """Play each comment's audit entries and compare the end with the comment."""
    for comment in snapshot.comments.values():
        entries = snapshot.audit.get(comment.id, [])
        acts = [entry["act"] for entry in entries]
        if acts[:1] != ["submit"] or acts.count("submit") != 1:
            yield f"comment {comment.id} was submitted {acts.count('submit')} times: {acts}"
            continue
        if any(one == other for one, other in pairwise(acts)):
            yield f"comment {comment.id} was decided or undone twice in a row: {acts}"
        if entries[-1]["status"] != comment.status:
            yield f"comment {comment.id} is {comment.status}, but its last entry left it {entries[-1]['status']}"
        if int(comment.fields["version"]) != len(entries):
            yield f"comment {comment.id} has version {comment.fields['version']} after {len(entries)} acts"
    yield from (f"comment {one} is in the audit trail only" for one in snapshot.audit.keys() - snapshot.comments.keys())


def index_faults(snapshot: Snapshot) -> list[str]:
    """Return the differences between the indexes and what the comments say they must be."""
    expected = _expected_sets(snapshot)
    keys = SiteKeys(SITE)
    checked = {name for name in snapshot.sets if name not in {keys.lease, keys.due, keys.erased, keys.acts}}
    found = [
        _difference(name, set(snapshot.sets.get(name, ())), expected.get(name, set()))
        for name in sorted(checked | set(expected))
    ]
    return [*filter(None, found), *_counters(snapshot), *_labels(snapshot), *_claims(snapshot)]


def _difference(name: str, stored: set[str], expected: set[str]) -> str | None:
    if stored == expected:
        return None
    lost, extra = sorted(expected - stored), sorted(stored - expected)
    return f"index {name}: {len(lost)} missing {lost[:3]}, {len(extra)} too many {extra[:3]}"


def _expected_sets(snapshot: Snapshot) -> dict[str, set[str]]:
    keys = SiteKeys(SITE)
    expected: dict[str, set[str]] = defaultdict(set)
    for comment in snapshot.comments.values():
        names = [keys.by_status(comment.status), keys.thread(comment.document["p"], comment.status)]
        if comment.status == "pending":
            names.append(keys.risk)
        if comment.status == "rejected":
            names.append(keys.rejected_at)
        if comment.fields.get("decision"):
            names.append(keys.decided_at)
        if comment.fields["author"]:
            names.append(keys.author_comments(comment.fields["author"]))
        if _gives_label(comment):
            names.append(keys.labels)
        for name in names:
            expected[name].add(comment.id)
    return expected


def _gives_label(comment: Stored) -> bool:
    decision = json.loads(comment.fields.get("decision") or "null")
    return decision is not None and (decision["d"] == "approve" or decision["r"] in ("spam", "toxic"))


def _labels(snapshot: Snapshot) -> Iterator[str]:
    prefix = SiteKeys(SITE).label("")
    stored = {name.removeprefix(prefix) for name in snapshot.keys if name.startswith(prefix)}
    difference = _difference("labels", stored, {one.id for one in snapshot.comments.values() if _gives_label(one)})
    if difference:
        yield difference


def _counters(snapshot: Snapshot) -> Iterator[str]:
    """Compare the counters of authors and days with the comments and the audit trail."""
    keys = SiteKeys(SITE)
    standing: dict[str, Counter[str]] = defaultdict(Counter)
    for comment in snapshot.comments.values():
        if comment.fields["author"]:
            standing[comment.fields["author"]][comment.status] += 1
    for author, counts in standing.items():
        fields = snapshot.hashes.get(keys.author(author), {})
        stored = {status: int(fields.get(status, 0)) for status in ("approved", "pending", "rejected")}
        if stored != {status: counts[status] for status in stored}:
            yield f"author {author} has counters {stored}, but comments {dict(counts)}"
    days: Counter[str] = Counter()
    for name, fields in snapshot.hashes.items():
        if name.startswith(keys.day("")):
            days.update({counter: int(value) for counter, value in fields.items()})
    yield from _day_faults(days, snapshot)


def _day_faults(days: Counter[str], snapshot: Snapshot) -> Iterator[str]:
    verdicts = sum(count for name, count in days.items() if name.startswith("verdict:"))
    if verdicts != len(snapshot.comments):
        yield f"the days count {verdicts} verdicts on {len(snapshot.comments)} comments"
    rulings = Counter(
        json.loads(one.fields["decision"])["d"] for one in snapshot.comments.values() if one.fields.get("decision")
    )
    for ruling in STATUS_AFTER:
        counted = sum(count for name, count in days.items() if name.split(":")[:2] == ["decision", ruling])
        if counted != rulings[ruling]:
            yield f"the days count {counted} times {ruling}, the comments say {rulings[ruling]}"


def _claims(snapshot: Snapshot) -> Iterator[str]:
    keys = SiteKeys(SITE)
    pending = {one.id for one in snapshot.comments.values() if one.status == "pending"}
    for name, held in ((keys.lease, snapshot.sets), (keys.fence, snapshot.hashes), (keys.holder, snapshot.hashes)):
        stale = set(held.get(name, ())) - pending
        if stale:
            yield f"{name} holds {len(stale)} comments that do not wait any more"


def _idempotency(operations: Sequence[Operation], snapshot: Snapshot) -> Iterator[str]:
    """Count the records: one for each acknowledged operation with a key, and at most one for each in doubt."""
    prefix = SiteKeys(SITE).idempotency("")
    stored = sum(name.startswith(prefix) for name in snapshot.keys)
    keyed = [operation for operation in operations if operation.key is not None]
    least = sum(operation.is_acknowledged for operation in keyed)
    most = least + sum(operation.is_in_doubt or 0 in operation.statuses for operation in keyed)
    if not least <= stored <= most:
        yield f"{stored} idempotency records for {least} acknowledged and at most {most} applied operations"
