"""The policy over HTTP: read, merge, try out; batches; erasures; statistics; pictures."""

from __future__ import annotations

import pytest

from tests.cast import BORDERLINE, FINE, MALLORY, SPAM, body, everything_in
from tests.web.conftest import Api
from tests.web.test_error_shape import faults, problem


def test_the_policy_shows_the_thresholds_in_force(api: Api) -> None:
    policy = api("GET", "/v1/site").get_json()

    assert policy["thresholds"] == {
        "spam": {"review": 0.5, "reject": 0.9},
        "toxicity": {"review": 0.8, "reject": None},
    }
    assert policy["retention_days"] == {"rejected": 30, "labels": 730}


def test_a_patch_merges(api: Api) -> None:
    api("PATCH", "/v1/site", {"thresholds": {"spam": {"review": None}}, "block": {"words": ["a1"], "patterns": ["b2"]}})
    api("PATCH", "/v1/site", {"thresholds": {"toxicity": {"reject": 0.9}}, "block": {"words": []}})

    policy = api("GET", "/v1/site").get_json()
    assert policy["thresholds"] == {
        "spam": {"review": None, "reject": 0.9},
        "toxicity": {"review": 0.8, "reject": 0.9},
    }
    assert policy["block"] == {"words": [], "patterns": ["b2"], "domains": []}
    assert policy["rate_limit"] == "off"

    back = api("PATCH", "/v1/site", {"thresholds": {"spam": None}}).get_json()
    assert back["thresholds"]["spam"] == {"review": 0.5, "reject": 0.9}


def test_null_as_a_threshold_means_never(api: Api) -> None:
    api("PATCH", "/v1/site", {"thresholds": {"spam": {"review": None, "reject": None}}})

    assert api.submit(content=SPAM)["status"] == "approved"


