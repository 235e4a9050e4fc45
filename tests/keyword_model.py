"""A classifier that reads single words, so that a test can say which verdict it wants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from model.serving import Derived, Judgement, LabelJudgement, Span, Thresholds, logit_of, probability_of

SPAM_WORD = "casino"
BORDERLINE_WORD = "channel"
TOXIC_WORD = "idiot"
_SPAM = {SPAM_WORD: 0.99, BORDERLINE_WORD: 0.6}
_LOGITS = {0.99: 4.6, 0.9: 2.2, 0.6: 0.4, 0.01: -4.6}


class KeywordModel:
    """Has the interface of ``model.serving.Model``: "casino" is spam at 0.99, "channel" at 0.6; "idiot" is toxic."""

    version = "keyword-1"
    labels = ("spam", "toxicity")
    thresholds: ClassVar = {"spam": Thresholds(review=0.5, reject=0.9), "toxicity": Thresholds(review=0.8, reject=None)}
    derived: ClassVar = {"severe_toxicity": Derived("toxicity", 1.0, -4.0)}

    def derive(self, scores: Mapping[str, float]) -> dict[str, float]:
        """Return severe toxicity, as a real model would make it of toxicity."""
        of = self.derived["severe_toxicity"]
        return {"severe_toxicity": probability_of(of.slope * logit_of(scores[of.label]) + of.offset)}

    def judge(self, text: str, *, author: str = "", url: str = "", limit: int = 5) -> Judgement:
        """Return the judgement that the words of a text ask for."""
        words = text.lower()
        spam = next((value for word, value in _SPAM.items() if word in words), 0.01)
        toxicity = 0.9 if TOXIC_WORD in words else 0.01
        found = next((word for word in (*_SPAM, TOXIC_WORD) if word in words), None)
        start = words.find(found) if found else 0
        evidence = (Span("content", start, start + len(found), 1.0),) if found else ()
        labels = {
            "spam": LabelJudgement(spam, _LOGITS[spam], evidence),
            "toxicity": LabelJudgement(toxicity, _LOGITS[toxicity], evidence),
        }
        return Judgement(labels=labels, undone=0)

    def judge_batch(self, rows: Sequence[tuple[str, str, str]], limit: int = 5) -> list[Judgement]:
        """Return one judgement a row."""
        return [self.judge(text, author=author, url=url, limit=limit) for text, author, url in rows]

    def sketch(self, text: str) -> tuple[int, ...]:
        """Return a sketch that equal texts share."""
        return (len(text),)

    def warm_up(self) -> None:
        """Nothing is compiled."""
