"""Evidence in compiled code: which words moved a logit, and by how much.

Every feature's contribution is divided evenly over the characters it covers where it comes first (what changes from one
character to the next is noted, then summed up); characters are then summed into words. So the parts of a comment, what
is said of its shape, and the bias add up to the logit. Owns the arithmetic only: what a span looks like to a caller is
in `model.serving`.
"""

from typing import Final

import numpy as np

from model import hashing as h
from model import tables as t
from model import workarea as wa
from model.workarea import kernel, large_kernel

PHRASE_SHARE: Final = 0.3  # Neighbours this strong, relative to the strongest word, are shown as one phrase.
PHRASE_WORDS: Final = 8
GAIN_MIN: Final = 1e-9  # What is smaller is left over from rounding.
GAIN_SCALE: Final = 1000.0  # A phrase's gain is told to three digits.
LABEL_COUNT: Final = 2
TEXT, AUTHOR, URL = range(3)


@large_kernel
def contributions(both, weights):  # type: ignore[no-untyped-def]
    """Return what each normalised character and each kind of shape adds to the two logits, float64 arrays."""
    work, found = both
    scales = h.group_scales(found.sizes, weights)
    by_character = np.zeros((work.counts[wa.LENGTH] + 1, LABEL_COUNT), np.float64)
    by_shape = np.zeros((len(h.SHAPE_NAMES), LABEL_COUNT), np.float64)
    for at in range(found.sizes[h.TOTAL]):
        key = np.int64(found.keys[at])
        group, slot = key >> h.GROUP_SHIFT, key & h.SLOT_MASK
        first, second = scales[group, 0] * weights[slot, 0], scales[group, 1] * weights[slot, 1]
        start, end = found.where[at]
        if end < 0:
            by_shape[start, 0] += first
            by_shape[start, 1] += second
            continue
        first, second = first / (end - start), second / (end - start)
        by_character[start, 0] += first
        by_character[start, 1] += second
        by_character[end, 0] -= first
        by_character[end, 1] -= second
    for k in range(1, by_character.shape[0]):
        by_character[k, 0] += by_character[k - 1, 0]
        by_character[k, 1] += by_character[k - 1, 1]
    return by_character[:-1], by_shape


@large_kernel
def cut_tokens(work):  # type: ignore[no-untyped-def]
    """Return the tokens as rows of (start, end): runs without blanks, or single characters of unspaced scripts."""
    n = work.counts[wa.LENGTH]
    tokens = np.empty((n + 1, 2), np.int64)
    count, i = 0, 0
    while i < n:
        if work.chars[i] == wa.BLANK:
            i += 1
            continue
        end = i + 1
        if wa.script_of(work.kinds[i]) != t.UNSPACED:
            while end < n and work.chars[end] != wa.BLANK and wa.script_of(work.kinds[end]) != t.UNSPACED:
                end += 1
        tokens[count, 0], tokens[count, 1] = i, end
        count += 1
        i = end
    return tokens[:count]


@large_kernel
def token_gains(tokens, by_character):  # type: ignore[no-untyped-def]
    """Return what each token adds to each logit; the blank before a token, and any left at the end, belong to it."""
    gains = np.zeros((tokens.shape[0], LABEL_COUNT), np.float64)
    position = 0
    for k in range(tokens.shape[0]):
        end = tokens[k, 1] if k + 1 < tokens.shape[0] else by_character.shape[0]
        while position < end:
            gains[k, 0] += by_character[position, 0]
            gains[k, 1] += by_character[position, 1]
            position += 1
    return gains


@kernel
def source_span(start, end, work):  # type: ignore[no-untyped-def]
    """Return where normalised characters ``start`` to ``end`` stand in the source, without punctuation around them."""
    first, last = start, end - 1
    while first < last and not h.is_word(work.kinds[first]):
        first += 1
    while last > first and not h.is_word(work.kinds[last]):
        last -= 1
    if not h.is_word(work.kinds[first]):
        first, last = start, end - 1
    origin = work.origin[last] + 1
    if last + 1 < work.counts[wa.LENGTH]:
        origin = max(origin, work.origin[last + 1])
    return work.origin[first], origin


@kernel
def _phrase_end(k, label, floor, fields, both):  # type: ignore[no-untyped-def]
    """Return the end of the phrase that begins with token ``k``: strong neighbours of one sign in one field."""
    tokens, gains = both
    positive = gains[k, label] > 0
    end = k + 1
    while end < tokens.shape[0] and end - k < PHRASE_WORDS:
        gain = gains[end, label]
        crosses = tokens[k, 0] < fields[0] <= tokens[end, 0] or tokens[k, 0] < fields[1] <= tokens[end, 0]
        if abs(gain) < floor or (gain > 0) != positive or crosses:
            break
        end += 1
    return end


@large_kernel
def strongest(label, limit, fields, both, work):  # type: ignore[no-untyped-def]
    """Return up to ``limit`` phrases of one label as rows of (source start, source end, gain), strongest first."""
    tokens, gains = both
    best = np.zeros((limit, 3), np.float64)
    count, k = 0, 0
    floor = 0.0
    for i in range(gains.shape[0]):
        floor = max(floor, PHRASE_SHARE * abs(gains[i, label]))
    while k < tokens.shape[0]:
        end = _phrase_end(k, label, floor, fields, both) if abs(gains[k, label]) >= floor else k + 1
        gain = 0.0
        for i in range(k, end):
            gain += gains[i, label]
        count = _insert(best, count, gain, source_span(tokens[k, 0], tokens[end - 1, 1], work))
        k = end
    return best[:count]


