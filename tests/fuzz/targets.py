"""What is fuzzed: the functions that read what strangers send, and what has to hold of them for any bytes.

A target takes bytes and raises AssertionError, or whatever the code under test must not raise. None keeps state. The
models that a target needs come in when it is made; nothing is loaded before.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from moderation.core.addresses import check_address
from moderation.core.comment import Submission
from moderation.core.errors import Fault, InvalidCursor, InvalidInput, WebhookRefused
from moderation.core.identity import IdentityKey, InvalidAddress, Keyring, forget_all, forget_author, identify
from moderation.core.policy import Policy
from moderation.core.site import Site
from moderation.core.text import copy_key, folded, host, hosts, links, plain_text
from moderation.store.queue import Position
from moderation.web.akismet.form import ALLOWED, CONTENT_MAX, decode, submission_of
from moderation.web.cursors import Cursors
from moderation.web.parsing import parse_submission
from moderation.webhooks.transport import parse_target

Target = Callable[[bytes], None]
FIELD_END = "\x1e"  # Seeds separate their fields with it.
SLOW_SECONDS = 2.0  # CPU time of one input of a few KB; what is quadratic takes longer than that.
POINTER_MAX = 500  # Characters; a pointer holds names that strangers chose.
KEYRING = Keyring([IdentityKey(1, b"o" * 32), IdentityKey(2, b"n" * 32)])
SITE = Site(name="site-a", url="https://a.example", created_at=datetime(2026, 11, 23, tzinfo=UTC), policy=Policy())
LONE_ADDRESS = re.compile(r"(?<!\S)[a-z0-9]{1,64}@[a-z0-9]{1,63}\.[a-z]{2,63}(?!\S)")


def fields(data: bytes, count: int) -> list[str]:
    """Return the fields of an input; where it is not UTF-8, it is read as Latin-1, so that no input is wasted."""
    try:
        text = data.decode("utf-8", "surrogatepass")  # Lone surrogates are what JSON can hold too.
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    parts = text.split(FIELD_END, count - 1)
    return parts + [""] * (count - len(parts))


@contextmanager
def quick() -> Iterator[None]:
    """Fail if what happens inside takes much longer than so few bytes may."""
    began = time.thread_time()
    yield
    taken = time.thread_time() - began
    assert taken < SLOW_SECONDS, f"{taken:.1f} s of CPU for one input"


def html_reducer(data: bytes) -> None:
    """Any HTML becomes text that is no longer; everything that reads it holds out."""
    [content] = fields(data, 1)
    with quick():
        text = plain_text(content, "text/html")
        found = links(text)
        named = hosts(text)
        key = copy_key(text)
        folded(text)
    assert len(text) <= len(content), "no entity is shorter than what it stands for"
    assert all(link in text for link in found)
    assert len(set(found)) == len(found)
    assert all(name == name.lower() for name in named)
    assert key is None or re.fullmatch(r"[0-9a-f]{16}", key)


def email(data: bytes) -> None:
    """What is taken for an address gives a stable pseudonym, and is found wherever it stands in a text."""
    address, text = fields(data, 2)
    with quick():
        forgotten = forget_all(text)
        forget_author(text, author_id="k2." + "a" * 32, site="site-a", keyring=KEYRING)
    assert not LONE_ADDRESS.search(forgotten), "an address among blanks was left"
    try:
        with quick():
            found = identify(address, site="site-a", keyring=KEYRING, is_disposable=lambda _: False)
    except InvalidAddress:
        return
    _check_identified(address.strip(), found.identity.ids, found.forget_in)


def _check_identified(typed: str, ids: tuple[str, ...], forget: Callable[[str], str]) -> None:
    if typed.isascii() and '"' not in typed:
        again = identify(f" {typed.swapcase()}\n", site="site-a", keyring=KEYRING, is_disposable=lambda _: False)
        assert again.identity.ids == ids, "letter case made another author"
    assert len(ids) == 2
    assert all(re.fullmatch(r"k\d\.[a-z2-7]{32}", one) for one in ids)
    for spelling in {typed, html.escape(typed), quote(typed), quote(typed, safe="")}:
        left = forget(f"see {spelling} now")
        assert spelling not in left, "the author's own address was left"
    masked = forget_author(f"see <{typed}> now", author_id=ids[-1], site="site-a", keyring=KEYRING)
    plain = re.fullmatch(r"[\w.+-]+@[\w-]+(\.[\w-]+)+", typed, re.ASCII)
    assert not plain or typed not in masked, "an address was not recognised by its pseudonym"


def url(data: bytes) -> None:
    """URLs and addresses from strangers: a host, a target that is well-formed, or a refusal in our own words."""
    [text] = fields(data, 1)
    with quick():
        name = host(text)
        found = hosts(text)
    assert name == name.lower()
    assert "/" not in name
    assert all(one.strip() == one for one in found)
    with suppress(WebhookRefused):
        check_address(text)
    try:
        target = parse_target(text)
    except WebhookRefused:
        return
    assert target.scheme in ("http", "https")
    assert 0 < target.port < 65_536
    assert target.port in (80, 443) or target.port >= 1024
    assert not set("\r\n \0") & set(target.host_header + target.path), "a line of the request could be split"


def cursor(data: bytes) -> None:
    """Nobody makes a cursor but we, and ours are read as they were made."""
    given, listing, comment_id = fields(data, 3)
    cursors = Cursors(KEYRING.derived("cursor"))
    with suppress(InvalidCursor), quick():
        assert cursors.read([listing], given) is None, "a cursor that we did not make was taken"
    if any(0xD800 <= ord(one) < 0xE000 for one in comment_id):
        return
    made = cursors.make([listing], Position(len(given) / 3, comment_id[:40]))
    assert cursors.read([listing], made) == Position(len(given) / 3, comment_id[:40])
    _check_refused(cursors, [listing, "x"], made)
    if given:
        at = len(given) % len(made)
        spoiled = made[:at] + ("A" if made[at] != "A" else "B") + made[at + 1 :]
        _check_spoiled(cursors, listing, spoiled, made)


def _check_refused(cursors: Cursors, listing: list[str], text: str) -> None:
    with suppress(InvalidCursor):
        cursors.read(listing, text)
        raise AssertionError("a cursor was taken for another listing")


def _check_spoiled(cursors: Cursors, listing: str, spoiled: str, made: str) -> None:
    """A spoiled cursor is refused, or was spoiled in bits that base64 does not use."""
    with suppress(InvalidCursor):
        assert cursors.read([listing], spoiled) == cursors.read([listing], made), "a spoiled cursor was taken"


def akismet(data: bytes) -> None:
    """Any form gives a submission with nothing but allowed fields, storable text, and no lone address."""
    charset, query, body = [*data.split(FIELD_END.encode(), 2), b"", b""][:3]
    mimetype = "application/json" if body[:1] == b"{" else "application/x-www-form-urlencoded"
    with quick():
        form = decode(body, mimetype=mimetype, charset=charset.decode("latin-1") or None, query=query)
        found = submission_of(form, site=SITE, keyring=KEYRING)
    assert set(form.fields) <= ALLOWED
    _check_submission(found)
    if not form.get("comment_author_email"):
        assert not LONE_ADDRESS.search(found.content), "an address was left in the content"


def submission(data: bytes) -> None:
    """Any body is a submission or a refusal that repeats nothing of it."""
    found = None
    faults: list[Fault] = []
    try:
        with quick():
            found = parse_submission(data, site=SITE, keyring=KEYRING)
    except InvalidInput as error:
        faults = list(error.faults)
    assert all(len(fault.pointer) < POINTER_MAX for fault in faults)
    if found is not None:
        _check_submission(found)


def _check_submission(found: Submission) -> None:
    texts = [found.content, found.permalink, found.author_name, found.author_url or "", found.parent_id or ""]
    for text in texts:
        text.encode()  # The store takes UTF-8.
        assert "\0" not in text
    assert len(found.content) <= CONTENT_MAX + 100
    assert "@" not in found.author.id
    assert re.match(r"https?://", found.permalink, re.IGNORECASE)


def model_target(make: Callable[[], Callable[[str, str, str], None]]) -> Target:
    """Return a target that gives text, name and URL of an input to a check of a model."""
    check = make()

    def target(data: bytes) -> None:
        text, author, link = fields(data, 3)
        check(text, author, link)

    return target


def loader(data: bytes) -> None:
    """Any files in a model's directory are a model or a refusal with a sentence.

    The first byte says what is hostile: an even one the manifest, an odd one the array, whose size and checksum are
    then written into an honest manifest, so that it is read at all.
    """
    from model.artifact import BASE_DIRECTORY, MANIFEST, WEIGHTS, ModelRefused, load_model

    honest = json.loads((BASE_DIRECTORY / MANIFEST).read_bytes())
    rest = data[1:]
    if data[:1] and data[0] % 2:
        honest["files"][WEIGHTS] = {"bytes": len(rest), "sha256": hashlib.sha256(rest).hexdigest()}
        manifest, weights = json.dumps(honest).encode(), rest
    else:
        manifest, weights = _merged(honest, rest), b""
    with tempfile.TemporaryDirectory(prefix="winnow-fuzz-") as made, quick():
        (Path(made) / MANIFEST).write_bytes(manifest)
        (Path(made) / WEIGHTS).write_bytes(weights)
        with suppress(ModelRefused):
            load_model(Path(made))
            raise AssertionError("this was taken for a model")


def _merged(honest: dict[str, object], given: bytes) -> bytes:
    """Return the honest manifest with the members of a hostile one, or the hostile bytes where they are no object."""
    try:
        members = json.loads(given)
    except (ValueError, RecursionError):
        return given
    return json.dumps(honest | members).encode() if isinstance(members, dict) else given


PLAIN_TARGETS: dict[str, Target] = {
    "html": html_reducer,
    "email": email,
    "url": url,
    "cursor": cursor,
    "akismet": akismet,
    "submission": submission,
    "loader": loader,
}
