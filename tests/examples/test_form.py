"""The example article page in a browser: what a reader sees and does, without JavaScript, and when things go wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import BaseHandler, HTTPCookieProcessor, Request, build_opener

import pytest
from axe_playwright_python.sync_playwright import Axe

from moderation.demo.stage import address, listening, running_site
from tests.processes import wait_for

pytestmark = [pytest.mark.slow]
browser = pytest.mark.browser
HONEST = "The note about the red lamp helped me a lot, we saw four moons of Jupiter from the balcony."
HELD = "Sources: https://a.example/1 https://b.example/2 https://c.example/3 https://d.example/4 for the dates above."
PATIENCE_MS = 3_200  # People take longer than three seconds; a form that is sent faster is suspicious.


def fill(page: Any, *, comment: str, name: str = "Alice", email: str = "alice@readers.example", url: str = "") -> None:
    page.get_by_role("textbox", name="Comment").fill(comment)
    page.get_by_role("textbox", name="Name").fill(name)
    page.get_by_role("textbox", name="Email").fill(email)
    page.get_by_role("textbox", name="Website").fill(url)


def send(page: Any) -> None:
    page.get_by_role("button", name="Post comment").click()


@browser
def test_form_says_what_the_design_promises(visit: Callable[..., Any]) -> None:
    page = visit()
    reply = page.get_by_role("region", name="Leave a reply")

    assert reply.get_by_role("heading", name="Leave a reply").is_visible()
    text = re.sub(r"\s+", " ", reply.inner_text())
    assert "Your email address will not be published. Required fields are marked *" in text
    for label in ("Comment *", "Name *", "Email *", "Website"):
        assert label in text
    assert [
        reply.get_by_role("textbox", name=name).get_attribute("required") for name in ("Comment", "Name", "Email")
    ] == ["", "", ""]
    assert reply.get_by_role("textbox", name="Website").get_attribute("required") is None


@browser
def test_honest_comment_appears_at_once_without_javascript(visit: Callable[..., Any]) -> None:
    page = visit(java_script_enabled=False)

    fill(page, comment=HONEST, url="alice.example")
    page.wait_for_timeout(PATIENCE_MS)
    send(page)

    assert "Your comment is published" in page.get_by_role("status").inner_text()
    entry = page.get_by_role("listitem").filter(has_text=HONEST)
    assert entry.get_by_role("link", name="Alice").get_attribute("href") == "https://alice.example"
    assert "nofollow" in entry.get_by_role("link", name="Alice").get_attribute("rel")
    assert entry.locator("img").evaluate("image => image.complete && image.naturalWidth") > 0
    assert "alice@readers.example" not in page.content()
    assert visit().get_by_text(HONEST).is_visible()


@browser
def test_held_comment_is_shown_to_its_author_until_a_moderator_approves_it(
    visit: Callable[..., Any], demo: dict[str, Any]
) -> None:
    page = visit()
    fill(page, comment=HELD, name="Mallory", email="mallory@readers.example")
    page.wait_for_timeout(PATIENCE_MS)
    send(page)

    assert "A moderator looks at your comment" in page.get_by_role("status").inner_text()
    assert "Waiting for a moderator" in page.get_by_role("listitem").filter(has_text=HELD).inner_text()
    stranger = visit()
    assert stranger.get_by_text(HELD).count() == 0

    approve_in_review(visit(), demo, HELD)

    def is_shown() -> bool:
        stranger.reload()
        return bool(stranger.get_by_text(HELD).count())

    wait_for(is_shown, seconds=20, what="comment after its approval")
    page.goto(demo["addresses"]["article"])
    assert "Waiting for a moderator" not in page.get_by_role("listitem").filter(has_text=HELD).inner_text()


def approve_in_review(page: Any, demo: dict[str, Any], text: str) -> None:
    page.goto(demo["addresses"]["review"])
    page.get_by_label("Name").fill(demo["moderator"]["name"])
    page.get_by_label("Password").fill(demo["moderator"]["password"])
    page.get_by_role("button", name="Sign in").click()
    card = page.get_by_role("article").filter(has_text=text.partition(":")[0])
    card.get_by_role("button", name=re.compile("^Approve")).click()
    card.wait_for(state="detached")


@browser
def test_rejected_comment_gets_a_kind_word_and_is_not_shown(visit: Callable[..., Any]) -> None:
    page = visit()
    fill(page, comment="I never filled in that other field.")
    page.locator(".trap input").evaluate("field => { field.value = 'https://robot.example' }")
    send(page)

    assert "did not let this comment through" in page.get_by_role("status").inner_text()
    assert page.get_by_text("I never filled in that other field.").count() == 0


@browser
@pytest.mark.parametrize(
    "label, value, sentence",
    [
        ("Email", "alice@nowhere", "complete e-mail address"),
        ("Website", "ftp://alice.example/", "does not look like a web address"),
        ("Name", "   ", "Please tell us what to call you."),
        ("Comment", " \n ", "Please write something."),
    ],
    ids=["email", "website", "name", "comment"],
)
def test_faulty_field_is_named_beside_it_and_nothing_typed_is_lost(
    visit: Callable[..., Any], label: str, value: str, sentence: str
) -> None:
    page = visit()
    fill(page, comment=HONEST, url="https://alice.example/")
    page.get_by_role("textbox", name=label).fill(value)
    send(page)

    field = page.get_by_role("textbox", name=label)
    assert field.get_attribute("aria-invalid") == "true"
    assert sentence in page.locator("#" + field.get_attribute("aria-describedby")).inner_text()
    assert sentence in page.get_by_role("alert").inner_text()
    typed = {"Comment": HONEST, "Name": "Alice", "Email": "alice@readers.example", "Website": "https://alice.example/"}
    kept = {name: page.get_by_role("textbox", name=name).input_value() for name in typed}
    assert kept == {**typed, label: value.strip()}

    page.get_by_role("textbox", name=label).fill(typed[label])
    page.wait_for_timeout(PATIENCE_MS)
    send(page)
    assert page.get_by_role("status").is_visible()


@browser
def test_all_faults_are_named_at_once(visit: Callable[..., Any]) -> None:
    page = visit()
    fill(page, comment=" ", name=" ", email="alice@nowhere", url="gopher://x")
    send(page)

    links = page.get_by_role("alert").get_by_role("link")
    assert [link.get_attribute("href") for link in links.all()] == ["#comment", "#author", "#email", "#url"]


@browser
def test_markup_in_a_comment_is_text(visit: Callable[..., Any]) -> None:
    page = visit()
    comment = "I wrote <b>bold</b> & <script>document.title = 'taken'</script> in my notes about the lamp"
    fill(page, comment=comment, name="<i>Alice</i>")
    page.wait_for_timeout(PATIENCE_MS)
    send(page)

    entry = page.get_by_role("listitem").filter(has_text="in my notes about the lamp").first
    assert comment in entry.inner_text()
    assert "<i>Alice</i>" in entry.inner_text()
    assert page.title() != "taken"


@browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", ["fresh", "faulty"])
def test_page_is_accessible(visit: Callable[..., Any], scheme: str, state: str) -> None:
    page = visit(color_scheme=scheme)
    if state == "faulty":
        fill(page, comment=" ", name=" ", email="alice@nowhere", url="gopher://x")
        send(page)

    found = Axe().run(page)

    assert found.violations_count == 0, found.generate_report()


@browser
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_is_wider_than_the_screen(visit: Callable[..., Any], width: int) -> None:
    page = visit(viewport={"width": width, "height": 740})

    assert page.evaluate("document.documentElement.scrollWidth") <= width


@browser
def test_form_can_be_filled_in_from_the_keyboard(visit: Callable[..., Any]) -> None:
    page = visit()
    page.get_by_role("textbox", name="Comment").focus()

    order = []
    for _ in range(4):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.name || document.activeElement.textContent"))

    assert order == ["author", "email", "url", "Post comment"]


def post(url: str, fields: dict[str, str], *cookies: BaseHandler) -> tuple[int, str]:
    """Send the form with these cookies, or none; answer with status and text, redirects followed."""
    from urllib.error import HTTPError

    try:
        with build_opener(*cookies).open(Request(url, urlencode(fields).encode()), timeout=15) as response:
            return response.status, response.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def get(url: str, *cookies: BaseHandler) -> str:
    with build_opener(*cookies).open(url, timeout=15) as response:
        return str(response.read().decode())


def token_of(page: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found
    return found[1]


def test_pressing_twice_makes_one_comment(demo: dict[str, Any]) -> None:
    url = demo["addresses"]["article"]
    author = HTTPCookieProcessor()  # Its author sees the comment at once, even if a moderator has to look at it first.
    text = "Pressed twice, but it was only one thought about the tripod."
    form = {"comment": text, "author": "Alice", "email": "alice@readers.example", "token": token_of(get(url))}

    answers = [post(url + "reply", form, author)[0] for _ in range(2)]

    assert answers == [200, 200]
    assert get(url, author).count(text) == 1


@pytest.mark.parametrize("token", ["", "forged", "WzEsIngiXQ.AAAA"])
def test_form_with_a_wrong_token_is_shown_again_with_what_was_typed(demo: dict[str, Any], token: str) -> None:
    url = demo["addresses"]["article"]

    status, page = post(url + "reply", {"comment": "Kept & safe", "author": "Alice", "email": "", "token": token})

    assert status == 400
    assert "press the button once more" in page
    assert "Kept &amp; safe" in page


@pytest.mark.parametrize("field", ["comment", "author", "email", "url"])
def test_enormous_fields_are_refused_kindly(demo: dict[str, Any], field: str) -> None:
    url = demo["addresses"]["article"]
    form = {"comment": "x", "author": "Alice", "email": "alice@readers.example", "token": token_of(get(url))}

    small = post(url + "reply", {**form, field: "a" * 70_000})
    large = post(url + "reply", {**form, field: "a" * 300_000})

    assert (small[0], large[0]) == (422, 413)
    assert "too long" in large[1]
    assert 'role="alert"' in small[1]


def test_forged_webhook_is_refused(demo: dict[str, Any]) -> None:
    url = demo["addresses"]["article"] + "webhooks/winnow"

    assert post(url, {"type": "comment.approved"})[0] == 401


@pytest.fixture
def lonely_site(tmp_path: Path) -> Iterator[str]:
    """Give the address of a website whose Winnow is away."""
    with listening(0) as gone, listening(0) as listener:
        nobody = address(gone)
        gone.close()
        settings = {"COMMENTS_URL": nobody, "COMMENTS_KEY": "abcdefghijkl", "SITE_URL": address(listener)}
        with running_site(listener, settings, tmp_path / "site.log") as site:
            yield site.url


def test_page_lives_on_and_keeps_the_text_while_winnow_is_away(lonely_site: str) -> None:
    page = get(lonely_site)
    form = {"comment": "Do not lose me", "author": "Alice", "email": "alice@readers.example", "token": token_of(page)}

    status, answer = post(lonely_site + "/reply", form)

    assert "comments cannot be shown at this moment" in page
    assert status == 503
    assert "Your text is still here" in answer
    assert "Do not lose me" in answer


def test_service_keeps_no_address_of_a_reader(demo: dict[str, Any], data_directory: Path) -> None:
    """The sample readers' addresses are in no byte of the data directory; more is in tests/faults and tests/service."""
    from moderation.demo.scenario import load_samples

    files = [path.read_bytes().lower() for path in data_directory.rglob("*") if path.is_file()]

    assert files
    for sample in load_samples():
        assert not any(sample.email.lower().encode() in content for content in files), sample.name
