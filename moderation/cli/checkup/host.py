"""Checks of the machine and the data directory; none of them needs a store."""

from __future__ import annotations

import http.client
import ipaddress
import os
import shutil
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

from moderation.cli.checkup.findings import Finding, fail, ok, warn
from moderation.config import Settings
from moderation.core.errors import SettingsError
from moderation.keyring_file import load_keyring
from moderation.store.embedded import SOCKET_PATH_BYTES, socket_path

OLDEST_PYTHON = (3, 11)
LOW_BYTES = 1 << 30
EMPTY_BYTES = 100 << 20
FSYNC_ROUNDS = 20
SLOW_FSYNC_SECONDS = 0.010  # At 10 ms one thread acknowledges fewer than 100 comments a second.
LOOSE_MODE = 0o077
NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p"})
MEMORY_FILE_SYSTEMS = frozenset({"tmpfs", "ramfs"})


def check_python() -> Finding:
    """Look at the interpreter."""
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        return fail("python", f"Python {found} is too old.", "Install Python 3.11 or newer.")
    return ok("python", f"Python {found}.")


def check_data_dir(settings: Settings) -> Finding:
    """Look at the data directory: there, private, writable, with space, on a disk."""
    path = settings.data_dir
    if not path.is_dir():
        return warn("data-dir", f"{path} does not exist yet.", "`winnow serve` makes it.")
    if not os.access(path, os.W_OK | os.X_OK):
        return fail("data-dir", f"{path} cannot be written by this user.", f"Run: chown -R $(id -u) {path}")
    free = shutil.disk_usage(path).free
    if free < EMPTY_BYTES:
        return fail("data-dir", f"{path} has {free >> 20} MiB left.", "Free some space: a full disk stops the store.")
    if free < LOW_BYTES:
        return warn("data-dir", f"{path} has {free >> 20} MiB left.", "Free some space: a full disk stops the store.")
    if path.stat().st_mode & LOOSE_MODE:
        return warn("data-dir", f"Other users can look into {path}.", f"Run: chmod 700 {path}")
    return _check_file_system(path, free)


def _check_file_system(path: Path, free: int) -> Finding:
    kind = file_system(path)
    if kind in NETWORK_FILE_SYSTEMS:
        hint = "Use a local disk: locks and fsync over a network do not keep what they promise."
        return warn("data-dir", f"{path} is on a network file system ({kind}).", hint)
    if kind in MEMORY_FILE_SYSTEMS:
        return warn("data-dir", f"{path} is in memory ({kind}).", "Use a disk: a reboot loses everything.")
    return ok("data-dir", f"{path}, {free >> 30} GiB free, {kind}.")


def file_system(path: Path) -> str:
    """Return the type of the file system that ``path`` is on, or ``unknown`` where the system does not say."""
    best, kind = "", "unknown"
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return kind
    target = str(path.resolve())
    for line in lines:
        before, _, after = line.partition(" - ")
        mount = before.split(" ")[4].replace("\\040", " ")
        is_above = target == mount or target.startswith(mount.rstrip("/") + "/")
        if is_above and len(mount) >= len(best):
            best, kind = mount, after.split(" ")[0]
    return kind


def check_secret(settings: Settings) -> Finding:
    """Look at the key file, without showing a key."""
    path = settings.secret_path
    if settings.redis_url is None and settings.secret_key_file is None and not path.exists():
        return warn("secret", "There are no secret keys yet.", "`winnow serve` makes them; back them up then.")
    try:
        keys = load_keyring(settings).keys
    except SettingsError as error:
        problem = error.problems[0]
        return fail("secret", problem.detail, problem.hint)
    return ok("secret", f"{len(keys)} key(s), the newest is k{keys[0].id}.")


def check_socket(settings: Settings) -> Finding:
    """Look at the length of the socket's path."""
    if settings.redis_url is not None:
        return ok("socket", "Not needed with an outside store.")
    if not settings.data_dir.is_dir():
        return ok("socket", "Not made yet.")
    try:
        path = socket_path(settings)
    except SettingsError as error:
        return fail("socket", error.problems[0].detail, error.problems[0].hint)
    if path.parent != settings.run_dir:
        return warn("socket", f"The path is too long for a socket; it is {path}.", "Use a shorter data directory.")
    return ok("socket", f"{len(os.fsencode(path))} of {SOCKET_PATH_BYTES} bytes.")


def check_fsync(settings: Settings) -> Finding:
    """Measure how long the disk takes to make a write durable."""
    if settings.redis_url is not None:
        return ok("fsync", "The outside store's disk is its own affair.")
    if not settings.data_dir.is_dir():
        return ok("fsync", "Not measured before the data directory exists.")
    middle = statistics.median(measure_fsync(settings.data_dir, FSYNC_ROUNDS))
    found = f"A durable write takes {middle * 1000:.1f} ms."
    if middle > SLOW_FSYNC_SECONDS:
        hint = "Use a faster disk (SSD), or more threads: each comment waits for one such write."
        return warn("fsync", found, hint)
    return ok("fsync", found)


def measure_fsync(directory: Path, rounds: int) -> list[float]:
    """Return the seconds that each of some small appended writes took to reach the disk."""
    taken = []
    with tempfile.TemporaryFile(dir=directory) as file:
        for _ in range(rounds):
            began = time.perf_counter()
            file.write(b"x" * 512)
            file.flush()
            os.fdatasync(file.fileno()) if hasattr(os, "fdatasync") else os.fsync(file.fileno())
            taken.append(time.perf_counter() - began)
    return taken


def check_port(settings: Settings) -> Finding:
    """Look whether the port is free, or held by Winnow itself."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104  Only compared with.
    if settings.port == 0:
        return ok("port", "The system chooses one.")
    if _is_winnow(host, settings.port):
        return ok("port", f"Winnow answers on port {settings.port}.")
    try:
        with socket.create_server((host, settings.port), family=_family(host)):
            return ok("port", f"Port {settings.port} is free.")
    except OSError as error:
        hint = "Choose another with WINNOW_PORT or --port."
        return fail("port", f"Port {settings.port} on {settings.host} cannot be had: {error.strerror}.", hint)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _is_winnow(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=1.0)
    try:
        connection.request("GET", "/readyz")
        return "checks" in connection.getresponse().read(4096).decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def check_proxy(settings: Settings) -> Finding:
    """Look whether address, proxies and public URL fit together."""
    is_https = (settings.public_url or "").startswith("https://")
    if is_https and settings.trusted_proxies == 0:
        hint = "Set WINNOW_TRUSTED_PROXIES to the number of proxies in front."
        return warn("proxy", "There is a public https address, but no proxy is trusted.", hint)
    if settings.trusted_proxies and not is_https:
        hint = "Set WINNOW_PUBLIC_URL to the address that browsers use."
        return warn("proxy", "A proxy is trusted, but there is no public https address.", hint)
    if not _is_loopback(settings.host) and not is_https:
        hint = "Put a reverse proxy with TLS in front; see docs/operations.md."
        return warn("proxy", f"Winnow listens on {settings.host} without TLS.", hint)
    return ok("proxy", settings.public_url or f"Only this machine can reach it ({settings.host}).")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
