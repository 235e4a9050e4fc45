"""Getting everything out of an embedded installation, and into a new one.

Owns the steps. A snapshot is one point in time: the server forks and writes what it held at that moment, while it goes
on serving. Its file is removed as soon as it is in the backup, since comments that are erased later must not survive in
it. Restoring happens beside the target, which appears only when it is complete.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import redis

from moderation.backup.archive import (
    SECRETS,
    SNAPSHOT,
    ArchiveRefused,
    Manifest,
    Progress,
    measure,
    read_archive,
    write_archive,
)
from moderation.config import Settings
from moderation.core.errors import InvalidInput, Problem, SettingsError, StoreUnavailable
from moderation.files import FileLock, fsync_directory, make_private_directory
from moderation.store.checks import read_facts
from moderation.store.embedded import discard_socket, prepare_directories, running_store, socket_path
from moderation.store.valkey_process import Places, ValkeyProcess

SNAPSHOT_SECONDS = 3600.0
POLL_SECONDS = 0.02
SPARE_BYTES = 100 << 20
CURRENT = "current"  # The link in the models' directory; see model.registry.
RESTORING = {"appendonly": "no", "sanitize-dump-payload": "yes"}


def refuse_outside_store(settings: Settings) -> None:
    """Raise SettingsError if the store is not ours to copy."""
    if settings.redis_url is not None:
        detail = "The store is an outside Redis, which Winnow does not back up."
        hint = "Use that server's own snapshots, and keep the secret key file and the models with them."
        raise SettingsError([Problem("winnow.E015", detail, hint)])


def write_backup(settings: Settings, path: Path, *, with_secrets: bool, progress: Progress) -> Manifest:
    """Write a backup of everything; the service may go on running.

    Args:
        settings: Of an embedded installation.
        path: A file that does not exist yet.
        with_secrets: Whether the keys go in; without them, the backup alone cannot be joined with new comments.
        progress: Called with the number of bytes read, again and again.

    Raises:
        InvalidInput: If the file exists, or there is nothing to back up.
        SettingsError: If the store is an outside one.
        StoreUnavailable: If the store cannot write a snapshot.
    """
    refuse_outside_store(settings)
    if path.exists():
        raise InvalidInput(f"{path} exists already; choose another name.")
    if not settings.data_dir.is_dir():
        raise InvalidInput(f"{settings.data_dir} does not exist, so there is nothing to back up.")
    with running_store(settings, command="winnow backup") as url, redis.Redis.from_url(url) as client:
        engine = ".".join(map(str, read_facts(client).version))
        with _snapshot(settings, client) as snapshot:
            sources = {SNAPSHOT: snapshot, **_files_to_keep(settings, with_secrets=with_secrets)}
            manifest = Manifest(
                created_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
                winnow=_own_version(),
                engine=engine,
                current_model=_current_model(settings),
                files={name: measure(source) for name, source in sources.items()},
            )
            _write_whole(path, manifest, sources, progress)
    return manifest


def _write_whole(path: Path, manifest: Manifest, sources: Mapping[str, Path], progress: Progress) -> None:
    """Write beside the target and rename, so that a backup is complete or not there."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            write_archive(file, manifest, sources, progress=progress)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    fsync_directory(path.parent)


@contextmanager
def _snapshot(settings: Settings, client: redis.Redis) -> Iterator[Path]:
    """Have the server write what it holds now; the file is gone afterwards."""
    lock = FileLock(settings.run_dir / "backup.lock")
    if not lock.acquire(exclusive=True):
        raise StoreUnavailable("Another backup is being written; try again when it is done.")
    path = settings.store_dir / "dump.rdb"
    try:
        _save(client)
        yield path
    finally:
        path.unlink(missing_ok=True)
        lock.release()


