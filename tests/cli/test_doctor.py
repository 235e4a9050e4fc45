"""``winnow doctor`` says what is wrong and how to mend it, and fails only if something is broken."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis

from moderation.cli.checkup import host, services
from moderation.cli.checkup.findings import Status
from moderation.config import Settings
from moderation.keyring_file import load_keyring
from moderation.store.checks import StoreFacts
from moderation.store.embedded import prepare_directories, running_store
from tests.processes import clean_environ

ALL = "python data-dir secret socket fsync port proxy model store engine clock worker webhooks".split()


def doctor(data_dir: Path, **environ: str) -> tuple[int, dict[str, dict[str, Any]]]:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = str(found.getsockname()[1])
    done = subprocess.run(
        [sys.executable, "-m", "moderation.cli", "doctor", "--json", "--data-dir", str(data_dir)],
        env=clean_environ(**{"WINNOW_PORT": port, **environ}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, {check["id"]: check for check in json.loads(done.stdout)["checks"]}


@pytest.fixture
def installed(settings: Settings) -> Settings:
    """A data directory as the first start leaves it."""
    load_keyring(settings)
    prepare_directories(settings)
    return settings


@pytest.mark.slow
def test_fresh_installation_is_well(installed: Settings) -> None:
    code, checks = doctor(installed.data_dir)

    assert list(checks) == ALL
    assert code == 0
    odd = {name: check for name, check in checks.items() if check["status"] != "ok"}
    assert set(odd) <= {"worker", "data-dir", "fsync", "model"}, odd  # Those depend on the machine of the test.
    assert checks["worker"]["status"] == "warn"
    assert checks["worker"]["hint"]


@pytest.mark.slow
def test_every_finding_that_is_not_ok_has_a_hint(tmp_path: Path) -> None:
    code, checks = doctor(tmp_path / "absent", WINNOW_HOST="0.0.0.0", WINNOW_TRUSTED_PROXIES="1")

    assert code == 0
    assert {"data-dir", "secret", "proxy"} <= {name for name, check in checks.items() if check["status"] == "warn"}
    assert all(check["hint"] for check in checks.values() if check["status"] != "ok")
    assert not (tmp_path / "absent").exists()


@pytest.mark.slow
def test_wrong_settings_are_all_listed(tmp_path: Path) -> None:
    code, checks = doctor(tmp_path, WINNOW_PORT="x")

    assert code == 1
    assert checks["settings"]["status"] == "fail"
    assert "winnow.E007" in checks["settings"]["sentence"]


@pytest.mark.slow
def test_secret_file_that_others_can_read_fails(installed: Settings) -> None:
    installed.secret_path.chmod(0o644)

    code, checks = doctor(installed.data_dir)

    assert code == 1
    assert checks["secret"]["status"] == "fail"
    assert "chmod 600" in checks["secret"]["hint"]


@pytest.mark.slow
def test_unsafe_store_fails_with_what_to_change(installed: Settings) -> None:
    with running_store(installed) as url, redis.Redis.from_url(url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")

        code, checks = doctor(installed.data_dir)

    assert code == 1
    assert "maxmemory-policy noeviction" in checks["store"]["hint"]


@pytest.mark.slow
def test_absent_outside_store_fails(installed: Settings) -> None:
    environ = {"WINNOW_REDIS_URL": "redis://127.0.0.1:1/0", "WINNOW_SECRET_KEY_FILE": str(installed.secret_path)}

    code, checks = doctor(installed.data_dir, **environ)

    assert code == 1
    assert "cannot be reached" in checks["store"]["sentence"]


@pytest.mark.slow
def test_broken_model_fails_with_the_way_back(installed: Settings) -> None:
    (installed.models_dir / "site-1").mkdir(parents=True)
    (installed.models_dir / "site-1" / "manifest.json").write_text("{")
    (installed.models_dir / "current").symlink_to("site-1")

    code, checks = doctor(installed.data_dir)

    assert code == 1
    assert checks["model"]["status"] == "fail"
    assert "rollback" in checks["model"]["hint"]


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that another program has."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@pytest.mark.slow
def test_port_of_another_program_fails(settings: Settings, taken: int) -> None:
    finding = host.check_port(replace(settings, port=taken))

    assert finding.status is Status.FAIL
    assert "--port" in finding.hint


def test_directory_that_others_can_enter_warns(installed: Settings) -> None:
    installed.data_dir.chmod(0o755)

    finding = host.check_data_dir(installed)

    assert finding.status is Status.WARN
    assert finding.hint == f"Run: chmod 700 {installed.data_dir}"


@pytest.mark.parametrize("free, status", [(50 << 20, Status.FAIL), (500 << 20, Status.WARN)], ids=["empty", "low"])
def test_full_disk_is_said(installed: Settings, monkeypatch: pytest.MonkeyPatch, free: int, status: Status) -> None:
    usage = type("Usage", (), {"free": free})
    monkeypatch.setattr(host.shutil, "disk_usage", lambda _: usage)

    assert host.check_data_dir(installed).status is status


@pytest.mark.parametrize("kind", ["nfs4", "tmpfs"])
def test_file_system_that_does_not_keep_promises_warns(
    installed: Settings, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(host, "file_system", lambda _: kind)
    usage = type("Usage", (), {"free": 1 << 40})
    monkeypatch.setattr(host.shutil, "disk_usage", lambda _: usage)

    finding = host.check_data_dir(installed)

    assert finding.status is Status.WARN
    assert kind in finding.sentence


def test_file_system_of_proc_is_known() -> None:
    assert host.file_system(Path("/proc/self")) == "proc"


def test_slow_disk_warns(installed: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "measure_fsync", lambda *_: [0.02] * 20)

    assert host.check_fsync(installed).status is Status.WARN


def test_fsync_is_really_measured(installed: Settings) -> None:
    taken = host.measure_fsync(installed.data_dir, 5)

    assert len(taken) == 5
    assert all(0 < seconds < 10 for seconds in taken)


@pytest.mark.parametrize(
    "changes, status",
    [
        ({}, Status.OK),
        ({"host": "::1"}, Status.OK),
        ({"host": "0.0.0.0"}, Status.WARN),
        ({"public_url": "https://comments.example"}, Status.WARN),
        ({"trusted_proxies": 1}, Status.WARN),
        ({"trusted_proxies": 1, "public_url": "https://comments.example", "host": "0.0.0.0"}, Status.OK),
    ],
)
def test_proxy_settings_have_to_fit_together(settings: Settings, changes: dict[str, Any], status: Status) -> None:
    assert host.check_proxy(replace(settings, **changes)).status is status


@pytest.mark.parametrize(
    "engine, version, is_embedded, status",
    [
        ("Valkey", (9, 1, 2), True, Status.OK),
        ("Valkey", (9, 1, 1), True, Status.WARN),
        ("Valkey", (9, 0, 0), False, Status.WARN),
        ("Valkey", (8, 1, 8), False, Status.OK),
        ("Redis", (7, 0, 15), False, Status.OK),
    ],
)
def test_old_engine_warns(engine: str, version: tuple[int, ...], is_embedded: bool, status: Status) -> None:
    assert services.check_engine(StoreFacts(engine, version, 0.0), is_embedded=is_embedded).status is status


@pytest.mark.parametrize("skew, status", [(0.0, Status.OK), (5.0, Status.WARN), (-60.0, Status.FAIL)])
def test_clock_that_is_off_is_said(monkeypatch: pytest.MonkeyPatch, skew: float, status: Status) -> None:
    monkeypatch.setattr(services.time, "time", lambda: 1_000_000.0)

    assert services.check_clock(StoreFacts("Valkey", (9, 1, 2), 1_000_000.0 + skew)).status is status
