"""The two servers that the HTTP bench compares: Winnow, and an endpoint that does nothing under the same gunicorn."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.faults.service import Role, Service, cpu_seconds, until
from tests.processes import children_of, free_port

SITE = "bench"
WORKERS = 2
ROOT = Path(__file__).parents[1]


@contextlib.contextmanager
def winnow(directory: Path, **policy: object) -> Iterator[tuple[Service, str]]:
    """Yield a running service and the API key of its one site."""
    with Service(directory, workers=WORKERS) as service:
        yield service, service.add_site(SITE, **policy)


@contextlib.contextmanager
def nothing(directory: Path) -> Iterator[tuple[int, Sequence[int]]]:
    """Yield port and process ids of the endpoint that does nothing."""
    port = free_port()
    directory.mkdir(parents=True, exist_ok=True)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("WINNOW_")}
    environ |= {"WINNOW_DATA_DIR": str(directory), "WINNOW_PORT": str(port), "WINNOW_WORKERS": str(WORKERS)}
    command = [sys.executable, "-m", "gunicorn", "-c", "python:moderation.gunicorn_conf", "bench.noop:create()"]
    with (directory / "output.log").open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=output, stderr=output)
    try:
        until(lambda: len(children_of(process.pid)) == WORKERS, 30, what="the endpoint that does nothing")
        yield port, [process.pid, *children_of(process.pid)]
    finally:
        process.terminate()
        process.wait(15)


def processes(service: Service) -> dict[str, list[int]]:
    """Return the process ids whose processor time a request costs, by what they do."""
    found = service.processes()
    return {
        "web": [*found[Role.MASTER], *found[Role.WEB]],
        "store": found[Role.STORE],
        "worker": [*found[Role.PARENT], *found[Role.WORKER]],
    }


def cpu(pids: Sequence[int]) -> float:
    """Return the processor seconds that processes have used so far."""
    return sum(cpu_seconds(pid) for pid in pids)
