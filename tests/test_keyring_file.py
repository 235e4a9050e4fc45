"""The file of secret keys: made once, private, rotated without losing the older keys."""

from __future__ import annotations

import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from moderation.config import Settings
from moderation.core.errors import SettingsError
from moderation.keyring_file import load_keyring, parse_keys, rotate

HEX = "00112233445566778899aabbccddeeff" * 2


def problem(text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        parse_keys(text)
    return caught.value.problems[0].id


def test_first_start_makes_a_private_key_file(settings: Settings) -> None:
    keyring = load_keyring(settings)

    assert keyring.newest.id == 1
    assert len(keyring.newest.secret) >= 32
    assert stat.S_IMODE(settings.secret_path.stat().st_mode) == 0o600
    assert load_keyring(settings).newest.secret == keyring.newest.secret


def test_racing_starts_agree_on_one_key(settings: Settings) -> None:
    with ThreadPoolExecutor(8) as pool:
        secrets = set(pool.map(lambda _: load_keyring(settings).newest.secret, range(32)))

    assert len(secrets) == 1
    assert [path.name for path in settings.data_dir.iterdir()] == ["secret.keys"]


def test_outside_store_needs_a_given_file(settings: Settings) -> None:
    with pytest.raises(SettingsError, match=r"winnow\.E020.*WINNOW_SECRET_KEY_FILE"):
        load_keyring(replace(settings, redis_url="redis://localhost/0"))
    assert not settings.data_dir.exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_file_that_others_can_read_is_refused(settings: Settings, mode: int) -> None:
    load_keyring(settings)
    settings.secret_path.chmod(mode)

    with pytest.raises(SettingsError, match=r"winnow\.E021.*chmod 600"):
        load_keyring(settings)


def test_rotation_keeps_older_keys(settings: Settings) -> None:
    first = load_keyring(settings).newest

    assert rotate(settings) == 2
    assert rotate(settings) == 3

    keyring = load_keyring(settings)
    assert [key.id for key in keyring.keys] == [3, 2, 1]
    assert keyring.keys[-1].secret == first.secret
    assert stat.S_IMODE(settings.secret_path.stat().st_mode) == 0o600


def test_hex_and_base64_of_one_key_are_the_same() -> None:
    raw = bytes.fromhex(HEX)
    encodings = (HEX, base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode().rstrip("="))

    assert {parse_keys(f"k7:{text}")[0].secret for text in encodings} == {raw}


def test_bare_line_is_key_one_and_comments_are_skipped() -> None:
    keys = parse_keys(f"# made in May\n\n{HEX}\nk12:{HEX}\n")

    assert [key.id for key in keys] == [1, 12]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", "winnow.E022"),
        ("# nothing", "winnow.E022"),
        (f"k1:{HEX}\n{HEX}", "winnow.E023"),
        (f"k0:{HEX}", "winnow.E024"),
        (f"key:{HEX}", "winnow.E024"),
        ("k1:not a key", "winnow.E024"),
        ("k1:abcde", "winnow.E024"),
        ("k1:" + HEX[:62], "winnow.E025"),
        ("k1:c2hvcnQ=", "winnow.E025"),
    ],
)
def test_wrong_key_file_gives_a_sentence(text: str, expected: str) -> None:
    assert problem(text) == expected


def test_sentence_never_repeats_the_key(settings: Settings) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_keys("k1:supersecretbutshort")

    assert "supersecret" not in str(caught.value)


def test_binary_or_unreadable_file_gives_a_sentence(settings: Settings, tmp_path: Path) -> None:
    settings.data_dir.mkdir()
    settings.secret_path.write_bytes(b"\xff\xfe\x00")
    settings.secret_path.chmod(0o600)
    with pytest.raises(SettingsError, match=r"winnow\.E024"):
        load_keyring(settings)

    with pytest.raises(SettingsError, match=r"winnow\.E026"):
        load_keyring(replace(settings, secret_key_file=tmp_path))
