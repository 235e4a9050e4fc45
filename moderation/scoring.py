"""The classifier in use: loading it, scoring with it, and taking up a newer one while the service runs.

Owns the one model of this process. A model that cannot be loaded leaves the earlier one in use; where there never was
one, ``ModelUnavailable`` says so and the comment goes to a person. Refuses to decide anything.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import structlog

from model.artifact import ModelRefused, load_model
from model.registry import current_directory
from model.serving import Judgement, Model
from moderation.core.comment import Submission
from moderation.core.errors import ModelUnavailable
from moderation.core.policy import Thresholds
from moderation.core.reasons import KINDS, Evidence, Reason

LOOK_SECONDS = 1.0  # How often a request looks whether another model was promoted.
EVIDENCE_SPANS = 5  # A moderator reads a few; more would only cost memory.
WEIGHT_SCALE = 1000  # Weights are shown to three digits; ``round`` to a number of digits takes four times as long.
_VERBS = {
    "spam": ("does not resemble", "somewhat resembles", "resembles"),
    "toxicity": ("does not read like", "could be read as", "reads like"),
}
_REASONS = {  # For each label its reason's code, the label it speaks about, and a sentence for each strength.
    label: (code, KINDS[code].label, tuple(KINDS[code].detail.format(verb=verb) for verb in verbs))
    for label, verbs in _VERBS.items()
    for code in [f"model-{label}"]
}
_log = structlog.get_logger(__name__)


class Scored(msgspec.Struct, frozen=True):
    """What the classifier said about one submission.

    Attributes:
        scores: Calibrated probability in [0, 1] for each label.
        reasons: One for each label, with the words that moved it.
        undone: Disguised characters that had to be undone to read the text.
        model: Version of the model.
        thresholds: The model's own, for sites that set none.
    """

    scores: dict[str, float]
    reasons: tuple[Reason, ...]
    undone: int
    model: str
    thresholds: Mapping[str, Thresholds]


class Scorer:
    """Scores submissions with the promoted model, or the shipped one; safe for threads.

    Args:
        models_directory: Where promoted models are.
    """

    def __init__(self, models_directory: Path) -> None:
        self._models_directory = models_directory
        self._model: Model | None = None
        self._limits_of: tuple[Model, Mapping[str, Thresholds]] | None = None
        self._seen: Path | None = None
        self._looked_at = float("-inf")
        self._lock = threading.Lock()

    @property
    def model(self) -> Model:
        """Return the model in use.

        Raises:
            ModelUnavailable: If none could be loaded.
        """
        if time.monotonic() - self._looked_at > LOOK_SECONDS:
            self._look()
        if self._model is None:
            raise ModelUnavailable("No classifier is loaded; `winnow doctor` says why.")
        return self._model

    def warm_up(self) -> None:
        """Load and compile now, so that the first comment, in this process or in one forked from it, does not wait."""
        self._look()
        if self._model is not None:
            self._model.warm_up()

    def thresholds(self) -> Mapping[str, Thresholds]:
        """Return the model's own thresholds; none at all where no model could be loaded."""
        try:
            return self._limits(self.model)
        except ModelUnavailable:
            return {}

    def score(self, submission: Submission) -> Scored:
        """Score one submission.

        Raises:
            ModelUnavailable: If no model could be loaded.
        """
        model = self.model
        url = submission.author_url or ""
        judgement = model.judge(submission.content, author=submission.author_name, url=url, limit=EVIDENCE_SPANS)
        return _scored(model, submission, judgement, self._limits(model))

    def score_many(self, submissions: Sequence[Submission]) -> list[Scored]:
        """Score a batch; much faster for each comment than ``score``.

        Raises:
            ModelUnavailable: If no model could be loaded.
        """
        model = self.model
        rows = [(one.content, one.author_name, one.author_url or "") for one in submissions]
        judgements = model.judge_batch(rows, limit=EVIDENCE_SPANS)
        limits = self._limits(model)
        return [_scored(model, one, found, limits) for one, found in zip(submissions, judgements, strict=True)]

    def _limits(self, model: Model) -> Mapping[str, Thresholds]:
        """Return a model's thresholds; built once a model, since they are asked for with every comment."""
        if self._limits_of is None or self._limits_of[0] is not model:
            self._limits_of = (model, _thresholds(model))
        return self._limits_of[1]

    def _look(self) -> None:
        """Take up another model if one was promoted; one thread does it while the others go on with the old one."""
        if not self._lock.acquire(blocking=self._model is None):
            return
        try:
            self._looked_at = time.monotonic()
            directory = current_directory(self._models_directory).resolve()
            if directory != self._seen:
                self._seen = directory
                self._load(directory)
        finally:
            self._lock.release()

    def _load(self, directory: Path) -> None:
        try:
            model = load_model(directory)
        except (ModelRefused, OSError) as error:
            # The earlier model stays in use: a bad file must never stop the service.
            _log.error("model-refused", error=str(error), still=self._model.version if self._model else None)
            return
        self._model = model
        _log.info("model-loaded", version=model.version)


def _thresholds(model: Model) -> Mapping[str, Thresholds]:
    return {label: Thresholds(review=limits.review, reject=limits.reject) for label, limits in model.thresholds.items()}


def _scored(model: Model, submission: Submission, judgement: Judgement, thresholds: Mapping[str, Thresholds]) -> Scored:
    texts = {"content": submission.content, "author": submission.author_name, "url": submission.author_url or ""}
    scores: dict[str, float] = {}
    reasons = []
    for label, (probability, logit, spans) in judgement.labels.items():
        scores[label] = probability
        code, kind, details = _REASONS[label]
        detail = details[_strength(probability, thresholds.get(label))]
        evidence = [Evidence(start, end, texts[field][start:end], weight, field) for field, start, end, weight in spans]
        reasons.append(Reason(code, kind, round(logit * WEIGHT_SCALE) / WEIGHT_SCALE, detail, tuple(evidence)))
    return Scored(scores, tuple(reasons), judgement.undone, model.version, thresholds)


def _strength(probability: float, limits: Thresholds | None) -> int:
    """Return 2 for more likely than not, 1 for enough to have a person look, 0 for less."""
    if probability >= 0.5:
        return 2
    return int(limits is not None and limits.review is not None and probability >= limits.review)
