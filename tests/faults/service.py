"""A real ``winnow serve`` with its own data directory and port, and the processes that it is made of.

Owns starting, stopping and finding processes by role. Refuses to signal a process that is not below the one it started.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import redis

from moderation import bootstrap
from moderation.config import Settings
from moderation.store.embedded import running_store
from tests.processes import ROOT, children_of, clean_environ, free_port, is_running, wait_for

READY_SECONDS = 60.0  # The very first start compiles the classifier.
STOP_SECONDS = 15.0  # The service promises 10.


class Role(StrEnum):
    """What a process of the service does."""

    PARENT = "parent"
    MASTER = "gunicorn master"
    WEB = "gunicorn worker"
    WORKER = "worker"
    STORE = "store"


def until(condition: Callable[[], Any], seconds: float = READY_SECONDS, *, what: str = "it") -> Any:
    """Return the first truthy value of a condition, or fail when the time is over."""
    return wait_for(condition, seconds=seconds, what=what)


class Service:
    """One service; ``start`` may be called again after its parent was killed."""

    def __init__(self, directory: Path, *, workers: int = 2, threads: int = 4, **environ: str) -> None:
        """Prepare; nothing runs yet. ``environ`` is added to the environment of all its processes."""
        directory.mkdir(parents=True, exist_ok=True)
        self.data = directory / "data"
        self.output = directory / "output.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._threads = threads
        self._workers = workers
        self._environ = environ
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Service:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> float:
        """Start it and return the seconds until it was ready."""
        began = time.monotonic()
        environ = clean_environ(WINNOW_DATA_DIR=str(self.data), WINNOW_LOG_FORMAT="json", **self._environ)
        sizes = ["--workers", str(self._workers), "--threads", str(self._threads)]
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "moderation.cli", "serve", "--port", str(self.port), *sizes],
                cwd=ROOT,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.wait_until_ready()
        return time.monotonic() - began

    def wait_until_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait until store, web processes and worker are there."""
        try:
            until(self._is_whole, seconds, what="the service")
        except AssertionError as error:
            raise AssertionError(f"{error}; {self.processes()}; its output ends\n{self.log()[-3000:]}") from None

    def _is_whole(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"winnow serve ended by itself:\n{self.log()[-3000:]}")
        found = self.processes()
        roles = [Role.MASTER, Role.WORKER] + [Role.STORE] * ("WINNOW_REDIS_URL" not in self._environ)
        return all(len(found[role]) == 1 for role in roles) and self._is_serving(found[Role.WEB])

    def _is_serving(self, web: list[int]) -> bool:
        return len(web) == self._workers and self.is_store_reachable()

    def is_store_reachable(self) -> bool:
        """Return whether the service itself says that its store answers."""
        status, body = self.get("/readyz")
        return status in (200, 503) and body.get("checks", {}).get("store") == "ok"

    def get(self, path: str, *, timeout: float = 2.0) -> tuple[int, dict[str, Any]]:
        """Return status and JSON of a page that needs no key; (0, {}) if there was no answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            return 0, {}
        finally:
            connection.close()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """Return the parent."""
        if self._process is None:
            raise AssertionError("the service was never started")
        return self._process

    def processes(self) -> dict[Role, list[int]]:
        """Return the process ids of each role as they are now."""
        found: dict[Role, list[int]] = {role: [] for role in Role}
        found[Role.PARENT] = [self.process.pid]
        for child in children_of(self.process.pid):
            command = command_of(child)
            if "gunicorn" in command:
                found[Role.MASTER].append(child)
                found[Role.WEB] += children_of(child)
            elif command.split()[-1:] == ["worker"]:
                found[Role.WORKER].append(child)
            elif "valkey-server" in command:
                found[Role.STORE].append(child)
        return found

    def signal(self, role: Role, number: signal.Signals) -> int:
        """Send a signal to one process of a role and return its id."""
        pid = int(until(lambda: self.processes()[role], what=f"a process for {role}")[0])
        os.kill(pid, number)
        return pid

    def kill(self, role: Role) -> None:
        """End one process with SIGKILL and wait until it is gone."""
        pid = self.signal(role, signal.SIGKILL)
        if role is Role.PARENT:
            self.process.wait()
        until(lambda: not is_running(pid), 5, what=f"the end of the {role}")

    def stop(self) -> float:
        """Stop it as an operator would and return how long that took."""
        began = time.monotonic()
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                raise
        return time.monotonic() - began

    def log(self) -> str:
        """Return everything that the service has written so far."""
        return self.output.read_text(encoding="utf-8", errors="replace") if self.output.exists() else ""

    @property
    def settings(self) -> Settings:
        """Return the settings with which a command would find this service."""
        chosen = {"WINNOW_DATA_DIR": str(self.data), **self._environ}
        return Settings.from_environ({name: value for name, value in chosen.items() if name.startswith("WINNOW_")})

    @contextlib.contextmanager
    def store(self) -> Iterator[redis.Redis]:
        """Yield a client of the service's store."""
        with running_store(self.settings, command="tests") as url, redis.Redis.from_url(url) as client:
            yield client

    def add_site(self, name: str, **policy: object) -> str:
        """Register a site and return its API key; its rate limit is off unless ``policy`` says otherwise."""
        with running_store(self.settings, command="tests") as url:
            services = bootstrap.build(self.settings, url)
            _, key = services.sites.add(name, f"https://{name}.example")
            services.connection.close()
        status, _, answer = self.call("PATCH", "/v1/site", key, {"rate_limit": "off", **policy})
        assert status == 200, answer
        return key

    def call(
        self, method: str, path: str, key: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one request on a connection of its own and return status, headers and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            sent = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", **(headers or {})}
            connection.request(method, path, None if body is None else json.dumps(body), sent)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()


def command_of(pid: int) -> str:
    """Return a process's command line; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process and its ended, waited-for children have used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(fields[place]) for place in (11, 12)) / os.sysconf("SC_CLK_TCK")
