"""An evaluation counts what it says it counts, and rows without a label do not count."""

import gzip
import json

import pytest

from model.dataset import DatasetError
from model.evaluate import EvaluationError, Rate, evaluate, to_json
from model.grammar import write_rows
from model.serving import Thresholds
from tests.training.conftest import fit_small, write_jsonl


def row(text, spam, **more):
    return {"text": text, "labels": {"spam": spam, "toxic": None}, **more}


@pytest.fixture(scope="module")
def evaluation(held_out, small_model, smaller_model):
    return evaluate([held_out], small_model, baseline=smaller_model, in_use=small_model)


def test_the_outcome_is_what_counting_by_hand_gives(evaluation, held_out, small_model):
    rows = [json.loads(line) for line in held_out.read_text("utf-8").splitlines()]
    scores = [small_model.score(each["text"], author=each["author"] or "", url=each["url"] or "") for each in rows]
    ham = [score["spam"] for score, each in zip(scores, rows, strict=True) if each["labels"]["spam"] == 0]
    spam = [score["spam"] for score, each in zip(scores, rows, strict=True) if each["labels"]["spam"] == 1]

    found = evaluation.model.labels["spam"].outcome

    assert found.ham_rejected == Rate(sum(score >= 0.9 for score in ham), 300)
    assert found.ham_held == Rate(sum(0.5 <= score < 0.9 for score in ham), 300)
    assert found.published == Rate(sum(score < 0.5 for score in spam), 300)
    assert found.rejected == Rate(sum(score >= 0.9 for score in spam), 300)


def test_more_training_rows_beat_fewer(evaluation):
    assert evaluation.model.labels["spam"].auc.value > evaluation.baseline.labels["spam"].auc.value


def test_the_model_in_use_is_measured_on_the_same_rows(evaluation):
    assert evaluation.in_use == evaluation.model


def test_only_ham_with_a_link_counts_as_such(tmp_path, small_model):
    path = write_jsonl(
        tmp_path / "links.jsonl",
        [
            row("see https://docs.python.org/3/ for that", 0),
            row("no link here", 0),
            row('<a href="http://cheap-pills.top">pills</a>', 1),
        ],
    )

    found = evaluate([path], small_model).model.labels["spam"].outcome

    assert found.link_ham_rejected.of == 1
    assert found.ham_rejected.of == 2


def test_rows_without_a_label_do_not_count(tmp_path, small_model):
    path = write_jsonl(tmp_path / "some.jsonl", [row("a", 0), row("b", 1), row("c", None), {"text": "d"}])

    evaluation = evaluate([path], small_model)

    assert evaluation.rows == 4
    assert evaluation.model.labels["spam"].outcome.ham_rejected.of == 1
    assert evaluation.model.labels["spam"].outcome.published.of == 1
    assert "toxicity" not in evaluation.model.labels


def test_both_labels_are_measured_apart(tmp_path):
    rows = [row(f"fine comment number {at}", 0) for at in range(20)]
    rows += [{"text": f"you idiot {at}", "labels": {"spam": None, "toxic": 1}} for at in range(20)]
    rows += [{"text": f"thank you {at}", "labels": {"spam": None, "toxic": 0}} for at in range(20)]
    rows += [row(f"cheap pills {at}", 1) for at in range(20)]
    model = fit_small(rows, version="both", labels=("spam", "toxic"))

    evaluation = evaluate([write_jsonl(tmp_path / "both.jsonl", rows)], model)

    spam, toxicity = (evaluation.model.labels[name] for name in ("spam", "toxicity"))
    assert (spam.outcome.published.of, toxicity.outcome.published.of) == (20, 20)
    assert toxicity.outcome.rejected.count == 0
    assert toxicity.auc.value > 0.99


def test_a_file_without_labels_is_an_error_that_names_it(tmp_path, small_model):
    path = write_jsonl(tmp_path / "bare.jsonl", [{"text": "hello"}])

    with pytest.raises(EvaluationError, match=r"bare\.jsonl has a label that small-1 scores \(spam\)"):
        evaluate([path], small_model)


