"""Every English sentence stands in one place, is used, and nothing is said that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from moderation.core.comment import RejectReason, Ruling, Status
from moderation.core.policy import LABELS
from moderation.core.reasons import KINDS
from moderation.web.review import texts

WEB = Path(__file__).parents[3] / "moderation/web"
SOURCES = [*WEB.glob("templates/review/*.html"), *WEB.glob("review/*.py"), *WEB.glob("static/review/*.js")]


def used_keys() -> set[str]:
    words = "\n".join(source.read_text(encoding="utf-8") for source in SOURCES)
    quoted = set(re.findall(r"texts\.(\w+)", words)) | set(re.findall(r"""["']([a-z0-9][\w.-]*)["']""", words))
    stems = set(re.findall(r"""["']([a-z][\w.-]*\.)["'{]""", words))
    return {key for key in texts.all_texts() if _is_used(key, quoted, stems)}


def _is_used(key: str, quoted: set[str], stems: set[str]) -> bool:
    is_plural = re.sub(r"other$", "one", key) in texts.all_texts()
    name = (re.sub(r"\.(one|other)$", "", key) if is_plural else key).removeprefix("js.")
    return key in quoted or name in quoted or any(name.startswith(stem) for stem in stems)


def test_every_text_is_used() -> None:
    assert set(texts.all_texts()) - used_keys() == set()


def test_templates_say_only_what_is_there() -> None:
    known = texts.all_texts()
    for template in WEB.glob("templates/review/*.html"):
        words = template.read_text(encoding="utf-8")
        for key in re.findall(r"""say\(["']([\w.-]+)["'][,)]""", words):
            assert key in known, (template.name, key)
        for key in re.findall(r"""count\(["']([\w.-]+)["'],""", words):
            assert {f"{key}.one", f"{key}.other"} <= set(known), (template.name, key)


def test_templates_hold_no_sentences_of_their_own() -> None:
    for template in WEB.glob("templates/review/*.html"):
        words = template.read_text(encoding="utf-8").replace("{% block page %}narrow{% endblock %}", "")
        words = words.replace("{% block page %}queue{% endblock %}", "")
        words = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}|<[^>]*>", " ", words, flags=re.DOTALL)
        assert not re.findall(r"[A-Za-z]{3,}", words), template.name


@pytest.mark.parametrize("kind", [*Ruling, *RejectReason, *Status])
def test_every_decision_and_status_has_its_word(kind: str) -> None:
    assert texts.say(f"what.{kind}")


@pytest.mark.parametrize("label", LABELS)
def test_every_label_has_its_word(label: str) -> None:
    assert texts.say(f"label.{label}")


@pytest.mark.parametrize("code", list(KINDS))
def test_every_reason_has_its_name(code: str) -> None:
    assert texts.say(f"reason.{code}")


def test_plurals_come_in_pairs() -> None:
    for key in texts.all_texts():
        if key.endswith(".one"):
            assert key.removesuffix("one") + "other" in texts.all_texts()
