"""Starting real Winnow processes in tests, and waiting for what they do."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

Found = TypeVar("Found")
ROOT = Path(__file__).parent.parent


def wait_for(condition: Callable[[], Found], *, seconds: float, what: str) -> Found:
    """Return what ``condition`` returns as soon as that is true; a busy machine gets longer than an idle one."""
    began, patience = time.monotonic(), 1.0
    while not (found := condition()):
        if time.monotonic() > began + seconds * patience:
            longer = 1.5 * slowdown()
            assert longer > patience, f"after {seconds * patience:.0f} s there is still no {what}"
            patience = longer
        time.sleep(0.02)
    return found


IDLE_SECONDS = 0.15  # What the yardstick below takes on the machine of docs/performance.md with nothing else to do.


def slowdown() -> float:
    """Return how much longer than on that idle machine things take just now, 1 or more.

    Promises about seconds are promises about a machine that has nothing else to do; tests often share theirs.
    """
    began = time.perf_counter()
    _measure()
    return max(1.0, (time.perf_counter() - began) / IDLE_SECONDS)


def slowness() -> float:
    """Return how much more processor time than on that machine the same work takes, 1 or more.

    Unlike ``slowdown`` it leaves out the time for which others have the processor.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _measure()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return max(1.0, used / IDLE_SECONDS)


def _measure() -> None:
    subprocess.run([sys.executable, "-c", "import email, http.client, json, sqlite3, xml.dom, asyncio"], check=True)


def clean_environ(**changes: str) -> dict[str, str]:
    """Return this process's environment without Winnow's settings, and with bytecode on disk as an installation has."""
    ours = ("WINNOW_", "PROMETHEUS_", "PYTHONDONTWRITEBYTECODE")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**inherited, "PYTHONPATH": str(ROOT), **changes}


def fetch(url: str, timeout: float = 2.0) -> int:
    """Return the status of a GET, or 0 if nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return 0


class Serving:
    """A ``winnow serve`` of a test's own."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    def lines(self) -> list[dict[str, Any]]:
        """Return its log lines so far; the last one may not be whole yet."""
        found = self._log.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in found if line.startswith("{") and line.endswith("}")]

    def events(self, event: str) -> list[dict[str, Any]]:
        """Return the lines of one event."""
        return [line for line in self.lines() if line["event"] == event]

    def acts(self, verb: str, name: str | None = None) -> list[dict[str, Any]]:
        """Return the lines about what was done to one child, or to any."""
        return [
            line
            for line in self.lines()
            if line["event"].startswith(f"{verb} the ") and name in {None, line["process"]}
        ]

    def ready(self, seconds: float = 30.0) -> dict[str, Any]:
        """Wait until it says that it is ready."""
        wait_for(lambda: self.events("Ready.") or self.process.poll() is not None, seconds=seconds, what="readiness")
        assert self.process.poll() is None, self._log.read_text(encoding="utf-8")[-3000:]
        return self.events("Ready.")[0]

    @property
    def url(self) -> str:
        """Return its address."""
        return str(self.ready()["url"])

    def pid(self, name: str) -> int:
        """Return the process id of the latest child of that name."""
        return int(self.acts("Started", name)[-1]["pid"])

    def starts(self, name: str) -> int:
        """Return how often a child was started."""
        return len(self.acts("Started", name))

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Ask it to stop and return how many seconds that took."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(timeout=20)
        return time.monotonic() - began


@contextmanager
def serving(data_dir: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> Iterator[Serving]:
    """Run ``winnow serve`` on a free port; end it, and whatever it left, afterwards."""
    log = data_dir.with_name(f"{data_dir.name}-{time.monotonic_ns()}.log")
    command = [sys.executable, "-m", "moderation.cli", "serve", "--data-dir", str(data_dir), "--port", "0", *arguments]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=clean_environ(**(environ or {})), cwd=data_dir.parent
        )
    service = Serving(process, log)
    try:
        yield service
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for line in service.acts("Started"):
            end(int(line["pid"]), str(data_dir))


def end(pid: int, mark: str) -> None:
    """End a process that a test started, if it lives on; ``mark`` in its environment tells that it is ours."""
    environ = Path(f"/proc/{pid}/environ")
    try:
        is_ours = mark.encode() in environ.read_bytes()
    except OSError:
        return
    if is_ours:
        os.kill(pid, signal.SIGKILL)


def is_running(pid: int) -> bool:
    """Return whether a process exists and is not a zombie."""
    try:
        state = re.search(r"^State:\s+(\w)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    except OSError:
        return False
    return state is not None and state[1] != "Z"


def waited(pid: int) -> float:
    """Return the seconds for which a process had something to do and no processor to do it on."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def children_of(pid: int) -> list[int]:
    """Return the process ids of the living children of a process."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        found = [int(one) for thread in threads for one in (thread / "children").read_text().split()]
    except OSError:
        return []
    return [one for one in found if is_running(one)]


def free_port() -> int:
    """Return a TCP port of the loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])
