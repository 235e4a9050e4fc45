"""Hashed features in compiled code: which features a normalised comment has, once each.

One function, `scan`, makes the features for training, for scores and for evidence, so they cannot drift. A feature is a
key: its group above bit 24 and its slot below. A group is scaled by ``multiplier / sqrt(its size)``, so long texts do
not drown short ones. A feature that comes twice counts once, where it comes first: "buy buy" is no worse than "buy".
"""

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from model import normalise as nm
from model import tables as t
from model import workarea as wa
from model.workarea import kernel, large_kernel

CHARS, WORDS, PAIRS, SHAPE, LINKS, AUTHOR, URL = range(7)
GROUP_COUNT: Final = 7
GROUP_NAMES: Final = ("chars", "words", "pairs", "shape", "links", "author", "url")
SHAPE_NAMES: Final = (
    "length", "capitals", "digits", "symbols", "links", "disguised characters", "lines", "long number",
    "exclamation marks", "HTML",
)  # fmt: skip
LINK_KINDS: Final = (4, 9)
GROUP_SHIFT: Final = 24
SLOT_MASK: Final = (1 << GROUP_SHIFT) - 1
GROUP_SHIFT_32, SLOT_MASK_32 = np.uint32(GROUP_SHIFT), np.uint32(SLOT_MASK)  # Unsigned indices need no check of sign.

NGRAM_MIN, NGRAM_MAX = 2, 4
TEXT_LIMIT: Final = 65_536  # Code points read of a text; bodies are smaller (DESIGN §6).
AUTHOR_LIMIT: Final = 256
URL_LIMIT: Final = 2_048

PRIME: Final = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: Knuth, TAOCP 6.4.
MIX: Final = np.uint64(0xD6E8FEB86659FD93)
SEED_CHARS, SEED_WORDS, SEED_PAIRS, SEED_SHAPE = np.uint64(0x51), np.uint64(0xA3), np.uint64(0xC7), np.uint64(0xF1)
SEED_AUTHOR, SEED_URL = np.uint64(0x1_0001), np.uint64(0x2_0003)
SEEN_MIN, SEEN_ROOM = 64, 6  # A character begins at most five features; ten more are of the text as a whole.
PROBES_MAX: Final = 64
SLOT_DROP: Final = np.uint64(64 - 20)
HALF: Final = np.uint64(32)

REVISION: Final = 4  # Raised with every change of what features are; models of another revision are refused.
SLOT_BITS: Final = 20
SLOT_COUNT: Final = 1 << SLOT_BITS
NO_WEIGHTS: Final = np.empty((0, 2), np.float32)


class Found(NamedTuple):
    """The features found in one comment, each once, in the order in which they first appear.

    Attributes:
        keys: ``sizes[TOTAL]`` of them.
        sizes: Features a group, then their total.
        where: The normalised characters each covers, as (start, end); no rows when not recorded.
        seen: Their hash table, a power of two of places, with 0 in those that are free.
        weights: What will be looked up for them; without rows where nothing will.
    """

    keys: npt.NDArray[np.uint32]
    sizes: npt.NDArray[np.int64]
    where: npt.NDArray[np.int32]
    seen: npt.NDArray[np.uint32]
    weights: npt.NDArray[np.float32]


TOTAL: Final = GROUP_COUNT


@kernel
def make_found(work, records, weights):  # type: ignore[no-untyped-def]
    """Allocate room for every feature the work area can give; ``records`` keeps their places too."""
    room = (NGRAM_MAX + 3) * work.counts[wa.LENGTH] + 64
    where = np.empty((room if records else 0, 2), np.int32)
    places = SEEN_MIN
    while places < SEEN_ROOM * work.counts[wa.LENGTH]:
        places *= 2
    keys, sizes = np.empty(room, np.uint32), np.zeros(GROUP_COUNT + 1, np.int64)
    return Found(keys, sizes, where, np.zeros(places, np.uint32), weights)


@kernel
def is_new(key, seen):  # type: ignore[no-untyped-def]
    """Tell whether a feature comes for the first time, and remember it.

    Where so many others are in the way that somebody must have meant it, a feature counts as often as it comes.
    """
    mask = np.uint32(seen.size - 1)
    place = key & mask
    there, probes = seen[place], 0
    while there != 0 and there != key:
        place = (place + np.uint32(1)) & mask
        there, probes = seen[place], probes + 1
        if probes == PROBES_MAX:
            return True
    seen[place] = key
    return there != key


