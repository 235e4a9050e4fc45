"""Coral's GraphQL, as far as it is used: looking at comments, approving and rejecting them.

Owns the four documents and how their answers are read. Coral answers 200 to what it refuses, with ``errors``; what such
an error says is never repeated, since it may quote a comment. Refuses to decide what should happen.

Source: https://docs.coralproject.net/api/schema and the pages of each type and operation below it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moderation.core.errors import WinnowError
from moderation.webhooks.coral_access import CoralAccess
from moderation.webhooks.transport import Transport

PAGE = 10  # Comments a page: ten long ones stay below what is read of an answer.
PAGES_MAX = 10
_FIELDS = "id body status createdAt revision { id } author { id } parent { id } story { id }"
VIEWER = "query WinnowViewer { viewer { id role } }"
COMMENT = f"query WinnowComment($id: ID!) {{ comment(id: $id) {{ {_FIELDS} }} }}"
COMMENTS = (
    "query WinnowComments($storyID: ID!, $first: Int!, $after: Cursor) "
    "{ comments(storyID: $storyID, first: $first, after: $after, orderBy: CREATED_AT_DESC) "
    f"{{ nodes {{ {_FIELDS} }} pageInfo {{ hasNextPage endCursor }} }} }}"
)
APPROVE = (
    "mutation WinnowApprove($input: ApproveCommentInput!) "
    "{ approveComment(input: $input) { comment { id status } clientMutationId } }"
)
REJECT = (
    "mutation WinnowReject($input: RejectCommentInput!) "
    "{ rejectComment(input: $input) { comment { id status } clientMutationId } }"
)


class CoralRefused(WinnowError):
    """Coral gave no answer that can be used; ``result`` says why in a word."""

    code = "coral-refused"

    def __init__(self, result: str, *, retry_after: str | None = None, status: int = 200) -> None:
        super().__init__(f"Coral refused the request: {result}.")
        self.result = result
        self.retry_after = retry_after
        self.status = status


@dataclass(frozen=True, slots=True)
class Remote:
    """A comment as Coral has it now.

    Attributes:
        revision: Id of its present text; a decision on an earlier one changes nothing there.
        created_at: When Coral took it, before its moderation phases ran.
    """

    id: str
    body: str
    status: str
    revision: str
    author: str
    parent: str
    story: str
    created_at: datetime | None


class CoralApi:
    """Asks Coral; safe for threads."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def role(self, access: CoralAccess) -> str | None:
        """Return the role of the token's user, or None if Coral does not know the token."""
        viewer = self._ask(access, VIEWER, "WinnowViewer", {}).get("viewer")
        return _text(viewer.get("role")) if isinstance(viewer, dict) else None

    def fetch(self, access: CoralAccess, comment_id: str) -> Remote | None:
        """Return a comment, or None if Coral has none of that id."""
        return _remote_of(self._ask(access, COMMENT, "WinnowComment", {"id": comment_id}).get("comment"))

    def latest(self, access: CoralAccess, story: str) -> Iterator[Remote]:
        """Give a story's comments of every status, newest first; at most 100, asked for as they are wanted."""
        after: str | None = None
        for _ in range(PAGES_MAX):
            variables = {"storyID": story, "first": PAGE, "after": after}
            page = self._ask(access, COMMENTS, "WinnowComments", variables).get("comments")
            nodes = page.get("nodes") if isinstance(page, dict) else None
            yield from filter(None, map(_remote_of, nodes if isinstance(nodes, list) else []))
            info = page.get("pageInfo") if isinstance(page, dict) else None
            if not isinstance(info, dict) or not info.get("hasNextPage") or not info.get("endCursor"):
                return
            after = _text(info["endCursor"])

    def approve(self, access: CoralAccess, remote: Remote, *, mutation_id: str) -> str:
        """Approve a comment's present text and return its status then."""
        return self._moderated(access, (APPROVE, "WinnowApprove", "approveComment"), _input(remote, mutation_id))

    def reject(self, access: CoralAccess, remote: Remote, *, mutation_id: str, reason: str) -> str:
        """Reject a comment's present text and return its status then.

        The reason goes along where Coral asks for one, which it does with its DSA features on; without them, and in
        versions that know no reasons, the plain form is enough.
        """
        how, given = (REJECT, "WinnowReject", "rejectComment"), _input(remote, mutation_id)
        try:
            return self._moderated(access, how, given)
        except CoralRefused as error:
            if error.result != "graphql":
                raise
            return self._moderated(access, how, {**given, "reason": {"code": reason}})

    def _moderated(self, access: CoralAccess, how: tuple[str, str, str], given: Mapping[str, Any]) -> str:
        query, operation, name = how
        payload = self._ask(access, query, operation, {"input": given}).get(name)
        comment = payload.get("comment") if isinstance(payload, dict) else None
        return _text(comment.get("status")) if isinstance(comment, dict) else ""

    def _ask(self, access: CoralAccess, query: str, operation: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Return the data of an answer.

        Raises:
            CoralRefused: If it has errors, or is none.
            WebhookRefused, NoAnswer: As sending a webhook does.
        """
        body = json.dumps({"query": query, "operationName": operation, "variables": variables}).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {access.token}"}
        answer = self._transport.post(access.endpoint, body=body, headers=headers)
        if not answer.is_success:
            raise CoralRefused(str(answer.status), retry_after=answer.retry_after, status=answer.status)
        try:
            given = json.loads(answer.body)
        except (ValueError, RecursionError):
            raise CoralRefused("unreadable") from None
        if not isinstance(given, dict) or given.get("errors") or not isinstance(given.get("data"), dict):
            raise CoralRefused("graphql")
        data: dict[str, Any] = given["data"]
        return data


def _input(remote: Remote, mutation_id: str) -> dict[str, Any]:
    return {"commentID": remote.id, "commentRevisionID": remote.revision, "clientMutationId": mutation_id}


def _remote_of(given: object) -> Remote | None:
    if not isinstance(given, dict) or not isinstance(given.get("id"), str):
        return None
    inner = {name: _id(given.get(name)) for name in ("revision", "author", "parent", "story")}
    return Remote(
        id=given["id"],
        body=_text(given.get("body")),
        status=_text(given.get("status")),
        created_at=_time(_text(given.get("createdAt"))),
        **inner,
    )


def _id(given: object) -> str:
    return _text(given.get("id")) if isinstance(given, dict) else ""


def _text(given: object) -> str:
    return given if isinstance(given, str) else ""


def _time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else None
