"""Backups: everything comes back, nothing else gets in."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import signal
import stat
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis

from moderation.backup.archive import ArchiveRefused, Manifest, read_archive
from moderation.backup.snapshot import restore_backup, write_backup
from moderation.config import Settings
from moderation.core.errors import InvalidInput, SettingsError, StoreUnavailable
from moderation.keyring_file import load_keyring
from moderation.store.embedded import running_store


def quiet(_: int) -> None:
    """Nobody looks at the progress."""


def winnow(*arguments: str, data_dir: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "moderation.cli", *arguments, "--data-dir", str(data_dir)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def read_all(settings: Settings) -> dict[bytes, bytes]:
    with running_store(settings) as url, redis.Redis.from_url(url) as client:
        return {key: client.dump(key) for key in client.scan_iter()}


@pytest.fixture
def filled(settings: Settings) -> Settings:
    """An installation with data of every type, a promoted model and a key."""
    load_keyring(settings)
    with running_store(settings) as url, redis.Redis.from_url(url) as client:
        client.hset("w:{a}:c:1", mapping={"content": "Grüße", "version": 1})
        client.zadd("w:{a}:s:pending", {"1": 1_700_000_000_000})
        client.xadd("w:{a}:audit", {"e": "{}"})
        client.sadd("w:sites", "a")
        client.set("w:{a}:l:1", "x" * 10_000)
    version = settings.models_dir / "site-2"
    version.mkdir(parents=True)
    (version / "manifest.json").write_text('{"version": "site-2"}')
    (version / "weights.npy").write_bytes(os.urandom(5000))
    (settings.models_dir / "history").write_text("site-2\n")
    (settings.models_dir / "current").symlink_to("site-2")
    return settings


@pytest.mark.slow
def test_everything_comes_back(filled: Settings, tmp_path: Path) -> None:
    file = tmp_path / "backup.tar.gz"
    restored = replace(filled, data_dir=tmp_path / "restored")

    written = winnow("backup", str(file), "--json", data_dir=filled.data_dir)
    read = winnow("restore", str(file), data_dir=restored.data_dir)

    assert written.returncode == 0, written.stderr
    assert read.returncode == 0, read.stderr
    assert json.loads(written.stdout)["bytes"] == file.stat().st_size
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read_all(restored) == read_all(filled)
    assert load_keyring(restored).newest.secret == load_keyring(filled).newest.secret
    assert stat.S_IMODE(restored.secret_path.stat().st_mode) == 0o600
    assert (restored.models_dir / "current").readlink() == Path("site-2")
    weights = Path("models/site-2/weights.npy")
    assert (restored.data_dir / weights).read_bytes() == (filled.data_dir / weights).read_bytes()


@pytest.mark.slow
def test_restored_store_is_durable_at_once(filled: Settings, tmp_path: Path) -> None:
    write_backup(filled, tmp_path / "b", with_secrets=True, progress=quiet)
    restored = replace(filled, data_dir=tmp_path / "restored")
    restore_backup(restored, tmp_path / "b", progress=quiet)

    with running_store(restored) as url, redis.Redis.from_url(url) as client:
        client.set("later", "1")
        assert client.config_get("append*")["appendfsync"] == "always"
        os.kill(client.info("server")["process_id"], signal.SIGKILL)

    assert read_all(restored).keys() == read_all(filled).keys() | {b"later"}


@pytest.mark.slow
def test_backup_is_one_point_in_time_while_the_service_runs(filled: Settings, tmp_path: Path) -> None:
    with running_store(filled) as url, redis.Redis.from_url(url) as client:
        client.set("before", "1")
        done = winnow("backup", str(tmp_path / "b"), data_dir=filled.data_dir)
        client.set("after", "1")

    assert done.returncode == 0, done.stderr
    restored = replace(filled, data_dir=tmp_path / "restored")
    restore_backup(restored, tmp_path / "b", progress=quiet)
    assert b"before" in read_all(restored)
    assert b"after" not in read_all(restored)


def test_no_snapshot_stays_behind(filled: Settings, tmp_path: Path) -> None:
    write_backup(filled, tmp_path / "b", with_secrets=True, progress=quiet)
    assert not list(filled.data_dir.rglob("*.rdb.*"))
    assert not (filled.store_dir / "dump.rdb").exists()

    (filled.store_dir / "dump.rdb").write_text("left by a backup that was killed")
    read_all(filled)
    assert not (filled.store_dir / "dump.rdb").exists()


@pytest.mark.slow
def test_secrets_can_stay_out(filled: Settings, tmp_path: Path) -> None:
    file = tmp_path / "b"
    assert winnow("backup", str(file), "--without-secrets", data_dir=filled.data_dir).returncode == 0

    done = winnow("restore", str(file), data_dir=tmp_path / "restored")

    assert "holds no secret keys" in done.stdout
    assert not (tmp_path / "restored" / "secret.keys").exists()
    secret = filled.secret_path.read_bytes().strip()
    assert secret not in gzip.decompress(file.read_bytes())


@pytest.mark.slow
def test_restore_refuses_a_directory_that_holds_something(filled: Settings, tmp_path: Path) -> None:
    write_backup(filled, tmp_path / "b", with_secrets=True, progress=quiet)

    done = winnow("restore", str(tmp_path / "b"), data_dir=filled.data_dir)

    assert done.returncode == 2
    assert "is not empty" in done.stderr


@pytest.mark.slow
def test_restore_into_an_empty_directory_works(filled: Settings, tmp_path: Path) -> None:
    write_backup(filled, tmp_path / "b", with_secrets=True, progress=quiet)
    (tmp_path / "empty").mkdir()

    restore_backup(replace(filled, data_dir=tmp_path / "empty"), tmp_path / "b", progress=quiet)

    assert (tmp_path / "empty" / "secret.keys").exists()


def test_existing_file_is_not_overwritten(filled: Settings, tmp_path: Path) -> None:
    (tmp_path / "b").write_text("precious")

    with pytest.raises(InvalidInput, match="exists already"):
        write_backup(filled, tmp_path / "b", with_secrets=True, progress=quiet)
    assert (tmp_path / "b").read_text() == "precious"


def test_outside_store_is_left_to_its_own_snapshots(settings: Settings, tmp_path: Path) -> None:
    outside = replace(settings, redis_url="redis://127.0.0.1:1/0")

    for act in (
        lambda: write_backup(outside, tmp_path / "b", with_secrets=True, progress=quiet),
        lambda: restore_backup(outside, tmp_path / "b", progress=quiet),
    ):
        with pytest.raises(SettingsError, match="server's own snapshots"):
            act()


@pytest.mark.slow
def test_nothing_to_back_up_gives_a_sentence(settings: Settings, tmp_path: Path) -> None:
    done = winnow("backup", str(tmp_path / "b"), data_dir=settings.data_dir)

    assert done.returncode == 2
    assert "nothing to back up" in done.stderr
    assert not (tmp_path / "b").exists()


# --- Hostile and damaged archives. Each starts as a sound one; ``tamper`` changes one thing. ---


Members = list[tuple[tarfile.TarInfo, bytes]]


def pack(path: Path, members: Members) -> Path:
    with gzip.open(path, "wb") as zipped:
        for member, data in members:
            zipped.write(member.tobuf(tarfile.GNU_FORMAT) + data + b"\0" * (-len(data) % 512))
        zipped.write(b"\0" * 1024)
    return path


def file_member(name: str, data: bytes) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    return info, data


def manifest_of(contents: dict[str, bytes], **changes: Any) -> bytes:
    entries = {name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)} for name, data in contents.items()}
    document = {
        "format": 1,
        "created_at": "2026-11-23T00:00:00Z",
        "winnow": "0.1.0",
        "engine": "9.1.2",
        "current_model": None,
        "files": entries,
    }
    return json.dumps({**document, **changes}).encode()


def sound(extra: dict[str, bytes] | None = None, **changes: Any) -> Members:
    files = {"store/dump.rdb": b"REDIS0011", **(extra or {})}
    members = [file_member("manifest.json", manifest_of(files, **changes))]
    return members + [file_member(name, data) for name, data in files.items()]


def change_type(kind: bytes, link: str = "") -> Callable[[], Members]:
    def build() -> Members:
        members = sound()
        members[1][0].type = kind
        members[1][0].linkname = link
        return members

    return build


def renamed(name: str) -> Callable[[], Members]:
    return lambda: sound({name: b"x"})


def unannounced() -> Members:
    return [*sound(), file_member("models/history", b"x")]


def twice() -> Members:
    members = sound()
    return [*members, members[1]]


def lacking() -> Members:
    return sound({"secret.keys": b"k1:00"})[:-1]


def wrong_sum() -> Members:
    members = sound()
    return [members[0], file_member("store/dump.rdb", b"REDIS0012")]


def wrong_size() -> Members:
    members = sound()
    return [members[0], file_member("store/dump.rdb", b"REDIS00111")]


def negative_size() -> Members:
    members = sound()
    members[0][0].size = -1
    return members


def newer() -> Members:
    return sound(format=2)


def foreign_current() -> Members:
    return sound({"models/a/manifest.json": b"{}"}, current_model="../../etc")


def bomb() -> Members:
    return sound({"models/a/weights.npy": b"\0" * (70 << 20)})


def nested_manifest() -> Members:
    return [file_member("manifest.json", b'{"a":' * 100_000)]


def huge_size_claim() -> Members:
    entry = {"sha256": "0" * 64, "size": 10**15}
    return [file_member("manifest.json", manifest_of({}, files={"store/dump.rdb": entry}))]


HOSTILE: dict[str, Callable[[], Members]] = {
    "symbolic link": change_type(tarfile.SYMTYPE, "/etc/passwd"),
    "hard link": change_type(tarfile.LNKTYPE, "secret.keys"),
    "device": change_type(tarfile.CHRTYPE),
    "directory": change_type(tarfile.DIRTYPE),
    "extended header": change_type(tarfile.XHDTYPE),
    "absolute path": renamed("/tmp/winnow-was-here"),
    "path above": renamed("../winnow-was-here"),
    "path above in a model": renamed("models/../../winnow-was-here"),
    "hidden model": renamed("models/.current/x"),
    "link of the models": renamed("models/current"),
    "not announced": unannounced,
    "same file twice": twice,
    "file missing": lacking,
    "wrong checksum": wrong_sum,
    "wrong size": wrong_size,
    "negative size": negative_size,
    "newer format": newer,
    "foreign current model": foreign_current,
    "bomb": bomb,
    "nested manifest": nested_manifest,
    "claim of a petabyte": huge_size_claim,
    "no manifest": lambda: sound()[1:],
    "empty": list,
}


@pytest.mark.slow
@pytest.mark.parametrize("tamper", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_archive_is_refused_and_leaves_nothing(
    tamper: Callable[[], Members], settings: Settings, tmp_path: Path
) -> None:
    file = pack(tmp_path / "b", tamper())
    before = set(tmp_path.rglob("*"))

    with pytest.raises(ArchiveRefused):
        restore_backup(settings, file, progress=quiet)

    assert set(tmp_path.rglob("*")) == before
    assert not Path("/tmp/winnow-was-here").exists()


def test_negative_size_is_not_read_at_all(settings: Settings, tmp_path: Path) -> None:
    """A read of minus one byte is a read of everything, however much it expands to."""
    with pytest.raises(ArchiveRefused, match="not a plain file"):
        restore_backup(settings, pack(tmp_path / "b", negative_size()), progress=quiet)


def test_the_archive_that_is_tampered_with_is_sound_before(tmp_path: Path) -> None:
    seen: list[Manifest] = []
    (tmp_path / "target").mkdir()

    read_archive(pack(tmp_path / "b", sound()), tmp_path / "target", accept=seen.append, progress=quiet)

    assert seen[0].total_bytes == 9
    assert (tmp_path / "target" / "store" / "dump.rdb").read_bytes() == b"REDIS0011"


@pytest.mark.slow
@pytest.mark.parametrize(
    "data",
    [b"", b"hello", gzip.compress(b"hello"), gzip.compress(b"\xff" * 512), gzip.compress(b"x" * 5000)[:-9]],
    ids=["empty", "text", "short", "garbage", "cut"],
)
def test_rubbish_gives_a_sentence(data: bytes, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(data)

    done = winnow("restore", str(tmp_path / "b"), data_dir=settings.data_dir)

    assert done.returncode == 2
    assert re.search(r"not a backup|damaged", done.stderr)
    assert "Traceback" not in done.stderr
    assert not settings.data_dir.exists()


def test_cut_backup_is_refused(filled: Settings, tmp_path: Path) -> None:
    write_backup(filled, tmp_path / "b", with_secrets=True, progress=quiet)
    data = (tmp_path / "b").read_bytes()
    (tmp_path / "b").write_bytes(data[: len(data) // 2])

    with pytest.raises(ArchiveRefused, match="damaged"):
        restore_backup(replace(filled, data_dir=tmp_path / "restored"), tmp_path / "b", progress=quiet)


def test_snapshot_that_cannot_be_loaded_leaves_nothing(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="did not start"):
        restore_backup(settings, pack(tmp_path / "b", sound()), progress=quiet)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["b"]


@pytest.mark.slow
def test_size_of_the_bomb_is_small(tmp_path: Path) -> None:
    """The bomb of the table above is one: it would grow by far more than a snapshot does."""
    size = pack(tmp_path / "b", bomb()).stat().st_size

    assert (70 << 20) / size > 500
