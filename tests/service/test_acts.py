"""Acts that are interrupted: whatever was changed by then has one undo, and nothing else is touched by it."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread

import pytest

from moderation import bootstrap
from moderation.config import Settings
from moderation.core.comment import Comment, Ruling, Status
from moderation.core.errors import StoreUnavailable
from moderation.core.site import Site
from moderation.service.acts import MAX_ITEMS, Item
from moderation.service.decisions import Decided, Decisions, Judgment
from moderation.service.services import Services
from moderation.store.embedded import running_store
from moderation.store.reviews import Reviews
from tests.faults.service import Role, Service, until
from tests.web.review.seeding import add, comment_of


@pytest.fixture
def services(store_url: str, settings: Settings) -> Iterator[Services]:
    built = bootstrap.build(settings, store_url)
    built.sites.add("site-a", "https://site-a.example")
    yield built
    built.connection.close()


@pytest.fixture
def site(services: Services) -> Site:
    return services.sites.read("site-a")


@dataclass
class Away:
    """A store that goes away after some decisions, and comes back; ``is_applied`` if the last one was kept still."""

    after: int
    is_applied: bool = False

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        decide, save, left = Decisions.decide, Reviews.save_act, [self.after]

        def interrupted(own: Decisions, site: Site, comment_id: str, judgment: Judgment) -> Decided:
            left[0] -= 1
            if left[0] < 0:
                if self.is_applied:
                    decide(own, site, comment_id, judgment)
                raise StoreUnavailable("The store does not answer.")
            return decide(own, site, comment_id, judgment)

        def lost(own: Reviews, *args: object, **named: object) -> None:
            if left[0] <= 0:
                raise StoreUnavailable("The store does not answer.")
            save(own, *args, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(Decisions, "decide", interrupted)
        monkeypatch.setattr(Reviews, "save_act", lost)


def seed(services: Services, count: int) -> list[Comment]:
    return [add(services, comment_of(f"Number {i}")) for i in range(count)]


def statuses(services: Services, comments: list[Comment]) -> list[Status]:
    return [one.status for one in services.comments.get_many("site-a", [one.id for one in comments])]


@pytest.mark.parametrize(
    "away, changed",
    [(Away(3), 3), (Away(3, is_applied=True), 4), (Away(6), 6)],
    ids=["halfway", "reply lost", "before it could say that it had ended"],
)
def test_an_interrupted_act_has_one_undo_for_all_that_it_changed(
    services: Services, site: Site, monkeypatch: pytest.MonkeyPatch, away: Away, changed: int
) -> None:
    comments = seed(services, 6)
    with monkeypatch.context() as patched:
        away.install(patched)
        with pytest.raises(StoreUnavailable, match=f"after {away.after} of 6 comments"):
            services.acts.decide(site, [Item(one.id, 1) for one in comments], kind="spam", who="Alice")
    assert statuses(services, comments).count(Status.REJECTED) == changed

    act = services.acts.latest(site)[0]
    undone = services.acts.undo(site, act.id, who="Root")

    assert [(item.comment_id, item.version) for item in act.done] == [(one.id, 2) for one in comments[:changed]]
    assert len(undone.done) == changed
    assert set(statuses(services, comments)) == {Status.PENDING}
    assert services.acts.get(site, act.id).undone_by == "Root"


def test_what_others_did_meanwhile_is_not_taken_for_the_acts_work(
    services: Services, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    comments = seed(services, 5)
    with monkeypatch.context() as patched:
        Away(2).install(patched)
        with pytest.raises(StoreUnavailable):
            services.acts.decide(site, [Item(one.id, 1) for one in comments], kind="spam", who="Alice")
    services.acts.decide(site, [Item(comments[2].id, 1)], kind="spam", who="Root")
    services.acts.decide(site, [Item(comments[3].id, 1)], kind="toxic", who="Alice")
    override = Judgment(ruling=Ruling.APPROVE, moderator="Root", override=True)
    services.decisions.decide(site, comments[0].id, override)

    interrupted = services.acts.latest(site)[-1]
    services.acts.undo(site, interrupted.id, who="Alice")

    assert statuses(services, comments) == [
        Status.APPROVED, Status.PENDING, Status.REJECTED, Status.REJECTED, Status.PENDING
    ]  # fmt: skip


def test_an_act_that_changed_nothing_says_that_the_store_is_away(
    services: Services, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    comments = seed(services, 2)
    with monkeypatch.context() as patched:
        Away(0).install(patched)
        with pytest.raises(StoreUnavailable, match="does not answer"):
            services.acts.decide(site, [Item(one.id, 1) for one in comments], kind="spam", who="Alice")

    assert set(statuses(services, comments)) == {Status.PENDING}


def test_an_undo_that_was_interrupted_is_finished_by_the_next_one(
    services: Services, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    comments = seed(services, 4)
    act = services.acts.decide(site, [Item(one.id, 1) for one in comments], kind="spam", who="Alice")
    undo, left = Decisions.undo, [2]

    def interrupted(own: Decisions, *args: object, **named: object) -> Decided:
        left[0] -= 1
        if left[0] < 0:
            raise StoreUnavailable("The store does not answer.")
        return undo(own, *args, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(Decisions, "undo", interrupted)
        with pytest.raises(StoreUnavailable):
            services.acts.undo(site, act.id, who="Alice")
    assert statuses(services, comments).count(Status.PENDING) == 2

    services.acts.undo(site, act.id, who="Alice")

    assert set(statuses(services, comments)) == {Status.PENDING}


class Browser:
    """Alice's, without scripts, on a real service."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._cookie = ""
        form = {"name": "Alice", "password": "harbour lamp otter"}
        self._cookie = self.send("POST", "/review/login", form)[1]["Set-Cookie"].split(";")[0]
        page = self.send("GET", "/review/account")[2]
        self.csrf = page.split('name="csrf" value="')[1][:64]

    def send(self, method: str, path: str, form: dict[str, str] | None = None) -> tuple[int, dict[str, str], str]:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=30)
        headers = {"Cookie": self._cookie, "Content-Type": "application/x-www-form-urlencoded"}
        connection.request(method, path, urllib.parse.urlencode(form) if form else None, headers)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, dict(answer.getheaders()), body

    def page(self, path: str) -> str:
        """Return a page, or an empty text while it is not to be had."""
        status, _, body = self.send("GET", path)
        return body if status == 200 else ""


