"""The short way for the two busiest requests: submissions and checks, without Flask in between.

Flask's contexts, routing and response objects take as long as all that is done for a comment. Owns the plain case
alone: exact path, a JSON body of known and permitted length. Whatever is not plain goes the long way, and so does every
error: Flask's own error handlers answer it, so that errors have one form. What is done for a request is in ``intake``,
the frame around it in ``requests``; both ways share them.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from flask import Flask, g

from moderation.service.services import Services
from moderation.service.sites import Caller
from moderation.web import intake, requests
from moderation.web.auth import EXTENSION, caller_of
from moderation.web.intake import Answer
from moderation.web.metrics import Metrics
from moderation.web.requests import Frame

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    Act = Callable[[Services, Metrics, Frame, WSGIEnvironment, bytes], Answer]

LENGTH_DIGITS = 7
_JSON: Final = frozenset({"application/json", "application/json; charset=utf-8", "application/json;charset=utf-8"})
_AT_ONCE: Final = contextlib.nullcontext()
_LINES: Final = {200: "200 OK", 201: "201 CREATED"}


def _caller(services: Services, frame: Frame, environ: WSGIEnvironment) -> Caller:
    header = environ.get("HTTP_AUTHORIZATION", "")
    caller = caller_of(services, authorization=header, network=environ.get("REMOTE_ADDR"))
    frame.site = caller.site.name
    return caller


def _submit(services: Services, metrics: Metrics, frame: Frame, environ: WSGIEnvironment, body: bytes) -> Answer:
    caller = _caller(services, frame, environ)
    key = environ.get("HTTP_IDEMPOTENCY_KEY")
    return intake.submit(services, metrics, caller, read=lambda: body, idempotency_key=key)


def _check(services: Services, _: Metrics, frame: Frame, environ: WSGIEnvironment, body: bytes) -> Answer:
    caller = _caller(services, frame, environ)
    return intake.check(services, caller, read=lambda: body)


_TAKEN: Final[dict[str, tuple[int, Act]]] = {
    intake.SUBMIT_PATH: (requests.BODY_BYTES, _submit),
    intake.CHECK_PATH: (requests.BATCH_BODY_BYTES, _check),
}


class Express:
    """A WSGI application in front of a Flask one.

    Args:
        app: What answers everything else, and every error.
        metrics: Where answers are counted.
    """

    def __init__(self, app: Flask, metrics: Metrics) -> None:
        self._app = app
        self._long_way = app.wsgi_app
        self._metrics = metrics
        # One batch at a time in a process: threads that pass the interpreter to and fro at each comment gain nothing.
        self._turn = {intake.CHECK_PATH: threading.Lock()}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        path: str = environ.get("PATH_INFO", "")
        limit, act = _TAKEN.get(path, (0, None))
        length = plain_length(environ) if act else 0
        if act is None or not 0 < length <= limit:
            return self._long_way(environ, start_response)
        frame = requests.begin(environ)
        body = environ["wsgi.input"].read(length)
        try:
            if len(body) < length:
                raise EOFError("the client went away")
            with self._turn.get(path, _AT_ONCE):
                answer = act(self._app.extensions[EXTENSION], self._metrics, frame, environ, body)
        except Exception as error:
            return self._failed(error, frame, environ, start_response)
        headers = requests.headers_of(answer, frame, is_secure=environ.get("wsgi.url_scheme") == "https")
        requests.record(self._metrics, frame, method="POST", route=path, status=answer.status)
        start_response(_LINES[answer.status], headers)
        return [answer.body]

    def _failed(
        self, error: Exception, frame: Frame, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer an error as Flask would have; what the request did is done and not done again."""
        with self._app.request_context(environ):
            g.started, g.request_id, g.site = frame.started, frame.request_id, frame.site
            response = self._app.make_response(self._app.handle_user_exception(error))
            return self._app.process_response(response)(environ, start_response)


def plain_length(environ: WSGIEnvironment) -> int:
    """Return the length of a body that is JSON and comes in one piece, or 0."""
    length: str = environ.get("CONTENT_LENGTH", "")
    is_plain = (
        environ["REQUEST_METHOD"] == "POST"
        and environ.get("CONTENT_TYPE") in _JSON
        and "HTTP_TRANSFER_ENCODING" not in environ
        and not environ.get("SCRIPT_NAME")
        and length.isascii()
        and length.isdecimal()
        and len(length) <= LENGTH_DIGITS
    )
    return int(length) if is_plain else 0
