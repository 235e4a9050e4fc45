"""What other accounts of the machine can see of the running service holds no secret."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import children_of, clean_environ, serving


@pytest.mark.slow
def test_no_secret_is_in_process_lists_or_in_readable_files(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving(data, "--workers", "1") as service:
        service.ready()
        key = _add_site(data)
        secrets = [key, *_secret_values(data)]
        pids = _family(service.process.pid)
        listed = [Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace") for pid in pids]
        said = json.dumps(service.lines())
        modes = {path.name: path.stat().st_mode for path in data.rglob("*") if path.is_file() or path.is_socket()}

        assert len(pids) >= 4, "parent, store, gunicorn and worker"
        for secret in secrets:
            assert not any(secret in line for line in listed)
            assert secret not in said
        for pid in pids:
            assert Path(f"/proc/{pid}/environ").stat().st_mode & (stat.S_IRGRP | stat.S_IROTH) == 0
        assert data.stat().st_mode & 0o077 == 0 or not any(mode & 0o077 for mode in modes.values()), modes


def _add_site(data: Path) -> str:
    command = [sys.executable, "-m", "moderation.cli", "site", "add", "site-a", "https://a.example", "--json"]
    done = subprocess.run(
        [*command, "--data-dir", str(data)], env=clean_environ(), capture_output=True, text=True, check=True
    )
    return str(json.loads(done.stdout)["key"])


def _secret_values(data: Path) -> list[str]:
    lines = (data / "secret.keys").read_text().split()
    found = [line.rpartition(":")[2] for line in lines if len(line.rpartition(":")[2]) > 20]
    assert found
    return found


def _family(pid: int) -> list[int]:
    found = [pid]
    for child in children_of(pid):
        found += _family(child)
    return found
