"""Invented names, hosts, numbers and addresses for the grammar.

Everything here is put together at random from the syllables, keywords and common names of ``phrases/names.toml`` and
``phrases/common.toml``; nothing is looked up and nothing is meant to name anyone. Knows no labels and no sentences.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from string import ascii_letters, ascii_lowercase, ascii_uppercase, digits

Lists = Mapping[str, list[str]]

_LATIN_FALLBACK = "en"
_SEPARATORS = ("", "", "", "-", "-")
_VIDEO_ALPHABET = ascii_letters + digits + "-_"
_PHONES = (
    "+1 (8##) ###-####",
    "1-8##-###-####",
    "+1##########",
    "8##-###-####",
    "+91 ##########",
    "+44 ## #### ####",
    "+7 (9##) ###-##-##",
    "+234 ### ### ####",
    "(###) ###-####",
    "0### #######",
)
_TITLES = ("", "", "", "Online", "Solutions", "Services", "Group", "Hub", "Pro", "Experts", "Agency", "Global", "Tech")


@dataclass(frozen=True, slots=True)
class Materials:
    """The lists that names and hosts are built from.

    Attributes:
        first, last: Given and family names by language.
        parts: ``tlds``, ``personal_tlds``, ``syllables``, ``plain``, ``paths``, ``short``.
        trades: Host keywords by trade.
    """

    first: Lists
    last: Lists
    parts: Lists
    trades: Lists


def number(rng: Random, span: str) -> str:
    """Return a whole number of an inclusive span such as ``2-90``."""
    low, _, high = span.partition("-")
    return str(rng.randint(int(low), int(high)))


def text_of(rng: Random, alphabet: str, length: int) -> str:
    """Return ``length`` characters of ``alphabet``."""
    return "".join(rng.choices(alphabet, k=length))


def hexadecimal(rng: Random, length: int) -> str:
    """Return a lower-case hexadecimal string, as commit hashes look."""
    return text_of(rng, "0123456789abcdef", length)


def capitals(rng: Random, length: int) -> str:
    """Return a promo code."""
    return text_of(rng, ascii_uppercase + digits, length)


def video(rng: Random) -> str:
    """Return an identifier of eleven characters, as video sites use."""
    return text_of(rng, _VIDEO_ALPHABET, 11)


def phone(rng: Random) -> str:
    """Return a telephone number in one of several spellings."""
    return "".join(rng.choice(digits) if sign == "#" else sign for sign in rng.choice(_PHONES))


def word(rng: Random, materials: Materials) -> str:
    """Return a pronounceable word of two to four syllables."""
    return "".join(rng.choices(materials.parts["syllables"], k=rng.randint(2, 4)))


def given_name(rng: Random, materials: Materials, language: str) -> str:
    """Return a first name of a language."""
    return rng.choice(materials.first.get(language, materials.first[_LATIN_FALLBACK]))


def full_name(rng: Random, materials: Materials, language: str) -> str:
    """Return a first and a family name of a language."""
    last = materials.last.get(language, materials.last[_LATIN_FALLBACK])
    return f"{given_name(rng, materials, language)} {rng.choice(last)}"


def handle(rng: Random, materials: Materials) -> str:
    """Return a nickname in Latin letters, as honest people choose them."""
    name = _latin(given_name(rng, materials, _LATIN_FALLBACK))
    shapes = (
        name,
        f"{name}{rng.randint(1, 99)}",
        f"{name}_{word(rng, materials)}",
        word(rng, materials),
        f"{rng.choice(ascii_lowercase)}{word(rng, materials)}",
        f"{word(rng, materials)}{rng.randint(70, 99)}",
    )
    return rng.choice(shapes)


def sales_handle(rng: Random, materials: Materials, trade: str) -> str:
    """Return a nickname as sellers choose them: a keyword, a name or both."""
    key, name = rng.choice(materials.trades[trade]), _latin(given_name(rng, materials, _LATIN_FALLBACK))
    shapes = (
        f"{key}_{word(rng, materials)}",
        f"{name}{key}",
        f"{key}{name}{rng.randint(1, 999)}",
        f"{word(rng, materials)}_{key}",
        f"{key}_{rng.choice(('bot', 'pro', 'official', 'manager', 'vip'))}",
        f"{name}.{word(rng, materials)}",
    )
    return rng.choice(shapes)


def brand(rng: Random, materials: Materials, trade: str) -> str:
    """Return the name of a firm that does not exist."""
    key = rng.choice(materials.trades[trade])
    made = word(rng, materials).capitalize()
    shapes = (
        f"{made} {key.capitalize()}",
        f"{made}{key.capitalize()}",
        f"{made} {rng.choice(_TITLES)}".strip(),
        f"{key.capitalize()} {made}",
        f"{made.upper()} {key.upper()}",
        made,
    )
    return rng.choice(shapes)


def sales_host(rng: Random, materials: Materials, trade: str) -> str:
    """Return a commercial host name: keywords and syllables under an ending that is real."""
    keys = materials.trades[trade]
    parts = rng.choice(
        (
            (rng.choice(keys), word(rng, materials)),
            (word(rng, materials), rng.choice(keys)),
            (rng.choice(keys), rng.choice(keys), word(rng, materials)),
            (rng.choice(keys), rng.choice(keys), str(rng.randint(1, 999))),
            (word(rng, materials),),
        )
    )
    prefix = rng.choice(("", "", "", "www.", "www."))
    return f"{prefix}{rng.choice(_SEPARATORS).join(parts)}.{rng.choice(materials.parts['tlds'])}"


def personal_host(rng: Random, materials: Materials) -> str:
    """Return the host name of somebody's own site."""
    name = _latin(full_name(rng, materials, _LATIN_FALLBACK))
    plain, made = rng.choice(materials.parts["plain"]), word(rng, materials)
    label = rng.choice(
        (name, f"{made}{plain}", f"{plain}.{made}", made, f"{name}-{plain}", f"{made}-{plain}", f"the{plain}of{made}")
    )
    return f"{rng.choice(('', '', 'www.', 'blog.'))}{label}.{rng.choice(materials.parts['personal_tlds'])}"


def slug(rng: Random, materials: Materials, joint: str) -> str:
    """Return two to five invented words joined as in addresses."""
    return joint.join(word(rng, materials) for _ in range(rng.randint(2, 5)))


def scheme(rng: Random) -> str:
    """Return ``https://`` mostly; old links are plain."""
    return rng.choice(("https://", "https://", "https://", "http://"))


def _latin(name: str) -> str:
    return name.lower().replace(" ", "").replace(".", "")
