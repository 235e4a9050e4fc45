"""How gunicorn runs the web processes.

The whole command is ``python -m gunicorn -c python:moderation.gunicorn_conf 'moderation.wsgi:create()'``. Gunicorn
reads the module-level names below, so this is the one module that reads the environment when it is imported. Owns the
process side only; the application is ``moderation.wsgi``. Refuses access logs: they would hold IP addresses, and the
application writes its own line for each request. Written for gunicorn 27, whose control socket (new in 25.1, on by
default) is not wanted here.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from gunicorn.glogging import Logger

from moderation import logs
from moderation.config import Settings
from moderation.core.errors import SettingsError
from moderation.files import make_private_directory
from moderation.store.launch import die_with_parent
from moderation.web_worker import SteadyWorker

GRACEFUL_SECONDS = 4  # `winnow serve` has 10 s for everything: see moderation.supervisor.
METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
UNREADABLE = "Refused a request that is not valid HTTP."
FAILED = "A request failed outside the application."


class WebLogger(Logger):  # type: ignore[misc]  # gunicorn carries no types.
    """Gunicorn's own lines in our format, without the peer's address and the request line."""

    def setup(self, cfg: Any) -> None:
        """Hand everything to the root logger, which writes in our format."""
        super().setup(cfg)
        self.error_log.handlers[:] = []
        self.error_log.propagate = True

    def warning(self, msg: str, *args: object, **kwargs: Any) -> None:
        """Write a warning; one about a broken request would name the client."""
        if str(msg).startswith("Invalid request from"):
            msg, args = UNREADABLE, ()
        super().warning(msg, *args, **kwargs)

    def exception(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Write an error; one about a request would hold its address, query and all."""
        if str(msg).startswith("Error handling request"):
            msg, args = FAILED, ()
        super().exception(msg, *args, **kwargs)


def _load() -> Settings:
    try:
        return Settings.from_environ(os.environ)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None


def _bind(found: Settings) -> str:
    if found.listen_fd is not None:
        return f"fd://{found.listen_fd}"
    host = f"[{found.host}]" if ":" in found.host else found.host
    return f"{host}:{found.port}"


def prepare_metrics(found: Settings) -> None:
    """Give the web processes an empty directory for their counters, unless ``winnow serve`` has done so."""
    if os.environ.get(METRICS_VARIABLE):
        return
    shutil.rmtree(found.metrics_dir, ignore_errors=True)
    make_private_directory(found.metrics_dir)
    os.environ[METRICS_VARIABLE] = str(found.metrics_dir)


settings = _load()
logs.configure(settings)
prepare_metrics(settings)
if settings.supervisor_pid is not None:
    die_with_parent(settings.supervisor_pid, signal.SIGQUIT)

bind = _bind(settings)
workers = settings.workers
threads = settings.threads
worker_class = SteadyWorker
preload_app = True
timeout = 30
graceful_timeout = GRACEFUL_SECONDS
keepalive = 15  # Longer than common proxies keep idle connections to us in use.
backlog = 512
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  The heartbeat must not touch a disk.
logger_class = WebLogger
loglevel = "warning" if settings.log_level == "info" else settings.log_level  # Its own chatter is for debugging.
accesslog = None
control_socket_disable = True
proc_name = "winnow-web"


def post_fork(server: Any, worker: Any) -> None:
    """End a web process with its gunicorn, so that a killed one leaves nothing behind that takes requests."""
    die_with_parent(worker.ppid, signal.SIGTERM)


def worker_exit(server: Any, worker: Any) -> None:
    """End a web process that has finished its requests at once: taking the compiler's library down takes a second."""
    if worker.booted and not worker.alive:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def child_exit(server: Any, worker: Any) -> None:
    """Take the gauges of a web process that has ended out of the metrics."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
