"""Which passwords are refused: short ones, and those that guessers try first.

Follows OWASP ASVS 5.0, 6.2: at least eight characters, no rules about their kinds, nothing cut off. Instead of shipping
a list of thousands, the commonest ones are recognised by how they are made: a common word, a walk over the keyboard, a
run or a repetition, with digits or signs put before or after.
"""

from __future__ import annotations

import itertools
import re
import unicodedata

from moderation.core.errors import Fault

MIN_LENGTH = 8
MAX_LENGTH = 1024  # Far beyond any passphrase; keeps a request from making us hash megabytes.
DECORATION = 6  # Digits or signs around a common word that do not make it a good password.

_COMMON = frozenset(
    "password passwort passw0rd pass passwd parola parole motdepasse contrasena senha wachtwoord haslo heslo salasana"
    " welcome willkommen bienvenue bienvenido letmein login admin administrator root guest user test tester testing"
    " demo harley default changeme secret geheim master superman batman spiderman starwars"
    " pokemon naruto dragon monkey tiger lion"
    " princess prinzessin sunshine flower summer winter spring autumn sommer herbst january february march april june"
    " july august september october november december monday tuesday wednesday thursday friday saturday sunday football"
    " fussball soccer baseball basketball hockey golf liverpool chelsea arsenal barcelona juventus bayern realmadrid"
    " iloveyou loveyou lovely love liebe teamo jetaime freedom whatever trustno access computer internet samsung google"
    " facebook youtube twitter linkedin microsoft windows apple android iphone nintendo playstation minecraft fortnite"
    " michael jennifer jessica jordan daniel thomas robert charlie andrew matthew joshua ashley nicole michelle hunter"
    " alexander anthony martin peter stefan andreas sebastian christian jonathan benjamin samantha elizabeth victoria"
    " maggie ginger pepper cookie cheese chocolate butterfly shadow killer ninja mustang ferrari porsche mercedes"
    " corvette yamaha diamond silver golden purple orange yellow banana cherry apples hello hallo hola bonjour goodbye"
    " jesus heaven angel angels blessed church family mother father brother sister friends forever junior little money"
    " dollar casino lottery lucky winner matrix merlin gandalf phoenix rainbow crystal thunder lightning guitar music"
    " rockstar metallica nirvana blink eminem biteme fuckyou asshole pussy sexy hottie babygirl babyboy sweety buster"
    " bailey snoopy garfield mickey donald simpsons qazwsx asdf zxcv qwer abc abcd abcdef abcdefg abcdefgh abcdefghi"
    " winnow moderator moderation comment comments review reviewer london paris berlin madrid newyork america england"
    " germany france brasil mexico canada australia temp temporary example sample server system network oracle mysql"
    " postgres redis valkey docker ubuntu debian linux cisco router support service company office manager student"
    " teacher school university correcthorsebatterystaple".split()
)
_WALKS = (
    "1234567890",
    "qwertyuiop",
    "qwertzuiop",
    "azertyuiop",
    "asdfghjkl",
    "qsdfghjklm",
    "zxcvbnm",
    "yxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "qazwsxedcrfvtgbyhnujm",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "abcdefghijklmnopqrstuvwxyz",
)
_LEET = str.maketrans("@4301$!5", "aaeolsis")


def password_faults(password: str, name: str) -> list[Fault]:
    """Return what is wrong with a new password, if anything; the password itself is in none of the sentences."""
    if len(password) < MIN_LENGTH:
        return [Fault("/password", "too-short", f"A password has at least {MIN_LENGTH} characters; 15 are better.")]
    if len(password) > MAX_LENGTH:
        return [Fault("/password", "too-long", f"A password has at most {MAX_LENGTH} characters.")]
    if is_common(password) or _is_the_name(password, name):
        detail = "This is among the passwords that are guessed first. Three or four unrelated words make a good one."
        return [Fault("/password", "too-common", detail)]
    return []


def _is_the_name(password: str, name: str) -> bool:
    plain, own = password.casefold(), name.casefold()
    return plain.strip("0123456789!?.-_") == own or (own in plain and len(plain) <= len(own) + DECORATION)


def is_common(password: str) -> bool:
    """Return whether a password is made the way the commonest ones are."""
    plain = unicodedata.normalize("NFKC", password).casefold()
    if len(set(plain)) <= 3 or plain.isdecimal():
        return True
    return any(_is_walk(one) or _is_word(one) for one in (plain, plain.translate(_LEET), _halved(plain)))


def _halved(plain: str) -> str:
    """Return the half that a password repeats, or the whole."""
    half = len(plain) // 2
    return plain[:half] if plain[:half] * 2 == plain else plain


def _is_word(plain: str) -> bool:
    core = re.sub(r"^[\W\d_]{0,6}|[\W\d_]{0,6}$", "", plain)
    return core in _COMMON or any(
        core[:cut] in _COMMON and core[cut:] in _COMMON for cut in range(3, max(3, len(core) - 2))
    )


def _is_walk(plain: str) -> bool:
    """Return whether a password is one or two runs along keys, the alphabet or the digits, either way."""
    rows = [*_WALKS, *(walk[::-1] for walk in _WALKS)]
    pairs = {row[i : i + 2] for row in rows for i in range(len(row) - 1)}
    steps = [a + b in pairs or a == b for a, b in itertools.pairwise(plain)]
    return steps.count(False) <= 1
