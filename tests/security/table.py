"""Requests that are hostile in ways that no schema describes, for every route the app has."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

from flask import Flask

from tests.cast import MALLORY, body

WORDS = (
    "", "0", "-1", "1e309", "\x00", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "é", "🤡" * 50,
    "../../etc/passwd", "%00", "%2e%2e%2f", "{{7*7}}", "${jndi:ldap://x}", "' OR 1=1 --", "\r\nX-Injected: 1",
    "<script>alert(1)</script>", "A" * 5_000, "[" * 3_000, "null", "true", "NaN", "k1." + "a" * 32,
    "01KZZZZZZZZZZZZZZZZZZZZZZZ", "http://169.254.169.254/", MALLORY, "w:{site-a}:pending", "\u202e\u200b", "1" * 400,
)  # fmt: skip
BODIES = (
    b"", b"{", b"[]", b"null", b"\xff\xfe", b"\x00" * 100, b"[" * 20_000, b'{"a":' * 2_000, b'{"content":"\\ud800"}',
    b"a=b&" * 3_000, b"%" * 2_000, b"PK\x03\x04", b"\x1f\x8b\x08\x00", b'{"content":1e999}', b'{"__proto__":{}}',
    json.dumps(body()).encode(), json.dumps({"comments": [body()] * 3}).encode(), b"x" * 70_000,
)  # fmt: skip
TYPES = (
    "application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", "",
    "application/json; charset=utf-7", "application/x-www-form-urlencoded; charset=idna", "*/*", "a/b;" * 50,
)  # fmt: skip
FIELDS = (
    "Content-Encoding", "Transfer-Encoding", "X-Forwarded-For", "X-Forwarded-Host", "X-Request-Id", "Cookie", "Origin",
    "Idempotency-Key", "Accept", "Range", "If-None-Match", "X-Coral-Signature", "Sec-Fetch-Site", "User-Agent",
    "Accept-Language", "Last-Event-ID", "X-HTTP-Method-Override", "Forwarded", "Authorization",
)  # fmt: skip
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW")
PARAMETERS = ("limit", "cursor", "sort", "status", "permalink", "days", "key", "site", "ids", "format", "month", "at")
ENDLESS = {"/review/events"}  # A stream of events, which a client ends; tests/web/review/test_events.py has its own.
CHANCE_OF_KEY = 0.7


@dataclass(frozen=True, slots=True)
class Hostile:
    """One request; paths and headers hold only what a server would let through."""

    method: str
    path: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def hostile_requests(app: Flask, key: str, *, count: int, seed: int) -> Iterator[Hostile]:
    """Yield requests to the app's routes in turn, the same ones for the same seed.

    Args:
        key: Of a site; most requests hold it, so that they get past the door.
    """
    rules = sorted({rule.rule for rule in app.url_map.iter_rules()} - ENDLESS)
    methods = {rule.rule: sorted(rule.methods or ()) for rule in app.url_map.iter_rules()}
    dice = random.Random(seed)
    for index in range(count):
        rule = rules[index % len(rules)]
        method = dice.choice(methods[rule]) if dice.random() < 0.8 else dice.choice(METHODS)
        yield Hostile(method, _path(rule, key, dice), _body(dice), _headers(key, dice))


def _path(rule: str, key: str, dice: random.Random) -> str:
    parts = []
    for part in rule.split("/"):
        hostile = key if "length=12" in part and dice.random() < CHANCE_OF_KEY else dice.choice(WORDS)
        parts.append(quote(hostile, safe="") if part.startswith("<") else part)
    pairs = [(dice.choice(PARAMETERS), dice.choice(WORDS)) for _ in range(dice.randrange(4))]
    # The review takes no keys, and sends whoever signs in back to the address they asked for, whatever it holds.
    pairs += [("key", key)] if dice.random() < 0.2 and not rule.startswith("/review") else []
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in pairs)
    return "/".join(parts)[:6_000] + ("?" + query[:3_000] if query else "")


def _body(dice: random.Random) -> bytes:
    chosen = dice.choice(BODIES)
    if dice.random() < 0.5:
        fields = {name: dice.choice(WORDS) for name in dice.sample(sorted(body()), 3)}
        chosen = json.dumps({**body(), **fields}).encode()
    if dice.random() < 0.3 and chosen:
        at = dice.randrange(min(len(chosen), 200))
        chosen = chosen[:at] + bytes([dice.randrange(256)]) + chosen[at + 1 :]
    return chosen


def _headers(key: str, dice: random.Random) -> dict[str, str]:
    found = {name: _field_value(dice) for name in dice.sample(FIELDS, 3)}
    found["Content-Type"] = dice.choice(TYPES)
    if dice.random() < CHANCE_OF_KEY:
        found["Authorization"] = f"Bearer {key}"
    return found


def _field_value(dice: random.Random) -> str:
    return "".join(one for one in dice.choice(WORDS)[:2_000] if one.isprintable() and ord(one) < 256)
