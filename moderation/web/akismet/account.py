"""Akismet's calls about an account: its state, its counts by month, its sites.

Owns how a day's counters become Akismet's figures: what was not approved counts as spam, a decision against the verdict
as a mistake.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable

from flask import Response, g

from moderation.service.sites import Caller
from moderation.web.akismet import answers
from moderation.web.akismet.form import Form
from moderation.web.auth import services
from moderation.web.bodies import rendered

COUNTS = ("spam", "ham", "missed_spam", "false_positives")
SPANS = {"60-days": 60, "6-months": 183}
DAYS_KEPT = 400  # So long the store keeps a day's counters.
SECONDS_SAVED = 15  # An estimate of what it takes a person to see that a comment is spam.
SITES_LIMIT = 500  # Akismet's default.
_MONTH = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])")
_NUMBER = re.compile(r"[0-9]{1,9}")
Counts = dict[str, int]


def deactivate(caller: Caller, form: Form) -> Response:
    """Take note that a site stops using its key; the key stays, since the operator gives and takes keys."""
    return answers.text("deactivated")


def subscription(caller: Caller, form: Form) -> Response:
    """Say that the account is active, without which WordPress does not save a key."""
    return rendered(
        {
            "account_id": 1,
            "account_type": "self-hosted",
            "account_name": caller.site.name,
            "status": "active",
            "next_billing_date": False,
            "limit_reached": False,
        }
    )


def usage_limit(caller: Caller, form: Form) -> Response:
    """Say how many comments were checked this month, and that there is no limit to be a share of."""
    body: dict[str, object] = {
        "limit": "none",
        "usage": _checked(_months(_days(caller, 31)).get(_this_month(), _none())),
        "percentage": "0.00",
        "throttled": False,
    }
    if form.is_true("extended"):
        body |= {"notice_level": False, "upgrade": False}
    return rendered(body)


def key_stats(caller: Caller, form: Form) -> Response:
    """Return counts of spam, ham and mistakes, in all and by month."""
    days = _days(caller, SPANS.get(form.get("from"), DAYS_KEPT))
    total = _sum(counts for _, counts in days)
    wrong = total["missed_spam"] + total["false_positives"]
    checked = _checked(total)
    accuracy = round(100 * (1 - min(wrong, checked) / checked), 2) if checked else 100.0
    breakdown = {name: {**month, "da": f"{name}-01"} for name, month in _months(days).items()}
    saved = SECONDS_SAVED * total["spam"]
    return rendered({**total, "accuracy": accuracy, "time_saved": saved, "breakdown": breakdown})


def key_sites(caller: Caller, form: Form) -> Response:
    """Return the sites of the key, which is one, as JSON with counts as strings, or as CSV."""
    month = form.get("month") if _MONTH.fullmatch(form.get("month")) else _this_month()
    limit, offset = _number(form.get("limit"), SITES_LIMIT), _number(form.get("offset"), 0)
    is_wanted = form.get("filter").strip().lower() in caller.site.url.lower()
    rows = [_site_row(caller, _months(_days(caller, DAYS_KEPT)).get(month, _none()))] if is_wanted else []
    shown = rows[offset : offset + limit]
    if form.get("format").lower() == "csv":
        return _csv(shown, f"during {month} (limit: {limit}, offset: {offset}, total: {len(rows)})")
    return rendered({month: shown, "limit": limit, "offset": offset, "total": len(rows)})


def _site_row(caller: Caller, month: Counts) -> dict[str, str | bool]:
    counts = {name: str(month[name]) for name in COUNTS}
    return {"site": caller.site.url, "api_calls": str(_checked(month)), **counts, "is_revoked": False}


def _csv(rows: list[dict[str, str | bool]], what: str) -> Response:
    table = io.StringIO()
    write = csv.writer(table, lineterminator="\n").writerow
    write(["Site", "Total API Calls", "Spam", "Ham", "Missed Spam", "False Positives", "Is Revoked"])
    for row in rows:
        write([str(value).lower() if isinstance(value, bool) else value for value in row.values()])
    body = f"Active sites for {g.akismet_key} {what}.\n{table.getvalue()}"
    return Response(body, content_type="text/csv; charset=utf-8")


def _number(text: str, default: int) -> int:
    return int(text) if _NUMBER.fullmatch(text) else default


def _this_month() -> str:
    return services().now().strftime("%Y-%m")


def _days(caller: Caller, days: int) -> list[tuple[str, Counts]]:
    """Return (YYYY-MM-DD, counts) of the last days, oldest first."""
    found = services().archive.days(caller.site.name, until=services().now(), days=days)
    return [(date, _counts(counters)) for date, counters in found]


def _counts(counters: Counts) -> Counts:
    return {
        "spam": counters.get("verdict:reject", 0) + counters.get("verdict:review", 0),
        "ham": counters.get("verdict:approve", 0),
        "missed_spam": counters.get("mistake:missed-spam", 0),
        "false_positives": counters.get("mistake:false-positive", 0),
    }


def _months(days: Iterable[tuple[str, Counts]]) -> dict[str, Counts]:
    months: dict[str, list[Counts]] = {}
    for date, counts in days:
        months.setdefault(date[:7], []).append(counts)
    return {name: _sum(found) for name, found in months.items()}


def _sum(found: Iterable[Counts]) -> Counts:
    total = _none()
    for counts in found:
        for name in COUNTS:
            total[name] += counts[name]
    return total


def _none() -> Counts:
    return dict.fromkeys(COUNTS, 0)


def _checked(counts: Counts) -> int:
    return counts["spam"] + counts["ham"]