@pytest.mark.alone
def test_a_store_that_is_killed_during_a_bulk_act_leaves_one_undo(tmp_path: Path) -> None:
    with Service(tmp_path / "service") as service:
        with running_store(service.settings, command="tests") as url:
            own = bootstrap.build(service.settings, url)
            own.sites.add("site-a", "https://site-a.example")
            own.accounts.add("Alice", "harbour lamp otter", sites=("site-a",))
            ids = [add(own, comment_of(f"Number {i}")).id for i in range(MAX_ITEMS)]
            own.connection.close()
        alice, answers = Browser(service.port), []
        form = {"csrf": alice.csrf, "site": "site-a", "act": "spam", "item": ",".join(f"{one}:1" for one in ids)}
        press = Thread(target=lambda: answers.append(alice.send("POST", "/review/decide", form)))

        with service.store() as store:
            press.start()
            until(lambda: store.zcard("w:{site-a}:s:rejected") > 20, what="the act to begin")
        service.kill(Role.STORE)
        press.join()
        until(lambda: service.get("/readyz")[0] == 200, what="the store to be back")

        status, _, page = answers[0]
        acts = until(lambda: alice.page("/review/history?site=site-a&view=acts"), what="each web process to notice")
        did = acts.split('name="did" value="')[1].split('"')[0]
        with service.store() as store:
            changed = store.zcard("w:{site-a}:s:rejected")
            undone = alice.send("POST", "/review/undo", {"csrf": alice.csrf, "site": "site-a", "did": did})
            waiting = store.zcard("w:{site-a}:s:pending")

    assert status == 503, page
    assert f"of {MAX_ITEMS} comments" in page
    assert 20 < changed < MAX_ITEMS
    assert undone[0] == 303
    assert waiting == MAX_ITEMS