@kernel
def _key(group, h):  # type: ignore[no-untyped-def]
    return np.uint32((group << GROUP_SHIFT) | np.int64(((h ^ (h >> HALF)) * MIX) >> SLOT_DROP))


@kernel
def _add(group, h, start, end, found):  # type: ignore[no-untyped-def]
    """Note the feature with hash ``h`` that covers normalised characters ``start`` to ``end``, unless it came."""
    at = found.sizes[TOTAL]
    key = _key(group, h)
    if not is_new(key, found.seen):
        return
    if found.weights.shape[0] > 0:
        wa.prefetch(found.weights, np.int64(key & SLOT_MASK_32))
    found.keys[at] = key
    if found.where.shape[0] > 0:
        found.where[at, 0] = start
        found.where[at, 1] = end
    found.sizes[TOTAL] = at + 1
    found.sizes[group] += 1


@large_kernel
def scan_characters(start, stop, group, seed, work_found):  # type: ignore[no-untyped-def]
    """Add the 2- to 4-grams of the normalised characters ``start`` to ``stop``."""
    work, found = work_found
    chars, keys, where, seen, weights = work.chars, found.keys, found.where, found.seen, found.weights
    records, will_look_up = where.shape[0] > 0, weights.shape[0] > 0
    before = found.sizes[TOTAL]
    at = before
    for i in range(start, stop - 1):
        h = (seed ^ np.uint64(chars[i])) * PRIME
        for end in range(i + 1, min(i + NGRAM_MAX, stop)):
            h = ((h ^ (h >> HALF)) ^ np.uint64(chars[end])) * PRIME
            key = _key(group, h)
            if will_look_up:
                wa.prefetch(weights, np.int64(key & SLOT_MASK_32))
            is_first = is_new(key, seen)
            keys[at] = key
            if records:
                where[at, 0] = i
                where[at, 1] = end + 1
            at += np.int64(is_first)  # Without a branch: whether it comes again is hard to foretell.
    found.sizes[TOTAL] = at
    found.sizes[group] += at - before


@large_kernel
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
        h = ((seed ^ SEED_WORDS) ^ np.uint64(work.chars[i])) * PRIME
        end = i + 1
        while end < stop and goes_on(work.kinds[i], work.kinds[end]):
            h = ((h ^ (h >> HALF)) ^ np.uint64(work.chars[end])) * PRIME
            end += 1
        _add(groups[0], h, i, end, found)
        if groups[1] >= 0:
            _add(groups[1], (previous * MIX + h) ^ SEED_PAIRS, previous_start, end, found)
        previous, previous_start = h, i
        i = end


@kernel
def is_word(kind):  # type: ignore[no-untyped-def]
    """Tell whether a character of this kind belongs to a word."""
    category = kind & wa.KIND_CATEGORY
    return category == t.LETTER or category == t.DIGIT


@kernel
def goes_on(first, following):  # type: ignore[no-untyped-def]
    """Tell whether a word that began with a character of one kind goes on with one of another."""
    is_spaced = wa.script_of(first) != t.UNSPACED and wa.script_of(following) != t.UNSPACED
    return is_spaced and is_word(following)


@kernel
def _level(value):  # type: ignore[no-untyped-def]
    """Return 0 for 0, then 1 + floor(log2(value)): 1, 2-3, 4-7, 8-15 …"""
    return math.frexp(np.float64(value))[1]


@kernel
def _share(part, whole):  # type: ignore[no-untyped-def]
    """Return tenths of a share: 0 for none, 1 for up to a tenth, … 10 for all."""
    return (10 * part + whole - 1) // whole if whole > 0 else 0


@kernel
def _add_shape(kind, level, found):  # type: ignore[no-untyped-def]
    h = ((SEED_SHAPE ^ np.uint64(kind)) * PRIME ^ np.uint64(level)) * PRIME
    _add(LINKS if kind in LINK_KINDS else SHAPE, h, kind, -1, found)


