"""Verdicts: rules, classifier and policy together; a broken classifier never makes one up."""

from __future__ import annotations

import pytest

from moderation.core.comment import AuthorRecord, Context
from moderation.core.errors import ModelUnavailable
from moderation.core.policy import Policy
from moderation.core.reasons import Action
from moderation.core.site import Site
from moderation.scoring import Scorer
from moderation.service.services import Services
from tests.cast import BORDERLINE, FINE, SPAM, TOXIC, submission
from tests.keyword_model import KeywordModel


class _Broken(KeywordModel):
    def __init__(self, error: Exception) -> None:
        self._error = error

    def judge(self, *_: object, **__: object) -> object:  # type: ignore[override]
        raise self._error

    judge_batch = judge  # type: ignore[assignment]


@pytest.mark.parametrize(
    "error",
    [ValueError("x"), MemoryError(), IndexError(), RecursionError(), OSError("x"), ModelUnavailable("none")],
    ids=lambda error: type(error).__name__,
)
def test_whatever_breaks_in_the_classifier_a_person_decides(
    services: Services, site: Site, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(Scorer, "model", _Broken(error))
    comment = services.submissions.submit(site, submission(services, site)).comment
    [checked] = services.submissions.check(site, [submission(services, site)])

    assert comment.status == "pending"
    assert (comment.verdict.action, comment.verdict.scores, comment.verdict.model) == (Action.REVIEW, {}, None)
    assert [reason.code for reason in comment.verdict.reasons] == ["unscored"]
    assert checked.action is Action.REVIEW


def test_a_hard_rejection_needs_no_classifier(services: Services, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Scorer, "model", _Broken(ValueError("x")))
    comment = services.submissions.submit(site, submission(services, site, honeypot="filled")).comment

    assert [reason.code for reason in comment.verdict.reasons] == ["honeypot", "unscored"]
    assert comment.status == "rejected"


@pytest.mark.parametrize(
    "text, action", [(FINE, "approve"), (BORDERLINE, "review"), (SPAM, "reject"), (TOXIC, "review")]
)
def test_the_thresholds_in_force_decide(services: Services, site: Site, text: str, action: str) -> None:
    verdict = services.judge.verdict(submission(services, site, text), Context(), Policy())

    assert verdict.action == action
    assert verdict.model == "keyword-1"
    assert set(verdict.scores) == {"spam", "toxicity"}


def test_a_sites_own_thresholds_win(services: Services, site: Site) -> None:
    strict = Policy(thresholds={"spam": {"review": 0.001, "reject": 0.005}})
    never = Policy(thresholds={"spam": {"review": None, "reject": None}})

    assert services.judge.verdict(submission(services, site, FINE), Context(), strict).action is Action.REJECT
    assert services.judge.verdict(submission(services, site, SPAM), Context(), never).action is Action.APPROVE


def test_soft_reasons_move_the_score_that_is_shown(services: Services, site: Site) -> None:
    plain = services.judge.verdict(submission(services, site, BORDERLINE), Context(), Policy())
    history = Context(author=AuthorRecord(rejected=4))
    worse = services.judge.verdict(submission(services, site, BORDERLINE), history, Policy())
    trusted = services.judge.verdict(
        submission(services, site, BORDERLINE, author_is_trusted=True), Context(), Policy()
    )

    assert trusted.scores["spam"] < plain.scores["spam"] < worse.scores["spam"]
    assert trusted.action is Action.APPROVE


def test_what_decided_comes_first(services: Services, site: Site) -> None:
    one = submission(services, site, SPAM + " https://bit.ly/1", honeypot="x", form_seconds=1.0)
    policy = Policy(links_allowed=0)
    codes = [reason.code for reason in services.judge.verdict(one, Context(), policy).reasons]

    assert codes[:2] == ["honeypot", "too-many-links"]
    assert set(codes[2:]) == {"model-spam", "model-toxicity", "fast-form", "shortener-link"}


def test_a_batch_is_judged_as_its_members(services: Services, site: Site) -> None:
    several = [submission(services, site, text) for text in (FINE, BORDERLINE, SPAM, TOXIC)]

    assert services.judge.verdicts(several, Policy()) == [
        services.judge.verdict(one, Context(), Policy()) for one in several
    ]


def test_markup_does_not_hide_words_from_lists(services: Services, site: Site) -> None:
    site = services.sites.change_policy(site.name, {"block": {"words": ["viagra"]}})
    hidden = submission(services, site, "<b>via</b>gra", content_type="text/html")

    assert services.submissions.submit(site, hidden).comment.status == "rejected"
