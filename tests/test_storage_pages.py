"""The hand-written pages name every key, script and problem code that there is, and none that there is not."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from moderation.core import errors
from moderation.store import connection, keys
from moderation.store.keys import SiteKeys
from moderation.web.errors import _CODES, STATUS_OF_ERROR, status_of
from tests.processes import ROOT

PLACES = {"SITE", "ID", "STATUS", "PAGE", "AUTHOR", "HASH", "YYYYMMDD", "NAME", "DIGEST"}


def names() -> Iterator[str]:
    """Yield every key, its variable parts replaced by ``*``."""
    for name, member in inspect.getmembers(SiteKeys):
        if isinstance(member, property):
            yield re.sub("SITE", "*", getattr(SiteKeys("SITE"), name))
        elif inspect.isfunction(member) and not name.startswith("_"):
            count = len(inspect.signature(member).parameters) - 1
            made = getattr(SiteKeys("SITE"), name)(*["VALUE"] * count)
            yield re.sub(r"SITE|VALUE|[0-9a-f]{24}", "*", made)
    for _, member in inspect.getmembers(keys):
        if isinstance(member, str) and member.startswith("w:"):
            yield member
        elif inspect.isfunction(member) and member.__module__ == keys.__name__:
            yield re.sub("VALUE", "*", member(*["VALUE"] * len(inspect.signature(member).parameters)))


def test_every_key_of_the_store_is_documented_and_no_other() -> None:
    page = (ROOT / "docs" / "storage.md").read_text()
    written = {re.sub("|".join(PLACES), "*", key) for key in re.findall(r"^\| `(w:[^`]+)`", page, re.MULTILINE)}

    assert written == set(names())


def test_every_script_is_documented_and_says_what_it_takes() -> None:
    page = (ROOT / "docs" / "storage.md").read_text()

    for script in connection.SCRIPTS.glob("*.lua"):
        assert f"`{script.stem}`" in page, script.stem
        head = script.read_text().split("\nlocal", 1)[0]
        assert head.startswith("--"), script.stem
        assert "KEYS" in head, script.stem
        assert "Returns" in head, script.stem


def test_every_problem_code_is_documented_with_its_status() -> None:
    page = (ROOT / "docs" / "api-conventions.md").read_text()
    written = set(re.findall(r"^\| (\d{3}) \| `([a-z-]+)`", page, re.MULTILINE))
    tree = [one for one in vars(errors).values() if inspect.isclass(one) and issubclass(one, errors.WinnowError)]
    answered = {one for one in tree if any(issubclass(one, known) for known in STATUS_OF_ERROR)} | set(STATUS_OF_ERROR)
    raised = {(str(int(status_of(one.__new__(one)))), one.code) for one in answered}
    by_flask = {(str(status), code) for status, code in _CODES.items()}

    assert written == raised | by_flask | {("503", "not-ready")}
