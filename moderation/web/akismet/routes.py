"""Akismet's protocol: ``/1.1/…``, ``/1.2/…``, and ``/KEY/1.1/…`` for clients that cannot put the key into a host name.

Owns the routes and the ways in which a key may arrive. Status 200 for all that was understood, a guid on every answer
to a check, 503 when the store is away (clients then hold the comment; they would publish it on anything made up).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import urlsplit

from flask import Blueprint, Response, g, request
from msgspec import structs
from werkzeug.exceptions import RequestEntityTooLarge

from moderation.core.comment import Status, Submission, Verdict
from moderation.core.errors import RateLimited, SiteChanged, StoreUnavailable, Unauthenticated
from moderation.core.identity import public_name
from moderation.service.sites import Caller
from moderation.service.submissions import Submitted
from moderation.store.connection import RETRY_AFTER_SECONDS
from moderation.web.akismet import account, answers
from moderation.web.akismet.form import Form, decode, submission_of
from moderation.web.auth import metrics, services
from moderation.webhooks.sealing import seal

bp = Blueprint("akismet", __name__)
BODY_BYTES = 1024 * 1024  # WordPress sends a copy of the whole form beside the comment.
DAY_SECONDS = 86_400
TOO_LARGE = "The request is larger than 1 MiB."
REPORTER = "akismet"
VERSIONS = ("1.1", "1.2")  # Akismet documents each call under one of them; clients mix them up.
SPAM_AUTHORS = {"akismet-guaranteed-spam", "viagra-test-123"}
SPAM_ADDRESS = "akismet-guaranteed-spam@example.com"
_TOLD = {"true": "The website had been told: spam.", "false": "The website had been told: ham."}
_KEY = re.compile(r"[a-z0-9]{12}")
View = Callable[[Caller, Form], Response]


def route(path: str, view: View, *, methods: tuple[str, ...] = ("POST",), is_key_first: bool = False) -> None:
    """Register one of Akismet's calls, with and without the key in the path.

    Args:
        path: After the version, with it.
        view: Takes the calling website and the form.
        methods: Beside HEAD.
        is_key_first: ``key`` wins over ``api_key``: WordPress sends the candidate in ``key``, its stored key beside it.
    """

    def answer(key: str = "") -> Response:
        try:
            form = _form()
            caller = _caller(form, key, is_key_first=is_key_first)
            g.site = caller.site.name
            return view(caller, form)
        except RequestEntityTooLarge:
            return answers.text("", HTTPStatus.REQUEST_ENTITY_TOO_LARGE, X_akismet_debug_help=TOO_LARGE)
        except Unauthenticated:
            return answers.invalid()
        except RateLimited as error:
            return answers.text("", HTTPStatus.TOO_MANY_REQUESTS, Retry_After=str(error.retry_after_seconds))
        except StoreUnavailable:
            return answers.text("", HTTPStatus.SERVICE_UNAVAILABLE, Retry_After=str(RETRY_AFTER_SECONDS))

    name = path.strip("/").replace("/", "_").replace(".", "_").replace("-", "_")
    for rule, suffix in ((path, ""), (f"/<string(length=12):key>{path}", "_by_path")):
        bp.add_url_rule(rule, name + suffix, answer, methods=list(methods), strict_slashes=False)


def _form() -> Form:
    request.max_content_length = BODY_BYTES
    charset = request.mimetype_params.get("charset")
    if request.mimetype == "multipart/form-data":
        pairs = json.dumps({name: request.form[name] for name in request.form}).encode()
        return decode(pairs, mimetype="application/json", charset=None, query=request.query_string)
    return decode(request.get_data(cache=False), mimetype=request.mimetype, charset=charset, query=request.query_string)


def _caller(form: Form, in_path: str, *, is_key_first: bool) -> Caller:
    names = ("key", "api_key") if is_key_first else ("api_key", "key")
    given = in_path or next((form.get(name) for name in names if form.get(name)), "") or _key_of_host()
    key = given.strip().lower()
    if is_key_first:
        services().guesses.check(request.remote_addr)
    try:
        if not _KEY.fullmatch(key):
            raise Unauthenticated("This is not an API key.")
        caller = services().sites.refreshed(services().sites.authenticate(key))
    except Unauthenticated:
        services().guesses.wrong(request.remote_addr)
        raise
    g.akismet_key = key
    return caller


def _key_of_host() -> str:
    label = request.host.split(".")[0].lower()
    return label if _KEY.fullmatch(label) else ""


@bp.after_request
def add_guid(response: Response) -> Response:
    """Give every answer a guid: without one, WordPress would publish the comment that we could not judge."""
    if "X-akismet-guid" not in response.headers:
        response.headers["X-akismet-guid"] = answers.fresh_guid()
    return response


def verify_key(caller: Caller, form: Form) -> Response:
    """Say that the key is good."""
    return answers.text("valid") if form.get("blog") else _missing_blog()


def _missing_blog() -> Response:
    return answers.text(answers.MISSING_BLOG, X_akismet_debug_help='Empty "blog" value')


def comment_check(caller: Caller, form: Form) -> Response:
    """Judge a comment: ``true`` is spam, ``false`` is ham, and what is borderline goes to a person."""
    if not form.get("blog"):
        return _missing_blog()
    is_classified = form.is_true("classify")
    fixed = _fixed_answer(form)
    if fixed is not None:
        return answers.verdict(fixed, guid=answers.fresh_guid(), is_classified=is_classified)
    submission = submission_of(form, site=caller.site, keyring=services().keyring)
    if form.is_true("is_test"):
        found = services().submissions.check_one(submission, caller.site.policy)
        body = "false" if found.action == "approve" else "true"
        return answers.verdict(body, guid=answers.fresh_guid(), found=found, is_classified=is_classified)
    submission = structs.replace(submission, callback=_sealed_callback(caller, form))
    submitted = _submit(caller, submission)
    metrics().submitted(submitted.comment.verdict.action)
    return _checked(caller, submitted, is_classified=is_classified)


def _fixed_answer(form: Form) -> str | None:
    """Return the answer that Akismet documents for a test value, before any model runs, or None."""
    if form.get("comment_author") in SPAM_AUTHORS or form.get("comment_author_email").strip().lower() == SPAM_ADDRESS:
        return "true"
    if "administrator" in form.get("user_role").split(","):
        return "false"
    said = ("comment_content", "comment_author", "comment_author_email", "comment_author_url")
    return None if any(form.get(name).strip() for name in said) else "false"


def _submit(caller: Caller, submission: Submission) -> Submitted:
    try:
        return services().submissions.submit(caller.site, submission)
    except SiteChanged:
        return services().submissions.submit(services().sites.refreshed(caller).site, submission)


def _checked(caller: Caller, submitted: Submitted, *, is_classified: bool) -> Response:
    comment = submitted.comment
    is_open = comment.status is Status.PENDING and comment.callback is not None
    is_spam = comment.status is Status.REJECTED or (
        comment.status is Status.PENDING and not is_open and caller.site.policy.akismet_borderline == "spam"
    )
    response = answers.verdict(
        "true" if is_spam else "false",
        guid=answers.guid_of(comment.id),
        found=comment.verdict,
        is_classified=is_classified,
    )
    if is_open:  # The client publishes by itself after twice this time.
        response.headers["X-akismet-recheck-after"] = str(caller.site.policy.akismet_review_days * DAY_SECONDS // 2)
    if comment.status is Status.REJECTED and _is_blatant(comment.verdict, caller.site.policy.akismet_discard):
        response.headers["X-akismet-pro-tip"] = "discard"
    return response


def _is_blatant(verdict: Verdict, least: float | None) -> bool:
    return least is not None and verdict.scores.get("spam", 0.0) >= least


def _sealed_callback(caller: Caller, form: Form) -> str | None:
    """Return the callback, sealed with the key that it must be called with, or None if it is not the site's."""
    url = form.get("callback").strip()
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme not in ("https", "http") or host is None or host != urlsplit(caller.site.url).hostname:
        return None
    sealed = json.dumps({"url": url, "key": g.akismet_key})
    return seal(services().keyring.derived("callback")[0], sealed)


