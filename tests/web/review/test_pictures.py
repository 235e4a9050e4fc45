"""The pictures of docs/moderators.md, and the README's of the review, taken from the pages as they are.

``WINNOW_PICTURES=docs/img python -m pytest tests/web/review/test_pictures.py`` takes them anew; look at each before it
is committed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from moderation.service.services import Services
from tests.web.review import scenery
from tests.web.review.browsing import browser_page

pytestmark = [pytest.mark.browser, pytest.mark.slow]
DOCS = Path(__file__).parents[3] / "docs"
WIDE, PHONE = {"width": 1200, "height": 900}, {"width": 360, "height": 780}
Step = Callable[[Any], None]


def nothing(page: Any) -> None:
    """Leave the page as it is."""


def select(page: Any) -> None:
    for key in ("x", "j", "x", "j", "x", "k", "k"):
        page.keyboard.press(key)


def open_copies(page: Any) -> None:
    page.locator("details.copies summary").click()
    page.locator("article:has(details.copies)").evaluate("card => card.scrollIntoView()")
    page.wait_for_timeout(300)


def preview(page: Any) -> None:
    page.get_by_label("spam: Hold from").fill("0.2")
    page.get_by_label("Links a comment may have").fill("1")
    page.get_by_role("button", name="Preview").click()
    page.locator("#preview").wait_for()


PICTURES: dict[str, tuple[str, str, dict[str, int], str, Step]] = {
    "queue-wide-light": ("Carol", "/review/?site=*", WIDE, "light", nothing),
    "queue-wide-dark": ("Carol", "/review/?site=*", WIDE, "dark", nothing),
    "queue-phone-light": ("Carol", "/review/?site=*", PHONE, "light", nothing),
    "queue-phone-dark": ("Carol", "/review/?site=*", PHONE, "dark", nothing),
    "review": ("Carol", "/review/?site=news", {"width": 1100, "height": 820}, "light", nothing),
    "bulk-wide-light": ("Carol", "/review/?site=*", WIDE, "light", select),
    "copies-wide-light": ("Carol", "/review/?site=news&label=spam", WIDE, "light", open_copies),
    "verdicts-wide-light": ("Carol", "/review/verdicts?site=news", WIDE, "light", nothing),
    "author-wide-light": ("Carol", f"/review/a/news/{scenery.author(1)}", WIDE, "light", nothing),
    "numbers-wide-light": ("Carol", "/review/numbers?site=news", {"width": 1200, "height": 1400}, "light", nothing),
    "settings-wide-light": ("Root", "/review/settings?site=news", WIDE, "light", preview),
}


def test_the_pictures_show_the_pages(chromium: Any, address: str, services: Services, tmp_path: Path) -> None:
    scenery.arrange(services)
    folder = Path(os.environ.get("WINNOW_PICTURES", tmp_path))

    for name, (who, path, size, scheme, step) in PICTURES.items():
        with browser_page(chromium, address, name=who, viewport=size, color_scheme=scheme) as page:
            page.goto(f"{address}{path}")
            page.wait_for_timeout(600)
            step(page)
            page.screenshot(path=folder / f"{name}.png")
            _shrink(folder / f"{name}.png")
            assert page.locator("h1").is_visible()

    assert {one.stem for one in folder.glob("*.png")} >= set(PICTURES)


def _shrink(picture: Path) -> None:
    """Keep 128 colours, which is all that such a page has, at a third of the bytes."""
    Image.open(picture).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(picture, optimize=True)


def test_the_documentation_shows_every_picture_but_the_twins() -> None:
    text = (DOCS / "moderators.md").read_text(encoding="utf-8")

    shown = set(re.findall(r"\(img/([a-z-]+)\.png\)", text))

    assert shown <= set(PICTURES)
    assert set(PICTURES) - shown <= {"review", "queue-wide-dark", "queue-phone-light"}
    assert all((DOCS / "img" / f"{name}.png").stat().st_size < 200_000 for name in PICTURES)
