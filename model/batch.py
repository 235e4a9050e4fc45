"""From Python strings to compiled code and back: one comment, or many at once.

Owns the limits on lengths and the encoding; what a feature is lives in `model.hashing`.
"""

from codecs import utf_32_le_encode
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from model import hashing as h
from model.workarea import large_kernel

Codes = npt.NDArray[np.uint32]


def encode_one(text: str, author: str, url: str) -> tuple[bytes, tuple[int, int, int]]:
    """Return the code points of the three fields, one after the other, and how many belong to each.

    A URL that the text contains counts once, as part of the text. Lone surrogates pass: they are code points too.
    """
    if not author and not url and len(text) <= h.TEXT_LIMIT:
        return utf_32_le_encode(text, "surrogatepass")[0], (len(text), 0, 0)
    text = text[: h.TEXT_LIMIT]
    author, url = author[: h.AUTHOR_LIMIT], "" if url in text else url[: h.URL_LIMIT]
    return utf_32_le_encode(text + author + url, "surrogatepass")[0], (len(text), len(author), len(url))


def encode_rows(rows: Sequence[tuple[str, str, str]]) -> tuple[Codes, npt.NDArray[np.int64]]:
    """Return the code points of all rows and the lengths of their fields, shape (rows, 3)."""
    lengths = np.empty((len(rows), 3), np.int64)
    parts: list[str] = []
    for index, (text, author, url) in enumerate(rows):
        kept = text[: h.TEXT_LIMIT]
        fields = kept, author[: h.AUTHOR_LIMIT], "" if url and url in kept else url[: h.URL_LIMIT]
        lengths[index] = [len(part) for part in fields]
        parts.extend(fields)
    return np.frombuffer(utf_32_le_encode("".join(parts), "surrogatepass")[0], np.uint32), lengths


@large_kernel
def score_rows(codes, lengths, tables, weights):  # type: ignore[no-untyped-def]
    """Return the logits of many comments, shape (rows, 2)."""
    logits = np.empty((lengths.shape[0], 2), np.float64)
    start = 0
    for row in range(lengths.shape[0]):
        one = (lengths[row, 0], lengths[row, 1], lengths[row, 2])
        end = start + one[0] + one[1] + one[2]
        logits[row] = h.logits(codes[start:end], one, tables, weights)
        start = end
    return logits


@large_kernel
def find_rows(codes, lengths, tables):  # type: ignore[no-untyped-def]
    """Return the features of many comments for training.

    Returns:
        The keys of all rows, sorted within a row, uint32; where each row ends among them, int64 (rows + 1); and the
        sizes of each row's groups, int32 (rows, GROUP_COUNT).
    """
    count = lengths.shape[0]
    keys = np.empty(4 * codes.size + 64 * count + 64, np.uint32)
    ends = np.zeros(count + 1, np.int64)
    sizes = np.empty((count, h.GROUP_COUNT), np.int32)
    start = 0
    for row in range(count):
        one = (lengths[row, 0], lengths[row, 1], lengths[row, 2])
        end = start + one[0] + one[1] + one[2]
        found = h.scan(codes[start:end], one, tables, h.NO_WEIGHTS, False)[1]
        total = found.sizes[h.TOTAL]
        if ends[row] + total > keys.size:
            wider = np.empty(2 * (ends[row] + total), np.uint32)
            wider[: ends[row]] = keys[: ends[row]]
            keys = wider
        keys[ends[row] : ends[row] + total] = np.sort(found.keys[:total])
        ends[row + 1] = ends[row] + total
        sizes[row] = found.sizes[: h.GROUP_COUNT]
        start = end
    return keys[: ends[count]], ends, sizes
