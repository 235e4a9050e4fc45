"""The normalisation table: what every code point becomes before features are made.

Owns one flat array, compiled by ``python -m model.tables`` from the Unicode data of the running Python and from
``normal/lookalikes.txt``, and shipped as ``normal/tables.npy``, so that training and serving agree whatever Python they
run on. It refuses to decide what a *word* becomes: look-alike letters are resolved in `model.normalise`, where the
neighbours are known.
"""

import hashlib
import unicodedata
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

NORMAL_DIRECTORY: Final = Path(__file__).parent / "normal"
TABLES_FILE: Final = NORMAL_DIRECTORY / "tables.npy"

SYMBOL, LETTER, DIGIT, SPACE, IGNORABLE, MARK = range(6)  # Categories, 3 bits.
COMMON, LATIN, CYRILLIC, GREEK, ALPHABET, UNSPACED, HANGUL, OTHER = range(8)  # Scripts, 3 bits.
FULL_WIDTH, STYLED, DRAWN = 1, 2, 3  # What had to be undone, 2 bits: full-width, mathematical or enclosed, drawn like.

VALUE_MASK: Final = 0x1FFFFF
CATEGORY_SHIFT, SCRIPT_SHIFT, UPPER_SHIFT, COMPAT_SHIFT, EXPANDS_SHIFT, LOOKALIKE_SHIFT = 21, 24, 27, 28, 30, 31

# The array starts with a header, then the first stage (one entry a block of 256 code points), then the rest.
HEADER_SIZE: Final = 16
AT_KEYS, AT_VALUES, KEY_COUNT, AT_CYRILLIC = range(4)
STAGE_ONE: Final = HEADER_SIZE
BLOCK_COUNT: Final = 0x110000 >> 8
EXPANSION_LIMIT: Final = 3
MATHEMATICAL: Final = (
    0x1D400,
    0x1D6A4,
)  # Alphabets of 26, with holes whose letters stand elsewhere; spam uses them too.
SAME: Final = 0  # The value of a code point that stays as it is, which lets most blocks share their storage.

Array = npt.NDArray[np.uint32]

_SCRIPTS: Final = (
    {"LATIN": LATIN, "CYRILLIC": CYRILLIC, "GREEK": GREEK, "HANGUL": HANGUL}
    | dict.fromkeys(
        (
            "ARMENIAN",
            "CHEROKEE",
            "COPTIC",
            "LISU",
            "GEORGIAN",
            "DESERET",
            "OSAGE",
            "OLD",
            "CANADIAN",
            "RUNIC",
            "TIFINAGH",
        ),
        ALPHABET,
    )
    | dict.fromkeys(
        ("CJK", "HIRAGANA", "KATAKANA", "BOPOMOFO", "THAI", "LAO", "KHMER", "MYANMAR", "HALFWIDTH", "IDEOGRAPHIC"),
        UNSPACED,
    )
)
_PLAIN: Final = dict(zip("øłđæœðþıħŧŋ", ("o", "l", "d", "ae", "oe", "d", "th", "i", "h", "t", "n"), strict=True))
_CYRILLIC_OF: Final = dict(zip("aebcehikmnopctxys", "аевсеніктпорстхуѕ", strict=True)) | {
    "k": "к", "h": "н", "b": "в", "m": "м", "t": "т", "n": "п", "j": "ј",
}  # fmt: skip
_STRIPPED_BLOCKS: Final = ((0x300, 0x36F), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF), (0xFE20, 0xFE2F),
                           (0x483, 0x487), (0x610, 0x61A), (0x640, 0x640), (0x64B, 0x65F), (0x670, 0x670))  # fmt: skip


def load_tables() -> Array:
    """Return the shipped table."""
    tables: Array = np.load(TABLES_FILE, allow_pickle=False)
    return tables


def tables_checksum() -> str:
    """Return the SHA-256 of the shipped table; a model trained under another table is refused."""
    return hashlib.sha256(TABLES_FILE.read_bytes()).hexdigest()


