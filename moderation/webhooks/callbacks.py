"""Callbacks of Akismet's clients: the form that tells one what a person decided.

The header keeps WordPress from reporting the change back to us.
"""

from __future__ import annotations

from ulid import ULID

CALLBACK_HEADERS = {
    "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
    "X-Akismet-Webhook": "1",
}


def callback_form(key: str, comment_id: str, *, is_spam: bool) -> dict[str, str]:
    """Return the fields of a callback; nothing of the comment itself is in them.

    Args:
        key: The site's API key, which the client compares with its own.
        comment_id: A ULID; the client knows its hexadecimal form from the answer to its check.
        is_spam: What was decided.
    """
    return {
        "key": key,
        "endpoint": "comment-check",
        "comments[0][guid]": ULID.from_str(comment_id).hex,
        "comments[0][result]": "true" if is_spam else "false",
    }
