"""The shipped model on comments that nobody trained it on: ``samples.jsonl``, in fourteen languages.

The bounds are those of a smoke alarm: looser than the promises, which are measured on thousands of real comments. And
no phrase of the samples may be put into the grammar, or the test measures memory.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model.artifact import BASE_DIRECTORY, load_model
from model.corpus import has_link
from model.disguise import Disguise, disguise_as
from model.measures import auc

SAMPLES = Path(__file__).with_name("samples.jsonl")


@pytest.fixture(scope="module")
def model():
    return load_model(BASE_DIRECTORY)


@pytest.fixture(scope="module")
def samples():
    return [json.loads(line) for line in SAMPLES.read_text("utf-8").splitlines()]


def scores_of(model, rows, change: Callable[[str], str] = str) -> np.ndarray:
    fields = [(change(row["text"]), row["author"] or "", row["url"] or "") for row in rows]
    return model.score_batch(fields)[:, model.labels.index("spam")]


def split(samples) -> tuple[list[dict], list[dict]]:
    return [row for row in samples if not row["labels"]["spam"]], [row for row in samples if row["labels"]["spam"]]


def told(rows, chosen) -> list[str]:
    return [row["text"][:70] for row, is_chosen in zip(rows, chosen, strict=True) if is_chosen]


def test_the_samples_are_varied(samples):
    ham, spam = split(samples)

    assert min(len(ham), len(spam)) >= 80
    assert len({row["language"] for row in samples}) >= 12
    assert sum(has_link(row["text"]) for row in ham) >= 20


def test_no_sample_is_in_the_grammar(samples):
    phrases = " ".join(path.read_text("utf-8") for path in (BASE_DIRECTORY.parent / "phrases").glob("*.toml"))

    assert told(samples, [len(row["text"]) > 40 and row["text"] in phrases for row in samples]) == []


def test_spam_scores_above_ham(model, samples):
    truth = np.array([row["labels"]["spam"] == 1 for row in samples])

    assert auc(scores_of(model, samples), truth).value >= 0.95


def test_no_honest_comment_is_rejected(model, samples):
    ham, _ = split(samples)

    assert told(ham, scores_of(model, ham) >= model.thresholds["spam"].reject) == []


def test_few_honest_comments_wait_for_a_person(model, samples):
    ham, _ = split(samples)

    waiting = told(ham, scores_of(model, ham) >= model.thresholds["spam"].review)

    assert len(waiting) <= 0.10 * len(ham), waiting


def test_most_spam_does_not_appear(model, samples):
    _, spam = split(samples)

    published = told(spam, scores_of(model, spam) < model.thresholds["spam"].review)

    assert len(published) <= 0.25 * len(spam), published


@pytest.mark.parametrize("way", list(Disguise))
def test_a_disguise_hides_little_spam(model, samples, way):
    _, spam = split(samples)
    rng = np.random.default_rng(5)
    review = model.thresholds["spam"].review

    plain = scores_of(model, spam) < review
    disguised = scores_of(model, spam, lambda text: disguise_as(text, way, 0.5, rng)) < review

    assert disguised.sum() - plain.sum() <= 0.05 * len(spam), told(spam, disguised & ~plain)


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "ru", "it", "nl", "pl"])
def test_every_larger_language_tells_the_two_apart(model, samples, language):
    rows = [row for row in samples if row["language"] == language]
    truth = np.array([row["labels"]["spam"] == 1 for row in rows])

    assert auc(scores_of(model, rows), truth).value >= 0.85
