"""Training: the solver finds the optimum, recipes and bad data get sentences, equal inputs give equal bytes."""

import gzip
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from model.artifact import load_model
from model.batch import encode_rows, find_rows
from model.calibration import fit_platt
from model.cli import cli
from model.corpus import build_corpus
from model.dataset import DatasetError, read_rows
from model.hashing import SLOT_MASK
from model.recipe import Promises, RecipeError, read_recipe
from model.solver import Rows, decide, design, fit_logistic
from model.tables import load_tables
from model.thresholds import lowest_logit, share_above, solve_spam, upper_bound
from model.train import row_costs

RECIPE = """
version = "small-1"
[[datasets]]
name = "own"
file = "rows.jsonl"
labels = ["spam"]
"""
SPAM = [
    "Buy cheap pills at my shop {}",
    "Subscribe to my channel {}",
    "Earn money from home {} dollars",
    "Free gift {}",
]
HAM = [
    "Thanks, that fixed build {} for me",
    "I disagree with point {}",
    "Lovely song, heard it {} times",
    "See page {}",
]


def write_rows(path: Path, count: int = 40, label: str = "spam") -> Path:
    rows = [
        {"text": (SPAM if index % 2 else HAM)[index // 2 % 4].format(index), "labels": {label: index % 2}}
        for index in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def features(texts: list[str]) -> Rows:
    return Rows(*find_rows(*encode_rows([(text, "", "") for text in texts]), load_tables()))


@pytest.mark.slow
@pytest.mark.parametrize("weighs_rarity", [False, True])
def test_the_solver_finds_scikit_learns_optimum(weighs_rarity: bool) -> None:
    from scipy import sparse
    from sklearn.linear_model import LogisticRegression

    from model.transformer import HashedFeatures

    rng = np.random.default_rng(5)
    texts = [(SPAM if index % 3 else HAM)[index % 4].format(index) for index in range(60)]
    truth = (rng.random(60) < 0.5).astype(np.int8)
    costs = rng.uniform(0.1, 3.0, 60)
    rows = design(features(texts), counts=np.ones(60, np.bool_) if weighs_rarity else None)
    # A prior variance is a feature stretched by its root.
    matrix = HashedFeatures().transform(texts) @ sparse.diags(np.sqrt(rows.variances.astype(np.float64)))

    fitted, _ = fit_logistic(rows, truth, costs, epochs=300)
    reference = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000, fit_intercept=False)
    with_bias = sparse.hstack([matrix, np.ones((60, 1))]).tocsr()
    reference.fit(with_bias, truth, sample_weight=costs)

    found = decide(np.arange(60), rows, fitted)
    assert found == pytest.approx(with_bias @ reference.coef_[0], abs=2e-3)


def test_what_stands_in_every_row_is_held_closest_to_nothing() -> None:
    rows = features(["tide", "tide table", "tide chart"])
    variances = design(rows, counts=np.ones(3, np.bool_)).variances
    everywhere = set.intersection(*(set(rows.keys[a:b]) for a, b in itertools.pairwise(rows.ends)))
    once = set(rows.keys[: rows.ends[1]]) ^ set(rows.keys)

    of_common = variances[[int(key) & SLOT_MASK for key in everywhere]].max()
    of_rare = variances[[int(key) & SLOT_MASK for key in once]].min()
    assert variances.min() > 0.0
    assert of_common < of_rare <= variances.max() == 1.0


@pytest.mark.slow
def test_unlearning_equals_never_having_seen() -> None:
    texts = [(SPAM if index % 2 else HAM)[index // 2 % 4].format(index) for index in range(60)]
    truth = (np.arange(60) % 2).astype(np.int8)
    rows, costs = design(features(texts)), np.ones(60)
    rest = np.where(np.arange(60) < 20, 0.0, costs)

    everything = fit_logistic(rows, truth, costs, epochs=50)
    unlearned, _ = fit_logistic(rows, truth, rest, epochs=50, state=everything)
    fresh, _ = fit_logistic(rows, truth, rest, epochs=100)

    assert unlearned == pytest.approx(fresh, abs=2e-3)


def test_equal_recipe_and_data_give_equal_bytes(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl")
    (tmp_path / "recipe.toml").write_text(RECIPE + "[training]\ndisguised = 0.3\n")

    for name in ("a", "b"):
        assert (
            run("train", "--recipe", tmp_path / "recipe.toml", "--data", tmp_path, "--output", tmp_path / name)[0] == 0
        )

    for name in ("manifest.json", "weights.npy"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_model_of_one_label_has_one_score(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl")
    (tmp_path / "recipe.toml").write_text(RECIPE)

    code, _ = run("train", "--recipe", tmp_path / "recipe.toml", "--data", tmp_path, "--output", tmp_path / "m")

    model = load_model(tmp_path / "m")
    assert code == 0
    assert model.labels == ("spam",)
    assert model.score("Buy cheap pills at my shop")["spam"] > 0.5 > model.score("Thanks, that fixed the build")["spam"]


def test_rows_are_scored_to_a_file(tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "rows.jsonl")
    packed = tmp_path / "rows.jsonl.gz"
    packed.write_bytes(gzip.compress(rows.read_bytes()))

    code, output = run("score", packed, "--output", tmp_path / "scored.jsonl", "--data-dir", tmp_path / "none")

    scored = [json.loads(line) for line in (tmp_path / "scored.jsonl").read_text().splitlines()]
    assert code == 0, output
    assert [row["text"] for row in scored] == [json.loads(line)["text"] for line in rows.read_text().splitlines()]
    assert all(set(row["scores"]) == {"spam", "toxicity"} for row in scored)


@pytest.mark.parametrize(
    "line, word",
    [
        ("not json", "line 3 is not JSON"), ("[1]", "line 3 is not a JSON object"), ("{}", "line 3: text is missing"),
        ('{"text": 1}', "line 3: text"), ('{"text": "a", "labels": {"spam": 2}}', "line 3: label spam"),
        ('{"text": "a", "labels": [1]}', "line 3: labels"), ('{"text": "a", "author": 3}', "line 3: author"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named_by_file_and_line(tmp_path: Path, line: str, word: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "a"}\n\n' + line + "\n")

    with pytest.raises(DatasetError, match=f"rows.jsonl.*{word}"):
        list(read_rows(path))
    code, output = run("train", "--labels", path, "--output", tmp_path / "m")
    assert code == 2
    assert "line 3" in output
    assert not (tmp_path / "m" / "weights.npy").exists()


@pytest.mark.parametrize(
    "rows, enough",
    [(19, False), (20, True)],
)
def test_too_few_labels_is_a_sentence(tmp_path: Path, rows: int, enough: bool) -> None:
    path = write_rows(tmp_path / "labels.jsonl", rows)

    code, output = run("train", "--labels", path, "--output", tmp_path / "m")

    assert code == (0 if enough else 2)
    assert enough or "at least 20 rows, 2 of each class" in output


def test_null_labels_do_not_count(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "labels.jsonl", 19)
    with path.open("a") as file:
        file.write('{"text": "who knows", "labels": {"spam": null}}\n' * 50)

    code, output = run("train", "--labels", path, "--output", tmp_path / "m")

    assert code == 2
    assert "spam: 10 with 0 and 9 with 1" in output


def test_a_sites_labels_move_the_base_towards_the_site(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    spam = ["Have you met the penguin of {}", "The penguin wants {}", "Penguin news {}", "All hail penguin {}"]
    rows = [((spam if i % 2 else HAM)[i // 2 % 4].format(i), i % 2) for i in range(60)]
    path.write_text("".join(json.dumps({"text": text, "labels": {"spam": label}}) + "\n" for text, label in rows))

    code, output = run("train", "--labels", path, "--output", tmp_path / "m", "--json")

    assert code == 0, output
    model = load_model(tmp_path / "m")
    assert model.labels == ("spam", "toxicity")
    assert model.score("The penguin is back")["spam"] > model.score("Thanks, I disagree with that")["spam"]


@pytest.mark.parametrize(
    "text, word",
    [
        ("version = ", "not TOML"), ('version = "1"', "no .*datasets"),
        ('[[datasets]]\nname="a"\nfile="b"\nlabels=["spam"]', "lacks version"),
        ('version="1"\n[[datasets]]\nname="a"\nfile="../b"\nlabels=["spam"]', "below the data"),
        ('version="1"\n[[datasets]]\nname="a"\nfile="b"\nlabels=["ham"]', "labels in"),
        ('version="1"\n[[datasets]]\nname="a"\nfile="b"\nlabels={spam=2}', "are 0, 1"),
        ('version="1"\n[[datasets]]\nname="a"\nfile="b"\nlabels={toxic=[]}', "list of its labels"),
        ('version="1"\n[[datasets]]\nname="a"\nfile="b"\nlabels=["spam"]\nexclude="x"', "patterns of ids"),
        (RECIPE + "[training]\nspeed = 3", "unknown keys: speed"),
        (RECIPE + "[training]\nepochs = 0", "epochs"),
        (RECIPE + "[training.cost]\nspam = -1", "negative"),
        (RECIPE.replace("rows.jsonl", "nowhere*.jsonl"), "not below"),
    ],
)  # fmt: skip
def test_a_bad_recipe_is_a_sentence(tmp_path: Path, text: str, word: str) -> None:
    (tmp_path / "recipe.toml").write_text(text)

    code, output = run("train", "--recipe", tmp_path / "recipe.toml", "--data", tmp_path, "--output", tmp_path / "m")

    assert code == 2
    assert __import__("re").search(word, output.replace("\n", " "))


def test_labels_can_be_declared_for_a_set(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(RECIPE.replace('["spam"]', '{spam = 0, toxic = "row"}'))

    dataset = read_recipe(tmp_path / "recipe.toml").datasets[0]

    assert dataset.labels == {"spam": 0, "toxic": ("toxic",)}
    with pytest.raises(RecipeError):
        read_recipe(tmp_path)


def test_one_of_several_labels_is_enough_and_patterns_of_ids_leave_rows_out(tmp_path: Path) -> None:
    rows = [
        {"id": "a-1", "text": "one", "labels": {"toxic": 0, "insult": 1, "topic": "cars", "share": 0.5}},
        {"id": "a-2", "text": "two", "labels": {"toxic": None, "insult": 0}},
        {"id": "a-3", "text": "three", "labels": {"toxic": None, "spam": 1}},
        {"id": "made-1", "text": "four", "labels": {"toxic": 1}},
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    several = RECIPE.replace('["spam"]', '{toxic = ["toxic", "insult"]}\nexclude = ["made-*"]')
    (tmp_path / "recipe.toml").write_text(several)

    corpus = build_corpus(read_recipe(tmp_path / "recipe.toml"), tmp_path, tmp_path)

    assert corpus.truth["toxic"].tolist() == [1, 0]  # The third has neither label.
    assert corpus.facts[0].rows == 2


def test_severe_toxicity_is_derived_where_rows_say_it(tmp_path: Path) -> None:
    words = ("kind", "rude", "vile")
    rows = [
        {
            "text": f"{words[index % 3]} words, number {index}",
            "labels": {"toxic": int(index % 3 > 0), "severe": index % 3 // 2},
        }
        for index in range(120)
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = RECIPE.replace('["spam"]', '["toxic"]\nsevere = "severe"')

    found = []
    for text in (recipe, recipe.replace('"severe"', '"nothing"')):
        (tmp_path / "recipe.toml").write_text(text)
        assert (
            run("train", "--recipe", tmp_path / "recipe.toml", "--data", tmp_path, "--output", tmp_path / "m")[0] == 0
        )
        found.append(load_model(tmp_path / "m"))

    kind, vile = (found[0].derive(found[0].score(f"{word} words"))["severe_toxicity"] for word in ("kind", "vile"))
    assert 0.0 < kind < vile < 0.5
    assert found[1].derived == {}


def test_a_language_is_not_guilty_of_its_spam(tmp_path: Path) -> None:
    kinds = (("xx", 1, 90), ("xx", 0, 10), ("en", 1, 2), ("en", 0, 98), ("", 1, 30), ("", 0, 10))
    rows = [
        {"text": f"lorem {index}", "labels": {"spam": spam}, **({"language": language} if language else {})}
        for language, spam, count in kinds
        for index in range(count)
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "recipe.toml").write_text(RECIPE + "[training]\nlanguage_spam = 0.1\n")
    recipe = read_recipe(tmp_path / "recipe.toml")
    corpus = build_corpus(recipe, tmp_path, tmp_path)

    costs = row_costs(corpus, "spam", recipe.training, np.ones(len(rows), np.bool_)) / recipe.training.cost["spam"]

    of_spam = corpus.truth["spam"] == 1
    shares = {
        language: costs[of_spam & (corpus.languages == language)].sum() / costs[corpus.languages == language].sum()
        for language, _, _ in kinds
    }
    assert shares == pytest.approx({"xx": 0.1, "en": 0.02, "": 0.75})
    assert costs[~of_spam] == pytest.approx(1.0)


def test_platt_recovers_slope_and_offset() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0.0, 2.0, 50_000)
    truth = (rng.random(50_000) < 1.0 / (1.0 + np.exp(-(0.5 * logits - 1.0)))).astype(np.int8)

    assert fit_platt(logits, truth, np.ones(50_000)) == pytest.approx((0.5, -1.0), abs=0.05)


def test_thresholds_keep_their_promises_on_every_source_alike() -> None:
    rng = np.random.default_rng(2)
    sources = [rng.normal(-3.0, 1.0, 40_000), rng.normal(-1.0, 1.0, 2_000)]
    promises = Promises()

    solved = solve_spam(sources, [sources[1]], promises)

    reject, review = (float(np.log(p / (1.0 - p))) for p in (solved.reject or 0.0, solved.review or 0.0))
    assert share_above(sources, reject)[1] <= promises.ham_rejected + 1e-4
    assert upper_bound(float((sources[1] >= reject).mean()), 2_000) <= promises.link_ham_rejected + 1e-4
    assert share_above(sources, review)[0] <= promises.ham_held + 1e-4
    assert lowest_logit(sources, 0.01, confident=False) < lowest_logit(sources, 0.001, confident=False)
    assert review < reject