def _save(client: redis.Redis) -> None:
    before = client.info("persistence")["rdb_saves"]
    client.bgsave(schedule=True)  # Scheduled, since a rewrite of the append-only file may be running.
    deadline = time.monotonic() + SNAPSHOT_SECONDS
    while (facts := client.info("persistence"))["rdb_saves"] == before or facts["rdb_bgsave_in_progress"]:
        if time.monotonic() > deadline:
            raise StoreUnavailable("The store did not begin a snapshot in time.")
        time.sleep(POLL_SECONDS)
    if facts["rdb_last_bgsave_status"] != "ok":
        raise StoreUnavailable("The store could not write a snapshot; is the disk full?")


def _wait(client: redis.Redis, name: str, value: int, deadline: float) -> None:
    while client.info("persistence")[name] != value:
        if time.monotonic() > deadline:
            raise StoreUnavailable("The store did not finish in time.")
        time.sleep(POLL_SECONDS)


def _files_to_keep(settings: Settings, *, with_secrets: bool) -> dict[str, Path]:
    found = {}
    if with_secrets and settings.secret_path.is_file():
        found[SECRETS] = settings.secret_path
    models = settings.models_dir
    for path in sorted(models.rglob("*")):
        name = path.relative_to(models)
        is_hidden = any(part.startswith(".") for part in name.parts)
        if path.is_file() and not is_hidden and name.parts[0] != CURRENT:
            found[f"models/{name.as_posix()}"] = path
    return found


def _current_model(settings: Settings) -> str | None:
    link = settings.models_dir / CURRENT
    return link.readlink().name if link.is_symlink() else None


def _own_version() -> str:
    try:
        return version("winnow")
    except PackageNotFoundError:
        return "unknown"


def restore_backup(settings: Settings, path: Path, *, progress: Progress) -> Manifest:
    """Fill a new data directory from a backup.

    Raises:
        InvalidInput: If the directory holds something, or the file is not a sound backup.
        SettingsError: If the store is an outside one.
        StoreUnavailable: If the snapshot cannot be loaded.
    """
    refuse_outside_store(settings)
    target = settings.data_dir
    if target.exists() and any(target.iterdir()):
        raise InvalidInput(f"{target} is not empty; restore into a new directory.")
    beside = target.with_name(f".{target.name}.restoring-{secrets.token_hex(4)}")
    make_private_directory(beside)
    try:
        manifest = read_archive(path, beside, accept=lambda found: _check_space(found, beside), progress=progress)
        _load_snapshot(replace(settings, data_dir=beside))
        if manifest.current_model is not None:
            (beside / "models" / CURRENT).symlink_to(manifest.current_model)
        shutil.rmtree(beside / "run")
        beside.rename(target)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    fsync_directory(target.parent)
    return manifest


def _check_space(manifest: Manifest, directory: Path) -> None:
    # The snapshot is loaded and written again, so it is there twice for a moment.
    needed = 2 * manifest.total_bytes + SPARE_BYTES
    if shutil.disk_usage(directory).free < needed:
        raise ArchiveRefused(f"The disk has too little space: {needed >> 20} MiB are needed.")


def _load_snapshot(settings: Settings) -> None:
    """Load the snapshot, let the server write its append-only file from it, and stop."""
    prepare_directories(settings)
    places = Places(
        data=settings.store_dir,
        socket=socket_path(settings),
        config=settings.run_dir / "valkey.conf",
        log=settings.logs_dir / "valkey.log",
    )
    process = ValkeyProcess(places, binary=settings.valkey_binary, extra=RESTORING)
    process.start()
    try:
        with redis.Redis(unix_socket_path=str(places.socket)) as client:
            client.config_set("appendonly", "yes")
            deadline = time.monotonic() + SNAPSHOT_SECONDS
            _wait(client, "aof_rewrite_scheduled", 0, deadline)
            _wait(client, "aof_rewrite_in_progress", 0, deadline)
            if client.info("persistence")["aof_last_bgrewrite_status"] != "ok":
                raise StoreUnavailable("The store could not write its file; is the disk full?")
    finally:
        process.stop()
        discard_socket(places.socket, settings)
    (settings.store_dir / "dump.rdb").unlink()
