"""``winnow serve``: one parent that starts the store, the web processes and the worker, and looks after them.

Owns the order (store, web, worker; backwards at the end), the restarts with back-off, and the listening socket, which
it opens itself: it survives a gunicorn that is killed, so that clients wait a second instead of being refused. Refuses
to keep trying if the web processes never come up.
"""

from __future__ import annotations

import errno
import http.client
import os
import shutil
import socket
import time

import structlog

from moderation.children import Backoff, Child, Signals
from moderation.config import Settings
from moderation.core.errors import StoreUnavailable, WinnowError
from moderation.files import make_private_directory
from moderation.keyring_file import load_keyring
from moderation.store.embedded import EmbeddedStore

BIND_SECONDS = 5.0  # For the web processes of a parent that was killed to let go of the port.
READY_POLL_SECONDS = 0.05
IDLE_SECONDS = 1.0
BACKLOG = 512
LATE_SECONDS = 15.0  # Three times what a start may take; a busy machine needs that.
WEB_STOP_SECONDS = 5.0  # These add up to less than the 10 s in which everything has to be stopped.
WORKER_STOP_SECONDS = 2.0
USERS_STOP_SECONDS = 0.5
TRIES_BEFORE_READY = 3
EXIT_SETTINGS = 2
WEB_COMMAND = ("-m", "gunicorn", "-c", "python:moderation.gunicorn_conf", "moderation.wsgi:create()")
WORKER_COMMAND = ("-m", "moderation.cli", "worker")

log = structlog.get_logger("winnow.serve")


class CannotServe(WinnowError):
    """The service cannot run; the message says why."""

    code = "cannot-serve"


