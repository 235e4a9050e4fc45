"""A moderator's browser in the tests: signs in, and remembers what the browser complained about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

PASSWORD = "harbour lamp otter"


@contextmanager
def browser_page(
    chromium: Any,
    address: str,
    *,
    name: str = "Alice",
    tolerated: tuple[str, ...] = ("409 (CONFLICT)",),
    **options: Any,
) -> Iterator[Any]:
    """Yield a page that ``name`` is signed in on; fails if the browser logged an error or a refused resource."""
    context = chromium.new_context(**options)
    page = context.new_page()
    page.set_default_timeout(10_000)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{address}/review/login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/review/")
    try:
        yield page
        unexpected = [one for one in complaints if not any(word in one for word in tolerated)]
        assert not unexpected, unexpected
    finally:
        context.close()
