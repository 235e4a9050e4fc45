"""The classifiers that the scoring bench compares, all trained on the same rows.

Each is trained here and reduced to two functions: one comment, and many. Owns how each library is called at its
fastest through what it documents; times nothing.
"""

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import numpy as np

from model.artifact import load_model
from model.hashing import SLOT_COUNT
from model.recipe import DataSet, Recipe
from model.train import train

COST: Final = 5.0
FASTTEXT_EPOCHS: Final = 10
WORDS: Final = {"wordNgrams": 1, "minn": 0, "maxn": 0}


@dataclass(frozen=True, slots=True)
class Contender:
    """One trained classifier.

    Attributes:
        one: The probability that one text is spam.
        many: The probabilities of many.
    """

    name: str
    one: Callable[[str], float]
    many: Callable[[Sequence[str]], Sequence[float]]


def ours(texts: Sequence[str], truth: Sequence[int]) -> Contender:
    """Train from a recipe, as an operator does, and serve through the class that the service uses."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        rows = ({"text": text, "labels": {"spam": label}} for text, label in zip(texts, truth, strict=True))
        (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        train(Recipe("bench", (DataSet("rows", "rows.jsonl", {"spam": ("spam",)}),)), folder, folder / "model")
        model = load_model(folder / "model")
    model.warm_up()
    return Contender(
        "Winnow",
        lambda text: model.score(text)["spam"],
        lambda many: model.score_batch([(text, "", "") for text in many])[:, 0].tolist(),
    )


def hashing_pipeline(texts: Sequence[str], truth: Sequence[int]) -> Contender:
    """Train scikit-learn on the same groups of features: characters 2-5, words and pairs, 2^20 slots, binary."""
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.pipeline import make_union

    union = make_union(
        HashingVectorizer(analyzer="char", ngram_range=(2, 5), n_features=SLOT_COUNT, binary=True),
        HashingVectorizer(analyzer="word", ngram_range=(1, 2), n_features=SLOT_COUNT, binary=True),
    )
    return _scikit("scikit-learn, hashing", union, texts, truth)


def tfidf_pipeline(texts: Sequence[str], truth: Sequence[int]) -> Contender:
    """Train scikit-learn's usual text classifier: TF-IDF of words and pairs."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    return _scikit("scikit-learn, TF-IDF words", TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), texts, truth)


def _scikit(name: str, features: Any, texts: Sequence[str], truth: Sequence[int]) -> Contender:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    pipeline = make_pipeline(features, LogisticRegression(C=COST, solver="liblinear")).fit(texts, truth)
    return Contender(
        name,
        lambda text: float(pipeline.predict_proba([text])[0, 1]),
        lambda many: pipeline.predict_proba(many)[:, 1].tolist(),
    )


def fasttext_default(texts: Sequence[str], truth: Sequence[int]) -> Contender:
    """Train fastText as it comes, single words and no pieces of words, the fastest it can be; ask its ``predict``."""
    return _predicting("fastText, words", _fasttext(texts, truth, **WORDS))


def fasttext_inner(texts: Sequence[str], truth: Sequence[int]) -> Contender:
    """Train the same, and ask the compiled function inside ``predict``, which no documentation names."""
    asked = _fasttext(texts, truth, **WORDS)

    def one(text: str) -> float:
        found = asked.f.predict(text + "\n", 1, 0.0, "strict")
        return _of_spam(*found[0]) if found else 0.5

    return Contender("fastText, words, inner call", one, _many(asked))


def fasttext_pieces(texts: Sequence[str], truth: Sequence[int]) -> Contender:
    """Train fastText on features like ours: pairs of words, and pieces of two to five characters."""
    options = {"wordNgrams": 2, "minn": 2, "maxn": 5, "bucket": 1 << 20}
    return _predicting("fastText, words, pairs and pieces", _fasttext(texts, truth, **options))


def _fasttext(texts: Sequence[str], truth: Sequence[int], **options: int) -> Any:
    import fasttext

    # The one call of the package that numpy 2 refuses: its `copy=False` now means that a copy is an error.
    fasttext.FastText.np = SimpleNamespace(array=lambda found, copy: np.asarray(found))
    with tempfile.TemporaryDirectory() as made:
        path = Path(made) / "rows.txt"
        lines = (f"__label__{label} {_one_line(text)}\n" for text, label in zip(texts, truth, strict=True))
        path.write_text("".join(lines), encoding="utf-8")
        return fasttext.train_supervised(str(path), epoch=FASTTEXT_EPOCHS, thread=1, verbose=0, **options)


def _predicting(name: str, asked: Any) -> Contender:
    def one(text: str) -> float:
        labels, chances = asked.predict(text)
        return _of_spam(chances[0], labels[0]) if labels else 0.5

    return Contender(name, one, _many(asked))


def _many(asked: Any) -> Callable[[Sequence[str]], Sequence[float]]:
    def many(texts: Sequence[str]) -> list[float]:
        found, chances = asked.predict(list(texts))
        return [_of_spam(float(chance[0]), label[0]) for chance, label in zip(chances, found, strict=True)]

    return many


def _of_spam(chance: float, label: str) -> float:
    return chance if label == "__label__1" else 1.0 - chance


def _one_line(text: str) -> str:
    return " ".join(text.split())
