"""The classifier in use: taken up when promoted, kept when the next one is broken, and never a made-up score."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path

import pytest

from model.artifact import BASE_DIRECTORY, MANIFEST, ModelRefused, load_model
from model.registry import current_directory
from moderation.core.comment import Submission
from moderation.core.errors import ModelUnavailable
from moderation.scoring import EVIDENCE_SPANS, Scorer
from tests.conftest import require

TEXT = "Please check out my channel, and subscribe for free gift cards!"


def submission(content: str = TEXT, **fields: object) -> Submission:
    return Submission(content=content, permalink="https://news.example/", author_name="Mallory", **fields)  # type: ignore[arg-type]


def _base_loads() -> bool:
    try:
        load_model(BASE_DIRECTORY)
    except (ModelRefused, OSError):
        return False
    return True


@pytest.fixture
def base() -> None:
    """Ask for the shipped model."""
    require(_base_loads(), "The shipped model in model/base cannot be loaded by this version of the code.")


def promoted(models: Path, version: str, *, is_broken: bool = False) -> None:
    """Put a copy of the shipped model into use, as a promotion does."""
    directory = models / version
    shutil.copytree(BASE_DIRECTORY, directory)
    if is_broken:
        (directory / MANIFEST).write_text("{")
    link = models / ".next"
    link.symlink_to(directory)
    link.replace(models / "current")


def test_scores_reasons_and_evidence_belong_together(base: None, tmp_path: Path) -> None:
    scored = Scorer(tmp_path).score(submission(author_url="https://m.example"))

    assert set(scored.scores) == {"spam", "toxicity"}
    assert all(0 <= score <= 1 for score in scored.scores.values())
    assert {reason.code for reason in scored.reasons} == {"model-spam", "model-toxicity"}
    for reason in scored.reasons:
        assert len(reason.evidence) <= EVIDENCE_SPANS
        assert (reason.weight > 0) == ("resembles" in reason.detail or "reads like" in reason.detail)
        for one in reason.evidence:
            text = {"content": TEXT, "author": "Mallory", "url": "https://m.example"}[one.field]
            assert text[one.start : one.end] == one.text != ""
    assert scored.model == load_model(BASE_DIRECTORY).version
    assert scored.thresholds["spam"].review is not None


def test_a_batch_scores_as_one_by_one(base: None, tmp_path: Path) -> None:
    scorer = Scorer(tmp_path)
    several = [submission(text) for text in (TEXT, "I agree.", "", "\u0301" * 500, "<b>x</b>")]

    assert scorer.score_many(several) == [scorer.score(one) for one in several]


def test_without_a_model_nothing_is_made_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("moderation.scoring.current_directory", lambda _: tmp_path / "nothing")
    scorer = Scorer(tmp_path)

    scorer.warm_up()

    assert scorer.thresholds() == {}
    for act in (lambda: scorer.model, lambda: scorer.score(submission()), lambda: scorer.score_many([submission()])):
        with pytest.raises(ModelUnavailable):
            act()


def test_a_promoted_model_is_taken_up_while_running(
    base: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moderation.scoring.LOOK_SECONDS", 0.0)
    scorer = Scorer(tmp_path)
    before = scorer.model

    promoted(tmp_path, "next")

    assert current_directory(tmp_path) == (tmp_path / "next").resolve()
    assert scorer.model is not before


def test_a_broken_model_leaves_the_earlier_one_in_use(
    base: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moderation.scoring.LOOK_SECONDS", 0.0)
    scorer = Scorer(tmp_path)
    before = scorer.model

    promoted(tmp_path, "next", is_broken=True)

    assert scorer.model is before
    assert scorer.score(submission()).model == before.version


def test_threads_go_on_while_one_of_them_loads(base: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moderation.scoring.LOOK_SECONDS", 0.0)
    scorer = Scorer(tmp_path)
    before = scorer.model
    is_loading, may_go_on = threading.Event(), threading.Event()

    def load_slowly(directory: Path) -> object:
        is_loading.set()
        may_go_on.wait(10)
        return load_model(directory)

    monkeypatch.setattr("moderation.scoring.load_model", load_slowly)
    promoted(tmp_path, "next")
    loader = threading.Thread(target=lambda: scorer.model)
    loader.start()
    assert is_loading.wait(10)

    started = time.monotonic()
    during = scorer.model
    waited = time.monotonic() - started
    may_go_on.set()
    loader.join()

    assert during is before
    assert waited < 1
    assert scorer.model is not before
