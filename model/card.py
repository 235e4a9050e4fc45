"""The model card: what a model was made from, how well it does, and what it cannot do, generated from its manifest.

It adds no number of its own: every figure comes from the manifest, where training put it.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from model.artifact import read_manifest

CARD: Final = "MODEL_CARD.md"
WEAKNESSES: Final = """## What it cannot do

- It reads words and letters, not meaning: irony, coded hate, and what depends on the page or the thread escape it. On
  functional tests of hate speech such as HateCheck a model of this kind stays near chance.
- Toxicity outside the languages of the sets below is close to guessing: leave German, Chinese, Korean or Arabic out,
  and the table above has AUCs of 0.5 to 0.65 for them. In a language that is among the sets it is far better, but news
  comments, tweets and forums differ more than a table can say.
- Toxicity is what people on Wikipedia and a few other places called toxic; words about identity, and dialects, can
  score too high. It therefore never rejects by itself: it asks a person.
- Flattery without a link ("Great post, thanks for sharing") reads the same from people and from programs.
- Languages that few or no sets below have are scored by what they share with others and by the grammar's phrases. They
  have more honest comments held for review, as the rows of sets that are alone in their language show.
- Spam changes. A site's own decisions, by way of `winnow model train --labels`, are the cure.
"""


def write_card(directory: Path) -> Path:
    """Write the card of the model in a directory beside it and return its path.

    Raises:
        ModelRefused: The directory holds no model.
    """
    path = directory / CARD
    path.write_text(render_card(read_manifest(directory)), encoding="utf-8")
    return path


def render_card(manifest: Mapping[str, Any]) -> str:
    """Return the card as Markdown; equal manifests give equal cards."""
    return "\n".join([*_head(manifest), *_labels(manifest), WEAKNESSES, *_data(manifest)]) + "\n"


def _head(manifest: Mapping[str, Any]) -> Iterator[str]:
    yield f"# {manifest['version']}\n"
    yield "A linear model over hashed letters and words, one column of weights a label, calibrated. Made by"
    yield "`winnow model train`; this card is generated from `manifest.json`.\n"
    yield "| label | review at | reject at |\n|---|---|---|"
    for label, pair in manifest["thresholds"].items():
        yield f"| {label} | {_threshold(pair['review'])} | {_threshold(pair['reject'])} |"
    yield ""


def _threshold(value: float | None) -> str:
    return "never" if value is None else f"{value:.3f}"


def _labels(manifest: Mapping[str, Any]) -> Iterator[str]:
    for label, found in manifest["metrics"].items():
        low, high = found["auc_interval"]
        yield f"## {label} on sources it had not seen\n"
        yield "Each set was scored by a fit without it and without the sets of its kind, so these are estimates for the"
        yield "next site, and lower than a random split would show.\n"
        yield f"AUC over all {found['rows']:,} rows {found['auc']:.3f} (95 % confidence {low:.3f} to {high:.3f}),"
        yield f"Brier score {found['brier']:.3f}.\n"
        yield from _derived(manifest, label)
        yield "| set | 1 / 0 | AUC | 0 rejected | 0 with a link rejected | 0 held | 1 published |"
        yield "|---|---|---|---|---|---|---|"
        yield from (_source(source) for source in found["sources"])
        yield ""


def _derived(manifest: Mapping[str, Any], label: str) -> Iterator[str]:
    for name, of in manifest.get("derived", {}).items():
        if of["label"] == label:
            yield f"`{name}` is calibrated on the same logit and has no weights of its own: AUC {of['auc']:.3f} on the"
            yield "rows that say it, from a fit without them. It ranks comments as the label above does.\n"


def _source(source: Mapping[str, Any]) -> str:
    area = "–" if source["auc"] is None else f"{source['auc']:.3f}"
    shares = [
        _share(source["negatives_rejected"], source["negatives"]),
        _share(source["negatives_with_link_rejected"], source["negatives_with_link"]),
        _share(source["negatives_held"], source["negatives"]),
        _share(source["positives_published"], source["positives"]),
    ]
    return f"| {source['name']} | {source['positives']:,} / {source['negatives']:,} | {area} | {' | '.join(shares)} |"


def _share(share: float | None, rows: int) -> str:
    """Return a share in per cent with its 95 % confidence interval (Wilson 1927)."""
    if share is None or rows == 0:
        return "–"
    centre, square = share + 1.9208 / rows, 3.8416 / rows
    spread = 1.96 * ((share * (1.0 - share) + square / 4.0) / rows) ** 0.5
    low, high = (max(0.0, (centre - spread) / (1.0 + square)), (centre + spread) / (1.0 + square))
    return f"{100 * share:.1f} % ({100 * low:.1f}–{100 * high:.1f})"


def _data(manifest: Mapping[str, Any]) -> Iterator[str]:
    training = manifest["training"]
    yield "## What it was trained on\n"
    yield "No text of these sets is in this project: only weights, counts, hashes and figures are.\n"
    yield "| set | rows | spam 1 / 0 | toxic 1 / 0 | weight | licence | SHA-256 |"
    yield "|---|---|---|---|---|---|---|"
    for part in training["datasets"]:
        spam, toxic = part["counts"]["spam"], part["counts"]["toxic"]
        yield (
            f"| {part['name']} | {part['rows']:,} | {spam[0]:,} / {spam[1]:,} | {toxic[0]:,} / {toxic[1]:,} "
            f"| {part['weight']:g} | {part['licence']} | {part['sha256'][:12] or 'written by model/grammar.py'} |"
        )
    libraries = ", ".join(f"{name} {number}" for name, number in sorted(manifest["libraries"].items()))
    yield f"\nSeed {training['seed']}; {libraries}. The same recipe, data and versions give the same bytes."