@kernel
def _insert(best, count, gain, span):  # type: ignore[no-untyped-def]
    limit = best.shape[0]
    if abs(gain) < GAIN_MIN or limit == 0 or (count == limit and abs(gain) <= abs(best[limit - 1, 2])):
        return count
    at = min(count, limit - 1)
    while at > 0 and abs(best[at - 1, 2]) < abs(gain):
        best[at] = best[at - 1]
        at -= 1
    best[at, 0], best[at, 1], best[at, 2] = span[0], span[1], gain
    return min(count + 1, limit)


@kernel
def field_starts(lengths, work):  # type: ignore[no-untyped-def]
    """Return the first normalised positions whose source lies in the author's name and in the address."""
    n = work.counts[wa.LENGTH]
    author, url = n, n
    for k in range(n - 1, -1, -1):
        if work.origin[k] >= lengths[0] and work.chars[k] != wa.BLANK:
            author = k
            url = k if work.origin[k] >= lengths[0] + lengths[1] else url
    return author, url


@large_kernel
def judge_codes(cps, lengths, tables, weights, limit):  # type: ignore[no-untyped-def]
    """Return both logits, the count of undone characters, and the strongest phrases of each label."""
    work, found = h.scan(cps, lengths, tables, weights, True)
    by_character, by_shape = contributions((work, found), weights)
    tokens = cut_tokens(work)
    gains = token_gains(tokens, by_character)
    fields = field_starts(lengths, work)
    a = weights[h.SLOT_COUNT, 0] + by_character[:, 0].sum() + by_shape[:, 0].sum()
    b = weights[h.SLOT_COUNT, 1] + by_character[:, 1].sum() + by_shape[:, 1].sum()
    first = strongest(0, limit, fields, (tokens, gains), work)
    second = strongest(1, limit, fields, (tokens, gains), work)
    return a, b, work.counts[wa.UNDONE], first, second


@kernel
def localise(start, end, lengths):  # type: ignore[no-untyped-def]
    """Return the field in which a span of all code points begins, and its offsets there, cut at the field's end."""
    text, author = lengths[0], lengths[0] + lengths[1]
    if start < text:
        return TEXT, start, min(end, text)
    if start < author:
        return AUTHOR, start - text, min(end, author) - text
    return URL, start - author, end - author


@kernel
def _note(phrases, lengths, at, places, gains):  # type: ignore[no-untyped-def]
    """Note phrases from row ``at`` on, and return the row after them."""
    for k in range(phrases.shape[0]):
        places[at, 0], places[at, 1], places[at, 2] = localise(
            np.int64(phrases[k, 0]), np.int64(phrases[k, 1]), lengths
        )
        gains[at] = np.rint(phrases[k, 2] * GAIN_SCALE) / GAIN_SCALE
        at += 1
    return at


@large_kernel
def judge_rows(codes, lengths, tables, weights, limit):  # type: ignore[no-untyped-def]
    """Judge many comments.

    Returns:
        Logits, float64 (rows, 2); undone characters, int64 (rows); the phrases of all rows and labels, one after the
        other, as field, start and end, int64 (phrases, 3); what each adds, to three digits, float64 (phrases); and
        where those of each row and label end, int64 (rows, 2).
    """
    count = lengths.shape[0]
    logits, undone = np.empty((count, LABEL_COUNT), np.float64), np.empty(count, np.int64)
    room = LABEL_COUNT * limit * count
    places, gains = np.empty((room, 3), np.int64), np.empty(room, np.float64)
    ends = np.empty((count, LABEL_COUNT), np.int64)
    start, at = 0, 0
    for row in range(count):
        one = (lengths[row, 0], lengths[row, 1], lengths[row, 2])
        stop = start + one[0] + one[1] + one[2]
        a, b, undone[row], first, second = judge_codes(codes[start:stop], one, tables, weights, limit)
        logits[row, 0], logits[row, 1] = a, b
        ends[row, 0] = _note(first, one, at, places, gains)
        ends[row, 1] = at = _note(second, one, ends[row, 0], places, gains)
        start = stop
    return logits, undone, places[:at], gains[:at], ends


@large_kernel
def explain(encoded, lengths, tables, weights):  # type: ignore[no-untyped-def]
    """Return all tokens as (field, start, end), int64; their gains for both labels; and the gains of the shape."""
    work, found = h.scan(np.frombuffer(encoded, np.uint32), lengths, tables, weights, True)
    by_character, by_shape = contributions((work, found), weights)
    tokens = cut_tokens(work)
    gains = token_gains(tokens, by_character)
    places = np.empty((tokens.shape[0], 3), np.int64)
    for k in range(tokens.shape[0]):
        start, end = source_span(tokens[k, 0], tokens[k, 1], work)
        places[k, 0], places[k, 1], places[k, 2] = localise(start, end, lengths)
    return places, gains, by_shape
