"""From an Akismet client's form to a submission.

Owns the allow-list: what is not named here (WordPress sends a copy of every form field, the address among them) is gone
before anything is logged or stored. Never refuses a malformed date, address or URL: clients have no path for that.
"""

from __future__ import annotations

import binascii
import codecs
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from moderation.core.comment import AuthorIdentity, EmailFacts, Submission
from moderation.core.identity import EMAIL_MAX_LENGTH, MASK, InvalidAddress, Keyring, forget_all, identify, public_name
from moderation.core.site import Site
from moderation.web.parsing import is_disposable
from moderation.web.schemas import NAME_MAX, URL_MAX

MAX_FIELDS = 2_000
CONTENT_MAX = 65_536  # Characters; Discourse sends up to 32,000.
BYTES_MAX = 12 * CONTENT_MAX  # Of one field; a character outside the basic plane takes 12 when it is encoded.
NAME_BYTES_MAX = 200
STRAY_MAX = 10_000  # Per cent signs that encode nothing; those beyond it are read as another sign.
TRUE_WORDS = {"1", "true", "yes", "on"}
ALLOWED = frozenset(
    "key api_key blog user_ip permalink comment_type content_type comment_author comment_author_email"
    " comment_author_url comment_content blog_lang blog_charset user_role is_test recheck_reason"
    " honeypot_field_name callback classify reporter comment_check_response comment_parent POST_ak_js"
    " POST_ak_bib POST_ak_bfs POST_ak_hp_textarea from month extended limit offset order filter format".split()
)
_CODEC = re.compile(
    r"utf-8|ascii|iso8859-\d+|cp\d+|koi8-[rtu]|mac-[\w-]+|big5\w*|gb\w+|hz|euc_\w+|shift_jis\w*|iso2022_\w+|tis-620"
)
_STRAY_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
MARKUP = re.compile(r"<[a-zA-Z/!]")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_TYPE = re.compile(r"[\w.-]{1,40}")
URL = re.compile(r"https?://[^\s/?#@]+(?:[/?#]\S*)?", re.IGNORECASE)
_BARE_URL = re.compile(r"[\w-]+(?:\.[\w-]+)+(?:[/?#]\S*)?")


@dataclass(frozen=True, slots=True)
class Form:
    """The allowed fields of a request, and what its honeypot field held."""

    fields: Mapping[str, str]
    honeypot: str

    def get(self, name: str) -> str:
        """Return a field, or an empty string."""
        return self.fields.get(name, "")

    def is_true(self, name: str) -> bool:
        """Return whether a flag is set; ``0``, ``false`` and nothing at all are not."""
        return self.get(name).strip().lower() in TRUE_WORDS


def decode(body: bytes, *, mimetype: str, charset: str | None, query: bytes = b"") -> Form:
    """Return the form in a request's body and query.

    Args:
        body: URL-encoded, or a JSON object (Coral sends one).
        mimetype: Of the body.
        charset: Of the body by its content type, if it says so; the form's own ``blog_charset`` comes next, then UTF-8.
        query: The query string; the body's fields win.
    """
    given = _json_fields(body) if mimetype == "application/json" else _form_fields(body, charset)
    fields = {**_form_fields(query, "utf-8"), **given}
    trap = fields.get("honeypot_field_name", "")
    honeypot = (fields.get(trap, "") if trap else "") or fields.get("POST_ak_hp_textarea", "")
    return Form({name: value for name, value in fields.items() if name in ALLOWED}, honeypot)


def _form_fields(encoded: bytes, charset: str | None) -> dict[str, str]:
    """Return the allowed fields and the honeypot; the copies of them that WordPress sends are not even decoded."""
    raw = {}
    for pair in encoded.split(b"&", MAX_FIELDS)[:MAX_FIELDS]:
        name, _, value = pair[:BYTES_MAX].partition(b"=")
        raw[_decoded(name[:NAME_BYTES_MAX], "utf-8")] = value
    codec = _codec(charset or _decoded(raw.get("blog_charset", b""), "utf-8"))
    wanted = ALLOWED | {_decoded(raw.get("honeypot_field_name", b""), codec)}
    return {name: _decoded(value, codec) for name, value in raw.items() if name in wanted}


def _codec(name: str) -> str:
    """Return the codec of a charset that web pages use, or UTF-8; Python has others that are slow, or not for text."""
    try:
        found = codecs.lookup(name).name
    except (LookupError, ValueError):
        return "utf-8"
    return found if _CODEC.fullmatch(found) else "utf-8"


