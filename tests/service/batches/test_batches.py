"""Batches, function by function: what comes out, what a second call costs, what a failed audit leaves."""

import csv
import json

import pyarrow.parquet as pq
import pytest

from candidates.errors import VariantsError
from service.batches import evaluation, indexes, suggestions
from service.batches.audit import AuditFailed, Limits, read_audit
from service.batches.lines import Lines
from service.runs.store import Store
from tests.service.batches.made_up_batches import build, evaluate, settings_file, suggest, write_feed


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """A store after one chain of batches, and the place outside; read it, never write to it."""
    folder = tmp_path_factory.mktemp("chain")
    feed, settings = write_feed(folder / "feed.tsv", bad=1), settings_file(folder)
    store, publish = folder / "store", str(folder / "published")
    made = [build(store, feed, settings, publish=publish), suggest(store, publish=publish)]
    return store, publish, [*made, evaluate(store, publish=publish)]


def snapshot(folder):
    return {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.rglob("*") if path.is_file()}


def test_a_chain_publishes_three_generations_in_the_store_and_outside(chain):
    store, publish, made = chain
    for name, (batch, counts) in zip(("indexes", "", "evaluations"), made, strict=True):
        assert Store(store / name).current.name == batch["generation"]
        outside = Store(type(store)(publish) / name)
        assert outside.current.name == batch["generation"]
        assert json.loads(json.dumps(counts)) == counts
    table = pq.read_table(Store(type(store)(publish)).current / "candidates")
    assert table.num_rows == made[1][1]["candidates"] > 60
    curve = pq.read_table(Store(type(store)(publish) / "evaluations").current / "curves.parquet")
    assert curve.num_rows > 0
    assert 0 < made[2][1]["recall"] <= 1


def test_every_task_done_again_changes_nothing(chain, tmp_path):
    store, publish, _ = chain
    before = snapshot(store / "generations") | snapshot(store / "indexes") | snapshot(store / "evaluations")
    feed, settings = str(store.parent / "feed.tsv"), str(store.parent / "settings.toml")
    build(store, feed, settings, publish=publish)
    suggest(store, publish=publish)
    evaluate(store, publish=publish)
    after = snapshot(store / "generations") | snapshot(store / "indexes") | snapshot(store / "evaluations")
    assert after == before


def test_shards_are_whole_chunks_and_cover_every_row_once():
    for count, most, chunk in [(0, 4, 8), (1, 4, 8), (100, 3, 8), (100, 100, 8), (64, 8, 8)]:
        made = indexes.shards(count, most, chunk)
        assert [row for one in made for row in range(one["start"], one["stop"])] == list(range(count))
        assert len(made) <= most
        assert all(one["start"] % chunk == 0 for one in made)
    with pytest.raises(VariantsError, match="Ask for 1 to"):
        indexes.shards(10, 5000, 1)


def test_a_feed_with_many_bad_rows_fails_the_audit_and_the_old_generation_serves(tmp_path):
    settings = settings_file(tmp_path)
    first, _ = build(tmp_path / "store", write_feed(tmp_path / "one.tsv"), settings)
    bad = write_feed(tmp_path / "two.tsv", bad=26, word="linen")  # 26 of 86 rows: 30 %
    with pytest.raises(AuditFailed, match=rf"refused rows.*{first['generation']} keeps serving"):
        build(tmp_path / "store", bad, settings, run="second")
    line = Lines(tmp_path / "store").line("indexes")
    assert line.identifiers() == [first["generation"]]
    assert line.current.name == first["generation"]
    # Whoever admits so many gets it published.
    second, _ = build(tmp_path / "store", bad, settings, run="third", limits=Limits(refused=0.5))
    assert line.current.name == second["generation"]


def test_a_catalogue_that_shrinks_or_loses_its_variants_fails_the_audit(tmp_path):
    settings = settings_file(tmp_path)
    build(tmp_path / "store", write_feed(tmp_path / "one.tsv"), settings)
    with pytest.raises(AuditFailed, match="products against the current generation"):
        build(tmp_path / "store", write_feed(tmp_path / "two.tsv", groups=5), settings)
    scattered = (tmp_path / "one.tsv").read_text().splitlines()
    titles = [line.split("\t") for line in scattered[1:]]
    for number, row in enumerate(titles):
        row[1], row[3] = f"thing{number} {chr(97 + number % 26) * 9}", f"g{number % 20}"
    lost = tmp_path / "three.tsv"
    lost.write_text("\n".join([scattered[0], *("\t".join(row) for row in titles)]) + "\n")
    with pytest.raises(AuditFailed, match="recall of known pairs"):
        build(tmp_path / "store", str(lost), settings)


def test_what_was_not_audited_is_not_published(tmp_path):
    settings, feed = settings_file(tmp_path), write_feed(tmp_path / "one.tsv", groups=4)
    batch = indexes.read_feed(feed, "", str(tmp_path / "store"), "", settings, "run")
    with pytest.raises(VariantsError, match="did not pass its audit"):
        indexes.publish(batch)
    assert not Lines(tmp_path / "store").line("indexes").has_current


