"""What the demonstration tells people (a table) and programs (JSON).

Owns words, colours and shapes. Refuses to judge: every figure and sentence comes from the service's answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.box import ROUNDED
from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from moderation.demo.play import Accounts, Approval, Sent

COLOURS = {"approved": "green", "pending": "yellow", "rejected": "red"}
REASONS_SHOWN = {"approved": 1, "pending": 2, "rejected": 2}
WORDS_SHOWN = 2
CONTENT_SHOWN = 84  # Characters; the page and the review show the whole.


@dataclass(frozen=True, slots=True)
class Played:
    """The whole demonstration, once it has been played."""

    service_url: str
    site_url: str
    accounts: Accounts
    sent: Sequence[Sent]
    approval: Approval

    @property
    def addresses(self) -> dict[str, str]:
        """Return what to open in a browser."""
        review = f"{self.service_url}/review/"
        return {"article": f"{self.site_url}/", "review": review, "docs": f"{self.service_url}/docs"}


def document(played: Played) -> dict[str, Any]:
    """Return everything for programs."""
    return {
        "comments": [_sent_document(one) for one in played.sent],
        "approval": {
            "sample": played.approval.comment.get("external_id"),
            "id": played.approval.comment["id"],
            "status": played.approval.comment["status"],
            "decision": played.approval.comment["decision"],
            "webhook": {"type": played.approval.event, "signature": "verified"},
            "shown_after_seconds": round(played.approval.seconds, 3),
        },
        "addresses": played.addresses,
        "moderator": {"name": played.accounts.moderator, "password": played.accounts.password},
    }


def _sent_document(sent: Sent) -> dict[str, Any]:
    found: dict[str, Any] = {"sample": sent.sample.name, "shows": sent.sample.shows, "http_status": sent.status}
    if "verdict" in sent.answer:
        return found | {name: sent.answer[name] for name in ("id", "status", "verdict")}
    return found | {"problem": dict(sent.answer)}


def show(console: Console, played: Played) -> None:
    """Print the table, what a decision led to, and where to go on."""
    console.print(verdict_table(played.sent))
    console.print(_approval_words(played.approval))
    console.print(_addresses(played))


def verdict_table(sent: Sequence[Sent]) -> Table:
    """Return what was submitted, what was answered, and why."""
    table = Table(show_lines=True, expand=True, box=ROUNDED, border_style="dim")
    table.add_column("Comment", ratio=5)
    table.add_column("Answer", no_wrap=True)
    table.add_column("Spam", justify="right", no_wrap=True)
    table.add_column("Toxic", justify="right", no_wrap=True)
    table.add_column("Why", ratio=5)
    for one in sent:
        table.add_row(_comment_cell(one), _answer_cell(one), _score(one, "spam"), _score(one, "toxicity"), _why(one))
    return table


def _comment_cell(sent: Sent) -> Text:
    content = visible(sent.sample.content)
    if len(content) > CONTENT_SHOWN:
        content = content[: CONTENT_SHOWN - 1].rstrip() + "…"
    return Text.assemble((sent.sample.author, "bold"), (f"  {sent.sample.shows}\n", "cyan"), content)


def visible(text: str) -> str:
    """Return a text on one line, with a dot for each character that would not be seen, so that disguises show."""
    return "".join(one if one.isprintable() else "·" for one in " ".join(text.split()))


def _answer_cell(sent: Sent) -> Text:
    status = sent.answer.get("status")
    if isinstance(status, str):
        return Text(status, style=COLOURS.get(status, ""))
    return Text(f"HTTP {sent.status}", style="magenta")


def _score(sent: Sent, label: str) -> str:
    score = sent.answer.get("verdict", {}).get("scores", {}).get(label)
    return "–" if score is None else f"{score:.2f}"


def _why(sent: Sent) -> Text:
    if "verdict" not in sent.answer:
        faults = [f"{one['pointer']}: {one['detail']}" for one in sent.answer.get("errors", [])]
        return Text("\n".join(faults) or str(sent.answer.get("detail", "")))
    status = sent.answer["status"]
    reasons = [one for one in sent.answer["verdict"]["reasons"] if _speaks_for(one, status)]
    return Text("\n").join(_reason(one) for one in reasons[: REASONS_SHOWN[status]])


def _speaks_for(reason: Mapping[str, Any], status: str) -> bool:
    """Return whether a reason explains a status; a weight of 0 is that of a rule that decides by itself."""
    return bool(reason["weight"] < 0 if status == "approved" else reason["weight"] >= 0)


def _reason(reason: Mapping[str, Any]) -> Text:
    text = Text(reason["detail"])
    words = [one for one in reason["evidence"] if one["weight"] * reason["weight"] > 0][:WORDS_SHOWN]
    if words:
        text.append("\n" + "  ".join(f"“{visible(one['text'])}” {one['weight']:+.1f}" for one in words), style="dim")
    return text


def _approval_words(approval: Approval) -> Padding:
    author = approval.comment["author"]["name"]
    words = Text.assemble(
        (f"{approval.comment['decision']['moderator']} approved the comment by {author}. ", "bold"),
        f"A signed webhook ({approval.event}) told the website, which checked the signature;"
        f" its page showed the comment after {approval.seconds:.1f} s.",
    )
    return Padding(words, (1, 0))


def _addresses(played: Played) -> Group:
    grid = Table.grid(padding=(0, 2))
    addresses = played.addresses
    grid.add_row("Article with reply form", Text(addresses["article"], style="bold underline"))
    grid.add_row("Review", Text(addresses["review"], style="bold underline"))
    accounts = played.accounts
    grid.add_row("", Text.assemble("sign in as ", (accounts.moderator, "bold"), " with ", (accounts.password, "bold")))
    grid.add_row("API documentation", Text(addresses["docs"], style="bold underline"))
    return Group(Text("Open in your browser", style="italic"), grid)
