"""Forgetting: comments, persons under every key, texts and labels whose time is over; export of the rest."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from moderation import bootstrap
from moderation.config import Settings
from moderation.core.comment import Comment, RejectReason, Ruling, Status
from moderation.core.errors import NotFound
from moderation.core.identity import IdentityKey, Keyring
from moderation.core.site import Site
from moderation.service.decisions import Judgment
from moderation.service.privacy import Erased, Privacy
from moderation.service.services import Services
from moderation.service.submissions import Edit
from moderation.store.embedded import running_store
from moderation.web.parsing import author_ids, parse_submission
from tests.cast import BORDERLINE, FINE, MALLORY, SPAM, TOXIC, body, everything_in, submission

APPROVE = Judgment(ruling=Ruling.APPROVE, moderator="Alice", override=True)
SPAMMY = Judgment(ruling=Ruling.REJECT, reason=RejectReason.SPAM, moderator="Alice", override=True)


def post(services: Services, site: Site, text: str = FINE, **fields: object) -> Comment:
    return services.submissions.submit(site, submission(services, site, text, **fields)).comment  # type: ignore[arg-type]


def in_days(services: Services, days: float) -> Privacy:
    """Return the use case as it will be in some days."""
    later = services.now() + timedelta(days=days)
    return Privacy(services.comments, services.queue, services.archive, now=lambda: later)


def mallory_ids(services: Services, site: Site) -> tuple[str, ...]:
    return author_ids(MALLORY, site=site, keyring=services.keyring)


def test_a_forgotten_comment_is_gone_with_its_label(services: Services, site: Site, store_url: str) -> None:
    comment = post(services, site, "unforgettable words")
    services.decisions.decide(site, comment.id, APPROVE)

    labels = services.privacy.forget(site, comment.id)

    assert labels == 1
    with pytest.raises(NotFound):
        services.comments.get(site.name, comment.id)
    left = {key: value for key, value in everything_in(store_url).items() if "audit" not in key and "outbox" not in key}
    assert "unforgettable" not in str(left)
    assert comment.id not in str(left)


def test_forgetting_what_is_not_there_is_an_error(services: Services, site: Site) -> None:
    with pytest.raises(NotFound):
        services.privacy.forget(site, "unknown")


def test_a_persons_comments_labels_and_history_are_gone(services: Services, site: Site, store_url: str) -> None:
    for text in (FINE, BORDERLINE, SPAM, TOXIC):
        comment = post(services, site, text)
        services.decisions.decide(site, comment.id, SPAMMY)
    other = post(services, site, address="bob@mail.example")

    erased = services.privacy.erase(site, mallory_ids(services, site))

    assert erased == Erased(comments=4, labels=4, authors=1)
    assert services.comments.get(site.name, other.id) == other
    kept = {key: value for key, value in everything_in(store_url).items() if not key.endswith("erased")}
    assert all(author_id not in str(kept) for author_id in mallory_ids(services, site))
    assert list(services.archive.labels(site.name)) == []


def test_erasing_again_finds_nothing(services: Services, site: Site) -> None:
    post(services, site)
    services.privacy.erase(site, mallory_ids(services, site))

    assert services.privacy.erase(site, mallory_ids(services, site)) == Erased(0, 0, 0)
    assert services.archive.erased_among(site.name, mallory_ids(services, site)) == set(mallory_ids(services, site))


def test_erasure_finds_what_was_written_under_every_active_key(services: Services, site: Site) -> None:
    old = post(services, site)
    rotated = replace(services, keyring=Keyring([*services.keyring.keys, IdentityKey(2, b"\x02" * 32)]))
    new = post(rotated, site)
    assert old.author_id != new.author_id

    assert services.privacy.erase(site, mallory_ids(rotated, site)) == Erased(2, 0, 2)


def test_another_site_keeps_what_is_its_own(services: Services, site: Site) -> None:
    other, _ = services.sites.add("site-b", "https://b.example")
    kept = post(services, other)
    post(services, site)

    services.privacy.erase(site, mallory_ids(services, site))

    assert services.comments.get(other.name, kept.id) == kept


def test_a_comment_that_leaves_meanwhile_does_not_stop_an_erasure(
    services: Services, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, there = post(services, site), post(services, site)
    get_many = services.comments.get_many

    def get_and_lose_one(name: str, ids: list[str]) -> list[Comment]:
        found = get_many(name, ids)
        if len(found) == 2:
            services.comments.remove(gone, audit={})
        return found

    monkeypatch.setattr(services.comments, "get_many", get_and_lose_one)
    services.privacy.erase(site, mallory_ids(services, site))

    assert get_many(site.name, [gone.id, there.id]) == []


def test_a_comment_that_comes_meanwhile_can_still_be_erased(
    services: Services, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(services, site)
    forget_author = services.archive.forget_author
    late: list[Comment] = []

    def come_first(*args: object, **fields: object) -> bool:
        if not late:
            late.append(post(services, site))
        return forget_author(*args, **fields)  # type: ignore[arg-type]

    monkeypatch.setattr(services.archive, "forget_author", come_first)
    services.privacy.erase(site, mallory_ids(services, site))
    services.privacy.erase(site, mallory_ids(services, site))

    assert services.comments.get_many(site.name, [late[0].id]) == []


def test_rejected_comments_lose_their_text_after_the_sites_days(services: Services, site: Site, store_url: str) -> None:
    site = services.sites.change_policy(site.name, {"retention_days": {"rejected": 10}})
    by_machine, by_person, fine = post(services, site, SPAM), post(services, site, BORDERLINE), post(services, site)
    services.decisions.decide(site, by_person.id, SPAMMY)

    early, late = in_days(services, 9.9).purge_text(site), in_days(services, 10.1).purge_text(site)

    assert (early, late) == (0, 2)
    for one in (by_machine, by_person):
        blanked = services.comments.get(site.name, one.id)
        assert (blanked.content, blanked.author_name, blanked.author_url) == (None, "", None)
        assert blanked.status is Status.REJECTED
        assert all(evidence.text == "" for reason in blanked.verdict.reasons for evidence in reason.evidence)
    assert services.comments.get(site.name, fine.id) == fine
    labels = [row["text"] for row in services.archive.labels(site.name)]
    assert labels == [BORDERLINE], "labels have a time of their own"
    assert in_days(services, 10.1).purge_text(site) == 0


def test_a_rejection_that_was_taken_back_keeps_its_text(services: Services, site: Site) -> None:
    comment = post(services, site, BORDERLINE)
    services.decisions.decide(site, comment.id, SPAMMY)
    services.decisions.undo(site, comment.id)

    assert in_days(services, 400).purge_text(site) == 0
    assert services.comments.get(site.name, comment.id).content == BORDERLINE


def test_an_edit_while_retention_looks_keeps_the_new_text(services: Services, site: Site) -> None:
    comment = post(services, site, SPAM)
    outdated = replace(comment, content=None)
    services.submissions.edit(site, comment.id, Edit(content=SPAM + " Again."))

    assert not services.archive.blank(site.name, outdated)
    assert services.comments.get(site.name, comment.id).content == SPAM + " Again."


def test_a_blanked_comment_can_still_be_decided_on_and_gives_no_label(services: Services, site: Site) -> None:
    comment = post(services, site, SPAM)
    in_days(services, 31).purge_text(site)

    decided = services.decisions.decide(site, comment.id, APPROVE).comment

    assert (decided.status, decided.content) == (Status.APPROVED, None)
    assert list(services.archive.labels(site.name)) == []


def test_labels_go_when_the_site_shortens_their_time(services: Services, site: Site) -> None:
    comment = post(services, site, BORDERLINE)
    services.decisions.decide(site, comment.id, APPROVE)
    site = services.sites.change_policy(site.name, {"retention_days": {"labels": 5}})

    in_days(services, 4.9).trim(site)
    assert services.archive.has_label(site.name, comment.id)
    in_days(services, 5.1).trim(site)

    assert not services.archive.has_label(site.name, comment.id)
    assert list(services.archive.labels(site.name)) == []


def test_old_erasures_are_forgotten_too(services: Services, site: Site) -> None:
    services.privacy.erase(site, mallory_ids(services, site))

    in_days(services, 3651).trim(site)

    assert services.archive.erased_among(site.name, mallory_ids(services, site)) == set()


def test_export_yields_every_comment_once(services: Services, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moderation.service.privacy.PAGE", 3)
    posted = {post(services, site, text, address="").id for text in (FINE, BORDERLINE, SPAM) * 4}

    rows = [row["id"] for row in services.privacy.export(site, lambda comment: {"id": comment.id})]

    assert sorted(rows) == sorted(posted)


def test_no_byte_on_disk_holds_the_address_after_a_life_and_an_erasure(
    services: Services, site: Site, settings: Settings, tmp_path: Path
) -> None:
    own = replace(settings, data_dir=tmp_path / "own")
    with running_store(own, command="tests") as url:
        life = bootstrap.build(own, url)
        there, _ = life.sites.add("site-a", "https://a.example")
        fields = dict.fromkeys(("content", "author", "external_id", "parent_id", "honeypot"), MALLORY)
        posted = json.dumps(body(**fields, permalink=f"https://news.example/?by={MALLORY}")).encode()
        given = parse_submission(posted, site=there, keyring=life.keyring)
        comment = life.submissions.submit(there, given).comment
        life.decisions.decide(there, comment.id, Judgment(ruling=Ruling.REJECT, note=MALLORY, override=True))
        life.privacy.erase(there, mallory_ids(life, there))
        life.connection.close()
    files = b"".join(path.read_bytes() for path in own.data_dir.rglob("*") if path.is_file()).lower()

    assert b"site-a" in files, "this looked at the right files"
    assert MALLORY.encode() not in files
    for digest in (hashlib.md5, hashlib.sha1, hashlib.sha256):
        found = digest(MALLORY.encode())
        assert found.hexdigest().encode() not in files
        assert base64.b64encode(found.digest()).lower() not in files