def submit_spam(caller: Caller, form: Form) -> Response:
    """Take a report of missed spam."""
    return _report(caller, form, is_spam=True)


def submit_ham(caller: Caller, form: Form) -> Response:
    """Take a report of a false positive."""
    return _report(caller, form, is_spam=False)


def _report(caller: Caller, form: Form, *, is_spam: bool) -> Response:
    if not form.get("blog"):
        return _missing_blog()
    if not form.is_true("is_test") and form.get("comment_content").strip():
        submission = submission_of(form, site=caller.site, keyring=services().keyring)
        who = public_name(" ".join(form.get("reporter").split()))[:80] or REPORTER
        told = _TOLD.get(form.get("comment_check_response"))
        services().feedback.report(caller.site, submission, is_spam=is_spam, who=who, note=told)
    return answers.text(answers.THANKS)


def _connected() -> Response:
    return answers.text("connected")


for version in VERSIONS:
    bp.add_url_rule(
        f"/{version}/test", f"test_{version[-1]}", _connected, methods=["GET", "POST"], strict_slashes=False
    )
    route(f"/{version}/verify-key", verify_key, is_key_first=True)
    route(f"/{version}/comment-check", comment_check)
    route(f"/{version}/submit-spam", submit_spam)
    route(f"/{version}/submit-ham", submit_ham)
    route(f"/{version}/deactivate", account.deactivate, is_key_first=True)
    route(f"/{version}/get-subscription", account.subscription, is_key_first=True)
    route(f"/{version}/get-stats", account.key_stats, is_key_first=True)
    route(f"/{version}/get-key-stats", account.key_stats, is_key_first=True)
    route(f"/{version}/usage-limit", account.usage_limit, methods=("GET", "POST"))
    route(f"/{version}/key-sites", account.key_sites, methods=("GET", "POST"))
