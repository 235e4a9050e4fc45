"""The processes of the demonstration: the service, and the small website beside it.

Owns starting both, waiting until they answer, and ending them, whatever happens in between. Both end with this process
even if it is killed. The service is ``winnow serve``, supervisor and all; the website gets an address and keys in a
clean environment and cannot reach anything else of Winnow.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from moderation.core.errors import WinnowError
from moderation.demo.calls import call
from moderation.store.launch import die_with_parent

HOST = "127.0.0.1"
SERVICE_PORT = 8000  # The next free one where it is taken.
SITE_PORT = 8001
SERVICE_SECONDS = 180.0  # A first start compiles the classifier where `make setup` has not; it takes a minute.
SITE_SECONDS = 20.0
STOP_SECONDS = 12.0  # `winnow serve` promises 10.
POLL_SECONDS = 0.05
LAST_LINES = 12
KEPT_VARIABLES = ("WINNOW_MODEL_DIR", "WINNOW_VALKEY_BINARY", "WINNOW_DEBUG")
CACHE_SECONDS = "3600"  # Only a webhook makes the website look again, so that its page proves that one came.


class DemoFailed(WinnowError):
    """The demonstration cannot go on; the message says why."""

    code = "demo-failed"


@dataclass(frozen=True, slots=True)
class Running:
    """A process, where it answers and where its output goes."""

    name: str
    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Raise DemoFailed, with what it said last, if it has ended."""
        status = self.process.poll()
        if status is not None:
            lines = self.log.read_text("utf-8", "replace").splitlines()[-LAST_LINES:]
            raise DemoFailed("\n".join([f"The {self.name} ended with status {status}; it said last:", *lines]))

    def wait_until(self, answers: Callable[[str], bool], seconds: float) -> None:
        """Return as soon as it answers.

        Raises:
            DemoFailed: If it ends, or the time is over.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.check()
            with suppress(OSError, http.client.HTTPException):
                if answers(self.url):
                    return
            time.sleep(POLL_SECONDS)
        raise DemoFailed(f"The {self.name} did not answer within {seconds:.0f} s; its log is {self.log}.")


def service_environ(environ: Mapping[str, str], data_dir: Path) -> dict[str, str]:
    """Return the environment of the service: the caller's, without what sets up another Winnow, a real one perhaps."""
    plain = {name: value for name, value in environ.items() if not name.startswith("WINNOW_") or name in KEPT_VARIABLES}
    ours = {
        "WINNOW_DATA_DIR": str(data_dir),
        "WINNOW_WEBHOOK_ALLOW_NETWORKS": "127.0.0.0/8",  # The website that hears of decisions is on this machine.
        "WINNOW_LOG_FORMAT": "json",
    }
    return {**plain, **ours}


@contextmanager
def running_service(environ: Mapping[str, str], data_dir: Path) -> Iterator[Running]:
    """Yield the service once it takes requests, and stop it afterwards."""
    with listening(SERVICE_PORT) as listener:
        port = listener.getsockname()[1]
    # The port is free again for the supervisor, which opens its socket itself.
    command = ("-m", "moderation.cli", "serve", "--host", HOST, "--port", str(port))
    log = data_dir / "logs" / "service.log"
    with _running("service", command, url=f"http://{HOST}:{port}", environ=environ, log=log) as service:
        service.wait_until(_has_store, SERVICE_SECONDS)
        yield service


@contextmanager
def running_site(listener: socket.socket, settings: Mapping[str, str], log: Path) -> Iterator[Running]:
    """Yield the small website once it shows its page, and stop it afterwards.

    Args:
        listener: Where it shall listen.
        settings: Its whole environment but for the search path.
        log: For its output.
    """
    number = listener.fileno()
    options = ("--workers", "1", "--threads", "4", "--no-control-socket", "--graceful-timeout", "2")
    place = ("--chdir", str(site_directory()), "--bind", f"fd://{number}")
    command = ("-m", "gunicorn", *options, *place, "app:create_app()")
    environ = {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1", **settings}
    environ["COMMENTS_CACHE_SECONDS"] = CACHE_SECONDS
    with _running("website", command, url=address(listener), environ=environ, log=log, kept=(number,)) as site:
        site.wait_until(lambda url: call(url + "/").status == http.HTTPStatus.OK, SITE_SECONDS)
        yield site


def site_directory() -> Path:
    """Return where the small website is: beside this module when installed, in ``examples`` in a checkout."""
    installed = Path(__file__).with_name("site")
    return installed if installed.is_dir() else Path(__file__).parents[2] / "examples" / "form"


@contextmanager
def _running(
    name: str,
    command: Sequence[str],
    *,
    url: str,
    environ: Mapping[str, str],
    log: Path,
    kept: tuple[int, ...] = (),
) -> Iterator[Running]:
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  Every argument is ours.
            [sys.executable, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environ),
            pass_fds=kept,
            start_new_session=True,
            preexec_fn=partial(die_with_parent, os.getpid(), signal.SIGTERM),
        )
    try:
        yield Running(name, url, process, log)
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def listening(port: int) -> socket.socket:
    """Return a socket that listens on a port of this machine, or on any free one if that is taken."""
    try:
        return socket.create_server((HOST, port))
    except OSError:
        return socket.create_server((HOST, 0))


def address(listener: socket.socket) -> str:
    """Return what to type into a browser."""
    host, port = listener.getsockname()[:2]
    return f"http://{host}:{port}"


def _has_store(url: str) -> bool:
    """Return whether comments are taken; one without a classifier holds them all, which is worth showing too."""
    checks = call(url + "/readyz").document.get("checks", {})
    return bool(checks.get("store") == "ok")