def read_lookalikes(path: Path = NORMAL_DIRECTORY / "lookalikes.txt") -> dict[str, str]:
    """Return look-alike character → ASCII letter, from lines of a letter, a space and its look-alikes."""
    lines = (line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#"))
    return {shape: line[0] for line in lines for shape in line[2:]}


def build_tables() -> Array:
    """Compile the table for all 0x110000 code points; takes a few seconds."""
    lookalikes = read_lookalikes()
    expansions: list[int] = []
    entries = np.fromiter(
        (_entry(cp, lookalikes, expansions) for cp in range(0x110000)), dtype=np.uint32, count=0x110000
    )
    return _layout(entries, expansions, {ord(k): ord(v) for k, v in lookalikes.items()})


def _layout(entries: Array, expansions: list[int], lookalikes: dict[int, int]) -> Array:
    blocks, places = np.unique(entries.reshape(BLOCK_COUNT, 256), axis=0, return_inverse=True)
    at_blocks = STAGE_ONE + BLOCK_COUNT
    at_expansions = at_blocks + blocks.size
    at_keys = at_expansions + len(expansions)
    flat = blocks.ravel()
    grows = (flat >> EXPANDS_SHIFT) & 1 == 1
    flat[grows] += np.uint32(at_expansions)  # The value of an expanding entry is an absolute position.
    keys = sorted(lookalikes)
    header = np.zeros(HEADER_SIZE, np.uint32)
    header[[AT_KEYS, AT_VALUES, KEY_COUNT, AT_CYRILLIC]] = [
        at_keys, at_keys + len(keys), len(keys), at_keys + 2 * len(keys)
    ]  # fmt: skip
    stage = (at_blocks + places.ravel() * 256).astype(np.uint32)
    cyrillic = [ord(_CYRILLIC_OF.get(chr(97 + i), "\0")) for i in range(26)]
    tail = np.array([*expansions, *keys, *(lookalikes[k] for k in keys), *cyrillic], np.uint32)
    return np.concatenate([header, stage, flat, tail]).astype(np.uint32)


def _entry(cp: int, lookalikes: dict[str, str], expansions: list[int]) -> int:
    char = chr(cp)
    category = _category(char)
    if category in (SPACE, IGNORABLE, MARK):
        return (32 if category == SPACE else 0) | category << CATEGORY_SHIFT
    script = _script(char)
    drawn = lookalikes.get(char)
    if drawn and (script == LATIN or unicodedata.category(char) == "So"):
        compat = (DRAWN if script == LATIN else STYLED) * (char != "ı")
        return ord(drawn) | LETTER << CATEGORY_SHIFT | LATIN << SCRIPT_SHIFT | compat << COMPAT_SHIFT
    value = _fold(char)
    kind = _category(value[0])
    flags = kind << CATEGORY_SHIFT | _script(value[0]) << SCRIPT_SHIFT | _is_upper(char) << UPPER_SHIFT
    flags |= _compat(char, value) << COMPAT_SHIFT | int(drawn is not None) << LOOKALIKE_SHIFT
    if len(value) == 1:
        return (ord(value) if value != char else SAME) | flags
    expansions.extend([len(value), *map(ord, value)])
    return (len(expansions) - len(value) - 1) | flags | 1 << EXPANDS_SHIFT


def _fold(char: str) -> str:
    """Return what one character becomes: NFKC, case folded, accents off alphabets where they are optional in haste."""
    if MATHEMATICAL[0] <= ord(char) < MATHEMATICAL[1] and unicodedata.category(char) == "Cn":
        return chr(ord("a") + (ord(char) - MATHEMATICAL[0]) % 26)
    if unicodedata.category(char) in ("Cs", "Co", "Cn"):
        return char
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", char).casefold())
    kept = "".join(_unaccent(part) for part in folded)
    value = "".join(_PLAIN.get(part, part) for part in kept if _category(part) not in (MARK, IGNORABLE))
    value = value.strip()[:EXPANSION_LIMIT]
    return value or char


def _unaccent(char: str) -> str:
    if _script(char) not in (LATIN, CYRILLIC, GREEK):
        return char
    return "".join(part for part in unicodedata.normalize("NFKD", char) if _category(part) != MARK)


def _category(char: str) -> int:
    cp = ord(char)
    if any(low <= cp <= high for low, high in _STRIPPED_BLOCKS):
        return MARK
    general = unicodedata.category(char)
    if char in "\t\n\r\x0b\x0c\x85" or general[0] == "Z" or cp in (0x2800, 0x3164, 0xFFA0, 0x115F, 0x1160):
        return SPACE
    if general in ("Cc", "Cf") or 0xFE00 <= cp <= 0xFE0F or 0xE0000 <= cp <= 0xE01EF or 0x1F3FB <= cp <= 0x1F3FF:
        return IGNORABLE
    if general[0] in "LM":
        return LETTER
    return DIGIT if general == "Nd" else SYMBOL


def _script(char: str) -> int:
    if not char.isalpha() and unicodedata.category(char)[0] not in "M":
        return COMMON
    first = unicodedata.name(char, "").split("-")[0].split(" ")[0]
    return _SCRIPTS.get(first, OTHER)


def _is_upper(char: str) -> int:
    return int(char.isupper() or char.istitle())


def _compat(char: str, value: str) -> int:
    if not (len(value) == 1 and value.isascii() and value.isalnum()):
        return 0
    tag = unicodedata.decomposition(char).split(" ")[0]
    if tag == "<wide>":
        return FULL_WIDTH
    is_styled = (
        MATHEMATICAL[0] <= ord(char) < MATHEMATICAL[1]
        or tag in ("<font>", "<circle>", "<square>")
        or (tag in ("<super>", "<sub>") and value.isalpha())
    )
    return STYLED if is_styled and char not in "ªº" else 0


def main() -> None:
    """Compile the table and save it where `load_tables` finds it."""
    np.save(TABLES_FILE, build_tables(), allow_pickle=False)


if __name__ == "__main__":
    main()
