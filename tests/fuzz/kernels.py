"""Targets that run the classifier's kernels: as they are compiled, or as plain Python, which a fuzzer can see into.

numba's code has no counters for a fuzzer and does not check bounds. As plain Python the same functions have both: what
would be a stray read in compiled code is an IndexError there. A fuzzer explores that form, and what it found is given
to the compiled one.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from tests.fuzz.targets import quick

Check = Callable[[str, str, str], None]
TOLERANCE = 1e-3  # Of the sum of an explanation, in logit units; what `model.serving` promises.


def make_features() -> Check:
    """Return a check of all that serving asks of the model that is shipped."""
    from model.artifact import BASE_DIRECTORY, load_model
    from model.serving import Model, Span

    model = load_model(BASE_DIRECTORY)
    model.warm_up()  # Compiling, where nobody did it yet, takes longer than any input may.

    def check(text: str, author: str, link: str) -> None:
        with quick():
            scores = model.score(text, author=author, url=link)
            judged = model.judge(text, author=author, url=link)
            sketch = model.sketch(text)
        assert all(0.0 <= score <= 1.0 for score in scores.values()), scores
        assert len(sketch) == 16
        assert judged.undone >= 0
        for label, one in judged.labels.items():
            assert math.isclose(one.probability, scores[label], abs_tol=1e-9)
            _check_spans(one.evidence, {"content": text, "author": author, "url": link})
        _check_sums(model, text, author, link)

    def _check_spans(spans: tuple[Span, ...], of: dict[str, str]) -> None:
        for span in spans:
            assert 0 <= span.start < span.end <= len(of[span.field]), span

    def _check_sums(model: Model, text: str, author: str, link: str) -> None:
        batch = model.score_batch([(text, author, link), ("x", "", ""), (text, author, link)])
        assert (batch[0] == batch[2]).all(), "the same comment has two scores"
        for index, (label, one) in enumerate(model.explain(text, author=author, url=link).items()):
            assert math.isclose(batch[0][index], one.probability, abs_tol=1e-6), label
            parts = one.bias + sum(span.weight for span in one.spans) + sum(one.shape.values())
            assert abs(parts - one.logit) < TOLERANCE, label

    return check


def make_normaliser() -> Check:
    """Return a check of normaliser and features alone, for plain Python, in which a whole judgement takes too long."""
    import numpy as np

    from model import hashing, workarea
    from model.batch import encode_one
    from model.tables import load_tables

    tables = load_tables()

    def check(text: str, author: str, link: str) -> None:
        encoded, lengths = encode_one(text, author, link)
        codes = np.frombuffer(encoded, np.uint32)
        with np.errstate(over="ignore"):  # Hashes wrap around, in compiled code without a word.
            work, found = hashing.scan(codes, lengths, tables, hashing.NO_WEIGHTS, True)
        count = int(work.counts[workarea.LENGTH])
        total = int(found.sizes[hashing.TOTAL])
        assert 0 <= count <= work.chars.size
        assert (work.origin[:count] >= 0).all()
        assert (work.origin[:count] <= sum(lengths)).all()
        assert total == found.sizes[: hashing.TOTAL].sum()
        assert (found.keys[:total] >> hashing.GROUP_SHIFT < hashing.GROUP_COUNT).all()
        assert (found.where[:total, 0] >= 0).all()

    return check
