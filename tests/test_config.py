"""Settings: defaults, ranges, every problem at once, and a page that explains each."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

import pytest

from moderation.config import Settings, field_names, known_variables, variable_of
from moderation.core.errors import SettingsError

PAGE = Path(__file__).parent.parent / "docs" / "configuration.md"


def problems(environ: dict[str, str], **overrides: object) -> dict[str, str]:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ(environ, **overrides)
    return {problem.id: problem.detail for problem in caught.value.problems}


def test_defaults_are_the_documented_ones() -> None:
    settings = Settings.from_environ({})

    assert settings.data_dir == Path(".winnow").absolute()
    assert (settings.host, settings.port, settings.threads) == ("127.0.0.1", 8000, 4)
    assert 2 <= settings.workers <= 4
    assert settings.redis_url is None
    assert settings.trusted_proxies == 0
    assert not settings.allow_unsafe_store
    assert settings.notices == ()


def test_values_are_read_from_the_environment(tmp_path: Path) -> None:
    environ = {
        "WINNOW_DATA_DIR": str(tmp_path),
        "WINNOW_REDIS_URL": "rediss://user:secret@valkey.internal:6380/0",
        "WINNOW_WEBHOOK_ALLOW_NETWORKS": "10.0.0.0/8, fd00::/8",
        "WINNOW_ALLOW_UNSAFE_STORE": "1",
        "WINNOW_PUBLIC_URL": "https://comments.example/",
        "WINNOW_LOG_LEVEL": "WARNING",
    }

    settings = Settings.from_environ(environ, port="9000", host=None)

    assert settings.data_dir == tmp_path
    assert settings.webhook_allow_networks == (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"))
    assert settings.allow_unsafe_store
    assert settings.public_url == "https://comments.example"
    assert settings.log_level == "warning"
    assert (settings.host, settings.port) == ("127.0.0.1", 9000)


def test_password_of_the_store_is_not_shown() -> None:
    settings = Settings.from_environ({"WINNOW_REDIS_URL": "redis://user:hunter2@localhost/0"})

    assert "hunter2" not in repr(settings)


def test_password_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("p@ss/word\n")
    environ = {"WINNOW_REDIS_URL": "redis://valkey:6379/0", "WINNOW_REDIS_PASSWORD_FILE": str(tmp_path / "password")}

    assert Settings.from_environ(environ).redis_url == "redis://:p%40ss%2Fword@valkey:6379/0"
    assert problems({**environ, "WINNOW_REDIS_PASSWORD_FILE": "/nonexistent"}) == {
        "winnow.E011": "WINNOW_REDIS_PASSWORD_FILE cannot be read."
    }


@pytest.mark.parametrize(
    "name, value, problem",
    [
        ("DATA_DIR", __file__, "winnow.E001"),
        ("REDIS_URL", "localhost:6379", "winnow.E002"),
        ("REDIS_URL", "redis://", "winnow.E002"),
        ("REDIS_URL", "redis://host:99999/0", "winnow.E002"),
        ("REDIS_URL", "unix://", "winnow.E002"),
        ("REDIS_URL", "http://host", "winnow.E002"),
        ("REDIS_URL", "redis+sentinel://host", "winnow.E003"),
        ("REDIS_URL", "redis+sentinel://host/main/first", "winnow.E003"),
        ("REDIS_URL", "redis+sentinel://host/main?sentinel_pass=x", "winnow.E003"),
        ("REDIS_URL", "redis+cluster://", "winnow.E003"),
        ("REDIS_URL", "redis+cluster://host:0", "winnow.E003"),
        ("REDIS_URL", "redis+cluster://host,", "winnow.E003"),
        ("REDIS_URL", "redis+cluster://host:port", "winnow.E003"),
        ("REDIS_URL", "redis+cluster://host/1", "winnow.E003"),
        ("SECRET_KEY_FILE", "/nonexistent", "winnow.E004"),
        ("VALKEY_BINARY", "/nonexistent", "winnow.E004"),
        ("ALLOW_UNSAFE_STORE", "maybe", "winnow.E006"),
        ("PORT", "65536", "winnow.E007"),
        ("PORT", "-1", "winnow.E007"),
        ("PORT", "http", "winnow.E007"),
        ("PORT", "9" * 5000, "winnow.E007"),
        ("PORT", "²", "winnow.E007"),
        ("WORKERS", "0", "winnow.E007"),
        ("THREADS", "257", "winnow.E007"),
        ("TRUSTED_PROXIES", "11", "winnow.E007"),
        ("LOG_LEVEL", "loud", "winnow.E008"),
        ("LOG_FORMAT", "xml", "winnow.E008"),
        ("WEBHOOK_ALLOW_NETWORKS", "10.0.0.1/8", "winnow.E009"),
        ("WEBHOOK_ALLOW_NETWORKS", "home", "winnow.E009"),
        ("PUBLIC_URL", "comments.example", "winnow.E010"),
        ("PUBLIC_URL", "https://user@comments.example", "winnow.E010"),
        ("PUBLIC_URL", "https://comments.example?x=1", "winnow.E010"),
        ("PUBLIC_URL", "https://[::1", "winnow.E010"),
        ("HOST", "http://localhost", "winnow.E012"),
    ],
)
def test_wrong_value_is_named_without_being_repeated(name: str, value: str, problem: str) -> None:
    found = problems({f"WINNOW_{name}": value})

    assert list(found) == [problem]
    assert f"WINNOW_{name}" in found[problem]
    assert len(found[problem]) < 120


def test_all_problems_are_reported_at_once() -> None:
    environ = {"WINNOW_PORT": "x", "WINNOW_LOG_LEVEL": "loud", "WINNOW_REDIS_URL": "ftp://host"}

    assert set(problems(environ)) == {"winnow.E002", "winnow.E007", "winnow.E008"}


def test_options_win_over_the_environment() -> None:
    assert Settings.from_environ({"WINNOW_PORT": "x"}, port="8001").port == 8001
    assert "winnow.E007" in problems({"WINNOW_PORT": "8001"}, port="x")


def test_unknown_variable_names_the_nearest_known_one() -> None:
    settings = Settings.from_environ({"WINNOW_REDIS_ULR": "redis://localhost", "PATH": "/bin"})

    (notice,) = settings.notices
    assert "WINNOW_REDIS_ULR" in notice
    assert notice.endswith("the nearest one is WINNOW_REDIS_URL.")


@pytest.mark.parametrize("name", [*map(variable_of, field_names()), "WINNOW_REDIS_PASSWORD_FILE", "WINNOW_DEBUG"])
def test_every_setting_has_its_heading(name: str) -> None:
    headings = re.findall(r"^### `(\w+)`$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert name in headings


def test_page_explains_no_setting_that_does_not_exist() -> None:
    headings = re.findall(r"^### `(\w+)`$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert set(headings) <= known_variables()
    assert len(headings) == len(set(headings))
