"""``winnow comments``: what goes out comes back the same, nothing comes in half, and the forgotten stay forgotten."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from moderation import bootstrap
from moderation.cli import rows
from moderation.config import Settings
from moderation.core.comment import Ruling
from moderation.scoring import Scorer
from moderation.service.decisions import Judgment
from moderation.service.importing import Importer
from moderation.service.services import Services
from moderation.store.keys import SiteKeys
from tests.cli.commands import Commands
from tests.cli.rows_in_and_out import ADDRESS, a_life, bring_in, exported, foreign, lines, without_versions
from tests.keyword_model import KeywordModel


@pytest.fixture
def winnow(settings: Settings, store_url: str, monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.setattr(Scorer, "model", KeywordModel())
    commands = Commands(settings, store_url)
    for name in ("alice-site", "bob-site"):
        commands.json("site", "add", name, f"https://{name}.example")
    return commands


@pytest.fixture
def services(winnow: Commands) -> Services:
    return bootstrap.build(winnow.settings, winnow.redis_url)


def test_export_comes_back_the_same(winnow: Commands, services: Services) -> None:
    a_life(services)
    before = exported(winnow)

    assert bring_in(winnow, *before, site="bob-site") == {"imported": 4, "present": 0, "erased": 0, "refused": 0}

    assert without_versions(exported(winnow, "bob-site")) == without_versions(before)
    labels = [json.loads(line) for line in winnow.run("comments", "export", "bob-site", "--labels").stdout.splitlines()]
    assert sorted((row["labels"]["spam"], row["labels"]["toxic"]) for row in labels) == [(0, 0), (1, None)]


def test_importing_twice_is_harmless(winnow: Commands, services: Services) -> None:
    a_life(services)
    found = exported(winnow)
    bring_in(winnow, *found, site="bob-site")
    before = exported(winnow, "bob-site")

    assert bring_in(winnow, *found, site="bob-site")["present"] == 4
    assert bring_in(winnow, *found)["present"] == 4

    assert exported(winnow, "bob-site") == before
    assert exported(winnow) == found


def test_foreign_row_is_the_same_comment_each_time(winnow: Commands) -> None:
    row = foreign(external_id="wp-7")

    assert bring_in(winnow, row, row)["imported"] == 1
    assert bring_in(winnow, row, {**row, "content": "edited since"})["present"] == 2

    assert [one["external_id"] for one in exported(winnow)] == ["wp-7"]


def test_foreign_rows_are_judged_and_keep_what_is_known_of_them(winnow: Commands) -> None:
    decision = {"decision": "reject", "reason": "spam", "moderator": "Alice", "at": "2026-06-01T12:00:00+02:00"}
    bring_in(
        winnow,
        foreign(1, status="approved"),
        foreign(2, decision=decision),
        foreign(3, author_email=None, created_at="2026-05-01T12:00:00+02:00"),
    )

    found = {row["content"].split()[2]: row for row in exported(winnow)}
    assert found["1,"]["status"] == "approved"
    assert (found["2,"]["status"], found["2,"]["decision"]["at"]) == ("rejected", "2026-06-01T10:00:00.000Z")
    assert found["3,"]["author"]["id"] is None
    assert found["3,"]["created_at"] == "2026-05-01T10:00:00.000Z"
    assert all(row["verdict"]["action"] in {"approve", "review", "reject"} for row in found.values())


def test_same_address_gets_the_same_pseudonym(winnow: Commands) -> None:
    bring_in(winnow, foreign(1), foreign(2, author_email=ADDRESS.lower()), foreign(3, author_email="bob@example.org"))

    ids = [row["author"]["id"] for row in exported(winnow)]
    assert len(set(ids)) == 2


def test_no_address_and_no_hash_of_it_is_kept(winnow: Commands, tmp_path: Path, services: Services) -> None:
    row = foreign(content=f"Reply to {ADDRESS} or {ADDRESS.lower()}", author=f"me {ADDRESS}", external_id=ADDRESS)
    file = tmp_path / "in.jsonl"
    file.write_text(lines(row, {**row, "permalink": "broken"}))

    result = winnow.run("comments", "import", "alice-site", str(file))

    assert (result.exit_code, "1 imported" in result.stdout) == (2, True)
    everything = result.stdout + result.stderr + json.dumps(exported(winnow))
    client = services.connection.client
    for key in client.scan_iter():
        everything += str(read(client, key))
    for plain in {ADDRESS, ADDRESS.lower()}:
        for kind in ("md5", "sha1", "sha256"):
            digest = hashlib.new(kind, plain.encode())
            assert digest.hexdigest() not in everything.lower()
            assert base64.b64encode(digest.digest()).decode().rstrip("=") not in everything
        assert plain.lower() not in everything.lower()


def read(client: Any, key: str) -> object:
    kind = client.type(key)
    readers = {
        "hash": lambda: client.hgetall(key),
        "zset": lambda: client.zrange(key, 0, -1),
        "set": lambda: client.smembers(key),
        "string": lambda: client.get(key),
        "stream": lambda: client.xrange(key),
    }
    return readers[kind]()


def test_erased_person_stays_erased(winnow: Commands) -> None:
    bring_in(winnow, foreign(1), foreign(2), foreign(3, author_email="bob@example.org"))
    everything = exported(winnow)

    erased = winnow.json("comments", "erase", "alice-site", "--email-stdin", stdin=ADDRESS.upper() + "\n")

    assert (erased["comments"], erased["authors"]) == (2, 1)
    assert bring_in(winnow, *everything) == {"imported": 0, "present": 1, "erased": 2, "refused": 0}
    assert bring_in(winnow, foreign(4))["erased"] == 1
    assert len(exported(winnow)) == 1


def test_import_that_broke_off_before_the_decision_is_completed(
    winnow: Commands, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_life(services)
    found = exported(winnow)
    monkeypatch.setattr(Importer, "_decide", lambda *_: None)
    bring_in(winnow, *found, site="bob-site")
    monkeypatch.undo()
    assert all(row["decision"] is None for row in exported(winnow, "bob-site"))

    assert bring_in(winnow, *found, site="bob-site") == {"imported": 3, "present": 1, "erased": 0, "refused": 0}

    assert without_versions(exported(winnow, "bob-site")) == without_versions(found)


def test_import_tells_no_website(winnow: Commands, services: Services) -> None:
    winnow.json("site", "set", "alice-site", "webhook_url=https://alice-site.example/hook")

    bring_in(winnow, foreign(1, status="pending"), foreign(2, status="rejected"))

    assert services.connection.client.xlen(SiteKeys("alice-site").outbox) == 0


def test_import_does_not_make_a_label_young_again(winnow: Commands, services: Services) -> None:
    at = services.now() - timedelta(days=700)
    old = {"decision": "reject", "reason": "spam", "at": at.isoformat()}
    older = {**old, "at": (services.now() - timedelta(days=731)).isoformat()}
    bring_in(winnow, foreign(1, decision=old), foreign(2, decision=older, created_at="2020-01-01T00:00:00Z"))

    keys = SiteKeys("alice-site")
    (label,) = services.connection.client.zrange(keys.labels, 0, -1)
    assert services.connection.client.ttl(keys.label(label)) <= 31 * 86_400


def test_export_to_a_file_is_private_and_whole(winnow: Commands, tmp_path: Path) -> None:
    bring_in(winnow, foreign(1), foreign(2))
    target = tmp_path / "out.jsonl"
    target.write_text("the old one")

    answer = winnow.json("comments", "export", "alice-site", "--output", str(target))

    assert answer["comments"] == 2
    assert len(target.read_text().splitlines()) == 2
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert list(tmp_path.glob("*.part")) == []


def test_gzip_goes_out_and_comes_in(winnow: Commands, tmp_path: Path) -> None:
    bring_in(winnow, foreign(1))
    target = tmp_path / "out.jsonl.gz"
    winnow.json("comments", "export", "alice-site", "--output", str(target))

    assert len(gzip.decompress(target.read_bytes()).splitlines()) == 1
    assert winnow.json("comments", "import", "bob-site", str(target))["imported"] == 1


def test_purge_takes_the_text_of_what_was_rejected_long_ago(winnow: Commands) -> None:
    bring_in(
        winnow,
        foreign(1, status="rejected", created_at="2020-01-01T00:00:00Z"),
        foreign(2, status="approved", created_at="2020-01-01T00:00:00Z"),
    )

    assert winnow.json("comments", "purge", "alice-site")["purged"] == 1
    assert winnow.json("comments", "purge", "alice-site")["purged"] == 0

    found = exported(winnow)
    assert sorted((row["status"], row["content"] is None) for row in found) == [("approved", False), ("rejected", True)]
    assert bring_in(winnow, *found, site="bob-site")["imported"] == 2
    assert len(exported(winnow, "bob-site")) == 2


def test_comment_decided_during_an_export_is_not_missed(winnow: Commands, services: Services) -> None:
    bring_in(winnow, foreign(1, status="approved"), foreign(2, status="pending"))
    site = services.sites.read("alice-site")
    (waiting,) = (row["id"] for row in exported(winnow) if row["status"] == "pending")
    seen: list[dict[str, Any]] = []

    for row in services.privacy.export(site, rows.export_row):
        if not seen:
            services.decisions.decide(site, waiting, Judgment(ruling=Ruling.APPROVE, moderator="Alice"))
        seen.append(row)

    assert waiting in [row["id"] for row in seen]
    assert bring_in(winnow, *seen, site="bob-site")["imported"] >= 2
    assert {row["id"]: row["status"] for row in exported(winnow, "bob-site")}[waiting] == "approved"
