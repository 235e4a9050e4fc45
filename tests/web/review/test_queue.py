"""The queue without scripts: what a card says, filters and orders in the URL, pages, copies."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from moderation.core.comment import Status
from moderation.core.reasons import reason
from moderation.service.services import Services
from moderation.web.review.queue import CARDS_A_PAGE
from tests.web.review.conftest import Person
from tests.web.review.seeding import JANE, MALLORY, add, comment_of, model_reason


def page_of(person: Person, query: str = "") -> str:
    answer = person.get(f"/review/?site=site-a{query}")
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def shown(page: str) -> list[str]:
    return re.findall(r'<article class="card[^"]*" id="c-([0-9A-Za-z]+)"', page)


def place_after(page: str) -> str:
    found = re.search(r'data-after="([^"]+)"', page)
    assert found
    return found[1]


def test_a_card_says_why_it_waits_and_who_wrote_it(services: Services, alice: Person) -> None:
    text = "Compare the port's log. The list is at tides.example now."
    add(services, comment_of("Earlier.", status=Status.APPROVED, age=timedelta(days=400)))
    parts = (("Compare the port's log", -0.5), ("tides.example", 1.4))
    add(services, comment_of(text, reasons=(reason("first-comment"), model_reason(text, "spam", -0.2, *parts))))

    page = page_of(alice)

    assert '<mark class="for weak" title="Speaks against spam">Compare the port&#39;s log</mark>' in page
    assert '<mark class="against strong" title="Speaks strongly for spam">tides.example</mark>' in page
    assert "It is the author&#39;s first comment, and the site holds those." in page
    assert "1 approved, 0 rejected since" in page
    assert "spam <b>0.41</b> unsure" in page
    assert "toxicity <b>0.02</b> very unlikely" in page
    assert "18 min ago" in page
    assert f'src="/v1/authors/{JANE}/avatar.svg"' in page
    assert "news.example/harbour-plan-part-two" in page


@pytest.mark.parametrize("act", ["Approve", "Spam", "Toxic", "Reject"])
def test_a_card_has_the_promised_buttons(services: Services, alice: Person, act: str) -> None:
    add(services, comment_of("Is the tide table right?"))

    assert re.search(rf"<button [^>]*>{act}</button>", page_of(alice))


@pytest.mark.slow
def test_an_empty_queue_says_so(alice: Person) -> None:
    assert "Nothing is waiting." in page_of(alice)


def test_filters_that_match_nothing_say_so(services: Services, alice: Person) -> None:
    add(services, comment_of("Is the tide table right?"))

    page = page_of(alice, "&text=whale")

    assert "No waiting comment matches." in page
    assert shown(page) == []


def test_filters(services: Services, alice: Person) -> None:
    rude = add(services, comment_of("You fool of the harbour.", scores={"spam": 0.01, "toxicity": 0.9}))
    first = add(services, comment_of("My first words on tides.", reasons=(reason("first-comment"),), age=timedelta(1)))
    other = add(services, comment_of("Pills by post.", author_id=MALLORY, permalink="https://news.example/b"))

    for query, wanted in {
        "": [first.id, rude.id, other.id],
        "&label=toxicity": [rude.id],
        "&label=spam": [first.id, other.id],
        "&reason=first-comment": [first.id],
        f"&author={MALLORY}": [other.id],
        "&page=https://news.example/b": [other.id],
        "&text=HARBOUR+fool": [rude.id],
        "&text=harbour+pills": [],
        "&label=rubbish": [],
        "&sort=rubbish": [first.id, rude.id, other.id],
    }.items():
        assert sorted(shown(page_of(alice, query))) == sorted(wanted), query


def test_orders(services: Services, alice: Person) -> None:
    scores = [0.5, 0.1, 0.9]
    ids = [
        add(
            services,
            comment_of(f"Number {i} of a kind that is not alike {i * 7919}", scores={"spam": s}, age=timedelta(9 - i)),
        ).id
        for i, s in enumerate(scores)
    ]

    assert shown(page_of(alice)) == ids
    assert shown(page_of(alice, "&sort=newest")) == ids[::-1]
    assert shown(page_of(alice, "&sort=fine")) == [ids[1], ids[0], ids[2]]
    assert shown(page_of(alice, "&sort=spam")) == [ids[2], ids[0], ids[1]]


def test_pages_hold_every_comment_once_even_when_the_last_one_is_decided(services: Services, alice: Person) -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    total = CARDS_A_PAGE * 2 + 5
    ids = [
        add(services, comment_of(f"{letters[i % 26] * 40} {i * 7919}", age=timedelta(minutes=total - i))).id
        for i in range(total)
    ]
    first = page_of(alice)
    alice.post("/review/decide", {"site": "site-a", "item": f"{shown(first)[-1]}:1", "act": "spam"})

    second = page_of(alice, f"&after={place_after(first)}")
    third = page_of(alice, f"&after={place_after(second)}")

    assert shown(first) + shown(second) + shown(third) == ids
    assert 'data-after=""' in third


@pytest.mark.parametrize("after", ["x", "1~", "nan~a", "1e999~a", "~", "1~" + "a" * 500, "-~-"])
def test_a_page_that_is_nowhere_is_some_page(services: Services, alice: Person, after: str) -> None:
    add(services, comment_of("Is the tide table right?"))

    assert alice.get(f"/review/?site=site-a&after={after}").status_code == 200


def test_copies_are_one_card_with_the_odd_ones_left_out(services: Services, alice: Person) -> None:
    text = (
        "Superb write-up! I have bookmarked your web site and will share it with my groups. See cheap-{}.example soon."
    )
    copies = [
        add(services, comment_of(text.format(i), name=f"Promo {i}", author_id=f"k1.{'bcdef'[i] * 32}"))
        for i in range(4)
    ]
    add(services, comment_of("Earlier.", author_id=JANE, status=Status.APPROVED))
    known = add(services, comment_of(text.format(9), name="Jane", author_id=JANE))
    alone = add(services, comment_of("The council is right about the harbour, since the tables say the same."))

    page = page_of(alice)

    assert len(shown(page)) == 2
    assert alone.id in shown(page)
    assert "5 copies" in page
    assert "from 5 authors, 1 page" in page
    assert "1 odd one is left out" in page
    assert re.search(rf'value="site-a/{known.id}:1">', page)  # Not ticked: she has approved comments.
    for copy in copies:
        assert re.search(rf'value="site-a/{copy.id}:1" checked>', page)
    assert re.search(r'Spam <span class="n">4</span>', page)


def test_copies_are_decided_together_and_the_odd_one_stays(services: Services, alice: Person) -> None:
    text = (
        "Superb write-up! I have bookmarked your web site and will share it with my groups. See cheap-{}.example soon."
    )
    copies = [add(services, comment_of(text.format(i), author_id=f"k1.{'bcdef'[i] * 32}")) for i in range(4)]
    items = re.findall(r'name="item" value="([^",]+)" checked', page_of(alice))

    alice.post("/review/decide", {"site": "site-a", "item": items[:3], "act": "spam"})

    statuses = [one.status for one in services.comments.get_many("site-a", [one.id for one in copies])]
    assert sorted(statuses) == [Status.PENDING, Status.REJECTED, Status.REJECTED, Status.REJECTED]


def test_what_arrives_and_what_goes_shows_at_once(services: Services, alice: Person) -> None:
    one = add(services, comment_of("Is the tide table right?"))
    assert shown(page_of(alice)) == [one.id]

    two = add(services, comment_of("The council met on Monday about something else.", age=timedelta(0)))
    assert shown(page_of(alice)) == [one.id, two.id]

    alice.post("/review/decide", {"site": "site-a", "item": f"{one.id}:1", "act": "approve"})
    assert shown(page_of(alice)) == [two.id]


def test_what_left_the_queue_without_a_trace_is_not_shown(services: Services, alice: Person) -> None:
    one = add(services, comment_of("Is the tide table right?"))
    page_of(alice)

    services.connection.client.hset(f"w:{{site-a}}:c:{one.id}", "status", "approved")

    assert shown(page_of(alice)) == []


def test_a_reply_an_edit_and_a_note_are_told(services: Services, alice: Person) -> None:
    one = add(services, comment_of("Is the tide table right?", parent_id="7", edited=True))
    alice.post(f"/review/c/site-a/{one.id}/notes", {"note": "Seen before: mail@alice.example"})

    page = page_of(alice)

    assert "a reply" in page
    assert "edited since it was posted" in page
    assert "1 note" in page
    assert "mail@alice.example" not in page


def test_a_reply_shows_what_it_answers(services: Services, alice: Person) -> None:
    asked = comment_of("Is the tide table of March right?", name="Ada", status=Status.APPROVED)
    parent = add(services, replace(asked, id=asked.id.replace("I", "J").ljust(26, "0")[:26]))
    add(services, comment_of("No, and it never was.", parent_id=parent.id))
    add(services, comment_of("Of another website's numbering.", parent_id="42"))

    page = page_of(alice)

    line = re.search(r'<p class="parent">(.*?)</p>', page)[1]  # type: ignore[index]
    assert "Ada" in line
    assert "Is the tide table of March right?" in line
    assert f"/review/c/site-a/{parent.id}" in line
    assert page.count("a reply") == 1  # Whose parent is not ours.


def test_what_speaks_against_a_comment_comes_first(services: Services, alice: Person) -> None:
    text = "You fool of the harbour."
    found = (model_reason(text, "spam", -2.0), model_reason(text, "toxicity", -0.2), reason("fast-form", seconds="2"))
    add(services, comment_of(text, scores={"spam": 0.12, "toxicity": 0.85}, reasons=found))

    signs = re.findall(r'<li class="(against|for)">.*?</span><span class="hidden">[^<]*</span>([^<]*)', page_of(alice))

    assert [sign for sign, _ in signs] == ["against", "against", "for"]
    assert signs[0][1].endswith("an insult or a threat.")  # Held for it, though it is less likely than not by weight.


def test_reasons_have_names_in_the_filter(services: Services, alice: Person) -> None:
    add(services, comment_of("Is it?", reasons=(reason("first-comment"),)))

    assert '<option value="first-comment">First comment (1)</option>' in page_of(alice)


def test_html_comments_show_their_text_and_where_links_lead(services: Services, alice: Person) -> None:
    markup = '<p>See <a href="https://evil.example/pay">my page</a></p><script>alert(1)</script>'
    add(services, comment_of(markup, content_type="text/html", author_url="javascript:alert(1)"))

    page = page_of(alice)

    assert "See my page" in page
    assert "https://evil.example/pay" in page
    assert "alert(1)</script>" not in page
    assert '<a href="https://evil' not in page
    assert 'href="javascript:' not in page


@pytest.mark.slow
def test_a_page_of_huge_comments_stays_small(services: Services, alice: Person) -> None:
    hostile = [
        "<" * 50_000,
        "\u202e\u202d" * 25_000,
        "a\u202e" * 25_000,
        "e" + "\u0301" * 20_000,
        "ee\u0301\u0301\u0301\u0301" * 5_000,
        "&" * 60_000,
        "\U0001f4a9" * 30_000,
    ]
    for i in range(CARDS_A_PAGE):
        asked = comment_of(
            hostile[i % len(hostile)], name=hostile[i % len(hostile)][:200], author_id=MALLORY, status=Status.APPROVED
        )
        parent = add(services, replace(asked, id=f"0{i:02}".ljust(26, "0")))
        own = " ".join(f"{chr(97 + i * k % 26)}{i * k * 7919}" for k in range(1, 12))  # So that none are copies.
        reply = comment_of(
            f"{own} {hostile[-i % len(hostile)]}",
            name=hostile[i % len(hostile)][:200],
            author_id=MALLORY,
            parent_id=parent.id,
        )
        add(services, reply)

    answer = alice.get("/review/?site=site-a")

    assert answer.get_data().count(b'class="parent"') == CARDS_A_PAGE
    assert len(answer.get_data()) < 150_000


def test_the_scripts_are_files_of_ours(services: Services, alice: Person) -> None:
    page = page_of(alice)

    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert not re.search(r"\son\w+=|\sstyle=|javascript:", page)
    for source in re.findall(r'(?:src|href)="(/static/[^"]+)"', page):
        with alice.get(source) as answer:
            assert answer.status_code == 200, source


def test_scripts_import_only_what_is_there() -> None:
    folder = Path(__file__).parents[3] / "moderation/web/static/review"

    for script in folder.glob("*.js"):
        for target in re.findall(r'from "\./([^"]+)"|^import "\./([^"]+)"', script.read_text(), re.MULTILINE):
            assert (folder / (target[0] or target[1])).exists(), script


@pytest.mark.slow
def test_a_page_of_hostile_names_and_copies_stays_small(services: Services, alice: Person) -> None:
    for i in range(60):
        text = "a\u202e" * 400 + f" number {i}" * (i % 3)
        author = f"k1.{'bcdefgh'[i % 7] * 32}"
        add(services, comment_of(text, name="b\u202e" * 60, author_id=author, author_url="https://\u202e" * 90))

    answer = alice.get("/review/?site=site-a")

    assert "copies" in answer.get_data(as_text=True)
    assert len(answer.get_data()) < 150_000


def test_twenty_hostile_cards_stay_small(services: Services, alice: Person) -> None:
    for i in range(CARDS_A_PAGE):
        own = " ".join(f"{chr(97 + i * k % 26)}{i * k * 7919}" for k in range(1, 12))
        text = own + "a\u202e" * 400
        add(services, comment_of(text, name="b\u202e" * 60, author_id=MALLORY, author_url="https://\u202e" * 90))

    answer = alice.get("/review/?site=site-a")

    assert len(shown(answer.get_data(as_text=True))) == CARDS_A_PAGE
    assert len(answer.get_data()) < 150_000