class Supervisor:
    """The parent of everything."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._signals = Signals()
        self._store: EmbeddedStore | None = None
        self._store_backoff = Backoff()
        self._listener: socket.socket | None = None
        self._children: list[Child] = []
        self._is_ready = False
        self._was_late = False
        self._began = time.monotonic()

    def run(self) -> None:
        """Serve until asked to stop.

        Raises:
            WinnowError: If the service cannot be started or does not come up.
        """
        self._signals.install()
        try:
            with self._signals.impatience():
                self._start()
            while not self._signals.is_stopping:
                self._tend()
                self._signals.wait(READY_POLL_SECONDS if self._is_starting() else IDLE_SECONDS)
        except KeyboardInterrupt:
            log.info("Interrupted while starting.")
        finally:
            self._stop()

    def _start(self) -> None:
        settings = self._settings
        self._listener = listen(settings.host, settings.port)
        log.info("Starting.", url=self.url, data_dir=str(settings.data_dir))
        url = self._start_store()
        load_keyring(settings)
        metrics = settings.metrics_dir
        shutil.rmtree(metrics, ignore_errors=True)
        make_private_directory(metrics)
        environ = child_environ(settings, url=url, listener=self._listener.fileno())
        web = Child("web", "web processes", WEB_COMMAND, environ, kept=(self._listener.fileno(),))
        self._children = [web, Child("worker", "worker", WORKER_COMMAND, environ)]
        web.start()

    def _start_store(self) -> str:
        settings = self._settings
        if settings.redis_url is not None:
            check_outside_store(settings)
            return settings.redis_url
        store = EmbeddedStore(settings, command="winnow serve")
        store.own()
        self._store = store
        self._run_store(store)
        return store.url

    def _run_store(self, store: EmbeddedStore) -> None:
        self._store_backoff.started(time.monotonic())
        with self._signals.impatience():  # A large file may load for minutes; Ctrl-C must not wait for it.
            store.start()
        log.info("Started the store.", process="store", pid=store.pid)

    def _tend(self) -> None:
        self._tend_store()
        for child in self._children:
            status = child.look()
            if status is not None and child.name == "web" and not self._is_ready:
                self._give_up_if_hopeless(child, status)
            if child.is_due() and (child.name == "web" or not self._is_starting()):
                child.start()
        self._look_whether_ready()

    def _look_whether_ready(self) -> None:
        if self._is_ready:
            return
        taken = round(time.monotonic() - self._began, 2)
        if self._answers():
            self._is_ready = True
            log.info("Ready.", url=self.url, seconds=taken)
        elif taken > LATE_SECONDS and not self._was_late:
            self._was_late = True
            log.warning("Not ready yet; `winnow doctor` may say why.", url=self.url, seconds=taken)

    def _is_starting(self) -> bool:
        """Return whether the web processes are still coming up; until then the worker leaves them the processor."""
        return not self._is_ready and time.monotonic() - self._began < LATE_SECONDS

    def _tend_store(self) -> None:
        store = self._store
        if store is None or store.pid is not None:
            return
        now = time.monotonic()
        if self._store_backoff.due_at <= self._store_backoff.started_at:
            delay = self._store_backoff.ended(now)
            log.warning("Restarting the store.", process="store", status=store.poll(), delay_seconds=delay)
        if now < self._store_backoff.due_at:
            return
        try:
            self._run_store(store)
        except StoreUnavailable as error:
            log.error("The store does not start.", detail=str(error))

    def _give_up_if_hopeless(self, web: Child, status: int) -> None:
        if status == EXIT_SETTINGS or web.backoff.failures >= TRIES_BEFORE_READY:
            raise CannotServe("The web processes do not start; what they said is above.")

    @property
    def url(self) -> str:
        """Return the address to open; with port 0 the one the system chose."""
        host, port = self._address()
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def _address(self) -> tuple[str, int]:
        if self._listener is None:
            raise RuntimeError("not listening yet")
        host, port = self._listener.getsockname()[:2]
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), int(port)  # noqa: S104  Only compared with.

    def _answers(self) -> bool:
        host, port = self._address()
        connection = http.client.HTTPConnection(host, port, timeout=0.5)
        try:
            connection.request("GET", "/readyz", headers={"User-Agent": "winnow-serve"})
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _stop(self) -> None:
        began = time.monotonic()
        for child, seconds in zip(self._children, (WEB_STOP_SECONDS, WORKER_STOP_SECONDS), strict=False):
            child.stop(seconds)
        if self._listener is not None:
            self._listener.close()
        if self._store is not None:
            log.info("Stopping the store.", process="store")
            self._store.close(patience_seconds=USERS_STOP_SECONDS)
        log.info("Stopped.", seconds=round(time.monotonic() - began, 2))


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens, waiting a moment for a port that is being given up.

    Raises:
        CannotServe: If the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    is_dual = host == "::" and socket.has_dualstack_ipv6()
    deadline = time.monotonic() + BIND_SECONDS
    while True:
        try:
            return socket.create_server((host, port), family=family, backlog=BACKLOG, dualstack_ipv6=is_dual)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise CannotServe(_bind_sentence(host, port, error)) from error
        time.sleep(READY_POLL_SECONDS)


def _bind_sentence(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is in use by another program; choose another with --port."
    if isinstance(error, PermissionError):
        return f"Port {port} may only be opened by root; choose one above 1023 with --port."
    return f"{host}:{port} cannot be listened on: {error.strerror}. Choose another with --host and --port."


def child_environ(settings: Settings, *, url: str, listener: int) -> dict[str, str]:
    """Return the environment of the web processes and the worker: the settings of this call, made explicit."""
    chosen = {
        "WINNOW_DATA_DIR": str(settings.data_dir),
        "WINNOW_REDIS_URL": url,
        "WINNOW_SECRET_KEY_FILE": str(settings.secret_path),
        "WINNOW_HOST": settings.host,
        "WINNOW_PORT": str(settings.port),
        "WINNOW_WORKERS": str(settings.workers),
        "WINNOW_THREADS": str(settings.threads),
        "WINNOW_LISTEN_FD": str(listener),
        "WINNOW_SUPERVISOR_PID": str(os.getpid()),
        "PROMETHEUS_MULTIPROC_DIR": str(settings.metrics_dir),
    }
    inherited = {name: value for name, value in os.environ.items() if name != "WINNOW_REDIS_PASSWORD_FILE"}
    return {**inherited, **chosen}


def check_outside_store(settings: Settings) -> None:
    """Refuse an outside store that is unsafe; warn about one that is away, since it may come back.

    Raises:
        StoreUnsafe: With what to change.
    """
    from moderation.store.checks import check_store
    from moderation.store.connection import Connection

    connection = Connection(settings.redis_url or "")
    try:
        for complaint in check_store(connection.client, allow_unsafe=settings.allow_unsafe_store):
            log.warning("The store is not safe.", detail=complaint)
    except StoreUnavailable as error:
        log.warning("The store is away; requests get 503 until it is back.", detail=str(error))
    finally:
        connection.close()
