"""Deciding and undoing over HTTP: who was first, what is stale, what a retry does."""

from __future__ import annotations

import io

import pytest

from tests.cast import BORDERLINE
from tests.web.conftest import Api
from tests.web.test_error_shape import faults, problem


def test_a_decision_is_answered_with_the_comment(api: Api) -> None:
    comment = api.submit(content=BORDERLINE)

    decided = api.decide(comment["id"], "reject", reason="spam", note="link drop", version=1).get_json()

    assert (decided["status"], decided["version"]) == ("rejected", 2)
    assert {**decided["decision"], "at": ""} == {
        "decision": "reject",
        "reason": "spam",
        "moderator": "Alice",
        "note": "link drop",
        "at": "",
    }
    assert api("GET", "/v1/queue").get_json()["comments"] == []


def test_the_second_moderator_gets_conflict_with_who_and_when(api: Api) -> None:
    comment = api.submit(content=BORDERLINE)
    first = api.decide(comment["id"], "reject", reason="toxic").get_json()["decision"]

    found = problem(api.decide(comment["id"], "approve", moderator="Bob"), 409, "already-decided")

    assert found["decision"] == {name: first[name] for name in ("decision", "reason", "moderator", "at")}


def test_what_the_machine_decided_needs_an_override(api: Api) -> None:
    comment = api.submit()

    assert problem(api.decide(comment["id"], "reject"), 409, "already-decided").get("decision") is None
    assert api.decide(comment["id"], "reject", override=True).get_json()["status"] == "rejected"


def test_a_stale_version_gets_conflict(api: Api) -> None:
    comment = api.submit(content=BORDERLINE)
    api("PUT", f"/v1/comments/{comment['id']}", {"content": BORDERLINE + "!"})

    assert problem(api.decide(comment["id"], version=1), 409, "stale-version")["current_version"] == 2


def test_a_reason_goes_with_reject_only(api: Api) -> None:
    comment = api.submit(content=BORDERLINE)

    assert faults(api.decide(comment["id"], "approve", reason="spam")) == {("/reason", "not-with-approve")}


def test_a_retried_decision_is_replayed(api: Api) -> None:
    path = f"/v1/comments/{api.submit(content=BORDERLINE)['id']}/decision"
    retried = [api("POST", path, {"decision": "approve"}, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    other = api("POST", path, {"decision": "reject"}, headers={"Idempotency-Key": "k"})

    assert [one.status_code for one in retried] == [200, 200]
    assert retried[1].headers["Idempotent-Replayed"] == "true"
    assert retried[0].data == retried[1].data
    problem(other, 422, "idempotency-key-reuse")


NO_BODY: dict[str, object] = {"data": b"", "content_type": "application/json"}


@pytest.mark.parametrize("given", [{}, {"json": {"moderator": "Bob"}}, NO_BODY])
def test_undo_restores(api: Api, given: dict[str, object]) -> None:
    comment = api.submit(content=BORDERLINE)
    api.decide(comment["id"])
    path = f"/v1/comments/{comment['id']}/undo"

    undone = api.client.post(path, headers={"Authorization": f"Bearer {api.key}"}, **given)  # type: ignore[arg-type]

    assert (undone.get_json()["status"], undone.get_json()["decision"]) == ("pending", None)
    problem(api("POST", path, {}), 409, "nothing-to-undo")


def test_undo_of_a_stale_version_gets_conflict(api: Api) -> None:
    comment = api.submit(content=BORDERLINE)
    api.decide(comment["id"])

    problem(api("POST", f"/v1/comments/{comment['id']}/undo", {"version": 1}), 409, "stale-version")
    chunked = api(
        "POST",
        f"/v1/comments/{comment['id']}/undo",
        input_stream=io.BytesIO(b'{"version": 1}'),
        content_type="application/json",
        environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
    )
    problem(chunked, 409, "stale-version")
