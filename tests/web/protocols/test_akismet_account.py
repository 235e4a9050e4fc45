"""Akismet's calls about an account."""

from __future__ import annotations

import json

import httpx
import pytest

from moderation.core.comment import RejectReason, Ruling
from moderation.service.decisions import Judgment
from tests.web.protocols.conftest import Live
from tests.web.protocols.test_akismet import BLOG, BORDERLINE, HAM, SPAM, check


def sites(live: Live, **query: str) -> httpx.Response:
    return httpx.get(live.url + "/1.2/key-sites", params={"api_key": live.key, **query})


def stats(live: Live, path: str = "/1.1/get-stats", span: str = "60-days") -> dict[str, object]:
    found: dict[str, object] = httpx.post(live.url + path, data={"key": live.key, "blog": BLOG, "from": span}).json()
    return found


def this_month(live: Live) -> str:
    return live.services.now().strftime("%Y-%m")


def test_subscription_is_active(live: Live) -> None:
    by_key = httpx.post(live.url + "/1.1/get-subscription", data={"key": live.key, "blog": BLOG}).json()
    by_api_key = httpx.post(live.url + "/1.1/get-subscription", data={"api_key": live.key, "blog": BLOG}).json()

    assert by_key == by_api_key
    assert (by_key["status"], by_key["limit_reached"], by_key["next_billing_date"]) == ("active", False, False)


@pytest.mark.parametrize("extended", ["1", "true"])
def test_usage_has_no_limit(live: Live, extended: str) -> None:
    check(live, **HAM)
    check(live, **SPAM)
    short = httpx.get(live.url + "/1.2/usage-limit", params={"api_key": live.key}).json()
    long = httpx.post(live.url + "/1.2/usage-limit", data={"api_key": live.key, "extended": extended}).json()

    assert short == {"limit": "none", "usage": 2, "percentage": "0.00", "throttled": False}
    assert long == {**short, "notice_level": False, "upgrade": False}


def test_sites_have_counts_as_strings(live: Live) -> None:
    check(live, **HAM)
    check(live, **SPAM)

    assert sites(live).json() == {
        this_month(live): [
            {
                "site": BLOG,
                "api_calls": "2",
                "spam": "1",
                "ham": "1",
                "missed_spam": "0",
                "false_positives": "0",
                "is_revoked": False,
            }
        ],
        "limit": 500,
        "offset": 0,
        "total": 1,
    }


def test_sites_of_another_month_and_page(live: Live) -> None:
    check(live, **HAM)

    earlier = sites(live, month="2020-02").json()
    beyond = sites(live, limit="10", offset="1").json()
    filtered = sites(live, filter="elsewhere").json()

    assert earlier["2020-02"][0]["api_calls"] == "0"
    assert (beyond[this_month(live)], beyond["limit"], beyond["offset"], beyond["total"]) == ([], 10, 1, 1)
    assert (filtered[this_month(live)], filtered["total"]) == ([], 0)


@pytest.mark.parametrize("query", [{"month": "2020-13"}, {"month": "; DROP"}, {"limit": "-1"}, {"offset": "9" * 30}])
def test_odd_parameters_of_sites_are_no_error(live: Live, query: dict[str, str]) -> None:
    answer = sites(live, **query)

    assert answer.status_code == 200
    assert len(answer.json()[this_month(live)]) == 1


def test_sites_as_csv(live: Live) -> None:
    check(live, **SPAM)

    answer = sites(live, format="csv", limit="10")

    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.text.splitlines() == [
        f"Active sites for {live.key} during {this_month(live)} (limit: 10, offset: 0, total: 1).",
        "Site,Total API Calls,Spam,Ham,Missed Spam,False Positives,Is Revoked",
        f"{BLOG},1,1,0,0,0,false",
    ]


def test_mistakes_are_decisions_against_the_verdict(live: Live) -> None:
    check(live, **HAM)
    check(live, **SPAM)
    check(live, **BORDERLINE)
    (waiting,) = live.services.queue.pending_page(live.site, limit=10)
    site = live.services.sites.read(live.site)
    spam = Judgment(ruling=Ruling.REJECT, reason=RejectReason.SPAM)
    live.services.decisions.decide(site, waiting.comment_id, spam)  # It was held, so nothing was missed.
    check(live, path="/1.1/submit-spam", **HAM)
    check(live, path="/1.1/submit-ham", **SPAM)

    found = stats(live)

    assert {name: found[name] for name in ("spam", "ham", "missed_spam", "false_positives")} == {
        "spam": 2,
        "ham": 1,
        "missed_spam": 1,
        "false_positives": 1,
    }
    assert found["accuracy"] == pytest.approx(33.33)


def test_stats_by_month(live: Live) -> None:
    check(live, **SPAM)

    for found in (stats(live, span="6-months"), stats(live, "/1.2/get-key-stats", "all")):
        month = found["breakdown"][this_month(live)]  # type: ignore[index]
        assert month == {
            "spam": 1,
            "ham": 0,
            "missed_spam": 0,
            "false_positives": 0,
            "da": f"{this_month(live)}-01",
        }
        assert json.dumps(found["time_saved"]) == "15"
