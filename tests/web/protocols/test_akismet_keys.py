"""API keys in Akismet's protocol: where they come from, who may guess how often, and that no log ever holds one."""

from __future__ import annotations

import httpx
import pytest
from werkzeug.middleware.proxy_fix import ProxyFix

from moderation.service.guesses import WRONG_KEYS, Guesses
from moderation.web import create_app
from tests.web.protocols.conftest import Live
from tests.web.protocols.test_akismet import BLOG, GUID, HAM, check

WRONG = "abcdef012345"


def verify(live: Live, key: str) -> httpx.Response:
    return httpx.post(live.url + "/1.1/verify-key", data={"key": key, "blog": BLOG})


def guess(live: Live, count: int) -> None:
    with httpx.Client() as client:
        for number in range(count):
            client.post(live.url + "/1.1/verify-key", data={"key": f"wrong{number:07d}", "blog": BLOG})


def test_guessing_keys_is_slowed_down(live: Live) -> None:
    guess(live, WRONG_KEYS)

    answer = verify(live, WRONG)

    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 900
    assert GUID.fullmatch(answer.headers["X-akismet-guid"])
    assert verify(live, live.key).status_code == 429, "whether a key is right is still told"


def test_every_route_counts_wrong_keys(live: Live) -> None:
    guess(live, WRONG_KEYS)

    check_answer = httpx.post(live.url + "/1.1/comment-check", data={"api_key": WRONG, "blog": BLOG, **HAM})
    analysis = httpx.post(live.url + f"/v1alpha1/comments:analyze?key={WRONG}", json={})

    assert check_answer.status_code == 429
    assert analysis.status_code == 429
    assert analysis.json()["error"]["status"] == "RESOURCE_EXHAUSTED"


def test_websites_with_right_keys_do_not_suffer_from_a_guesser_beside_them(live: Live) -> None:
    guess(live, WRONG_KEYS + 2)

    assert check(live, **HAM).text == "false"


def test_a_few_wrong_keys_do_no_harm(live: Live) -> None:
    guess(live, 5)

    assert verify(live, live.key).text == "valid"


def test_guessers_are_known_by_a_keyed_hash_of_their_network(live: Live) -> None:
    guess(live, 1)

    (key,) = live.services.connection.client.scan_iter("w:throttle:*")
    assert "127.0" not in key


def test_networks_are_counted_apart(live: Live) -> None:
    guesses: Guesses = live.services.guesses
    for _ in range(WRONG_KEYS):
        guesses.wrong("198.51.100.7")

    guesses.check("203.0.113.7")
    guesses.check("2001:db8::1")
    guesses.check(None)
    with pytest.raises(Exception, match="limit"):
        guesses.check("198.51.100.8")


def test_wrong_key_says_that_a_person_must_act(live: Live) -> None:
    answer = httpx.post(live.url + "/1.1/comment-check", data={"api_key": WRONG, "blog": BLOG, **HAM})

    assert answer.headers["X-akismet-error"] == "invalid-key"
    assert not [name for name in answer.headers if name.lower().startswith("x-akismet-alert")]


def test_what_passes_by_itself_has_no_error_header(live: Live) -> None:
    live.services.sites.change_policy(live.site, {"rate_limit": "1/hour"})
    check(live, **HAM)

    assert "X-akismet-error" not in check(live, **HAM).headers


def test_key_in_the_form_wins_over_the_host(live: Live) -> None:
    answer = httpx.post(
        live.url + "/1.1/verify-key", data={"blog": BLOG, "key": WRONG}, headers={"Host": f"{live.key}.spam.test"}
    )

    assert answer.text == "invalid"


@pytest.mark.parametrize("hops, body", [(1, "valid"), (0, "invalid")], ids=["trusted proxy", "nobody trusted"])
def test_host_is_taken_from_a_trusted_proxy_only(live: Live, hops: int, body: str) -> None:
    app = create_app(live.services)
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]

    answer = app.test_client().post(
        "/1.1/verify-key", data={"blog": BLOG}, headers={"X-Forwarded-Host": f"{live.key.upper()}.spam.test"}
    )

    assert answer.text == body


def test_no_log_line_and_no_metric_holds_a_key(live: Live, capsys: pytest.CaptureFixture[str]) -> None:
    upper = live.key.upper()
    form = {"blog": BLOG, **HAM}
    httpx.post(f"{live.url}/{upper}/1.1/comment-check", data=form)
    httpx.post(f"{live.url}/{live.key}/1.1/no-such-call", data=form)
    httpx.get(f"{live.url}/1.2/usage-limit?api_key={live.key}")
    httpx.get(f"{live.url}/1.1/comment-check?api_key={live.key}")
    httpx.post(live.url + "/1.1/comment-check", data=form, headers={"Host": f"{live.key}.spam.test"})
    httpx.post(f"{live.url}/v1alpha1/comments:analyze?key={live.key}", json={})

    metrics = httpx.get(live.url + "/metrics").text
    captured = capsys.readouterr()
    said = captured.out + captured.err

    assert "answered" in said
    assert "<string(length=12):key>/1.1/comment-check" in metrics
    assert live.key not in (said + metrics).lower()


def test_calls_that_change_something_take_no_get(live: Live) -> None:
    for path in ("/1.1/verify-key", "/1.1/comment-check", "/1.1/submit-spam", "/1.1/deactivate"):
        answer = httpx.get(live.url + path, params={"api_key": live.key, "blog": BLOG})

        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_head_of_the_connectivity_check(live: Live) -> None:
    answer = httpx.head(live.url + "/1.1/test")

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Length"] == str(len("connected"))


def test_cookies_and_foreign_origins_make_no_difference(live: Live) -> None:
    headers = {
        "Cookie": "winnow=anything; csrf=1",
        "Origin": "https://elsewhere.example",
        "Referer": "https://x.example",
    }

    answer = httpx.post(
        live.url + "/1.1/comment-check", data={"api_key": live.key, "blog": BLOG, **HAM}, headers=headers
    )

    assert answer.text == "false"
    assert "Set-Cookie" not in answer.headers
