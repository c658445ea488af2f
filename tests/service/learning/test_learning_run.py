"""A run that learns from the feed's own groups: what it makes, what it is measured on, and what it must not see."""

import json
import shutil

import numpy as np
import pytest

from candidates.run import same_lists
from candidates.settings import Settings
from eval.metrics import judged, recall
from service.files.candidate_files import read_candidates
from service.learning import held_out as held_out_lists
from service.learning import taught as taught_spaces
from service.learning.held_out import held_out
from service.learning.in_words import learning_in_words
from service.learning.planner import Plan
from service.neighbours import vectors
from service.neighbours.kinds import TextLookup, TfidfLookup
from service.neighbours.open import open_lexical
from service.neighbours.vectors import neighbours_run
from service.pipeline.run import run
from service.runs.job import Job
from tests.small_runs import regrouped, shuffled


def learning(**sections):
    feed = {"groups_are_global": True} | sections.pop("feed", {})
    evaluation = {"bootstrap": 50, "text_depths": (5, 10, 20, 50), "hops": (0, 2)}
    pairs = {"classify": False} | sections.pop("pairs", {})
    return Settings.read(None, feed=feed, evaluation=evaluation, pairs=pairs, run={"chunk": 64}, **sections)


@pytest.fixture(scope="module")
def learned(drawn, tmp_path_factory):
    """A run that learned from the drawn catalogue; read it, never write to it."""
    return run(drawn.feed, tmp_path_factory.mktemp("learned") / "out", learning(merge={"budget": 20}))


def recall_at(lists, job, k=10):
    return float(recall(judged(lists, job.truth("evaluation")), k).mean())


def evaluation_of(job):
    return json.loads(job.folder.evaluation.read_text())


def test_the_run_follows_its_plan_and_meets_its_budget(learned):
    made = Plan.of(json.loads(learned.folder.plan.read_text()))
    assert made.basis == "proxy"  # twenty-four groups are too few to choose by
    offer = made.offer(20)
    assert learned.merge.strategy == offer.strategy
    lists = read_candidates(learned.folder.candidates, learned.catalogue.axis)
    assert lists.counts.mean() == pytest.approx(20, rel=0.03)


def test_it_is_measured_in_folds_and_says_so(learned):
    measured = evaluation_of(learned)
    assert measured["folds"] == 5
    page = (learned.folder.root / "report.html").read_text("utf-8")
    for sentence in learning_in_words(learned, measured):
        assert sentence in page
    assert "known groups of this feed" in page
    assert 'id="plan"' in page


def test_the_curve_holds_the_papers_hop_and_the_fused_lists(learned):
    import pyarrow.parquet as pq

    names = set(pq.read_table(learned.folder.root / "curves.parquet")["strategy"].to_pylist())
    assert {"hop", "fused", "rrf", "text", "image"} <= names


def taught_and_asked(job, monkeypatch):
    """For each fold the groups that its spaces were learned from, and those of its queries."""
    taught, original = [], taught_spaces.learn_heads

    def watched(made_of, groups, *rest, **options):
        taught.append(set(groups[groups >= 0].tolist()))
        return original(made_of, groups, *rest, **options)

    with monkeypatch.context() as patched:
        patched.setattr(taught_spaces, "learn_heads", watched)
        made = held_out(Job.of(job.folder.root))
    groups = job.truth("evaluation").groups
    asked = [set(groups[view.rows].tolist()) for view in made.queries.folds]
    return made, list(zip(taught, asked, strict=True))


def test_no_query_is_measured_in_a_space_that_saw_its_group(learned, monkeypatch):
    made, folds = taught_and_asked(learned, monkeypatch)
    assert len(folds) == 5
    assert not any(taught & asked for taught, asked in folds)
    assert sorted(made.queries.rows.tolist()) == learned.truth("evaluation").queries().tolist()
    assert sum(len(view.rows) for view in made.fair.folds) == len(learned.catalogue)

    def by_product(groups, folds, seed):
        dealt = np.random.default_rng(seed).permutation(len(groups)) % folds
        return np.where(groups >= 0, dealt, -1).astype(np.int64)

    monkeypatch.setattr(held_out_lists, "split_groups", by_product)
    _, folds = taught_and_asked(learned, monkeypatch)
    assert all(taught & asked for taught, asked in folds)  # what the first assertion is there to catch


def test_shuffled_groups_give_chance(drawn, learned, tmp_path):
    feed = regrouped(drawn.feed, tmp_path / "feed", shuffled)
    shutil.copytree(learned.folder.root, tmp_path / "out")
    job = run(feed, tmp_path / "out", learning(merge={"budget": 20}))
    chance = 10 / (len(job.catalogue) - 1)
    assert recall_at(held_out(job).queries.image, job) < chance + 0.04
    assert recall_at(held_out(learned).queries.image, learned) > 5 * chance
    # In the spaces that these very groups taught, chance groups seem to be found: that is what the folds prevent.
    seen = held_out_lists.looked_up(job, job.truth("evaluation").queries())
    assert recall_at(seen.image, job) > chance + 0.08


def test_untaught_the_groups_change_nothing_but_the_evaluation(drawn, learned, tmp_path):
    feed = regrouped(drawn.feed, tmp_path / "feed", shuffled)
    settings = learning(learn={"train": False}, merge={"budget": 20})
    one, two = run(drawn.feed, tmp_path / "one", settings), run(feed, tmp_path / "two", settings)
    assert one.model.version == two.model.version != learned.model.version
    assert one.folder.plan.read_text() == two.folder.plan.read_text()
    left, right = (read_candidates(job.folder.candidates, job.catalogue.axis).whole() for job in (one, two))
    for column in ("offsets", *left.columns()):
        assert np.array_equal(getattr(left, column), getattr(right, column), equal_nan=column.endswith("score"))
    measured = [evaluation_of(job)["candidates"]["recall"]["mean"] for job in (one, two)]
    assert measured[0] > measured[1] + 0.2
    assert evaluation_of(one)["folds"] == 0
    assert "Nothing was learned from groups" in (one.folder.root / "report.html").read_text("utf-8")


