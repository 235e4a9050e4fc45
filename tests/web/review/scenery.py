"""A month of comments, verdicts included, of a newspaper and a gardening site: for the documentation's pictures."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from msgspec import structs

from moderation.bootstrap import new_id
from moderation.core.comment import Comment, RejectReason, Ruling, Status
from moderation.core.reasons import Reason, reason
from moderation.service.decisions import Decisions, Judgment
from moderation.service.services import Services
from tests.web.review.browsing import PASSWORD
from tests.web.review.seeding import add, comment_of, model_reason

NEWS, GARDEN = "news", "garden"
PAGE = "https://news.example/harbour-plan-part-two"
TIDES = (
    "I had the same doubt about the tide tables, so I compared them with the port's own log. The full list is here: "
    "https://tides-archive.example/2024. The author is right about March, but April does not fit at all."
)
INSULT = "You clearly did not read a word, and people like you are idiots who make this forum unbearable."
PRAISE = (
    "Superb write-up! I have bookmarked your web site and will share it with my groups. Also visit my page at "
    "https://cheap-{}.example for more."
)
PIER = "The old casino pier was closed in 1987, long before the storm; the council's minutes of that year say why."
PILLS = "B\u200bu\u200by ch\u200beap pills 0nline, no presсription needed \u2192 https://pills.example"
COMPOST = "Which compost do you use for the tomatoes? Mine go yellow from below every June."
FINE = (
    "Thank you, that was worth reading.",
    "The second map is the wrong way round, I think.",
    "My father worked on that bridge.",
    "Does anybody know when the meeting is?",
    "I disagree, but well argued.",
)
SPAMMY = (
    "Great read! More of the same on my page, see my profile.",
    "I earn twice my salary from home now, ask me how.",
    "Cheap flights, no fees, today only at flights.example.",
)


def author(number: int) -> str:
    """Return the pseudonym of some author."""
    return "k1." + ("abcdefghijklmnopqrstuvwxyz"[number % 26] + "abcdefghij"[number // 26 % 10]) * 16


def arrange(services: Services) -> None:
    """Fill two sites, and let Carol moderate both."""
    services.sites.add(NEWS, "https://news.example")
    services.sites.add(GARDEN, "https://garden.example")
    services.accounts.add("Carol", PASSWORD, sites=(NEWS, GARDEN))
    services.sites.change_policy(NEWS, {"block": {"words": ["casino"]}})
    _month(services)
    _waiting(services)
    _refused(services)


def _add(services: Services, text: str, **fields: object) -> Comment:
    return add(services, comment_of(text, **{"site": NEWS, "permalink": PAGE, **fields}))  # type: ignore[arg-type]


def _spam(text: str, weight: float, *stretches: tuple[str, float]) -> Reason:
    return model_reason(text, "spam", weight, *stretches)


def _waiting(services: Services) -> None:
    asked = comment_of(
        "Do the figures for March match the port's own log? They look too smooth to me.",
        site=NEWS, name="Ada", author_id=author(3), status=Status.APPROVED, age=timedelta(hours=2), permalink=PAGE,
    )  # fmt: skip
    asked = add(services, replace(asked, id=new_id()))
    parts = (("You clearly did not read a word", 0.5), ("people like you", 0.7), ("idiots", 2.1))
    found = (model_reason(INSULT, "toxicity", 1.6, *parts), reason("author-trusted"))
    scores = {"spam": 0.01, "toxicity": 0.83}
    _add(services, INSULT, name="R. Voss", author_id=author(1), parent_id=asked.id, age=timedelta(minutes=25),
         scores=scores, reasons=found)  # fmt: skip
    parts = (("compared them with the port's own log", -0.9), ("tides-archive.example/2024", 0.6))
    found = (reason("first-comment"), _spam(TIDES, -0.4, *parts))
    _add(services, TIDES, name="Marlow", author_id=author(30), age=timedelta(minutes=18), scores={"spam": 0.21,
         "toxicity": 0.02}, reasons=found)  # fmt: skip
    for i in range(14):
        text = PRAISE.format(i)
        parts = (("Superb write-up", 1.3), ("bookmarked your web site", 1.9), ("visit my page", 1.1))
        found = (_spam(text, 2.4, *parts), reason("copy-of-recent", count=max(2, i)))
        _add(services, text, name=f"Best Offers {i + 1}", author_id=author(40 + i), age=timedelta(minutes=17 - i / 3),
             scores={"spam": 0.88, "toxicity": 0.01}, reasons=found,
             permalink=f"https://news.example/{('ferries', 'budget', 'school', 'market')[i % 4]}")  # fmt: skip
    found = (reason("first-comment"), _spam(COMPOST, -2.0, ("compost", -0.6)))
    page = "https://garden.example/tomatoes"
    _add(services, COMPOST, site=GARDEN, name="Birgit", author_id=author(60), age=timedelta(minutes=9), permalink=page,
         scores={"spam": 0.04, "toxicity": 0.01}, reasons=found)  # fmt: skip
    found = (_spam(PILLS, 2.0, ("pills 0nline", 1.8), ("https://pills.example", 0.9)),
             reason("obfuscated-text", count=7))  # fmt: skip
    _add(services, PILLS, name="pharmacy", author_id=author(61), age=timedelta(minutes=4),
         scores={"spam": 0.94, "toxicity": 0.01}, reasons=found)  # fmt: skip


def _refused(services: Services) -> None:
    found = (reason("blocked-list"), _spam(PIER, -2.0, ("council's minutes", -0.7)))
    found = (structs.replace(found[0], evidence=model_reason(PIER, "spam", 0, ("casino", 0.0)).evidence), found[1])
    _add(services, PIER, name="Hanne", author_id=author(7), status=Status.REJECTED, age=timedelta(hours=3),
         scores={"spam": 0.06, "toxicity": 0.01}, reasons=found)  # fmt: skip
    for i, score in enumerate((0.975, 0.99)):
        text = PRAISE.format(90 + i)
        found = (_spam(text, 3.5, ("Superb write-up", 1.3), ("bookmarked your web site", 1.9)),)
        _add(services, text, name="Garden tools discount", author_id=author(70 + i), status=Status.REJECTED,
             age=timedelta(hours=5 + i), scores={"spam": score, "toxicity": 0.01}, reasons=found)  # fmt: skip


def _month(services: Services) -> None:
    """Add thirty days of comments that people have decided on, or the machine alone."""
    rng = random.Random(7)
    site = services.sites.read(NEWS)
    for day in range(30, 0, -1):
        for _ in range(rng.randint(4, 12)):
            _one(services, rng, timedelta(days=day, hours=rng.random() * 10))
        at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=day) + timedelta(minutes=rng.randint(5, 90))
        own = Decisions(services.comments, services.queue, now=lambda at=at: at, new_id=new_id)  # type: ignore[misc]
        for waiting in services.reviews.pending_ids(NEWS, limit=20):
            comment = services.comments.get(NEWS, waiting)
            is_spam = rng.random() < comment.verdict.scores["spam"]
            ruling = Ruling.REJECT if is_spam else Ruling.APPROVE
            judgment = Judgment(
                ruling=ruling, reason=RejectReason.SPAM if is_spam else None, moderator=rng.choice(("Carol", "Root"))
            )
            own.decide(site, waiting, judgment)


def _one(services: Services, rng: random.Random, age: timedelta) -> None:
    score = rng.betavariate(0.8, 1.2)
    status = Status.PENDING if 0.3 <= score < 0.97 else Status.APPROVED if score < 0.3 else Status.REJECTED
    text = rng.choice(FINE if rng.random() > score else SPAMMY)
    found = [_spam(text, 4 * (score - 0.5))]
    found += [reason("first-comment")] if rng.random() < 0.2 else []
    name = rng.choice(("Ada", "Jonas", "Mina", "Theo", "Tess"))
    _add(services, text, name=name, author_id=author(rng.randrange(6)), age=age, status=status,
         scores={"spam": round(score, 2), "toxicity": 0.01}, reasons=tuple(found))  # fmt: skip
