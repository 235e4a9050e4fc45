"""The file of secret keys behind every pseudonym and signature.

Owns its format, its permissions and its making: text, one key a line, ``k1:`` and hex or base64 of at least 32 bytes;
the largest number is the newest. Refuses a file that others can read, and refuses to make one up for an outside store,
since pseudonyms made under a lost key can never be joined again.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import secrets
import stat
from pathlib import Path

from moderation.config import Settings
from moderation.core.errors import Problem, SettingsError
from moderation.core.identity import IdentityKey, Keyring
from moderation.files import make_private_directory, write_exclusively

KEY_BYTES = 32  # As long as the SHA-256 output that HMAC makes of it: RFC 2104, section 3.
FILE_LIMIT_BYTES = 64 * 1024
OTHERS = stat.S_IRWXG | stat.S_IRWXO
DOCKER_SECRETS = Path("/run/secrets")  # Compose mounts files here with modes that cannot be chosen.
_LINE = re.compile(r"(?:k(?P<number>[1-9][0-9]{0,5}):)?(?P<value>[A-Za-z0-9+/=_-]+)")


def load_keyring(settings: Settings) -> Keyring:
    """Return the identity keys, making the file first where Winnow keeps its own store.

    Raises:
        SettingsError: If the file is missing, readable by others, or not a list of keys.
    """
    path = settings.secret_path
    if not path.exists():
        _refuse_to_invent(settings)
        make_private_directory(settings.data_dir)
        write_exclusively(path, f"k1:{secrets.token_hex(KEY_BYTES)}\n".encode())
    return Keyring(parse_keys(_read_private(path)))


def rotate(settings: Settings) -> int:
    """Add a key to the file and return its number; older keys stay, so that older pseudonyms are still found.

    Raises:
        SettingsError: As ``load_keyring``.
    """
    newest = load_keyring(settings).newest.id + 1
    path = settings.secret_path
    kept = _read_private(path).rstrip("\n")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    write_exclusively(temporary, f"{kept}\nk{newest}:{secrets.token_hex(KEY_BYTES)}\n".encode())
    temporary.replace(path)
    return newest


def parse_keys(text: str) -> tuple[IdentityKey, ...]:
    """Return the keys of a key file.

    Blank lines and lines that start with ``#`` are skipped. A line without a number is key 1.

    Raises:
        SettingsError: If a line is not a key, a key is short, or a number comes twice.
    """
    lines = [line.strip() for line in text.splitlines()]
    keys = [_parse_line(line) for line in lines if line and not line.startswith("#")]
    if not keys:
        raise _problem(22, "The key file holds no key.", "Write a line such as k1:HEX with 64 hex digits.")
    if len({key.id for key in keys}) < len(keys):
        raise _problem(23, "The key file holds two keys with the same number.", "Give each line its own number.")
    return tuple(keys)


def _parse_line(line: str) -> IdentityKey:
    match = _LINE.fullmatch(line)
    if match is None:
        raise _problem(24, "The key file holds a line that is not a key.", "Write k1: and hex or base64, nothing else.")
    secret = _decode(match["value"])
    if len(secret) < KEY_BYTES:
        hint = "Make one with: openssl rand -hex 32"
        raise _problem(25, f"A key is shorter than {KEY_BYTES} bytes.", hint)
    return IdentityKey(id=int(match["number"] or 1), secret=secret)


def _decode(value: str) -> bytes:
    if re.fullmatch(r"(?:[0-9a-fA-F]{2})+", value):
        return bytes.fromhex(value)
    padded = value.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True)
    except binascii.Error:
        raise _problem(24, "A key is neither hex nor base64.", "Make one with: openssl rand -hex 32") from None


def _refuse_to_invent(settings: Settings) -> None:
    if settings.secret_key_file is not None or settings.redis_url is not None:
        detail = "With an outside Redis the secret keys must be given, and there is no key file."
        hint = "Make one with: (umask 077; echo k1:$(openssl rand -hex 32) > FILE) and set WINNOW_SECRET_KEY_FILE=FILE."
        raise _problem(20, detail, hint)


def _read_private(path: Path) -> str:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(FILE_LIMIT_BYTES)
    except OSError as error:
        raise _problem(26, f"The key file cannot be read: {error.strerror}.", "Let Winnow's user read it.") from error
    if mode & OTHERS and DOCKER_SECRETS not in path.absolute().parents:
        raise _problem(21, "The key file can be read by other users.", f"Run: chmod 600 {path}")
    try:
        return data.decode("ascii")
    except UnicodeDecodeError:
        raise _problem(24, "The key file is not plain text.", "Write lines such as k1:HEX.") from None


def _problem(number: int, detail: str, hint: str) -> SettingsError:
    return SettingsError([Problem(f"winnow.E{number:03d}", detail, hint)])