@pytest.mark.parametrize("kept", [0, 1, 5])
def test_few_groups_or_none_are_enough(drawn, tmp_path, kept):
    def few(groups):
        names = list(dict.fromkeys(filter(None, groups)))[:kept]
        return [group if group in names else "" for group in groups]

    job = run(regrouped(drawn.feed, tmp_path / "feed", few), tmp_path / "out", learning(merge={"budget": 10}))
    assert job.folder.require("expand").counts["candidates"] > 0
    assert (job.folder.root / "report.html").stat().st_size > 0
    said = " ".join(learning_in_words(job, {"folds": 0}))
    assert (f"{kept:,} known groups" in said) if kept else ("Nothing was learned from groups" in said)


def test_a_catalogue_without_pictures_learns_from_its_texts(drawn, tmp_path):
    feed = regrouped(drawn.feed, tmp_path / "feed", list)
    header, *rows = feed.read_text("utf-8").splitlines()
    columns = [place for place, name in enumerate(header.split("\t")) if "image_link" in name]
    cells = [row.split("\t") for row in rows]
    for row in cells:
        for column in columns:
            row[column] = ""
    feed.write_text("\n".join([header, *("\t".join(row) for row in cells)]) + "\n", "utf-8")
    job = run(feed, tmp_path / "out", learning(merge={"budget": 10}))
    assert job.folder.require("learn").counts["learned"]["image"]["groups"] == 0
    assert job.folder.require("learn").counts["learned"]["text"]["groups"] > 5
    assert evaluation_of(job)["candidates"]["recall"]["mean"] > 0.1


def test_the_papers_strategy_is_measured_in_the_learned_spaces_too(drawn, learned, tmp_path):
    shutil.copytree(learned.folder.root, tmp_path / "out")
    job = run(drawn.feed, tmp_path / "out", learning(merge={"strategy": "hop", "n": 8, "k": 2, "hub_cap": 30}))
    measured = evaluation_of(job)
    assert measured["folds"] == 5
    assert job.merge.strategy == "hop"
    assert 0 < measured["candidates"]["recall"]["mean"] <= 1


@pytest.mark.parametrize("index", ["nmslib", "exact"])
def test_a_large_catalogue_compares_spelling_by_vectors(drawn, learned, tmp_path, monkeypatch, index):
    shutil.copytree(learned.folder.root, tmp_path / "out")
    monkeypatch.setattr(vectors, "TFIDF_UP_TO", 10)
    settings = learning(merge={"strategy": "fused", "budget": 15}, text={"index": index})
    job = run(drawn.feed, tmp_path / "out", settings)
    assert isinstance(open_lexical(job), TextLookup)
    monkeypatch.undo()
    exactly = open_lexical(job)
    assert isinstance(exactly, TfidfLookup)
    rows = job.catalogue.axis.rows
    wanted = exactly.neighbours(rows, 5).matrix(5)[0]
    found = neighbours_run(job, "lexical").matrix(20)[0]
    shared = [len(set(one.tolist()) & set(other.tolist())) for one, other in zip(wanted, found, strict=True)]
    assert np.mean(shared) > 2.5
    assert evaluation_of(job)["candidates"]["recall"]["mean"] > 0.3


def test_learned_weights_are_used_where_they_are_better_and_only_there(drawn, learned, tmp_path, monkeypatch):
    from dataclasses import replace

    from fusion.merge.learned_weights import Weights
    from service.learning import weights

    shutil.copytree(learned.folder.root, tmp_path / "out")
    settings = learning(merge={"strategy": "fused", "budget": 15}, fused={"weights": "learned"})
    original = weights.learn_weights

    def better(*given, **options):
        return replace(original(*given, **options), chosen=Weights((4.0, 0.5, 0.25), 5.0), better=True)

    monkeypatch.setattr(weights, "learn_weights", better)
    job = run(drawn.feed, tmp_path / "out", settings)
    assert (job.fused.image_weight, job.fused.text_weight, job.fused.lexical_weight, job.fused.k) == (4, 0.5, 0.25, 5)
    lists = read_candidates(job.folder.candidates, job.catalogue.axis)
    set_ones = run(drawn.feed, tmp_path / "out", learning(merge={"strategy": "fused", "budget": 15}))
    assert not same_lists(lists, read_candidates(set_ones.folder.candidates, set_ones.catalogue.axis))
    assert set_ones.fused == set_ones.settings.fused


def test_where_groups_end_at_a_seller_nothing_is_guessed_about_what_is_measured(drawn, tmp_path, monkeypatch):
    asked, original = [], taught_spaces.guessed_pairs

    def watched(*given, leave_out=None, **options):
        made = original(*given, leave_out=leave_out, **options)
        asked.append((leave_out, made))
        return made

    monkeypatch.setattr(taught_spaces, "guessed_pairs", watched)
    job = run(drawn.feed, tmp_path / "out", learning(feed={"groups_are_global": False}, merge={"budget": 15}))
    assert asked[0][0] is None  # the run's own spaces may learn from guesses about every product
    assert len(asked) > 1
    for (leave_out, taught), view in zip(asked[1:], held_out(job).queries.folds, strict=False):
        assert leave_out[view.rows].all()
        for guesses in (taught.text, taught.image):
            assert not leave_out[guesses.left].any()
            assert not leave_out[guesses.right].any()
    assert set(job.folder.require("learn").counts["guesses"]) == {"text", "image"}
