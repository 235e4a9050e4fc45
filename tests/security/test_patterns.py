"""No expression of ours runs away: each one on 100 kB made to hurt it. New ones are found by themselves.

An expression at the top of a module is found by importing it, and tried the way in which the source uses it; one that
is written where it is used is found by reading the source. One that is put together while running cannot be read there:
it needs an entry in ``MADE``, and a new one without makes a test fail. What a site writes itself runs in RE2
(``tests/core/test_patterns.py``), and what pydantic checks in Rust's engine, which is linear too.
"""

from __future__ import annotations

import ast
import functools
import importlib
import itertools
import pkgutil
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

import model
import moderation
from moderation.core import text
from moderation.core.identity import IdentityKey, Keyring, identify
from moderation.core.site import Site
from moderation.web.akismet import form
from moderation.web.review import account
from tests.processes import ROOT, slowdown

SIZE = 100_000  # Characters; more than any body holds.
LIMIT_SECONDS = 0.05  # Promise 6.
SYMBOLS = 8  # Of an expression's own characters, those that are tried in pairs.
ALWAYS = "a0 \n"
SEARCHES = {"search", "sub", "split", "findall", "finditer"}  # Each looks at every place, and all find the same.
FUNCTIONS = {"compile", "match", "fullmatch", *SEARCHES}
BREAK = "\x01\u00e9"  # At the end, so that an expression for the whole text fails as late as it can.
IMPORTED_LATE = {"moderation.cli.__main__", "moderation.gunicorn_conf", "moderation.wsgi"}  # They start something.
"""Modules that are read only; their expressions are found there."""

Case = tuple[str, str, Any, str, int]  # Module, name, expression, way of using it, longest input.
KEYRING = Keyring([IdentityKey(1, b"k" * 32)])

SITE = Site(name="a", url="https://a.example", created_at=datetime(2026, 11, 23, tzinfo=UTC))

# Expressions that never see more than so many characters, and what sees to it.
BOUNDED: dict[tuple[str, str], int] = {
    ("moderation.core.identity", "_PLAIN_DOMAIN"): 254,  # ``identify`` refuses longer addresses first.
    ("moderation.core.identity", "_PLAIN_LOCAL_PART"): 64,  # The length is compared first.
    ("moderation.logs", "_ADDRESS"): 20_000,  # A second net: log lines hold ids and words of ours, no stranger's text.
    ("model.roughen", "_ADDRESS"): 2_000,  # Writes variants of training rows, before anything is served.
    ("model.roughen", "_BEFORE_MARK"): 2_000,  # The same.
}


def masked(hostile: str) -> None:
    """Use the expression for the spellings of one address."""
    identified = identify("mal.lory+a-b_c@mail.example", site="a", keyring=KEYRING, is_disposable=lambda _: False)
    identified.forget_in("@" + hostile)


def malformed(hostile: str) -> None:
    """Use the expression for an address that is none."""
    _, forget = form._identity("@." + hostile[:2_000], SITE, KEYRING)
    forget(hostile)


def hidden(hostile: str) -> None:
    """Use the expression for the end of a tag that hides what it holds."""
    text.plain_text("<script>" + hostile, "text/html")


def signed_in(hostile: str) -> None:
    """Use the expressions that recognise a browser."""
    with Flask("x").test_request_context(headers={"User-Agent": hostile.replace("\n", "")}):
        account._device()


def no_input(_: str) -> None:
    """Do nothing, where no stranger's text comes near, or RE2 does the work."""


MADE: dict[tuple[str, str], Callable[[str], None]] = {
    ("moderation/core/identity.py", "_spellings"): masked,
    ("moderation/web/akismet/form.py", "_identity"): malformed,
    ("moderation/core/text.py", "_after"): hidden,
    ("moderation/web/review/account.py", "_device"): signed_in,
    ("moderation/core/patterns.py", "_pattern_fault"): no_input,  # RE2: tests/core/test_patterns.py
    ("moderation/core/patterns.py", "_join"): no_input,  # RE2: tests/core/test_patterns.py
}


def modules() -> Iterator[tuple[str, Path]]:
    """Yield name and file of every module that is shipped."""
    for package in (model, moderation):
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            path = ROOT / (found.name.replace(".", "/") + ("/__init__.py" if found.ispkg else ".py"))
            yield found.name, path


def trees() -> Iterator[tuple[str, ast.Module]]:
    for name, path in modules():
        yield name, ast.parse(path.read_text(encoding="utf-8"))


def uses() -> dict[str, set[str]]:
    """Return by which methods an expression of each name is used, anywhere."""
    found: dict[str, set[str]] = defaultdict(set)
    for _, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in FUNCTIONS and isinstance(node.value, ast.Name):
                found[node.value.id].add("search" if node.attr in SEARCHES else node.attr)
    return found