def test_a_cleared_task_of_an_earlier_run_keeps_the_later_generation_current(tmp_path):
    settings = settings_file(tmp_path)
    first, _ = build(tmp_path / "store", write_feed(tmp_path / "one.tsv", groups=6), settings, run="monday")
    second, _ = build(tmp_path / "store", write_feed(tmp_path / "two.tsv", groups=7), settings, run="tuesday")
    line = Lines(tmp_path / "store").line("indexes")
    indexes.publish(first)
    assert line.current.name == second["generation"]
    # The same content as a new run is a decision to have it again.
    build(tmp_path / "store", str(tmp_path / "one.tsv"), settings, run="wednesday")
    assert line.current.name == first["generation"]


def test_choices_change_the_candidates(tmp_path):
    settings = settings_file(tmp_path)
    build(tmp_path / "store", write_feed(tmp_path / "feed.tsv", groups=6), settings)
    _, wide = suggest(tmp_path / "store")
    _, narrow = suggest(tmp_path / "store", n=2, k=0)
    assert narrow["candidates"] < wide["candidates"]
    assert narrow["generation"] != wide["generation"]
    assert narrow["to_review"] == 0  # nothing is classified


def reviewed(counts):
    with open(counts["review"], encoding="utf-8", newline="") as file:
        return [(row["left_id"], row["right_id"]) for row in csv.DictReader(file)]


def test_people_are_asked_about_new_products_alone_where_that_is_wished(tmp_path):
    words = {"classify = false": 'classify = true\n[groups]\nknown = "hide"'}
    settings, store = settings_file(tmp_path, **words), tmp_path / "store"
    build(store, write_feed(tmp_path / "one.tsv", groups=6), settings)
    _, first = suggest(store, only_new=True)  # everything is new
    assert first["to_review"] == len(reviewed(first)) > 0
    build(store, write_feed(tmp_path / "two.tsv", groups=8), settings)
    _, every = suggest(store)
    _, new = suggest(store, only_new=True)
    assert 0 < new["to_review"] == len(reviewed(new)) < every["to_review"]
    assert all({"p6", "p7"} & {left.split("-")[0], right.split("-")[0]} for left, right in reviewed(new))
    missing = set(reviewed(every)) - set(reviewed(new))
    assert not any({"p6", "p7"} & {left.split("-")[0], right.split("-")[0]} for left, right in missing)


def test_a_drop_in_recall_is_said_loudly_and_the_earlier_evaluation_stays(tmp_path):
    settings = settings_file(tmp_path)
    store = tmp_path / "store"
    build(store, write_feed(tmp_path / "feed.tsv"), settings)
    suggest(store)
    first, _ = evaluate(store)
    folder = evaluation.folder_of(first)
    summary = json.loads((folder / evaluation.SUMMARY).read_text())
    suggest(store, strategy="rrf", n=2)
    batch = evaluation.measure(str(store), "", "", "", "second")
    made = evaluation.folder_of(batch) / evaluation.SUMMARY
    made.write_text(json.dumps(summary | {"recall": summary["recall"] - 0.2}))
    with pytest.raises(evaluation.RecallDropped, match=r"candidates: -0\.2"):
        evaluation.compare(batch, 0.05)
    assert evaluation.compare(batch, 0.25)["worst_drop"] == pytest.approx(0.2)
    assert Lines(store).line("evaluations").current.name == first["generation"]


def test_a_blind_sample_is_measured_beside_the_groups(tmp_path):
    settings = settings_file(tmp_path)
    build(tmp_path / "store", write_feed(tmp_path / "feed.tsv", groups=6), settings)
    suggest(tmp_path / "store", strategy="text", n=2)
    blind = tmp_path / "blind.csv"
    blind.write_text("left_id,right_id,verdict\np1-red,p1-blue,accept\np1-red,p5-green,accept\np2-red,p3-red,reject\n")
    batch, _ = evaluate(tmp_path / "store", blind=str(blind))
    summary = json.loads((evaluation.folder_of(batch) / evaluation.SUMMARY).read_text())
    assert summary["blind"] == {"variants": 2, "found": 1, "recall": 0.5}
    with blind.open("a") as more:  # the sample grew, so the same candidates are evaluated again
        more.write("p2-red,p2-blue,accept\n")
    again, _ = evaluate(tmp_path / "store", blind=str(blind))
    assert again["generation"] != batch["generation"]
    summary = json.loads((evaluation.folder_of(again) / evaluation.SUMMARY).read_text())
    assert summary["blind"]["variants"] == 3


def test_the_audit_is_kept_with_the_generation(chain):
    store, _, _ = chain
    made = read_audit(Store(store / "indexes").current)
    assert made["passed"]
    assert {one["about"] for one in made["findings"]} >= {"products", "recall of known pairs"}
    assert suggestions.BATCH in {path.name for path in Store(store).current.iterdir()}
