"""Hashed features in compiled code: which features a normalised comment has, once each.

One function, `scan`, makes the features for training, for scores and for evidence, so they cannot drift. A feature is a
key: its group above bit 24 and its slot below. Groups are binary (a feature counts once) and a group is scaled by
``multiplier / sqrt(its size)``, so long texts do not drown short ones.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from model import normalise as nm
from model import tables as t
from model.normalise import kernel

CHARS, WORDS, PAIRS, SHAPE, AUTHOR, URL = range(6)
GROUP_COUNT: Final = 6
GROUP_NAMES: Final = ("chars", "words", "pairs", "shape", "author", "url")
SHAPE_NAMES: Final = (
    "length", "capitals", "digits", "symbols", "several links", "disguised characters", "lines", "long number",
    "exclamation marks", "HTML",
)  # fmt: skip
GROUP_SHIFT: Final = 24
SLOT_MASK: Final = (1 << GROUP_SHIFT) - 1

NGRAM_MIN, NGRAM_MAX = 2, 5
TEXT_LIMIT: Final = 65_536  # Code points read of a text; bodies are smaller (DESIGN §6).
AUTHOR_LIMIT: Final = 256
URL_LIMIT: Final = 2_048

PRIME: Final = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: Knuth, TAOCP 6.4.
MIX: Final = np.uint64(0xD6E8FEB86659FD93)
SEED_CHARS, SEED_WORDS, SEED_PAIRS, SEED_SHAPE = np.uint64(0x51), np.uint64(0xA3), np.uint64(0xC7), np.uint64(0xF1)
SEED_AUTHOR, SEED_URL = np.uint64(0x1_0001), np.uint64(0x2_0003)
SLOT_DROP: Final = np.uint64(64 - 20)
HALF: Final = np.uint64(32)

REVISION: Final = 1  # Raised with every change of what features are; models of another revision are refused.
SLOT_BITS: Final = 20
SLOT_COUNT: Final = 1 << SLOT_BITS


class Found(NamedTuple):
    """The features found in one comment.

    Attributes:
        keys: Distinct keys in order of first appearance; ``sizes[GROUP_COUNT]`` of them.
        table: Open-addressing table of 1 + index into keys; its size is a power of two.
        sizes: Distinct features a group, then their total, the number of occurrences, and the probing seed.
        where: Occurrences as (index into keys, start, end) of normalised characters; no rows when not recorded.
    """

    keys: npt.NDArray[np.uint32]
    table: npt.NDArray[np.uint32]
    sizes: npt.NDArray[np.int64]
    where: npt.NDArray[np.int32]


TOTAL, OCCURRENCES, SEED = GROUP_COUNT, GROUP_COUNT + 1, GROUP_COUNT + 2


@kernel
def make_found(work, tables, records):  # type: ignore[no-untyped-def]
    """Allocate room for every feature the work area can give; ``records`` keeps the occurrences too."""
    room = 7 * work.counts[nm.LENGTH] + 64
    size = 64
    while size < room:
        size *= 2
    sizes = np.zeros(GROUP_COUNT + 3, np.int64)
    sizes[SEED] = tables[t.AT_SEED]
    return Found(
        np.empty(room, np.uint32), np.zeros(size, np.uint32), sizes, np.empty((room if records else 0, 3), np.int32)
    )


@kernel
def _key(group, h):  # type: ignore[no-untyped-def]
    return (group << GROUP_SHIFT) | np.int64(((h ^ (h >> HALF)) * MIX) >> SLOT_DROP)


@kernel
def _place(key, total, seed, keys_table):  # type: ignore[no-untyped-def]
    """Return the index of ``key`` among the first ``total`` keys, after adding it if it is new (the index is total)."""
    keys, table = keys_table
    mask = table.size - 1
    place = ((key * seed) >> 13) & mask
    while table[place] != 0:
        index = np.int64(table[place]) - 1
        if keys[index] == key:
            return index
        place = (place + 1) & mask
    keys[total] = key
    table[place] = total + 1
    return total


@kernel
def _add(group, h, start, end, found):  # type: ignore[no-untyped-def]
    """Note the feature with hash ``h`` that covers normalised characters ``start`` to ``end``."""
    sizes = found.sizes
    index = _place(_key(group, h), sizes[TOTAL], sizes[SEED], (found.keys, found.table))
    if index == sizes[TOTAL]:
        sizes[TOTAL] = index + 1
        sizes[group] += 1
    if found.where.shape[0] > 0:
        _record(index, start, end, found)


@kernel
def _record(index, start, end, found):  # type: ignore[no-untyped-def]
    at = found.sizes[OCCURRENCES]
    found.where[at, 0] = index
    found.where[at, 1] = start
    found.where[at, 2] = end
    found.sizes[OCCURRENCES] = at + 1


@kernel
def scan_characters(start, stop, group, seed, work_found):  # type: ignore[no-untyped-def]
    """Add the 2- to 5-grams of the normalised characters ``start`` to ``stop``."""
    work, found = work_found
    chars, both = work.chars, (found.keys, found.table)
    probing, records = found.sizes[SEED], found.where.shape[0] > 0
    before = found.sizes[TOTAL]
    total = before
    for i in range(start, stop - 1):
        h = (seed ^ np.uint64(chars[i])) * PRIME
        for end in range(i + 1, min(i + NGRAM_MAX, stop)):
            h = ((h ^ (h >> HALF)) ^ np.uint64(chars[end])) * PRIME
            index = _place(_key(group, h), total, probing, both)
            total += index == total
            if records:
                _record(index, i, end + 1, found)
    found.sizes[TOTAL] = total
    found.sizes[group] += total - before


@kernel
def scan_words(start, stop, groups, seed, work_found):  # type: ignore[no-untyped-def]
    """Add the words of a range and, where ``groups[1]`` is not negative, the pairs of neighbours.

    A word is a run of letters and digits; in scripts written without blanks each character is one.
    """
    work, found = work_found
    previous, previous_start = np.uint64(0), start
    i = start
    while i < stop:
        if not is_word(work.kinds[i]):
            i += 1
            continue
        end = word_end(i, stop, work)
        h = seed ^ SEED_WORDS
        for k in range(i, end):
            h = ((h ^ (h >> HALF)) ^ np.uint64(work.chars[k])) * PRIME
        _add(groups[0], h, i, end, found)
        if groups[1] >= 0:
            _add(groups[1], (previous * MIX + h) ^ SEED_PAIRS, previous_start, end, found)
        previous, previous_start = h, i
        i = end


@kernel
def is_word(kind):  # type: ignore[no-untyped-def]
    """Tell whether a character of this kind belongs to a word."""
    category = kind & nm.KIND_CATEGORY
    return category == t.LETTER or category == t.DIGIT


@kernel
def word_end(i, stop, work):  # type: ignore[no-untyped-def]
    """Return the end of the word that begins at ``i``."""
    end = i + 1
    if nm.script_of(work.kinds[i]) == t.UNSPACED:
        return end
    while end < stop and is_word(work.kinds[end]) and nm.script_of(work.kinds[end]) != t.UNSPACED:
        end += 1
    return end


@kernel
def _level(value):  # type: ignore[no-untyped-def]
    """Return 0 for 0, then 1 + floor(log2(value)): 1, 2-3, 4-7, 8-15 …"""
    level = 0
    while value > 0:
        value >>= 1
        level += 1
    return level


@kernel
def _share(part, whole):  # type: ignore[no-untyped-def]
    """Return tenths of a share: 0 for none, 1 for up to a tenth, … 10 for all."""
    return (10 * part + whole - 1) // whole if whole > 0 else 0


@kernel
def _add_shape(kind, level, found):  # type: ignore[no-untyped-def]
    h = ((SEED_SHAPE ^ np.uint64(kind)) * PRIME ^ np.uint64(level)) * PRIME
    _add(SHAPE, h, kind, -1, found)


@kernel
def scan_shape(work_found):  # type: ignore[no-untyped-def]
    """Add what is true of a text as a whole. A single link is deliberately none of it: it must not decide."""
    work, found = work_found
    c = work.counts
    length = c[nm.LETTERS] + c[nm.DIGITS] + c[nm.SYMBOLS]
    _add_shape(0, _level(length), found)
    _add_shape(1, _share(c[nm.UPPERS], c[nm.LETTERS]) if c[nm.LETTERS] >= 8 else 11, found)
    _add_shape(2, _share(c[nm.DIGITS], length), found)
    _add_shape(3, _share(c[nm.SYMBOLS], length), found)
    if c[nm.LINKS] > 1:
        _add_shape(4, _level(c[nm.LINKS] - 1), found)
    if c[nm.UNDONE] > 0:
        _add_shape(5, _level(c[nm.UNDONE]), found)
    _add_shape(6, _level(c[nm.LINES]), found)
    _add_shape(7, min(c[nm.DIGIT_RUN_MAX], 12), found)
    _add_shape(8, _level(c[nm.EXCLAIMS]), found)
    if c[nm.TAGS] > 0:
        _add_shape(9, 1, found)


@kernel
def scan(cps, lengths, tables, records):  # type: ignore[no-untyped-def]
    """Normalise a comment and find its features.

    Args:
        cps: Code points of text, author and URL, one after the other.
        lengths: How many of them are text, author and URL.
        tables: See `model.tables`.
        records: Whether occurrences are kept, for evidence.

    Returns:
        The work area and the features found.
    """
    n_text, n_author, n_url = lengths
    work = nm.make_work(n_text + n_author + n_url)
    nm.read_field(cps, 0, n_text, tables, work)
    end_text = work.counts[nm.LENGTH]
    shape = work.counts.copy()
    if n_author > 0:
        nm.read_field(cps, n_text, n_text + n_author, tables, work)
    end_author = work.counts[nm.LENGTH]
    if n_url > 0:
        nm.read_field(cps, n_text + n_author, n_text + n_author + n_url, tables, work)
    found = make_found(work, tables, records)
    scan_shape((nm.Work(work.chars, work.origin, work.kinds, shape), found))
    both = (work, found)
    scan_characters(0, end_text, CHARS, SEED_CHARS, both)
    scan_words(0, end_text, (WORDS, PAIRS), SEED_CHARS, both)
    _scan_name(end_text, end_author, AUTHOR, SEED_AUTHOR, both)
    _scan_name(end_author, work.counts[nm.LENGTH], URL, SEED_URL, both)
    return both


@kernel
def _scan_name(start, end, group, seed, both):  # type: ignore[no-untyped-def]
    """Add the features of the author's name or address: characters and words in one group, in slots of their own."""
    if end > start:
        scan_characters(start, end, group, seed, both)
        scan_words(start, end, (group, -1), seed, both)


@kernel
def group_scales(sizes, weights):  # type: ignore[no-untyped-def]
    """Return what a feature of each group counts for each label, ``multiplier / sqrt(size)``."""
    scales = np.zeros((GROUP_COUNT, 2), np.float64)
    for group in range(GROUP_COUNT):
        if sizes[group] > 0:
            root = np.sqrt(np.float64(sizes[group]))
            scales[group, 0] = weights[SLOT_COUNT + 1 + group, 0] / root
            scales[group, 1] = weights[SLOT_COUNT + 1 + group, 1] / root
    return scales


@kernel
def logits(cps, lengths, tables, weights):  # type: ignore[no-untyped-def]
    """Return the two logits of a comment; see `model.serving` for the layout of ``weights``."""
    found = scan(cps, lengths, tables, False)[1]
    scales = group_scales(found.sizes, weights)
    a = np.float64(weights[SLOT_COUNT, 0])
    b = np.float64(weights[SLOT_COUNT, 1])
    for index in range(found.sizes[TOTAL]):
        key = np.int64(found.keys[index])
        group, slot = key >> GROUP_SHIFT, key & SLOT_MASK
        a += scales[group, 0] * weights[slot, 0]
        b += scales[group, 1] * weights[slot, 1]
    return a, b
