"""Requests as real clients build them, written down from what those clients are known to send.

Owns the fields, their names and their odd shapes. The words in them are ours.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

BLOG = "https://blog.example"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"


def wordpress(
    key: str, *, text: str, author: str = "Jane", email: str = "jane@mail.example", ip: str = "203.0.113.7"
) -> dict[str, str]:
    """Return the 37 fields of WordPress's plugin 5.7: the comment, its copies, and the form's own measurements."""
    page = f"{BLOG}/2026/11/soup/"
    return {
        "comment_post_ID": "42",
        "comment_author": author,
        "comment_author_email": email,
        "comment_author_url": "http://jane.example",
        "comment_content": text,
        "comment_type": "comment",
        "comment_parent": "0",
        "user_ID": "0",
        "user_ip": ip,
        "user_agent": BROWSER,
        "referrer": page,
        "blog": BLOG,
        "blog_lang": "en_US",
        "blog_charset": "UTF-8",
        "permalink": page,
        "akismet_comment_nonce": "passed",
        "comment_context[0]": "Soup",
        "comment_context[1]": "Kitchen",
        "api_key": key,
        "callback": f"{BLOG}/wp-json/akismet/v1/webhook",
        "POST_comment": text,
        "POST_author": author,
        "POST_email": email,
        "POST_url": "http://jane.example",
        "POST_submit": "Post Comment",
        "POST_comment_post_ID": "42",
        "POST_ak_js": "1795000000000",
        "POST_ak_bib": "1795000004000",
        "POST_ak_bfs": "1795000031000",
        "POST_ak_bkpc": "112",
        "POST_ak_bmc": "4;3;",
        "POST_ak_hp_textarea": "",
        "HTTP_HOST": "blog.example",
        "HTTP_USER_AGENT": BROWSER,
        "HTTP_REFERER": page,
        "REMOTE_ADDR": ip,
        "REQUEST_URI": "/wp-comments-post.php",
    }


def wordpress_report(key: str, *, text: str) -> dict[str, str]:
    """Return what WordPress's plugin sends when somebody marks a stored comment."""
    return {
        **wordpress(key, text=text),
        "comment_ID": "7",
        "comment_approved": "1",
        "reporter": "alice",
        "site_domain": "blog.example",
        "user_role": "",
        "comment_check_response": "false",
    }


def discourse(*, text: str) -> dict[str, str]:
    """Return what Discourse's plugin sends: the key is in the host, the kind in ``content_type``."""
    return {
        "content_type": "forum-post",
        "permalink": "https://forum.example/t/-/12/3",
        "comment_author": "jane",
        "comment_author_email": "jane@mail.example",
        "comment_content": text,
        "user_ip": "203.0.113.7",
        "referrer": "https://forum.example/t/-/12",
        "user_agent": BROWSER,
        "blog": "https://forum.example",
    }


def discourse_late(*, text: str) -> dict[str, str]:
    """Return its report after two months, when it has deleted network, browser and referrer."""
    gone = ("user_ip", "user_agent", "referrer")
    return {name: value for name, value in discourse(text=text).items() if name not in gone}


def coral_akismet(*, text: str) -> dict[str, str]:
    """Return what Coral's ``akismet-api`` sends for a check: no network unless it is set up so."""
    return {
        "blog": "https://news.example",
        "user_ip": "",
        "user_agent": BROWSER,
        "referrer": "https://news.example/soup",
        "permalink": "https://news.example/soup",
        "comment_type": "comment",
        "comment_author": "jane",
        "comment_content": text,
        "is_test": "false",
    }


def comentario(*, text: str) -> dict[str, str]:
    """Return what Comentario and Commento send by way of go-akismet: many fields, most of them empty."""
    return {
        "blog": BLOG,
        "user_ip": "203.0.113.7",
        "user_agent": BROWSER,
        "referrer": "",
        "permalink": "",
        "comment_type": "comment",
        "comment_author": "Jane",
        "comment_author_email": "jane@mail.example",
        "comment_author_url": "",
        "comment_content": text,
        "comment_date_gmt": "",
        "blog_lang": "en",
        "blog_charset": "UTF-8",
    }


def encoded(fields: dict[str, str]) -> tuple[bytes, str]:
    """Return a form as a browser encodes it, with its content type."""
    return urlencode(fields).encode(), "application/x-www-form-urlencoded"


def as_json(fields: dict[str, Any]) -> tuple[bytes, str]:
    """Return a JSON body with its content type."""
    return json.dumps(fields).encode(), "application/json"


OSMOD_ATTRIBUTES = (
    "ATTACK_ON_AUTHOR",
    "ATTACK_ON_COMMENTER",
    "FLIRTATION",
    "IDENTITY_ATTACK",
    "INCOHERENT",
    "INFLAMMATORY",
    "INSULT",
    "LIKELY_TO_REJECT",
    "OBSCENE",
    "PROFANITY",
    "SEVERE_TOXICITY",
    "SEXUALLY_EXPLICIT",
    "SPAM",
    "THREAT",
    "TOXICITY",
    "UNSUBSTANTIAL",
)


def osmod(text: str) -> dict[str, Any]:
    """Return what the Conversation AI moderator asks: sixteen attributes with spans."""
    return {
        "comment": {"text": text, "type": "PLAIN_TEXT"},
        "context": {"articleAndParentComment": {"article": {"text": "Soup", "type": "PLAIN_TEXT"}}},
        "requestedAttributes": {name: {"scoreType": "PROBABILITY"} for name in OSMOD_ATTRIBUTES},
        "spanAnnotations": True,
        "clientToken": "osmod_7",
        "sessionId": "osmod",
        "communityId": "osmod",
        "doNotStore": False,
        "languages": ["en"],
    }


def coral_perspective(text: str, *, language: str = "en") -> dict[str, Any]:
    """Return what Coral asks of its custom endpoint."""
    return {
        "comment": {"text": text},
        "doNotStore": True,
        "requestedAttributes": {"TOXICITY": {}},
        "languages": [language],
    }


def discourse_perspective(text: str) -> dict[str, Any]:
    """Return what Discourse's Perspective plugin asks."""
    return {
        "comment": {"text": text},
        "doNotStore": True,
        "sessionId": "https://forum.example_10987654321",
        "requestedAttributes": {"TOXICITY": {}},
    }


def comentario_perspective(text: str) -> dict[str, Any]:
    """Return what Comentario asks: the six attributes that Perspective had in production."""
    names = ("TOXICITY", "SEVERE_TOXICITY", "IDENTITY_ATTACK", "INSULT", "PROFANITY", "THREAT")
    return {
        "comment": {"text": text, "type": "PLAIN_TEXT"},
        "requestedAttributes": {name: {} for name in names},
        "languages": ["en"],
        "doNotStore": True,
    }
