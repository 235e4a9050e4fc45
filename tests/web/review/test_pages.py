"""Every page in a real browser: accessible in light and dark, inert under hostile content, whole without scripts."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from moderation.core.comment import Status
from moderation.core.reasons import reason
from moderation.service.acts import Item
from moderation.service.services import Services
from tests.web.review.browsing import browser_page
from tests.web.review.seeding import JANE, MALLORY, add, comment_of, model_reason

pytestmark = pytest.mark.browser
HOSTILE = [
    "<script>window.hacked=1</script><img src=x onerror='window.hacked=1'>",
    "<svg onload=window.hacked=1><style>*{display:none}</style>",
    "abc \u202egnp.exe\u202c \u2067right\u2069",
    "A" * 50_000,
    "Z" + "\u0301\u0302\u0303" * 200 + "algo",
    "nul\x01\x1b[31m {{7*7}} ${7*7} javascript:window.hacked=1",
    "\n" * 500 + "end",
    "\U0001f4a9" * 5_000,
]


@pytest.fixture
def seeded(services: Services) -> Services:
    """A queue with all kinds of cards, an author with a past, decisions and notes."""
    text = "You clearly did not read a word, and people like you are why this forum is unbearable."
    parts = (("You clearly did not read a word", 1.6), ("people like you", 0.4), ("forum", -0.5))
    add(
        services,
        comment_of(text, scores={"spam": 0.0, "toxicity": 0.83}, reasons=(model_reason(text, "toxicity", 1, *parts),)),
    )
    spam = (
        "Superb write-up! I have bookmarked your web site and will share it with my groups. See cheap-{}.example soon."
    )
    for i in range(5):
        copy = comment_of(spam.format(i), name=f"Promo {i}", author_id=f"k1.{'bcdef'[i] * 32}", scores={"spam": 0.9})
        add(services, copy)
    for i, hostile in enumerate(HOSTILE):
        add(
            services,
            comment_of(
                hostile,
                name=hostile[:120],
                author_id=MALLORY,
                age=timedelta(minutes=i),
                reasons=(reason("first-comment"),),
            ),
        )
    add(services, comment_of(HOSTILE[2], name=HOSTILE[2], scores={"spam": 0.98}, status=Status.REJECTED))
    add(services, comment_of("Fine words.", scores={"spam": 0.02}, status=Status.APPROVED))
    decided = add(services, comment_of("Decided before.", author_id=JANE))
    site = services.sites.read("site-a")
    services.acts.decide(site, [Item(decided.id, 1)], kind="approve", who="Alice", note="Fine.")
    return services


def paths(services: Services) -> list[str]:
    one = services.reviews.pending_ids("site-a", limit=1)[0]
    return [
        "/review/?site=site-a",
        "/review/?site=site-a&text=nothing-like-it",
        f"/review/c/site-a/{one}",
        f"/review/a/site-a/{MALLORY}",
        "/review/?site=*",
        "/review/verdicts?site=site-a",
        "/review/verdicts?site=*&verdict=approved",
        "/review/history?site=site-a",
        "/review/history?site=site-a&view=acts",
        "/review/numbers?site=site-a",
        "/review/settings?site=site-a",
        "/review/account",
        "/review/login",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
def test_every_page_is_accessible_and_fits(
    chromium: Any, address: str, seeded: Services, scheme: str, width: int
) -> None:
    faults, wide = {}, []

    with browser_page(
        chromium, address, name="Root", color_scheme=scheme, viewport={"width": width, "height": 800}
    ) as page:
        for path in paths(seeded):
            page.goto(f"{address}{path}")
            for details in page.locator("details").all()[:3]:
                details.evaluate("element => element.open = true")
            found = Axe().run(page)
            if found.violations_count:
                faults[path] = found.generate_report()
            if page.evaluate("document.documentElement.scrollWidth") > width:
                wide.append(path)

    assert not faults, "\n".join(faults.values())
    assert not wide


def test_the_sign_in_page_is_accessible(chromium: Any, address: str) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{address}/review/login")

    found = Axe().run(page)

    context.close()
    assert not found.violations_count, found.generate_report()


def test_hostile_content_is_inert_and_the_policy_unviolated(chromium: Any, address: str, seeded: Services) -> None:
    with browser_page(chromium, address, name="Root", viewport={"width": 1200, "height": 800}) as page:
        page.add_init_script(
            "addEventListener('securitypolicyviolation', event => console.error(event.violatedDirective))"
        )
        for path in paths(seeded):
            page.goto(f"{address}{path}")
            assert page.evaluate("window.hacked") is None
        page.goto(f"{address}/review/?site=site-a")
        boxes = page.locator("article.card .text").evaluate_all(
            "all => all.map(one => one.getBoundingClientRect().right)"
        )
        titles = page.evaluate("document.title")

    assert max(boxes) <= 1200
    assert "\u202e" not in titles


def test_decide_undo_and_sign_out_without_scripts(chromium: Any, address: str, services: Services) -> None:
    one = add(services, comment_of("Is the tide table right?"))

    with browser_page(chromium, address, java_script_enabled=False) as page:
        article = page.get_by_role("article")
        assert article.count() == 1
        article.get_by_role("button", name="Spam", exact=True).click()
        page.get_by_text("Rejected as spam.").wait_for()
        assert services.comments.get("site-a", one.id).status is Status.REJECTED
        page.get_by_role("button", name="Undo").click()
        page.get_by_text("Taken back.").wait_for()
        assert services.comments.get("site-a", one.id).status is Status.PENDING
        page.locator(".pick input").check()
        page.get_by_role("button", name="Approve selected").click()
        page.get_by_text("Approved.").wait_for()
        page.get_by_role("button", name="Sign out").click()
        page.get_by_label("Password").wait_for()

    assert services.comments.get("site-a", one.id).status is Status.APPROVED


@pytest.mark.parametrize("has_scripts", [True, False], ids=["scripts", "no scripts"])
def test_enter_in_the_note_decides_nothing(chromium: Any, address: str, services: Services, has_scripts: bool) -> None:
    one = add(services, comment_of("Is the tide table right?"))

    with browser_page(chromium, address, java_script_enabled=has_scripts) as page:
        page.get_by_label("Other reasons to reject").click()
        page.get_by_label("Note for colleagues").fill("Belongs elsewhere.")
        page.get_by_label("Note for colleagues").press("Enter")
        page.wait_for_timeout(300)
        assert services.comments.get("site-a", one.id).status is Status.PENDING
        page.get_by_role("button", name="Off topic", exact=True).click()
        page.get_by_text("Rejected as off topic.").wait_for()

    decision = services.comments.get("site-a", one.id).decision
    assert decision is not None
    assert (decision.reason, decision.note) == ("off-topic", "Belongs elsewhere.")


def test_two_people(chromium: Any, address: str, services: Services) -> None:
    ids = [add(services, comment_of(f"{'abc'[i] * 40} number {i}", age=timedelta(minutes=9 - i))).id for i in range(3)]

    with browser_page(chromium, address, name="Alice") as alice, browser_page(chromium, address, name="Root") as root:
        alice.wait_for_timeout(900)  # Alice reads the first one long enough to mark it.
        root.goto(f"{address}/review/?site=site-a")
        first = root.locator(f"#c-{ids[0]}")
        first.get_by_text("being read by Alice").wait_for()
        root.keyboard.press("j")
        root.keyboard.press("k")  # Skips what Alice reads.
        assert root.evaluate("document.activeElement.dataset.id") == ids[1]

        root.keyboard.press("s")
        root.get_by_text("Rejected as spam.").wait_for()
        alice.locator(f"#c-{ids[1]}").get_by_text("Root: rejected as spam").wait_for(timeout=15_000)
        assert alice.locator("#nav-count").inner_text() == "2"


def test_a_late_press_tells_who_was_faster(chromium: Any, address: str, services: Services) -> None:
    one = add(services, comment_of("Is the tide table right?"))

    with browser_page(chromium, address) as page:
        services.acts.decide(services.sites.read("site-a"), [Item(one.id, 1)], kind="toxic", who="Root")
        page.keyboard.press("a")
        page.get_by_text(re.compile("Root had decided one already: rejected as toxic")).wait_for()

    assert services.comments.get("site-a", one.id).decision.moderator == "Root"  # type: ignore[union-attr]


def test_leaving_the_page_frees_what_was_read(chromium: Any, address: str, services: Services) -> None:
    one = add(services, comment_of("Is the tide table right?"))

    with browser_page(chromium, address) as page:
        page.wait_for_timeout(900)
        assert services.queue.holders("site-a", [one.id]) == {one.id: "Alice"}
        page.goto(f"{address}/review/account")
        page.wait_for_timeout(500)
        assert services.queue.holders("site-a", [one.id]) == {}


def test_a_service_that_is_away_is_told_and_the_card_comes_back(
    chromium: Any, address: str, services: Services
) -> None:
    one = add(services, comment_of("Is the tide table right?"))

    with browser_page(chromium, address, tolerated=("503",)) as page:
        page.route("**/review/decide", lambda route: route.fulfill(status=503, body="{}"))
        page.keyboard.press("a")
        page.get_by_text("The service does not answer").wait_for()
        assert page.locator(f"#c-{one.id}").is_visible()
        page.unroute("**/review/decide")
        page.keyboard.press("a")
        page.get_by_text("Approved.").wait_for()


def test_copies_in_the_browser(chromium: Any, address: str, services: Services) -> None:
    spam = (
        "Superb write-up! I have bookmarked your web site and will share it with my groups. See cheap-{}.example soon."
    )
    ids = [add(services, comment_of(spam.format(i), author_id=f"k1.{'bcdef'[i] * 32}")).id for i in range(5)]

    with browser_page(chromium, address) as page:
        card = page.get_by_role("article")
        card.get_by_text("Show all 5").click()
        card.get_by_role("checkbox").nth(2).uncheck()
        assert card.get_by_role("button", name="Spam 4").is_visible()
        page.keyboard.press("s")
        page.get_by_text("Rejected 4 as spam.").wait_for()

    statuses = [one.status for one in services.comments.get_many("site-a", ids)]
    assert statuses.count(Status.REJECTED) == 4