def _decoded(encoded: bytes, codec: str) -> str:
    # Quoted-printable with another sign is the one decoder of this kind in C; the standard library's takes 0.5 s a MiB.
    escaped = _STRAY_PERCENT.sub(b"=25", encoded.replace(b"+", b" ").replace(b"=", b"=3D"), count=STRAY_MAX)
    return binascii.a2b_qp(escaped.replace(b"%", b"=")).decode(codec, "replace").replace("\0", "")


def _json_fields(body: bytes) -> dict[str, str]:
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(given, dict):
        return {}
    return {name: _clean(value) for name, value in given.items() if isinstance(value, str | int | bool)}


def _clean(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def submission_of(form: Form, *, site: Site, keyring: Keyring) -> Submission:
    """Return the form as a submission: the address becomes a pseudonym and is masked wherever else it stands."""
    identity, forget = _identity(form.get("comment_author_email").strip(), site, keyring)
    content = forget(_shortened(form.get("comment_content")))[:CONTENT_MAX]
    name = public_name(forget(" ".join(form.get("comment_author").split())))[:NAME_MAX]
    return Submission(
        content=content,
        permalink=_url(forget(form.get("permalink"))) or _url(forget(form.get("blog"))) or site.url,
        author_name=name,
        author=identity,
        author_url=_url(forget(form.get("comment_author_url"))),
        content_type="text/html" if MARKUP.search(content) else "text/plain",
        parent_id=_parent(forget(form.get("comment_parent"))),
        language=_language(form.get("blog_lang")),
        type=_type(form.get("comment_type") or form.get("content_type")),
        honeypot=form.honeypot,
        form_seconds=_seconds(form),
        ip_id=_network(form.get("user_ip").strip(), site, keyring),
        trace=trace(content, name, key=keyring.keys[-1].derive("trace")),
    )


def _shortened(text: str) -> str:
    """Return a text cut before the word that would be too much, since half an address is not recognised as one."""
    if len(text) <= CONTENT_MAX:
        return text
    cut = text[:CONTENT_MAX]
    return cut[: cut.rfind(" ")] if " " in cut else cut


def trace(content: str, name: str, *, key: bytes) -> str:
    """Return what a later report is recognised by: clients return neither the guid nor all fields."""
    message = " ".join(forget_all(content).split()) + "\0" + name.casefold()
    return hmac.digest(key, message.encode("utf-8", "replace"), hashlib.sha256)[:16].hex()


def _identity(address: str, site: Site, keyring: Keyring) -> tuple[AuthorIdentity, Callable[[str], str]]:
    """Return the pseudonym, and what masks the author's address elsewhere: any address, where theirs is not known."""
    if not address:
        return AuthorIdentity("", ()), forget_all
    try:
        identified = identify(address, site=site.name, keyring=keyring, is_disposable=is_disposable)
    except InvalidAddress:
        given = address[:EMAIL_MAX_LENGTH]
        typed = re.compile(f"{re.escape(given)}|{re.escape(quote(given))}", re.IGNORECASE)
        malformed = AuthorIdentity("", (), EmailFacts(is_malformed=True))
        return malformed, lambda text: forget_all(typed.sub(MASK, text))
    return identified.identity, identified.forget_in


def _url(text: str) -> str | None:
    text = text.strip()[:URL_MAX]
    if URL.fullmatch(text):
        return text
    return f"http://{text}" if _BARE_URL.fullmatch(text) else None


def _parent(text: str) -> str | None:
    return text.strip()[:255] if text.strip() not in ("", "0") else None


def _language(text: str) -> str | None:
    first = text.split(",")[0].strip().replace("_", "-")
    return first if len(first) <= 35 and _LANGUAGE.fullmatch(first) else None


def _type(text: str) -> str:
    return text if _TYPE.fullmatch(text) else "comment"


def _network(ip: str, site: Site, keyring: Keyring) -> str | None:
    try:
        return keyring.network_id(ip, site=site.name) if ip else None
    except ValueError:
        return None


def _seconds(form: Form) -> float | None:
    """Return the seconds from showing the form, or else from the first input, to sending it, as WordPress measured."""
    times = {name: form.get(name).strip() for name in ("POST_ak_js", "POST_ak_bib", "POST_ak_bfs")}
    known = {name: int(text[:15]) for name, text in times.items() if text.isascii() and text.isdecimal()}
    begun = known.get("POST_ak_js") or known.get("POST_ak_bib")
    sent = known.get("POST_ak_bfs")
    if not begun or not sent or not 0 <= sent - begun <= 7 * 24 * 3600 * 1000:
        return None
    return (sent - begun) / 1000
