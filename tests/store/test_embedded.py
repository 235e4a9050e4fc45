"""The embedded store: durable settings, one owner, attaching, orphans, torn files."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from moderation.config import Settings
from moderation.core.errors import SettingsError, StoreUnavailable
from moderation.store import launch
from moderation.store.embedded import SOCKET_PATH_BYTES, EmbeddedStore, running_store, socket_path
from tests.processes import is_running, wait_for

HOLDER = """
import sys
import tempfile
from pathlib import Path
from moderation.config import Settings
from moderation.store import launch
from moderation.store.embedded import running_store
launch.__file__ = sys.argv[3]
settings = Settings(data_dir=Path(sys.argv[1]))
with running_store(settings, command=sys.argv[2]) as url:
    print(url, flush=True)
    sys.stdin.readline()
print("closed", flush=True)
"""


@contextmanager
def holder(
    data_dir: Path, command: str = "winnow site add", launcher: Path = Path(launch.__file__)
) -> Iterator[subprocess.Popen[str]]:
    """Another process that keeps the store open until its standard input gets a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(data_dir), command, str(launcher)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def read_url(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    lines = iter(process.stdout.readline, "")
    return next(line.strip() for line in lines if line.startswith("unix://"))


def finish(process: subprocess.Popen[str]) -> None:
    process.communicate("\n", timeout=20)


def client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)


@pytest.mark.parametrize(
    "directive, value",
    [
        ("appendonly", "yes"),
        ("appendfsync", "always"),
        ("no-appendfsync-on-rewrite", "no"),
        ("maxmemory-policy", "noeviction"),
        ("enable-debug-command", "no"),
        ("aof-load-truncated", "yes"),
        ("port", "0"),
        ("save", ""),
        ("hide-user-data-from-log", "yes"),
        ("hash-max-listpack-value", "4096"),
        ("hash-max-listpack-entries", "128"),
    ],
)
def test_server_runs_with_durable_settings(store_url: str, directive: str, value: str) -> None:
    with client(store_url) as connection:
        assert connection.config_get(directive) == {directive: value}


def test_socket_and_directories_are_private(settings: Settings) -> None:
    with running_store(settings):
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (settings.data_dir, settings.run_dir)}
        assert modes == {"data": 0o700, "run": 0o700}
        assert stat.S_IMODE(socket_path(settings).stat().st_mode) == 0o700
        appended = list((settings.store_dir / "appendonlydir").iterdir())
        assert appended
        assert all(not path.stat().st_mode & 0o077 for path in appended)


def test_data_outlives_the_command(settings: Settings) -> None:
    with running_store(settings) as url, client(url) as connection:
        connection.set("kept", "yes")

    with running_store(settings) as url, client(url) as connection:
        assert connection.get("kept") == b"yes"


def test_path_with_blanks_and_quotes_works(tmp_path: Path) -> None:
    odd = Settings(data_dir=tmp_path / 'a "b" \\ ü')

    with running_store(odd) as url, client(url) as connection:
        assert connection.ping()


@pytest.mark.slow
def test_second_command_attaches_to_the_running_server(settings: Settings) -> None:
    with running_store(settings) as first, client(first) as connection, holder(settings.data_dir) as other:
        second = read_url(other)

        assert second == first
        assert connection.info("server")["process_id"] == client(second).info("server")["process_id"]
        finish(other)
        assert connection.ping()


@pytest.mark.slow
def test_owner_waits_for_those_who_attached(settings: Settings) -> None:
    with holder(settings.data_dir) as owner:
        url = read_url(owner)
        with holder(settings.data_dir) as attached:
            read_url(attached)
            assert owner.stdin is not None
            owner.stdin.write("\n")
            owner.stdin.flush()

            with pytest.raises(subprocess.TimeoutExpired):
                owner.wait(timeout=0.5)
            with client(url) as connection:
                assert connection.ping()
            finish(attached)
            owner.wait(timeout=10)


@pytest.mark.slow
def test_many_commands_at_once_share_one_server(settings: Settings) -> None:
    script = HOLDER.replace("sys.stdin.readline()", "import redis; redis.Redis.from_url(url).incr('n')")
    command = [sys.executable, "-c", script, str(settings.data_dir), "winnow site add", launch.__file__]

    racers = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(6)]

    assert [racer.wait(timeout=60) for racer in racers] == [0] * 6
    with running_store(settings) as url, client(url) as connection:
        assert connection.get("n") == b"6"


@pytest.mark.slow
def test_server_dies_with_a_killed_parent_and_the_next_start_works(settings: Settings) -> None:
    with holder(settings.data_dir) as owner:
        with client(read_url(owner)) as connection:
            connection.set("acknowledged", "1")
            server = int(connection.info("server")["process_id"])
        owner.kill()
        owner.wait()

    if sys.platform == "linux":
        wait_for(lambda: not is_running(server), seconds=5, what="end of the server")
    with running_store(settings) as url, client(url) as connection:
        assert connection.get("acknowledged") == b"1"