@pytest.mark.parametrize(
    "change, expected",
    [
        ({"links_allowed": -1}, ("/links_allowed", "invalid-value")),
        ({"links_allowed": 1.5}, ("/links_allowed", "invalid-type")),
        ({"rate_limit": "60/day"}, ("/rate_limit", "invalid-format")),
        ({"rate_limit": None}, ("/rate_limit", "invalid-type")),
        ({"block": {"patterns": ["("]}}, ("/block/patterns/0", "invalid-pattern")),
        ({"block": {"domains": ["UPPER.example"]}}, ("/block/domains/0", "invalid-format")),
        ({"hold": {"words": ["x" * 101]}}, ("/hold/words/0", "too-long")),
        ({"hold": {"words": ["x"] * 2001}}, ("/hold/words", "too-many")),
        ({"thresholds": {"spam": {"review": 1.1}}}, ("/thresholds/spam/review", "invalid-value")),
        ({"thresholds": {"spam": {"review": 0.95}}}, ("/thresholds/spam/review", "review-above-reject")),
        ({"thresholds": {"ham": {}}}, ("/thresholds/ham", "unknown-field")),
        ({"webhook_url": "ftp://x.example"}, ("/webhook_url", "invalid-format")),
        ({"retention_days": {"labels": 0}}, ("/retention_days/labels", "invalid-value")),
        ({"name": "x"}, ("/name", "unknown-field")),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_policy_that_is_not_valid_changes_nothing(api: Api, change: object, expected: tuple[str, str]) -> None:
    before = api("GET", "/v1/site").get_json()

    assert expected in faults(api("PATCH", "/v1/site", change))
    assert api("GET", "/v1/site").get_json() == before


def test_trying_a_policy_out_stores_nothing(api: Api, store_url: str) -> None:
    before = everything_in(store_url)
    plain = api("POST", "/v1/site/test", {"content": BORDERLINE}).get_json()
    strict = api(
        "POST", "/v1/site/test", {"content": BORDERLINE, "policy": {"thresholds": {"spam": {"reject": 0.5}}}}
    ).get_json()

    assert (plain["action"], strict["action"]) == ("review", "reject")
    assert strict["thresholds"]["spam"] == {"review": 0.5, "reject": 0.5}
    assert everything_in(store_url) == before


def test_a_fault_in_a_policy_on_trial_points_into_it(api: Api) -> None:
    response = api("POST", "/v1/site/test", {"content": "x", "policy": {"block": {"patterns": ["("]}}})

    assert faults(response) == {("/policy/block/patterns/0", "invalid-pattern")}


def test_a_batch_is_judged_in_order_and_not_stored(api: Api, store_url: str) -> None:
    before = everything_in(store_url)

    found = api("POST", "/v1/check", {"comments": [body(content=text) for text in (SPAM, FINE, BORDERLINE)]}).get_json()

    assert [one["action"] for one in found["verdicts"]] == ["reject", "approve", "review"]
    assert everything_in(store_url) == before


def test_a_batch_has_up_to_a_hundred_and_names_faults_by_place(api: Api) -> None:
    wrong = {"comments": [body(), body(author_email="x"), body(content="")]}

    assert len(api("POST", "/v1/check", {"comments": [body()] * 100}).get_json()["verdicts"]) == 100
    assert faults(api("POST", "/v1/check", {"comments": [body()] * 101})) == {("/comments", "too-many")}
    assert faults(api("POST", "/v1/check", {"comments": []})) == {("/comments", "too-few")}
    assert ("/comments/2/content", "too-short") in faults(api("POST", "/v1/check", wrong))
    wrong["comments"].pop()
    assert faults(api("POST", "/v1/check", wrong)) == {("/comments/1/author_email", "invalid-email")}


def test_an_erasure_counts_what_is_gone(api: Api, api_b: Api) -> None:
    for text in (FINE, BORDERLINE):
        comment = api.submit(content=text)
        api.decide(comment["id"], override=True)
    theirs = api_b.submit()

    erased = api("POST", "/v1/erasures", {"author_email": MALLORY.upper()}).get_json()
    again = api("POST", "/v1/erasures", {"author_email": MALLORY}).get_json()

    assert erased == {"comments": 2, "labels": 2, "authors": 1}
    assert again == {"comments": 0, "labels": 0, "authors": 0}
    assert api("GET", "/v1/comments").get_json()["comments"] == []
    assert api_b("GET", f"/v1/comments/{theirs['id']}").status_code == 200


def test_an_erasure_needs_an_address(api: Api) -> None:
    assert faults(api("POST", "/v1/erasures", {"author_email": "mallory"})) == {("/author_email", "invalid-email")}


def test_statistics_count_days_and_overrulings(api: Api) -> None:
    api.submit(), api.submit(content=SPAM)
    for decision in ("approve", "reject"):
        api.decide(api.submit(content=BORDERLINE)["id"], decision)

    found = api("GET", "/v1/stats?days=3").get_json()

    assert [day["verdicts"] for day in found["days"]][-1] == {"approve": 1, "review": 2, "reject": 1}
    assert found["days"][-1]["decisions"] == {"approve": 1, "reject:other": 1}
    assert len(found["days"]) == 3
    assert found["queue"] == {"approved": 2, "pending": 0, "rejected": 2}
    [spam] = [one for one in found["reasons"] if one["reason"] == "model-spam"]
    assert (spam["fired"], spam["judged"], spam["overruled"], spam["rate"]) == (4, 2, 1, 0.5)
    assert found["mean_wait_seconds"] >= 0


@pytest.mark.parametrize("days", ["0", "367", "x"])
def test_statistics_of_a_wrong_time(api: Api, days: str) -> None:
    assert faults(api("GET", f"/v1/stats?days={days}")) == {("/days", "invalid-parameter")}


def test_a_picture_needs_no_key_and_can_be_kept(api: Api) -> None:
    author = api.submit()["author"]

    response = api.client.get(author["avatar_url"])

    assert response.content_type == "image/svg+xml"
    assert "immutable" in response.headers["Cache-Control"]
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
    problem(api.client.get("/v1/authors/mallory@mail.example/avatar.svg"), 404, "not-found")
