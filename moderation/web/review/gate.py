"""The door of the review pages: who is signed in, is the form ours, and what every answer carries.

Owns the session cookie, the two defences against forged forms (a token bound to the session, and the browser's own
word on where a request comes from) and the error pages. A site that somebody may not see is answered as if absent.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import urlsplit

from flask import Blueprint, Response, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from moderation.core.errors import Forbidden, InvalidInput, NotFound, RateLimited, Unauthenticated, WinnowError
from moderation.core.site import Site
from moderation.service.accounts import SignedIn
from moderation.store.connection import RETRY_AFTER_SECONDS
from moderation.web.auth import services
from moderation.web.errors import problem_of_bug, problem_of_error, status_of
from moderation.web.review import marks, texts, times

bp = Blueprint("review", __name__, url_prefix="/review")
OPEN_ENDPOINTS = {"review.login", "review.sign_in"}
UNATTENDED_ENDPOINTS = {"review.live", "review.events", "review.claim"}  # What an open page asks by itself.
LARGE_ENDPOINTS = {"review.save_settings": 1024 * 1024}  # Word lists are long.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    # Not "no-referrer": with it browsers send "Origin: null" with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
ALL_SITES = "*"  # In place of a site's name; no site can be called so.
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def cookie_name() -> str:
    """Return the name of the session cookie; browsers accept the ``__Host-`` prefix on HTTPS only."""
    return "__Host-winnow" if request.is_secure else "winnow"


def remember(response: Response, signed_in: SignedIn) -> Response:
    """Give the browser its session id; the store decides how long that is good for."""
    response.set_cookie(
        cookie_name(), signed_in.token, httponly=True, samesite="Strict", secure=request.is_secure, path="/"
    )
    return response


def forget(response: Response) -> Response:
    """Take the session id from the browser."""
    response.delete_cookie(cookie_name(), httponly=True, samesite="Strict", secure=request.is_secure, path="/")
    return response


def who() -> SignedIn:
    """Return who is signed in; the gate has made sure of it."""
    signed_in: SignedIn = g.signed_in
    return signed_in


def wants_json() -> bool:
    """Return whether our own script asks, which renders the answer itself."""
    return request.headers.get("Accept", "") == "application/json"


def is_encrypted() -> bool:
    """Return whether nobody on the way can read the password: HTTPS, or the machine itself."""
    return request.is_secure or (urlsplit(f"//{request.host}").hostname or "") in _LOOPBACK


@bp.before_request
def _enter() -> ResponseReturnValue | None:
    endpoint = request.endpoint or ""
    request.max_content_length = LARGE_ENDPOINTS.get(endpoint, request.max_content_length)
    is_change = request.method not in ("GET", "HEAD")
    if is_change:
        _check_origin()
    if endpoint in OPEN_ENDPOINTS:
        return None
    accounts = services().accounts
    resume = accounts.look_up if endpoint in UNATTENDED_ENDPOINTS else accounts.resume
    try:
        g.signed_in = resume(request.cookies.get(cookie_name(), ""))
    except Unauthenticated:
        if is_change or wants_json():
            raise
        return redirect(url_for("review.login", next=request.full_path.rstrip("?")), HTTPStatus.SEE_OTHER)
    if is_change:
        _check_token(who())
    return None


def _check_origin() -> None:
    """Refuse a form that another site sent; a client that is no browser sends neither header and has its token."""
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    is_foreign = site not in ("same-origin", "none") if site else origin is not None and _host(origin) != request.host
    if is_foreign:
        raise Forbidden(texts.say("error.foreign-form"))


def _host(origin: str) -> str:
    return urlsplit(origin).netloc


def _check_token(signed_in: SignedIn) -> None:
    sent = request.form.get("csrf", "")
    if not hmac.compare_digest(sent.encode("utf-8", "surrogatepass"), signed_in.csrf.encode()):
        raise Forbidden(texts.say("error.stale-form"))


def site_of(name: str) -> Site:
    """Return a site that the moderator works on.

    Raises:
        NotFound: If there is no such site, or it is somebody else's.
    """
    if not who().may_see(name):
        raise NotFound(texts.say("error.no-site"))
    g.site = name
    return services().sites.read(name)


def current_site() -> Site:
    """Return the site that the request names, or the first one of the moderator's where something waits.

    Raises:
        NotFound: If it is not theirs, or they have none.
    """
    names = scope()
    if len(names) == 1:
        return site_of(names[0])
    counts = services().reviews.waiting(names)
    return site_of(next((name for name in names if counts[name]), names[0]))


def scope() -> list[str]:
    """Return the names of the sites that the request is about: the one it names, or all that are the moderator's.

    Raises:
        NotFound: If it is not theirs, or they have none.
    """
    named = request.values.get("site", "")
    if named and named != ALL_SITES:
        return [site_of(named).name]
    names = site_names()
    if not names:
        raise NotFound(texts.say("error.no-sites"))
    return names


def scope_name(names: Sequence[str]) -> str:
    """Return how a URL of ours calls a scope."""
    return names[0] if len(names) == 1 else ALL_SITES


def site_names() -> list[str]:
    """Return the names of the sites that the moderator works on."""
    return [name for name in services().sites.names() if who().may_see(name)]


def admin() -> SignedIn:
    """Return who is signed in.

    Raises:
        Forbidden: If they are not an admin.
    """
    if not who().is_admin:
        raise Forbidden(texts.say("error.admins-only"))
    return who()


def local_path(path: str, otherwise: str) -> str:
    """Return a path of these pages to go back to, or another one where somebody tampered with it."""
    parts = urlsplit(path)
    is_ours = not parts.scheme and not parts.netloc and parts.path.startswith("/review/") and "\\" not in path
    return path if is_ours and path.isprintable() else otherwise


@bp.after_request
def _leave(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


@bp.app_template_filter("when")
def _when(at: object) -> object:
    return times.when(at, services().now())


@bp.context_processor
def _template_words() -> dict[str, object]:
    signed_in = g.get("signed_in")
    return {
        "say": texts.say,
        "count": texts.count,
        "legible": marks.legible,
        "month": times.month,
        "reason_name": lambda code: texts.say_or(f"reason.{code}", code),
        "signed_in": signed_in,
        "csrf": signed_in.csrf if signed_in else "",
    }


@bp.errorhandler(WinnowError)
def _refused(error: WinnowError) -> ResponseReturnValue:
    if wants_json():
        return problem_of_error(error)
    status = status_of(error)
    faults = error.faults if isinstance(error, InvalidInput) else ()
    page = render_template("review/error.html", status=status, detail=str(error), faults=faults)
    response = Response(page, status)
    if isinstance(error, RateLimited):
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


@bp.errorhandler(HTTPException)
def _not_http(error: HTTPException) -> ResponseReturnValue:
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    detail = texts.say_or(f"error.{status.value}", status.description or status.phrase)
    return Response(render_template("review/error.html", status=status, detail=detail, faults=()), status)


@bp.errorhandler(Exception)
def _bug(error: Exception) -> ResponseReturnValue:
    answer = problem_of_bug(error)
    if wants_json():
        return answer
    page = render_template("review/error.html", status=answer.status_code, detail=texts.say("error.500"), faults=())
    return Response(page, answer.status_code)