def named() -> Iterator[Case]:
    """Yield the expressions at the top of modules, once for each way in which they are used."""
    used, seen = uses(), set()
    for name, _ in modules():
        if name in IMPORTED_LATE:
            continue
        for variable, value in vars(importlib.import_module(name)).items():
            if not isinstance(value, re.Pattern) or id(value) in seen:
                continue
            seen.add(id(value))
            for way in sorted(used.get(variable) or {"search"}):
                yield name, variable, value, way, BOUNDED.get((name, variable), SIZE)


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    """Yield file, function and node of every call of ``re`` and ``re2`` inside a function."""
    for _, path in modules():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef):
                continue
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    owner = node.func.value
                    if isinstance(owner, ast.Name) and owner.id in ("re", "re2") and node.func.attr in FUNCTIONS:
                        yield str(path.relative_to(ROOT)), function.name, node


def written() -> Iterator[Case]:
    """Yield the expressions that are written where they are used."""
    for file, function, call in calls():
        if isinstance(call.args[0], ast.Constant):
            way = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            yield file, function, re.compile(call.args[0].value), "search" if way in SEARCHES else way, SIZE


@functools.cache
def cases() -> list[Case]:
    """Return all of them; finding them imports everything that is shipped, so only the tests that need them ask."""
    return [*named(), *written()]


USERS = [name for name, path in modules() if re.search(r"\bre2?\.", path.read_text(encoding="utf-8"))]
"""The modules that may hold one."""


def is_of(name: str, case: Case) -> bool:
    """Return whether an expression stands in that module, which a case names as itself or by its file."""
    return case[0].removesuffix(".py").removesuffix("/__init__").replace("/", ".") == name


def symbols(pattern: str) -> list[str]:
    """Return characters that an expression itself is about."""
    bare = re.sub(r"\\[a-zA-Z]|[\\()|?*+{}^$\[\]]", "", pattern)
    return list(dict.fromkeys(ALWAYS + bare))[: SYMBOLS + len(ALWAYS)]


def hostile(pattern: str, size: int) -> Iterator[str]:
    """Yield texts of one character, or of two in turn, with an end that nothing expects."""
    alphabet = symbols(pattern)
    for unit in itertools.chain(alphabet, map("".join, itertools.permutations(alphabet, 2))):
        yield (unit * size)[:size] + BREAK


def seconds(pattern: re.Pattern[Any], way: str, given: str) -> float:
    """Return the CPU time of using an expression on a text, the better of two where the first is long."""
    best = 1e9
    for _ in range(2):
        data = given.encode("latin-1") if isinstance(pattern.pattern, bytes) else given
        began = time.thread_time()
        if way == "search":
            for _ in pattern.finditer(data):
                pass
        else:
            getattr(pattern, way)(data)
        best = min(best, time.thread_time() - began)
        if best < LIMIT_SECONDS / 2:
            break
    return best


def worst(pattern: re.Pattern[Any], way: str, size: int) -> tuple[float, str]:
    """Return the longest time and the text that took it; ends at once where a tenth of the size takes too long."""
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    found = (0.0, "")
    for small, large in zip(hostile(source, size // 10), hostile(source, size), strict=True):
        first = seconds(pattern, way, small)
        found = max(found, (first, small[:10]))
        if first < LIMIT_SECONDS:
            found = max(found, (seconds(pattern, way, large), large[:10]))
        if found[0] > 10 * LIMIT_SECONDS:
            break
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", USERS)
def test_no_expression_runs_away(name: str) -> None:
    for case in cases():
        if not is_of(name, case):
            continue
        _, _, pattern, way, size = case

        taken, text_of_it = worst(pattern, way, size)

        assert taken < LIMIT_SECONDS * slowdown(), (case, taken, text_of_it)


@pytest.mark.slow
@pytest.mark.parametrize("place", MADE, ids=lambda place: place[1])
def test_no_expression_that_is_put_together_runs_away(place: tuple[str, str]) -> None:
    for unit in ("@", "a@", "&#0", "%40", "</script", "<", "a.", "mal.lory+a", "&#64;m"):
        given = (unit * SIZE)[:SIZE] + BREAK
        best = 1e9
        for _ in range(2):
            began = time.thread_time()
            MADE[place](given)
            best = min(best, time.thread_time() - began)
        assert best < LIMIT_SECONDS * slowdown(), unit


@pytest.mark.slow
def test_every_expression_that_is_put_together_is_known() -> None:
    made = {(file, function) for file, function, call in calls() if not isinstance(call.args[0], ast.Constant)}

    assert made == MADE.keys()


@pytest.mark.slow
def test_the_search_finds_what_is_there() -> None:
    found = {(module, name) for module, name, *_ in cases()}

    assert ("moderation.core.text", "_TAG") in found
    assert ("moderation/service/sites.py", "_url_faults") in found
    assert len(cases()) > 40
    assert all(any(is_of(name, case) for name in USERS) for case in cases())
    assert BOUNDED.keys() <= found


@pytest.mark.slow
def test_a_runaway_is_noticed() -> None:
    assert worst(re.compile(r"(a+)+$"), "search", 220)[0] > LIMIT_SECONDS
    assert worst(re.compile(r"a*b"), "search", SIZE)[0] > LIMIT_SECONDS