@pytest.mark.slow
@pytest.mark.parametrize("is_stopped", [False, True], ids=["running", "stopped"])
def test_orphan_that_lives_on_is_taken_over(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_stopped: bool
) -> None:
    monkeypatch.setattr("moderation.store.embedded.ORPHAN_SECONDS", 0.5)
    with holder(settings.data_dir, launcher=without_death_signal(tmp_path)) as owner:
        with client(read_url(owner)) as connection:
            connection.set("acknowledged", "1")
            orphan = int(connection.info("server")["process_id"])
        owner.kill()
        owner.wait()
    os.kill(orphan, signal.SIGSTOP if is_stopped else 0)  # Signal 0 checks that it does live on.

    store = EmbeddedStore(settings, command="winnow serve")
    store.own()
    assert not is_running(orphan)  # Two servers on one file would ruin it.
    store.start()

    try:
        assert store.pid != orphan
        with client(store.url) as connection:
            assert connection.get("acknowledged") == b"1"
    finally:
        store.close()


def without_death_signal(tmp_path: Path) -> Path:
    """A launcher as it behaves where the system cannot tell a child of its parent's death."""
    launcher = tmp_path / "launch.py"
    source = Path(launch.__file__).read_text(encoding="utf-8")
    assert 'sys.platform == "linux"' in source
    launcher.write_text(source.replace('sys.platform == "linux"', "False"), encoding="utf-8")
    return launcher


def test_two_services_on_one_directory_are_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moderation.store.embedded.SERVICE_WAIT_SECONDS", 0.1)
    with holder(settings.data_dir, "winnow serve") as owner:
        read_url(owner)

        with pytest.raises(StoreUnavailable, match=rf"already runs on .*winnow serve, process {owner.pid}"):
            EmbeddedStore(settings, command="winnow serve").own()
        finish(owner)


def test_left_over_files_do_not_block_a_start(settings: Settings) -> None:
    settings.run_dir.mkdir(parents=True)
    for name in ("owner.lock", "store.lock", "users.lock", "valkey.conf"):
        (settings.run_dir / name).write_text('{"pid": 1, "socket": "/nonexistent"')
    (settings.run_dir / "valkey.sock").touch()

    with running_store(settings) as url, client(url) as connection:
        assert connection.ping()


def test_torn_tail_of_the_file_is_loaded(settings: Settings) -> None:
    with running_store(settings) as url, client(url) as connection:
        for number in range(50):
            connection.set(f"key{number}", "x" * 100)
    (increment,) = (settings.store_dir / "appendonlydir").glob("*.incr.aof")
    with increment.open("r+b") as file:
        file.truncate(increment.stat().st_size - 7)

    with running_store(settings) as url, client(url) as connection:
        assert connection.get("key48") == b"x" * 100
        assert connection.get("key49") is None


def test_damaged_file_gives_a_sentence(settings: Settings) -> None:
    with running_store(settings) as url, client(url) as connection:
        for number in range(50):
            connection.set(f"key{number}", "x" * 100)
    (increment,) = (settings.store_dir / "appendonlydir").glob("*.incr.aof")
    data = bytearray(increment.read_bytes())
    data[200:500] = b"?" * 300
    increment.write_bytes(data)

    with (
        pytest.raises(StoreUnavailable, match=r"did not start: Bad file format .* Its log is"),
        running_store(settings),
    ):
        pass


@pytest.fixture
def runtime() -> Iterator[Path]:
    """Give a directory for sockets whose own path is short; those of tests may be too long already."""
    with tempfile.TemporaryDirectory() as found:
        yield Path(found)


def test_long_path_gets_a_short_private_socket(tmp_path: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    deep = Settings(data_dir=tmp_path / ("d" * 60) / ("e" * 60))

    with running_store(deep) as url, client(url) as connection:
        assert connection.ping()
        path = socket_path(deep)
        assert len(os.fsencode(path)) <= SOCKET_PATH_BYTES
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(runtime.iterdir()) == []

    with running_store(deep) as url, client(url) as connection:
        assert connection.ping()


def test_long_temporary_directory_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path / ("t" * 90)
    long.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    monkeypatch.setattr(tempfile, "tempdir", str(long))

    with running_store(Settings(data_dir=long / "data")) as url, client(url) as connection:
        assert connection.ping()
        used = Path(url.removeprefix("unix://")).parent
    assert not used.exists()


def test_short_directory_of_a_stranger_is_refused(
    tmp_path: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    deep = Settings(data_dir=tmp_path / ("d" * 60) / ("e" * 60))
    socket_path(deep).parent.chmod(0o755)

    with pytest.raises(SettingsError, match=r"winnow\.E013"):
        socket_path(deep)


def test_data_directory_that_is_a_file_gives_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(SettingsError, match=r"winnow\.E001"), running_store(Settings(data_dir=tmp_path / "file" / "x")):
        pass


def test_outside_store_is_passed_through(tmp_path: Path) -> None:
    outside = Settings(data_dir=tmp_path / "data", redis_url="redis://localhost:1/0")

    with running_store(outside) as url:
        assert url == "redis://localhost:1/0"
    assert not (tmp_path / "data").exists()


def test_killed_server_can_be_started_again_at_the_same_address(settings: Settings) -> None:
    store = EmbeddedStore(settings, command="winnow serve")
    store.own()
    store.start()
    try:
        with client(store.url) as connection:
            connection.set("acknowledged", "1")
        assert store.pid is not None
        os.kill(store.pid, signal.SIGKILL)
        wait_for(lambda: store.poll() is not None, seconds=5, what="end of the server")

        store.start()

        with client(store.url) as connection:
            assert connection.get("acknowledged") == b"1"
    finally:
        store.close()
