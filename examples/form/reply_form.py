"""The reply form: what it holds, how it becomes a submission, and what to tell the reader.

Owns the signed token, which says when the form was shown and makes a second press of the button harmless. Refuses to
judge a comment or to check an address: that is Winnow's work, and its answers are put into words for readers here.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from itsdangerous import BadSignature, URLSafeSerializer
from winnow_api import Refused

FIELDS = ("comment", "author", "email", "url")
TRAP = "subject"  # People cannot see this field; programs that fill in every field give themselves away.
FIELD_OF_POINTER = {"/content": "comment", "/author": "author", "/author_email": "email", "/author_url": "url"}
LONGEST_SECONDS = 10.0  # Anything longer says nothing, and a capped time makes a second press the same request.
LINE_MAX = 1_000  # Characters that the API takes in one line.
ALREADY_SENT = "idempotency-key-reuse"
EXPIRED = "This page had been open for too long. Nothing is lost: please press the button once more."
AWAY = "Comments cannot be taken at this moment. Your text is still here; please try again in a minute."
TOO_LONG = "This is too long; please shorten it."
WORDS = {
    ("comment", "required"): "Please write something.",
    ("comment", "too-short"): "Please write something.",
    ("comment", "too-long"): TOO_LONG,
    ("author", "required"): "Please tell us what to call you.",
    ("author", "too-short"): "Please tell us what to call you.",
    ("author", "too-long"): "This name is too long.",
    ("email", "required"): "Please enter your email address. It will not be published.",
    ("url", "invalid-format"): "This does not look like a web address.",
}


@dataclass(frozen=True, slots=True)
class ReplyForm:
    """What a reader typed, and what is wrong with it.

    Attributes:
        values: Text of each of ``FIELDS``.
        shown_at: When the form was first shown, seconds since 1970; None if that is not known.
        nonce: Of this showing of the form; empty if its token was missing or forged.
        errors: Sentence for each faulty field; ``""`` stands for the whole form.
    """

    values: Mapping[str, str] = field(default_factory=lambda: dict.fromkeys(FIELDS, ""))
    shown_at: float | None = None
    nonce: str = ""
    trap: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def fresh(cls) -> ReplyForm:
        """Return an empty form that is shown now."""
        return cls(shown_at=time.time(), nonce=secrets.token_hex(8))

    @classmethod
    def parse(cls, posted: Mapping[str, str], signer: URLSafeSerializer) -> ReplyForm:
        """Return the form as it was sent."""
        values = {name: posted.get(name, "").replace("\r\n", "\n").strip() for name in FIELDS}
        form = cls(values=values, trap=posted.get(TRAP, ""))
        try:
            shown_at, nonce = signer.loads(posted.get("token", ""))
            return replace(form, shown_at=None if shown_at is None else float(shown_at), nonce=str(nonce))
        except (BadSignature, TypeError, ValueError):
            return form

    def token(self, signer: URLSafeSerializer) -> str:
        """Return the signed hidden field."""
        token: str | bytes = signer.dumps([self.shown_at, self.nonce])
        return token.decode() if isinstance(token, bytes) else token

    def with_errors(self, errors: Mapping[str, str]) -> ReplyForm:
        """Return the form to be shown again: what was typed stays, and so does when it was first shown."""
        return replace(self, errors=dict(errors), nonce=secrets.token_hex(8))

    @property
    def idempotency_key(self) -> str:
        """Return the same key for the same text from the same form, so that pressing twice makes one comment."""
        typed = "\0".join([self.nonce, *(self.values[name] for name in FIELDS)])
        return hashlib.sha256(typed.encode("utf-8", "replace")).hexdigest()

    def submission(self, *, permalink: str, user_ip: str | None, user_agent: str) -> dict[str, Any]:
        """Return what is sent to Winnow."""
        values = self.values
        body: dict[str, Any] = {
            "content": values["comment"],
            "author": values["author"],
            "author_email": values["email"],
            "permalink": permalink,
            "honeypot": self.trap[:LINE_MAX],
            "user_agent": user_agent[:LINE_MAX],
        }
        if self.shown_at is not None:
            body["form_seconds"] = round(min(LONGEST_SECONDS, max(0.0, time.time() - self.shown_at)), 1)
        if values["url"]:
            body["author_url"] = values["url"] if "://" in values["url"] else f"https://{values['url']}"
        if user_ip:
            body["user_ip"] = user_ip
        return body


def errors_of(refused: Refused) -> dict[str, str]:
    """Return a sentence for each field that Winnow found fault with, in the form's order."""
    if refused.status == 429:
        return {
            "": f"Many comments arrive just now. Please try again in {max(1, refused.retry_after_seconds)} seconds."
        }
    if refused.status == 413:
        return {"comment": TOO_LONG}
    errors: dict[str, str] = {}
    for fault in refused.problem.get("errors", []):
        name = FIELD_OF_POINTER.get(fault["pointer"], "")
        errors.setdefault(name, WORDS.get((name, fault["code"]), fault["detail"]))
    return {name: errors[name] for name in ("", *FIELDS) if name in errors} or {"": AWAY}


def is_already_sent(refused: Refused) -> bool:
    """Return whether Winnow has this very comment from an earlier press of the button."""
    return refused.problem.get("code") == ALREADY_SENT