def test_a_broken_row_is_named_by_file_and_line(tmp_path, small_model):
    path = tmp_path / "broken.jsonl"
    path.write_text('{"text": "ok", "labels": {"spam": 0}}\n{"text": 3}\n', encoding="utf-8")

    with pytest.raises(DatasetError, match=r"broken\.jsonl line 2"):
        evaluate([path], small_model)


def test_one_class_alone_has_no_auc_but_an_outcome(tmp_path, small_model):
    path = write_jsonl(tmp_path / "ham.jsonl", [row("thanks", 0), row("good point", 0)])

    found = evaluate([path], small_model).model.labels["spam"]

    assert found.auc is None
    assert found.outcome.published == Rate(0, 0)
    assert found.outcome.ham_rejected.of == 2


def test_a_model_that_never_rejects_rejects_nothing(held_out, small_model):
    from dataclasses import replace

    careful = replace(small_model, thresholds={"spam": Thresholds(0.5, None)})

    found = evaluate([held_out], careful).model.labels["spam"].outcome

    assert found.rejected.count == 0
    assert found.ham_rejected.count == 0


def test_the_table_has_the_models_own_thresholds_and_its_shares_fall(evaluation):
    table = evaluation.model.labels["spam"].table
    ham = [each.ham.count for each in table]

    assert {0.5, 0.9} <= {each.threshold for each in table}
    assert ham == sorted(ham, reverse=True)
    assert [each.missed.count for each in table] == sorted(each.missed.count for each in table)


def test_slices_add_up_to_the_whole(evaluation):
    result = evaluation.model.labels["spam"]

    for slices in (result.languages, result.sources):
        assert sum(part.outcome.ham_rejected.of for part in slices) == result.outcome.ham_rejected.of
        assert sum(part.outcome.published.count for part in slices) == result.outcome.published.count
    assert result.languages[0].name == "en"
    assert {part.name for part in result.sources} == {"grammar"}


def test_a_row_without_a_source_is_counted_under_its_file(tmp_path, small_model):
    path = write_jsonl(tmp_path / "forum.jsonl", [row("one", 0), row("two", 1, source="blog")])

    names = {part.name for part in evaluate([path], small_model).model.labels["spam"].sources}

    assert names == {"forum", "blog"}


def test_mistakes_are_named_by_file_and_line(tmp_path, small_model):
    path = write_jsonl(
        tmp_path / "odd.jsonl",
        [row("what happened to the drummer?", 0), row("buy viagra online cheap viagra http://pills-rx.top", 0)],
    )

    (worst, *_) = evaluate([path], small_model).model.labels["spam"].worst_ham

    assert (worst.file, worst.line) == ("odd.jsonl", 2)
    assert worst.score > 0.5


def test_gzip_and_several_files_are_read(tmp_path, small_model, held_out):
    packed = tmp_path / "packed.jsonl.gz"
    with gzip.open(packed, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(each) + "\n" for each in write_rows(3, 50))

    assert evaluate([held_out, packed], small_model).rows == 650


def test_progress_adds_up_to_the_rows(held_out, small_model):
    seen = []

    evaluate([held_out], small_model, advance=seen.append)

    assert sum(seen) == 600


def test_json_says_the_same_in_plain_values(evaluation):
    told = json.loads(json.dumps(to_json(evaluation), allow_nan=False))
    spam = told["model"]["labels"]["spam"]

    assert spam["ham"] + spam["spam"] == 600
    assert spam["ham_rejected"]["share"] == evaluation.model.labels["spam"].outcome.ham_rejected.share
    assert set(spam["ham_with_link_rejected"]) == {"count", "of", "share", "low", "high"}
    assert spam["spam_published"]["of"] == 300
    assert spam["auc"]["low"] <= spam["auc"]["value"] <= spam["auc"]["high"]
    assert told["baseline"]["version"] == "smaller-1"


def test_no_text_of_a_comment_is_kept(tmp_path, small_model):
    path = write_jsonl(tmp_path / "private.jsonl", [row("xylophone-quartz secret", 0), row("visit http://x.top", 1)])

    assert "xylophone" not in json.dumps(to_json(evaluate([path], small_model)))