@large_kernel
def scan_shape(work_found):  # type: ignore[no-untyped-def]
    """Add what is true of a text as a whole. What is said of links has a group of its own, which a recipe can mute."""
    work, found = work_found
    c = work.counts
    length = c[wa.LETTERS] + c[wa.DIGITS] + c[wa.SYMBOLS]
    _add_shape(0, _level(length), found)
    _add_shape(1, _share(c[wa.UPPERS], c[wa.LETTERS]) if c[wa.LETTERS] >= 8 else 11, found)
    _add_shape(2, _share(c[wa.DIGITS], length), found)
    _add_shape(3, _share(c[wa.SYMBOLS], length), found)
    _add_shape(4, _level(c[wa.LINKS]), found)
    if c[wa.UNDONE] > 0:
        _add_shape(5, _level(c[wa.UNDONE]), found)
    _add_shape(6, _level(c[wa.LINES]), found)
    _add_shape(7, min(c[wa.DIGIT_RUN_MAX], 12), found)
    _add_shape(8, _level(c[wa.EXCLAIMS]), found)
    if c[wa.TAGS] > 0:
        _add_shape(9, 1, found)


@large_kernel
def scan(cps, lengths, tables, weights, records):  # type: ignore[no-untyped-def]
    """Normalise a comment and find its features.

    Args:
        cps: Code points of text, author and URL, one after the other.
        lengths: How many of them are text, author and URL.
        tables: See `model.tables`.
        weights: What will be looked up for the features, or `NO_WEIGHTS`.
        records: Whether occurrences are kept, for evidence.

    Returns:
        The work area and the features found.
    """
    n_text, n_author, n_url = lengths
    work = wa.make_work(n_text + n_author + n_url)
    nm.read_field(cps, 0, n_text, tables, work)
    end_text = work.counts[wa.LENGTH]
    shape = work.counts.copy()
    if n_author > 0:
        nm.read_field(cps, n_text, n_text + n_author, tables, work)
    end_author = work.counts[wa.LENGTH]
    if n_url > 0:
        nm.read_field(cps, n_text + n_author, n_text + n_author + n_url, tables, work)
    found = make_found(work, records, weights)
    scan_shape((wa.Work(work.chars, work.origin, work.kinds, shape), found))
    both = (work, found)
    scan_characters(0, end_text, CHARS, SEED_CHARS, both)
    scan_words(0, end_text, (WORDS, PAIRS), SEED_CHARS, both)
    _scan_name(end_text, end_author, AUTHOR, SEED_AUTHOR, both)
    _scan_name(end_author, work.counts[wa.LENGTH], URL, SEED_URL, both)
    return both


@large_kernel
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


@large_kernel
def logits(cps, lengths, tables, weights):  # type: ignore[no-untyped-def]
    """Return the two logits of a comment; see `model.serving` for the layout of ``weights``."""
    found = scan(cps, lengths, tables, weights, False)[1]
    scales = group_scales(found.sizes, weights)
    keys = found.keys
    a = b = c = d = 0.0  # Two sums a label, so that one addition need not wait for the other.
    total = found.sizes[TOTAL]
    for at in range(0, total - 1, 2):
        group, slot = keys[at] >> GROUP_SHIFT_32, keys[at] & SLOT_MASK_32
        a += scales[group, 0] * weights[slot, 0]
        b += scales[group, 1] * weights[slot, 1]
        group, slot = keys[at + 1] >> GROUP_SHIFT_32, keys[at + 1] & SLOT_MASK_32
        c += scales[group, 0] * weights[slot, 0]
        d += scales[group, 1] * weights[slot, 1]
    if total % 2:
        group, slot = keys[total - 1] >> GROUP_SHIFT_32, keys[total - 1] & SLOT_MASK_32
        a += scales[group, 0] * weights[slot, 0]
        b += scales[group, 1] * weights[slot, 1]
    return a + c + weights[SLOT_COUNT, 0], b + d + weights[SLOT_COUNT, 1]


@kernel
def probability(logit):  # type: ignore[no-untyped-def]
    """Return the logistic function of a logit, without overflow."""
    if logit >= 0.0:
        return 1.0 / (1.0 + np.exp(-logit))
    grown = np.exp(logit)
    return grown / (1.0 + grown)


@large_kernel
def probabilities(encoded, lengths, tables, weights):  # type: ignore[no-untyped-def]
    """Return the two probabilities of a comment; its code points come as bytes, which enter compiled code fastest."""
    a, b = logits(np.frombuffer(encoded, np.uint32), lengths, tables, weights)
    return probability(a), probability(b)
