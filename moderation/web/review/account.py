"""Signing in and out, one's own password, one's own sessions."""

from __future__ import annotations

import re
from http import HTTPStatus

from flask import Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from moderation.core.errors import InvalidInput, RateLimited, Unauthenticated
from moderation.web.auth import services
from moderation.web.review import gate, times
from moderation.web.review.gate import bp, who
from moderation.web.review.texts import say

_SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "Macintosh", "CrOS", "Linux")
_BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))


def _network() -> str:
    """Return the pseudonym of the caller's network, for counting attempts."""
    try:
        return services().keyring.network_id(request.remote_addr or "", site="")
    except ValueError:
        return ""  # A UNIX socket has no address.


def _device() -> str:
    """Return what the browser calls itself in a few words of ours, so that the session list holds no foreign text."""
    agent = request.headers.get("User-Agent", "")
    browser = next((name for word, name in _BROWSERS if re.search(rf"\b{word}", agent)), "")
    system = next((name for name in _SYSTEMS if name in agent), "")
    return say("device.on", browser=browser, system=system) if browser and system else say("device.unknown")


def _login_page(error: str = "", status: int = HTTPStatus.OK) -> Response:
    name = request.form.get("name", "")[:64]
    following = request.values.get("next", "")
    page = render_template(
        "review/login.html", error=error, name=name, following=following, is_encrypted=gate.is_encrypted()
    )
    return make_response(page, status)


@bp.get("/login")
def login() -> ResponseReturnValue:
    """Show the sign-in form, or go on if that was done already."""
    try:
        services().accounts.resume(request.cookies.get(gate.cookie_name(), ""))
    except Unauthenticated:
        return _login_page()
    return redirect(url_for("review.queue"), HTTPStatus.SEE_OTHER)


@bp.post("/login")
def sign_in() -> ResponseReturnValue:
    """Begin a session with a new id."""
    name, password = request.form.get("name", "").strip(), request.form.get("password", "")
    try:
        signed_in = services().accounts.sign_in(name, password, network=_network(), device=_device())
    except Unauthenticated as error:
        return _login_page(str(error), HTTPStatus.UNAUTHORIZED)
    except RateLimited as error:
        sentence = say("login.throttled", span=times.span(error.retry_after_seconds))
        response = _login_page(sentence, HTTPStatus.TOO_MANY_REQUESTS)
        response.headers["Retry-After"] = str(error.retry_after_seconds)
        return response
    following = gate.local_path(request.form.get("next", ""), url_for("review.queue"))
    return gate.remember(make_response(redirect(following, HTTPStatus.SEE_OTHER)), signed_in)


@bp.post("/logout")
def sign_out() -> ResponseReturnValue:
    """End this session, in the store too."""
    services().accounts.end_session(who().account.name, who().session.digest)
    return gate.forget(make_response(redirect(url_for("review.login"), HTTPStatus.SEE_OTHER)))


def _account_page(*, faults: tuple[str, ...] = (), done: str = "", status: int = HTTPStatus.OK) -> Response:
    sessions = services().accounts.sessions(who().account.name)
    page = render_template("review/account.html", sessions=sessions, faults=faults, done=done)
    return make_response(page, status)


@bp.get("/account")
def account() -> ResponseReturnValue:
    """Show the password form and the sessions."""
    return _account_page(done=say("account.changed") if request.args.get("changed") else "")


@bp.post("/account/password")
def change_password() -> ResponseReturnValue:
    """Replace one's own password; every other session ends and this one gets a new id."""
    form = request.form
    try:
        signed_in = services().accounts.change_password(
            who(), current=form.get("current", ""), new=form.get("new", ""), network=_network()
        )
    except InvalidInput as error:
        details = tuple(fault.detail for fault in error.faults)
        return _account_page(faults=details, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    response = make_response(redirect(url_for("review.account", changed=1), HTTPStatus.SEE_OTHER))
    return gate.remember(response, signed_in)


@bp.post("/account/sessions/end")
def end_session() -> ResponseReturnValue:
    """End one of one's own sessions."""
    services().accounts.end_session(who().account.name, request.form.get("session", ""))
    return redirect(url_for("review.account"), HTTPStatus.SEE_OTHER)
