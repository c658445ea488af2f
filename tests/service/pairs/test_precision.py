"""From candidates to suggestions and groups, on drawn catalogues: with a classifier, and with nothing to learn from."""

import csv
import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from apps.cli.app import app
from candidates.errors import VariantsError
from candidates.settings import FeedSettings, Settings
from candidates.suggestion import read_suggestions
from demo_catalogue.catalogue import draw_catalogue
from intake.feeds.several import FeedSource, read_feeds
from service.answers.pair_explanation import explain_pair
from service.files.judgements import read_judgements
from service.pairs.precision import Precision
from service.pipeline.run import run
from service.pipeline.train import train
from service.runs.choices import Choices
from service.runs.job import Job
from service.runs.run_folder import RunFolder
from tests.small_runs import regrouped, shuffled


def classifying(**sections):
    """Few candidates, quick pictures and hardly any evaluation: this is about what comes after."""
    chosen = {
        "feed": {"groups_are_global": True},
        "text": {"index": "exact"},
        "image": {"model": "hog", "index": "exact"},
        "evaluation": {"bootstrap": 20, "text_depths": (5, 20), "hops": (0, 1)},
        "run": {"chunk": 64},
        "merge": {"strategy": "fused", "n": 15},
    }
    return Settings.read(
        None, **{name: chosen.get(name, {}) | sections.get(name, {}) for name in {**chosen, **sections}}
    )


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A drawn catalogue with groups enough to learn a classifier from."""
    return draw_catalogue(tmp_path_factory.mktemp("many"), groups=50)


@pytest.fixture(scope="module")
def classified(many, tmp_path_factory):
    """A run that learned a classifier; read it, never write to it."""
    return run(many.feed, tmp_path_factory.mktemp("classified") / "out", classifying())


@pytest.fixture(scope="module")
def model(classified, tmp_path_factory):
    """A model with a classifier, of the same catalogue."""
    out = tmp_path_factory.mktemp("model")
    shutil.copytree(classified.folder.root, out / "run")
    job = Job(Choices(RunFolder(out / "run", classified.folder.work), classified.settings))
    train(job, out / "model")
    return out / "model"


def copied(job, target):
    """A copy of a run with the same work folder, to be changed."""
    shutil.copytree(job.folder.root, target, ignore=shutil.ignore_patterns("work"))
    shutil.copytree(job.folder.work, target / "work")
    return target


def groups_of(job):
    with job.folder.groups.open(encoding="utf-8", newline="") as file:
        return {row["id"]: row["item_group_id"] for row in csv.DictReader(file)}


def test_pairs_have_probabilities_and_are_listed_once(classified):
    table = pq.read_table(classified.folder.pairs)
    probability = table["probability"].to_numpy()
    assert classified.folder.require("learn_pairs").counts["learned"]
    assert ((probability >= 0) & (probability <= 1)).all()
    keys = set(zip(table["left_id"].to_pylist(), table["right_id"].to_pylist(), strict=True))
    assert len(keys) == table.num_rows
    assert not {(right, left) for left, right in keys} & keys


def test_figures_are_better_than_chance_on_groups_held_out(classified):
    found = Precision.open(classified.folder.precision)
    assert found.pairs.average_precision > 3 * found.pairs.variants / found.pairs.pairs
    assert found.pairs.brier_skill > 0
    assert found.within.variants + found.across.variants == found.pairs.variants
    assert 0 < found.groups.b_cubed <= 1
    assert found.reranked[10] > 0.3


def test_suggestions_say_why_and_leave_out_what_is_known(classified):
    for one in read_suggestions(classified.folder.suggestions):
        assert one.reasons
        assert one.probability is not None
        rows = [classified.catalogue.axis.row_of(side) for side in (one.left, one.right)]
        assert classified.truth("evaluation").judge(np.array(rows[:1]), np.array(rows[1:]))[0] != 1


def test_known_groups_are_kept_and_groups_read_back_through_our_own_reader(classified):
    made, by_known = groups_of(classified), {}
    for group, identifier in zip(classified.catalogue.column("group"), classified.catalogue.axis, strict=True):
        if identifier in made and group:
            by_known.setdefault(group, set()).add(made[identifier])
    assert by_known
    assert all(len(ids) == 1 for ids in by_known.values())
    settings = FeedSettings(columns={"title": "id"}, format="google-tsv")
    read = read_feeds([FeedSource(classified.folder.groups, "")], settings).catalogue
    assert dict(zip(read.axis, read.column("group"), strict=True)) == made


def test_a_rejected_pair_is_never_in_one_group_and_is_not_suggested(many, classified, tmp_path):
    made = groups_of(classified)
    names = list(made.values())
    first = next(group for group in names if names.count(group) > 2)
    one, two = [identifier for identifier, group in made.items() if group == first][:2]
    judgements = tmp_path / "judgements.csv"
    judgements.write_text(f"left_id,right_id,verdict\n{one},{two},reject\ngone,{two},accept\n")
    out = copied(classified, tmp_path / "out")
    job = run(many.feed, out, classifying(pairs={"judgements": str(judgements)}))
    again = groups_of(job)
    assert again.get(one) is None or again.get(one) != again.get(two)
    assert "rejected pair" in job.folder.group_notes.read_text()
    assert {one, two} not in [{said.left, said.right} for said in read_suggestions(job.folder.suggestions)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("left_id,right_id\na,b\n", "lacks the column verdict"),
        ("left_id,right_id,verdict\na,b,maybe\n", "line 2: 'maybe'"),
    ],
)
def test_judgements_that_are_none_are_one_clear_line(classified, tmp_path, content, said):
    path = tmp_path / "judgements.csv"
    path.write_text(content)
    with pytest.raises(VariantsError, match=said):
        read_judgements(path, classified.truth("judgements"))


def test_hidden_groups_touch_nothing_that_is_handed_on(many, model, tmp_path):
    """The groups of the catalogue that a model is used on: permuted, they change the measure and nothing else."""
    made = []
    for name, feed in (("true", many.feed), ("permuted", regrouped(many.feed, tmp_path / "permuted", shuffled))):
        settings = classifying(learn={"model": str(model), "train": False}, merge={"strategy": "planned", "budget": 15})
        made.append(run(feed, tmp_path / f"out-{name}", settings))
    true, permuted = (job.folder for job in made)
    assert true.require("classify").counts["by"] == "probability"
    assert true.groups.read_bytes() == permuted.groups.read_bytes()
    assert true.suggestions_csv.read_bytes() == permuted.suggestions_csv.read_bytes()
    assert pq.read_table(true.pairs).equals(pq.read_table(permuted.pairs))
    assert len(groups_of(made[0])) > 0
    figures = [Precision.open(folder.precision) for folder in (true, permuted)]
    assert figures[0].pairs.average_precision > 3 * figures[1].pairs.average_precision


def test_groups_keep_their_ids_where_a_fifth_of_the_products_is_new(many, model, tmp_path):
    """A night on which every fifth product is new: groups that had two or more products keep their ids."""
    header, *rows = many.feed.read_text("utf-8").splitlines()
    before = tmp_path / "before"
    shutil.copytree(many.feed.parent, before)
    (before / many.feed.name).write_text("\n".join([header, *(row for at, row in enumerate(rows) if at % 5)]) + "\n")
    settings = classifying(learn={"model": str(model), "train": False}, merge={"strategy": "planned", "budget": 15})
    old = groups_of(run(before / many.feed.name, tmp_path / "out", settings))
    new = groups_of(run(many.feed, tmp_path / "out", settings))
    assert len(new) > len(old)
    kept = [new.get(identifier) == group for identifier, group in old.items() if identifier in new]
    assert np.mean(kept) > 0.9
    assert len(set(new.values()) & set(old.values())) >= 0.9 * len(set(old.values()))


def test_explain_shows_what_the_run_found(classified):
    table = pq.read_table(classified.folder.pairs).to_pylist()
    suggested = next(read_suggestions(classified.folder.suggestions), None)
    if suggested is not None:
        said = explain_pair(classified, suggested.right, suggested.left)
        assert said.suggested
        assert said.suggestion == suggested
    for row in (table[0], max(table, key=lambda one: one["probability"])):
        said = explain_pair(classified, row["left_id"], row["right_id"])
        assert said.suggestion.probability == pytest.approx(row["probability"], abs=1e-5)
        assert said.suggestion.reasons
    together = groups_of(classified)
    one, other = list(together)[:2]
    assert explain_pair(classified, one, other).groups == (together[one], together[other])


def test_a_pair_that_is_no_candidate_has_no_probability(classified):
    pairs = {frozenset((row["left_id"], row["right_id"])) for row in pq.read_table(classified.folder.pairs).to_pylist()}
    first, *others = classified.catalogue.axis
    stranger = next(other for other in others if frozenset((first, other)) not in pairs)
    said = explain_pair(classified, first, stranger)
    assert said.suggestion is None
    assert not said.suggested


@pytest.mark.parametrize("index", ["exact", "tfidf"])
def test_where_nothing_can_be_learned_pairs_have_a_score_and_no_probability(drawn, tmp_path, index):
    job = run(drawn.feed, tmp_path / "out", classifying(learn={"train": False}, text={"index": index}))
    assert set(pq.read_table(job.folder.pairs).column_names) == {"left_id", "right_id", "score"}
    some = list(read_suggestions(job.folder.suggestions))
    assert some
    assert all(one.probability is None and one.score is not None for one in some)
    assert not job.folder.groups.exists()
    assert "learning from the feed's groups is switched off" in job.folder.require("group").counts["why"]
    said = explain_pair(job, some[0].left, some[0].right)
    assert said.suggestion == some[0]
    assert said.least is None


def test_unless_it_is_asked_for_nothing_is_classified(finished):
    assert not finished.folder.pairs.exists()
    assert not finished.folder.groups.exists()
    assert Job.of(finished.folder.root).folder.require("classify").counts == {"classified": False}
    assert explain_pair(finished, *list(finished.catalogue.axis)[:2]) is None


def test_the_model_carries_its_classifier_and_its_figures(model):
    from service.runs.model import Model

    opened = Model.open(model)
    assert opened.pairs is not None
    assert opened.about["precision"]["pairs"]["average_precision"] > 0


HOSTILE = (
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "<script>alert(1)</script>",
    "a\u202egnp.exe",
    "'=1",
    "＝1+1",
)


def test_hostile_words_stay_harmless_in_every_file(many, model, tmp_path):
    """Titles, colours and ids that a spreadsheet or a browser would act on."""
    folder = tmp_path / "hostile"
    shutil.copytree(many.feed.parent, folder)
    header, *rows = many.feed.read_text("utf-8").splitlines()
    names = header.split("\t")
    lines = []
    for at, row in enumerate(rows):
        cells = dict(zip(names, row.split("\t"), strict=True))
        word = HOSTILE[at % len(HOSTILE)]
        cells["id"] = f"{word} {cells['id']}" if cells["id"] else ""
        cells["title"] = f"{word} {cells['title']}"
        if "color" in cells:
            cells["color"] = f"{word} {cells['color']}"
        lines.append("\t".join(cells.values()))
    feed = folder / many.feed.name
    feed.write_text("\n".join([header, *lines]) + "\n", "utf-8")
    settings = classifying(
        learn={"model": str(model)}, merge={"strategy": "planned", "budget": 15}, pairs={"precision": 0.5}
    )
    job = run(feed, tmp_path / "out", settings)
    for path in (job.folder.groups, job.folder.suggestions_csv, job.folder.group_notes):
        with path.open(encoding="utf-8", newline="") as file:
            for cells in csv.reader(file):
                for name, cell in enumerate(cells):
                    is_number = path == job.folder.suggestions_csv and name in (4, 5)
                    assert is_number or not cell.lstrip().startswith(("=", "+", "-", "@", "＝")), (path, cell)
    read = read_feeds(
        [FeedSource(job.folder.groups, "")], FeedSettings(columns={"title": "id"}, format="google-tsv")
    ).catalogue
    assert len(read.axis) > 0
    assert set(read.axis) <= set(job.catalogue.axis)
    assert "<script>alert" not in (job.folder.root / "report.html").read_text("utf-8")


def test_the_commands(classified, tmp_path):
    """`classify` and `group` with other settings than the run's, and `explain` of what came of it."""
    out = copied(classified, tmp_path / "out")
    choices = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps(choices | {"work": str(out / "work")}))
    counts = classified.folder.require("classify").counts

    def said(*words):
        answer = CliRunner().invoke(app, [words[0], str(out), *words[1:]])
        assert answer.exit_code == 0, answer.output
        return answer.output

    before = Job.of(out).folder.require("group").counts["groups"]
    assert "suggestions" in said("classify", "--precision", "0.3")
    assert Job.of(out).folder.require("classify").counts["threshold"] <= counts["threshold"]
    assert Job.of(out).settings.pairs.precision == 0.3
    said("group", "--threshold", "0.99", "--known", "learn")
    assert Job.of(out).folder.require("group").counts["groups"] < before
    one, other = next((row["left_id"], row["right_id"]) for row in pq.read_table(out / "pairs").to_pylist())
    page = said("explain", one, other)
    assert "probability" in page
    assert "groups:" in page or "both are in the group" in page
    wrong = CliRunner().invoke(app, ["group", str(out), "--known", "all"])
    assert "groups.known" in str(wrong.exception)
