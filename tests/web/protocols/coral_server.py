"""A Coral on loopback, as far as its GraphQL is used.

The schema repeats the names, types and nullability of Coral's reference (docs.coralproject.net/api) for what stands
here; a document that does not fit it is refused as GraphQL demands. Moderating behaves as Coral's server does: a
decision on a text that was edited since changes nothing, and with DSA features on a rejection needs a reason.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from graphql import GraphQLError, build_schema, graphql_sync

from tests.receiver import Received, Receiver, Reply

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJqdGkiOiJ3aW5ub3cifQ.c2lnbmF0dXJl"
SCHEMA = build_schema("""
scalar Cursor
scalar Time
enum USER_ROLE { COMMENTER MEMBER STAFF MODERATOR ADMIN }
enum COMMENT_STATUS { NONE APPROVED REJECTED PREMOD SYSTEM_WITHHELD }
enum COMMENT_SORT { CREATED_AT_DESC CREATED_AT_ASC REPLIES_DESC REACTION_DESC }
enum REJECTION_REASON_CODE {
  OFFENSIVE ABUSIVE SPAM BANNED_WORD AD ILLEGAL_CONTENT HARASSMENT_BULLYING MISINFORMATION HATE_SPEECH
  IRRELEVANT_CONTENT OTHER
}
type User { id: ID! role: USER_ROLE! }
type Story { id: ID! url: String! }
type CommentRevision { id: ID! body: String createdAt: Time! }
type Comment {
  id: ID! body: String revision: CommentRevision createdAt: Time! author: User status: COMMENT_STATUS!
  parent: Comment story: Story!
}
type PageInfo { hasNextPage: Boolean! endCursor: Cursor }
type CommentsConnection { nodes: [Comment!]! pageInfo: PageInfo! }
type Query {
  viewer: User
  comment(id: ID!): Comment
  comments(
    first: Int = 10 after: Cursor storyID: ID siteID: ID status: COMMENT_STATUS
    orderBy: COMMENT_SORT = CREATED_AT_DESC
  ): CommentsConnection!
}
input ApproveCommentInput { commentID: ID! commentRevisionID: ID! clientMutationId: String! }
input RejectCommentReasonInput {
  code: REJECTION_REASON_CODE! legalGrounds: String detailedExplanation: String customReason: String
}
input RejectCommentInput {
  commentID: ID! commentRevisionID: ID! reason: RejectCommentReasonInput clientMutationId: String!
}
type ApproveCommentPayload { comment: Comment clientMutationId: String! }
type RejectCommentPayload { comment: Comment clientMutationId: String! }
type Mutation {
  approveComment(input: ApproveCommentInput!): ApproveCommentPayload!
  rejectComment(input: RejectCommentInput!): RejectCommentPayload!
}
""")


@dataclass
class Kept:
    """A comment as this Coral keeps it."""

    id: str
    body: str
    status: str
    at: datetime
    author: str = "user-mallory"
    story: str = "story-1"
    parent: str | None = None
    revision: int = 1

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "body": self.body,
            "status": self.status,
            "createdAt": self.at.isoformat().replace("+00:00", "Z"),
            "revision": {"id": f"{self.id}-r{self.revision}", "body": self.body},
            "author": {"id": self.author, "role": "COMMENTER"},
            "parent": {"id": self.parent} if self.parent else None,
            "story": {"id": self.story, "url": "https://news.example/soup"},
        }


@dataclass
class CoralServer:
    """Keeps comments, and what was decided on them by whom asked with the token."""

    receiver: Receiver
    role: str | None = "ADMIN"
    has_dsa: bool = False
    comments: dict[str, Kept] = field(default_factory=dict)
    moderated: list[tuple[str, str, str | None]] = field(default_factory=list)
    trouble: list[Reply] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.receiver.port}"

    def keep(self, comment_id: str, text: str, **facts: Any) -> Kept:
        self.comments[comment_id] = Kept(comment_id, f"<div>{text}</div>", **{"status": "SYSTEM_WITHHELD", **facts})
        return self.comments[comment_id]

    def answer(self, request: Received) -> Reply:
        if self.trouble:
            return self.trouble.pop(0)
        assert request.path == "/api/graphql"
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return Reply(401, body=b'{"error": {"code": "TOKEN_INVALID"}}')
        given = json.loads(request.body)
        done = graphql_sync(
            SCHEMA,
            given["query"],
            root_value={
                "viewer": self._viewer,
                "comment": self._comment,
                "comments": self._page,
                "approveComment": partial(self._moderated, status="APPROVED"),
                "rejectComment": partial(self._moderated, status="REJECTED"),
            },
            variable_values=given["variables"],
            operation_name=given["operationName"],
        )
        return Reply(200, {"Content-Type": "application/json"}, json.dumps(done.formatted).encode())

    def _viewer(self, _: object) -> dict[str, Any] | None:
        return {"id": "user-winnow", "role": self.role} if self.role else None

    def _comment(self, _: object, **given: str) -> dict[str, Any] | None:
        found = self.comments.get(given["id"])
        return found.shown() if found else None

    def _page(self, _: object, **given: Any) -> dict[str, Any]:
        assert given["orderBy"] == "CREATED_AT_DESC"
        kept = sorted(self.comments.values(), key=lambda one: one.at, reverse=True)
        rows = [one.shown() for one in kept if one.story == given["storyID"]]
        start = int(given.get("after") or 0)
        end = start + given["first"]
        more = {"hasNextPage": end < len(rows), "endCursor": str(end) if rows else None}
        return {"nodes": rows[start:end], "pageInfo": more}

    def _moderated(self, _: object, *, status: str, **given: Any) -> dict[str, Any]:
        wanted = given["input"]
        if status == "REJECTED" and self.has_dsa and "reason" not in wanted:
            raise GraphQLError("DSA features enabled, rejection reason is required")
        kept = self.comments[wanted["commentID"]]
        if wanted["commentRevisionID"] == f"{kept.id}-r{kept.revision}":
            kept.status = status
            self.moderated.append((kept.id, status, wanted.get("reason", {}).get("code")))
        return {"comment": kept.shown(), "clientMutationId": wanted["clientMutationId"]}
