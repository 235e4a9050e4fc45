"""The settings of a site, for admins: thresholds with a preview, rules, lists with a test, webhook, keys."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from http import HTTPStatus

from flask import Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from moderation.core.comment import Comment, Submission, Verdict
from moderation.core.errors import InvalidInput, WebhookRefused
from moderation.core.policy import LABELS, Policy
from moderation.core.reasons import Action
from moderation.core.site import Site
from moderation.service.foresight import Preview
from moderation.web.auth import services
from moderation.web.review import cards, gate, marks, policy_form
from moderation.web.review.gate import bp
from moderation.web.review.texts import count, say
from moderation.webhooks.courier import Courier
from moderation.webhooks.transport import NoAnswer, Transport, parse_target

TEST_LENGTH = 20_000
EXAMPLES = 3  # Of each kind that a preview shows.
_WORDS = {Action.REJECT: "rejected", Action.REVIEW: "held", Action.APPROVE: "approved"}


def _page(site: Site, fields: policy_form.Form, *, status: int = HTTPStatus.OK, **results: object) -> Response:
    page = render_template(
        "review/settings.html",
        site=site,
        site_names=gate.site_names(),
        fields=fields,
        labels=LABELS,
        in_force=site.policy.effective(services().judge.thresholds()),
        lists=policy_form.LISTS,
        parts_of_lists=policy_form.PARTS,
        **results,
    )
    return make_response(page, status)


@bp.get("/settings")
def settings() -> ResponseReturnValue:
    """Show the settings."""
    gate.admin()
    site = gate.current_site()
    done = say("settings.saved") if request.args.get("saved") else ""
    return _page(site, policy_form.fields_of(site.policy), done=done)


@bp.post("/settings")
def save_settings() -> ResponseReturnValue:
    """Save the form, or say what it would have done, or try a text on it; the button that was pressed decides."""
    gate.admin()
    site = gate.current_site()
    try:
        policy = policy_form.policy_of_form(site, request.form)
        if policy.webhook_url is not None:
            parse_target(policy.webhook_url)
    except InvalidInput as error:
        return _page(site, request.form, faults=error.faults, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    except WebhookRefused as error:
        return _page(site, request.form, sentence=str(error), status=HTTPStatus.UNPROCESSABLE_ENTITY)
    if request.form.get("do") == "preview":
        return _page(site, request.form, preview=_preview(site, policy))
    if request.form.get("do") == "test":
        return _page(site, request.form, tried=_tried(site, policy))
    policy_form.save(site, policy)
    return redirect(url_for("review.settings", site=site.name, saved=1), HTTPStatus.SEE_OTHER)


@dataclass(frozen=True, slots=True)
class PreviewView:
    """What the settings of the form would have done.

    Attributes:
        told: Parts of a sentence.
        looked: Of how many verdicts.
        regretted: A sentence on what people had approved, or nothing.
        groups: Some of the comments, under what would have become of them.
    """

    told: list[str]
    looked: str
    regretted: str
    groups: list[tuple[str, list[Comment]]]


def _preview(site: Site, policy: Policy) -> PreviewView:
    found = services().insight.preview(site.name, policy, services().judge.thresholds())
    moved = [_moved(found, action, word) for action, word in _WORDS.items()]
    regretted = found.regretted(Action.REJECT) + found.regretted(Action.REVIEW)
    groups = [(say(f"settings.preview.now.{one}"), found.examples(one, limit=EXAMPLES)) for one in _WORDS]
    return PreviewView(
        told=[part for part in moved if part] or [say("settings.preview.nothing")],
        looked=count("settings.preview.looked", found.looked_at),
        regretted=count("settings.preview.regretted", regretted) if regretted else "",
        groups=[(word, examples) for word, examples in groups if examples],
    )


def _moved(found: Preview, action: Action, word: str) -> str:
    n = found.difference(action)
    return count(f"settings.preview.{word}.{'more' if n > 0 else 'fewer'}", abs(n)) if n else ""


def _tried(site: Site, policy: Policy) -> dict[str, object]:
    """Return what would happen to a text under a policy, and why."""
    content = request.form.get("content", "")[:TEST_LENGTH].replace("\x00", "")
    submission = Submission(content=content or " ", permalink=site.url, author_name=say("settings.test.author"))
    verdict: Verdict = services().submissions.check_one(submission, policy)
    return {
        "action": verdict.action,
        "markup": marks.legible(content, marks.stretches(verdict.reasons)),
        "scores": cards.score_views(verdict),
        "reasons": cards.reason_views(verdict),
    }


@bp.post("/settings/webhook-test")
def test_webhook() -> ResponseReturnValue:
    """Send a test event to the saved address, once."""
    gate.admin()
    site = gate.current_site()
    fields = policy_form.fields_of(site.policy)
    url = site.policy.webhook_url
    if url is None:
        return _page(site, fields, sentence=say("settings.webhook.none"), status=HTTPStatus.CONFLICT)
    transport = Transport(allow=services().settings.webhook_allow_networks)
    courier = Courier(services().sites, services().outbox, transport, now=services().now)
    try:
        answer = courier.send_test(site, url, message_id=f"msg_test{secrets.token_hex(8)}")
    except (WebhookRefused, NoAnswer) as error:
        return _page(site, fields, sentence=str(error), status=HTTPStatus.BAD_GATEWAY)
    key = "settings.webhook.ok" if answer.is_success else "settings.webhook.refused"
    return _page(site, fields, done=say(key, status=answer.status, ms=round(answer.seconds * 1000)))


@bp.post("/settings/keys")
def change_keys() -> ResponseReturnValue:
    """Make an API key, which this page shows once, or revoke one."""
    gate.admin()
    site = gate.current_site()
    key_id = request.form.get("revoke", "")
    if key_id:
        site = services().sites.revoke_key(site.name, key_id)
        return _page(site, policy_form.fields_of(site.policy), done=say("settings.keys.revoked", id=key_id))
    site, key = services().sites.add_key(site.name)
    return _page(site, policy_form.fields_of(site.policy), new_key=key)
