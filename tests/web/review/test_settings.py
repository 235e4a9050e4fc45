"""Settings and numbers: previews on stored verdicts, the same validation as the API, pictures with tables."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from moderation.core.comment import Ruling, Status
from moderation.service.decisions import Judgment
from moderation.service.services import Services
from moderation.web.review import charts, policy_form
from moderation.web.review.charts import Bar, Part
from tests.web.review.conftest import Person
from tests.web.review.seeding import JANE, MALLORY, add, comment_of, model_reason

PATH = "/review/settings?site=site-a"


def form_of(services: Services, **changes: str) -> dict[str, object]:
    fields = policy_form.fields_of(services.sites.read("site-a").policy)
    return {"site": "site-a", **fields, **changes}


def test_saving_what_the_form_shows_changes_nothing(services: Services, root: Person) -> None:
    document = {"block": {"words": ["casino", "pills"], "domains": ["bad.example"]}, "links_allowed": 7}
    services.sites.change_policy("site-a", {**document, "thresholds": {"spam": {"review": 0.4, "reject": None}}})
    before = services.sites.read("site-a").policy

    answer = root.post("/review/settings", {**form_of(services), "do": "save"})

    assert answer.status_code == 303
    assert services.sites.read("site-a").policy == before


def test_saving_changes_what_was_changed(services: Services, root: Person) -> None:
    changes = {
        "spam.review": "0,25",
        "spam.reject": "never",
        "links_allowed": "1",
        "hold_first_comment": "on",
        "hold.words": "casino\r\n\r\n  pills ",
        "rate_limit": "off",
        "webhook_url": "https://a.example/hook",
        "rejected_days": "7",
    }

    answer = root.post("/review/settings", {**form_of(services, **changes), "do": "save"})

    policy = services.sites.read("site-a").policy
    assert answer.status_code == 303, answer.get_data(as_text=True)
    assert policy.thresholds == {"spam": {"review": 0.25, "reject": None}}
    assert (policy.links_allowed, policy.hold_first_comment, policy.rejected_days) == (1, True, 7)
    assert policy.hold.words == ("casino", "pills")
    assert policy.rate_limit is None
    assert policy.webhook_url == "https://a.example/hook"


def test_an_emptied_threshold_goes_back_to_the_models_own(services: Services, root: Person) -> None:
    services.sites.change_policy("site-a", {"thresholds": {"spam": {"review": 0.4, "reject": 0.9}}})

    root.post("/review/settings", {**form_of(services, **{"spam.reject": ""}), "do": "save"})

    assert services.sites.read("site-a").policy.thresholds == {"spam": {"review": 0.4}}


@pytest.mark.parametrize(
    "changes, told",
    [
        ({"spam.review": "2"}, "A threshold is a number from 0 to 1"),
        ({"spam.review": "nan"}, "A threshold is a number from 0 to 1"),
        ({"spam.review": "0.9", "spam.reject": "0.5"}, "must not lie above"),
        ({"links_allowed": "-1"}, "This must be a whole number."),
        ({"links_allowed": "many", "rate_limit": "fast"}, "This must be a whole number."),
        ({"block.patterns": "(unclosed"}, "not an RE2 expression"),
        ({"block.patterns": "x*"}, "matches every text"),
        ({"webhook_url": "javascript:alert(1)"}, "absolute http or https URL"),
        ({"webhook_url": "https://user:pw@a.example/"}, "/webhook_url"),
        ({"block.domains": "not a domain"}, "/block/domains/0"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_saved(
    services: Services, root: Person, changes: dict[str, str], told: str
) -> None:
    before = services.sites.read("site-a")

    answer = root.post("/review/settings", {**form_of(services, **changes), "do": "save"})

    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert told in page
    assert services.sites.read("site-a").version == before.version


def test_preview_says_what_other_thresholds_would_have_done(services: Services, root: Person) -> None:
    for i, score in enumerate([0.1, 0.2, 0.45, 0.5, 0.99]):
        status = Status.REJECTED if score > 0.97 else Status.PENDING if score >= 0.3 else Status.APPROVED
        add(services, comment_of(f"Number {i}", scores={"spam": score, "toxicity": 0.0}, status=status))
    add(services, comment_of("Too old.", scores={"spam": 0.2}, status=Status.APPROVED, age=timedelta(days=40)))

    form = form_of(services, **{"spam.review": "0.15", "spam.reject": "0.48"})
    page = root.post("/review/settings", {**form, "do": "preview"}).get_data(as_text=True)

    told = re.search(r'id="preview"><p>(.*?)</p>', page)[1]  # type: ignore[index]
    assert "<b>rejected 1 more, approved 1 fewer</b> of 5 verdicts." in told  # As many are held as before.
    assert 'value="0.48"' in page
    assert services.sites.read("site-a").policy.thresholds == {}


def test_preview_covers_lists_links_and_first_comments(services: Services, root: Person) -> None:
    site = services.sites.read("site-a")
    fine = {"spam": 0.1, "toxicity": 0.0}
    known = add(services, comment_of("Earlier.", author_id=JANE, scores=fine, status=Status.APPROVED, age=timedelta(9)))
    casino = add(services, comment_of("The old casino pier.", author_id=JANE, scores=fine, age=timedelta(8)))
    services.decisions.decide(site, casino.id, Judgment(ruling=Ruling.APPROVE, moderator="Alice"))
    linked = "See https://a.example/1 and https://b.example/2."
    add(services, comment_of(linked, author_id=JANE, scores=fine, status=Status.APPROVED, age=timedelta(7)))
    add(services, comment_of("My first.", author_id=MALLORY, scores=fine, status=Status.APPROVED, age=timedelta(6)))

    changes = {"block.words": "casino", "links_allowed": "1", "hold_first_comment": "on"}
    page = root.post("/review/settings", {**form_of(services, **changes), "do": "preview"}).get_data(as_text=True)

    told = re.search(r'id="preview">(.*?)</section>', page, re.DOTALL)[1]  # type: ignore[index]
    # Held: Jane's very first, hers with links, Mallory's first; the casino pier was held when it came.
    assert "<b>rejected 1 more, held 2 more, approved 3 fewer</b> of 4 verdicts." in told
    assert "A person approved 1 of the rejected or held ones." in told
    assert told.index("Would have been rejected") < told.index("The old casino pier.") < told.index("My first.")
    assert known.id in told
    assert services.sites.read("site-a").version == site.version


def test_trying_a_text_uses_the_form_as_it_stands(services: Services, root: Person) -> None:
    form = form_of(services, **{"block.words": "casino"})

    page = root.post("/review/settings", {**form, "do": "test", "content": "Visit our <casino> now"}).get_data(
        as_text=True
    )

    assert "It would be rejected." in page
    assert "It matches the site&#39;s block list." in page
    assert "&lt;<mark" in page
    assert services.sites.read("site-a").policy.block.words == ()


def test_keys_are_shown_once_and_revoked(services: Services, root: Person) -> None:
    page = root.post("/review/settings/keys", {"site": "site-a", "add": "1"}).get_data(as_text=True)
    key = re.search(r'<code class="key">([a-z0-9]{12})</code>', page)[1]  # type: ignore[index]

    assert services.sites.authenticate(key).site.name == "site-a"
    assert key not in root.get(PATH).get_data(as_text=True)

    root.post("/review/settings/keys", {"site": "site-a", "revoke": "key2"})
    assert [one.id for one in services.sites.read("site-a").keys] == ["key1"]
    assert root.post("/review/settings/keys", {"site": "site-a", "revoke": "key9"}).status_code == 404


def test_a_webhook_to_a_private_address_is_refused(services: Services, root: Person) -> None:
    services.sites.change_policy("site-a", {"webhook_url": "http://127.0.0.1:9/hook"})

    answer = root.post("/review/settings/webhook-test", {"site": "site-a"})

    assert answer.status_code == 502
    assert 'class="error"' in answer.get_data(as_text=True)


def test_numbers_count_verdicts_decisions_and_what_was_overruled(services: Services, root: Person) -> None:
    site = services.sites.read("site-a")
    text = "Is the tide table right?"
    for i in range(4):
        found = (model_reason(text, "spam", 1.0),)
        one = add(
            services, comment_of(text, scores={"spam": 0.55, "toxicity": 0.0}, reasons=found, age=timedelta(hours=2))
        )
        ruling = Ruling.APPROVE if i else Ruling.REJECT
        services.decisions.decide(site, one.id, Judgment(ruling=ruling, moderator="Alice"))

    numbers = services.insight.numbers("site-a")
    page = root.get("/review/numbers?site=site-a").get_data(as_text=True)

    # Two hours ago may have been yesterday.
    assert sum(day.verdicts["review"] for day in numbers.days) == 4
    assert (numbers.days[-1].approved, numbers.days[-1].rejected) == (3, 1)
    assert [(one.code, one.judged, one.overruled) for one in numbers.reasons] == [("model-spam", 4, 3)]
    band = numbers.bands["spam"][5]
    assert (band.approved, band.rejected) == (3, 1)
    assert numbers.moderators == [("Alice", 4)]
    assert numbers.median_wait_seconds == pytest.approx(7200, abs=60)
    assert "<b>2 h</b> median wait" in page
    assert "75 %" in page
    assert page.count('<svg class="chart"') == page.count("As a table") == 4


def test_numbers_of_an_empty_site(root: Person) -> None:
    assert "Nothing to count yet." in root.get("/review/numbers?site=site-a").get_data(as_text=True)


def test_bars_are_as_tall_as_their_numbers() -> None:
    picture = charts.stacked([Bar("<x>", [Part("approve", 5, "five"), Part("reject", 5, "five")])], title='a "title"')

    heights = [float(height) for height in re.findall(r'<rect[^>]* height="([\d.]+)"', picture)]
    assert heights[0] == heights[1] == pytest.approx((charts.HEIGHT - charts.TOP - charts.BOTTOM) / 2, abs=0.2)
    assert "<x>" not in picture
    assert 'aria-label="a &#34;title&#34;"' in picture


@pytest.mark.parametrize("value, top", [(0, 4), (4, 4), (5, 6), (9, 10), (11, 20), (21, 40), (999, 1000), (1001, 2000)])
def test_the_axis_ends_at_a_round_number(value: int, top: int) -> None:
    assert charts.nice_top(value) == top
