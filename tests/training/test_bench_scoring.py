"""The scoring bench runs without training data, compares what it says it compares, and ends."""

import json
import time

import pytest

from bench import scoring
from bench.contenders import Contender
from model.grammar import write_rows
from tests.training.conftest import write_jsonl


def fake(name, seconds):
    def busy(_):
        started = time.process_time()
        while time.process_time() - started < seconds:
            pass
        return 0.9

    return Contender(name, busy, lambda many: [busy(text) for text in many])


def test_ratios_are_of_the_contenders_they_name():
    found = [
        fake(name, thousandths / 1000)
        for name, thousandths in (("a", 1), ("b", 3), ("c", 1), ("d", 2), ("e", 1), ("f", 4))
    ]

    timed = scoring.measure(found, ["x", "y"], rounds=3, batch_rounds=3)
    figures = scoring.report(found, timed, ["x", "y"], [0, 1])

    assert figures["single_over_fasttext"] == pytest.approx(0.5, rel=0.25)
    assert figures["single_over_fasttext_inner"] == pytest.approx(1.0, rel=0.25)
    assert figures["single_over_fasttext_with_pieces"] == pytest.approx(0.25, rel=0.25)
    assert figures["batch_over_sklearn"] == pytest.approx(3.0, rel=0.25)
    assert figures["contenders"]["d"]["single_microseconds"] == pytest.approx(2000, rel=0.25)
    assert figures["contenders"]["d"]["auc"] == 0.5


def test_every_round_begins_with_another_job():
    order = []

    rounds = scoring.alternate(3, [lambda: order.append("a"), lambda: order.append("b"), lambda: order.append("c")])

    assert "".join(order) == "abcbcacab"
    assert [len(each) for each in rounds] == [3, 3, 3]


@pytest.mark.slow
def test_written_rows_stand_in_for_the_sets():
    texts, truth = scoring.load_rows(None)

    assert len(texts) == len(truth) == scoring.ROWS + scoring.HELD_OUT
    assert set(truth) == {0, 1}
    assert scoring.load_rows(None) == (texts, truth)
    assert not any("\n" in text for text in texts)


def test_rows_without_a_spam_label_are_left_out(tmp_path):
    rows = [{"text": f"row {at}", "labels": {"spam": at % 2 if at < 120 else None}} for at in range(200)]
    write_jsonl(tmp_path / "sms_spam.jsonl", rows)

    texts, truth = scoring.load_rows(tmp_path)

    assert len(texts) == 120
    assert sum(truth) == 60


def test_a_directory_without_rows_is_refused_with_a_sentence(tmp_path):
    with pytest.raises(SystemExit, match="too few labelled rows"):
        scoring.load_rows(tmp_path)


def test_without_fasttext_the_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(SystemExit, match=r"winnow\[bench\]"):
        scoring.main([])


@pytest.mark.slow
def test_the_bench_prints_a_table_and_one_json_line(tmp_path, capsys):
    pytest.importorskip("fasttext", reason="fastText is only installed for benches")
    write_jsonl(tmp_path / "youtube_spam_collection.jsonl", write_rows(4, 600))

    scoring.main(["--data", str(tmp_path), "--rounds", "2"])

    table, line = capsys.readouterr().out.rstrip("\n").rsplit("\n", 1)
    figures = json.loads(line)
    assert "scikit-learn, hashing" in table
    assert figures["single_over_fasttext"] > 0
    assert figures["batch_over_sklearn"] > 1
    # 480 rows are too few for fastText to learn much from; the others have to.
    assert all(figures["contenders"][name]["auc"] > 0.8 for name in ("Winnow", "scikit-learn, hashing"))
