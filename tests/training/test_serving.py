"""One comment or many, scored or explained: the numbers agree, in any thread."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model import hashing
from model.batch import encode_one
from model.serving import Model, Thresholds
from model.tables import load_tables

ANY_TEXT = st.text(alphabet=st.characters(), max_size=200)
MIXED = st.lists(
    st.sampled_from(["free ", "mоney ", "<b>", "&amp;", "http://a.example/x ", "漢字", "сhеck ", "ｆ", "\u200b", "!!! ",
                     "\ud800", "ﷺ", "0123 ", "é", "\n", "Привет ", "👩\u200d👧"]), max_size=30
).map("".join)  # fmt: skip
TEXTS = st.one_of(ANY_TEXT, MIXED)


@pytest.fixture(scope="module")
def model() -> Model:
    weights = np.random.default_rng(3).normal(size=(hashing.SLOT_COUNT + 1 + hashing.GROUP_COUNT, 2)) * 0.5
    weights[hashing.SLOT_COUNT + 1 :] = np.linspace(0.2, 1.4, 2 * hashing.GROUP_COUNT).reshape(-1, 2)
    thresholds = {"spam": Thresholds(0.3, 0.9), "toxicity": Thresholds(0.5, None)}
    return Model("random", ("spam", "toxicity"), thresholds, weights.astype(np.float32), load_tables())


@settings(max_examples=150, deadline=None)
@given(rows=st.lists(st.tuples(TEXTS, ANY_TEXT, ANY_TEXT), min_size=1, max_size=5))
def test_one_by_one_equals_batch_equals_judgement(model: Model, rows: list[tuple[str, str, str]]) -> None:
    batch = model.score_batch(rows)

    for (text, author, url), expected in zip(rows, batch, strict=True):
        single = model.score(text, author=author, url=url)
        judged = model.judge(text, author=author, url=url)
        assert list(single.values()) == pytest.approx(expected, abs=1e-9)
        assert [judged.labels[name].probability for name in model.labels] == pytest.approx(expected, abs=1e-6)


@settings(max_examples=150, deadline=None)
@given(text=TEXTS, author=ANY_TEXT, url=TEXTS)
def test_an_explanation_adds_up_to_the_logit(model: Model, text: str, author: str, url: str) -> None:
    logits = {name: part.logit for name, part in model.judge(text, author=author, url=url).labels.items()}

    for name, part in model.explain(text, author=author, url=url).items():
        total = part.bias + sum(span.weight for span in part.spans) + sum(part.shape.values())
        assert total == pytest.approx(part.logit, abs=1e-3)
        assert part.logit == pytest.approx(logits[name], abs=1e-3)


@settings(max_examples=150, deadline=None)
@given(text=TEXTS, author=ANY_TEXT, url=ANY_TEXT)
def test_evidence_lies_inside_the_field_it_names(model: Model, text: str, author: str, url: str) -> None:
    lengths = {"content": len(text), "author": len(author), "url": len(url)}

    for part in model.judge(text, author=author, url=url).labels.values():
        sizes = [abs(span.weight) for span in part.evidence]
        assert sizes == sorted(sizes, reverse=True)
        for span in part.evidence:
            assert 0 <= span.start < span.end <= lengths[span.field]


@settings(max_examples=150, deadline=None)
@given(text=TEXTS, author=ANY_TEXT, url=ANY_TEXT)
def test_a_feature_that_comes_again_counts_once(text: str, author: str, url: str) -> None:
    encoded, lengths = encode_one(text, author, url)
    codes = np.frombuffer(encoded, np.uint32)
    _, found = hashing.scan(codes, lengths, load_tables(), hashing.NO_WEIGHTS, True)
    keys = found.keys[: found.sizes[hashing.TOTAL]]

    assert np.unique(keys).size == keys.size
    assert found.sizes[: hashing.TOTAL].tolist() == np.bincount(keys >> 24, minlength=hashing.GROUP_COUNT).tolist()


def test_what_is_said_again_adds_nothing_where_it_is_said_again(model: Model) -> None:
    text = " ".join(["tide"] * 5)

    gains = [span.weight for span in model.explain(text)["spam"].spans]

    assert len(gains) == 5
    assert min(abs(gain) for gain in gains[:2]) > 1e-3
    assert gains[2:] == pytest.approx([0.0] * 3, abs=1e-9)


def test_features_that_are_made_to_collide_cost_a_bounded_time() -> None:
    full = np.arange(1, 129, dtype=np.uint32) * 1024  # Nobody's own place is free, wherever one looks.

    assert hashing.is_new(np.uint32(7), full)
    assert 7 not in full


def test_evidence_is_cut_at_words_and_shows_the_original(model: Model) -> None:
    text = "Please visit fr\u200bee-money.example &amp; Ｃheck it, now!"

    words = {text[span.start : span.end] for span in model.explain(text)["spam"].spans}

    assert {"Please", "visit", "fr\u200bee-money.example", "Ｃheck", "it", "now"} <= words


def test_author_and_address_are_evidence_too(model: Model) -> None:
    fields = {"text": "hello", "author": "Cheap Shoes", "url": "https://www.shoes.example/buy"}

    spans = model.explain(**fields)["spam"].spans

    shown = {(span.field, fields[span.field][span.start : span.end]) for span in spans if span.field != "content"}
    assert shown == {("author", "Cheap"), ("author", "Shoes"), ("url", "shoes.example/buy")}


def test_an_address_that_the_text_has_counts_once(model: Model) -> None:
    text = "see http://shoes.example/buy"

    assert model.score(text, url="http://shoes.example/buy") == model.score(text)


def test_threads_get_the_same_answers(model: Model) -> None:
    texts = [f"comment {number} with some words http://site{number}.example" * (number % 7) for number in range(400)]
    expected = [model.score(text) for text in texts]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(model.score, texts))

    assert found == expected


def test_text_beyond_the_limit_is_not_read(model: Model) -> None:
    text = "word " * 13_107 + "x"

    assert model.score(text) == model.score(text + " more and more" * 1000)


def test_disguised_text_counts_what_was_undone(model: Model) -> None:
    assert model.judge("сhеck this ｏｕｔ").undone == 5
    assert model.judge("check this out").undone == 0


def test_near_copies_have_near_sketches(model: Model) -> None:
    text = "I earn nine thousand dollars a month from home, ask Mrs Example how she did it for me"
    copy = text.replace("nine", "eight")

    first, second, other = model.sketch(text), model.sketch(copy), model.sketch("The build fails on Windows since June")

    assert len(first) == 16
    assert model.sketch("Ｉ еarn" + text[6:]) == first
    assert sum(a == b for a, b in zip(first, second, strict=True)) >= 9
    assert sum(a == b for a, b in zip(first, other, strict=True)) <= 3
    assert model.sketch("") == (0,) * 16
