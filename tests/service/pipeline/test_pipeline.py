"""The whole path on a small drawn catalogue: what comes out, what is refused, what a second run costs."""

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from candidates import schema
from candidates.errors import FeedError, RunFolderError
from candidates.provenance import NO_VIA
from fusion.merge.hop import expand
from service.files.candidate_files import read_candidates
from service.files.refusals import read_refusals
from service.neighbours.vectors import neighbours_run
from service.pipeline.order import STEPS
from service.pipeline.run import run, run_into_store
from service.runs.choices import Choices
from service.runs.job import Job
from service.runs.run_folder import RunFolder
from service.runs.store import Store, run_root
from service.steps.expand import expand as expand_step
from tests.small_runs import small_settings


def test_every_promised_file_is_there(finished):
    root = finished.folder.root
    promised = ["manifest.json", "products.parquet", "refused.csv", "curves.parquet", "curves.png", "report.html"]
    assert all((root / name).stat().st_size > 0 for name in promised)
    table = pq.read_table(root / "candidates")
    assert table.schema.equals(schema.CANDIDATES, check_metadata=False)
    assert table.num_rows == finished.folder.require("expand").counts["candidates"] > 0


def test_every_row_is_a_product_or_a_refusal_and_every_broken_picture_is_named(finished, drawn):
    refused = read_refusals(finished.folder.refused)
    rows = [one for one in refused if one.where.startswith("line ")]
    pictures = [one for one in refused if not one.where.startswith("line ")]
    assert len(rows) == drawn.defects.without_id + drawn.defects.duplicate_ids
    assert len(finished.catalogue) + len(rows) == drawn.rows
    assert len(pictures) == drawn.defects.missing_pictures + drawn.defects.truncated_pictures
    assert all(one.id in set(finished.catalogue.axis) and one.fix for one in pictures)


def test_the_candidates_are_the_hop_over_the_two_lists(finished):
    text, image = neighbours_run(finished, "text"), neighbours_run(finished, "image")
    merge = finished.settings.merge
    expected = expand(text, image, merge.n, merge.k)
    read = read_candidates(finished.folder.candidates, finished.catalogue.axis)
    for column in ("offsets", *read.part_type.columns()):
        one, other = getattr(expected.whole(), column), getattr(read.whole(), column)
        assert np.array_equal(one, other, equal_nan=column.endswith("score")), column
    assert (read.whole().via != NO_VIA).any()


def test_no_product_is_its_own_candidate(finished):
    part = read_candidates(finished.folder.candidates, finished.catalogue.axis).whole()
    assert not (part.rows == part.query_rows).any()


def test_the_manifest_says_what_was_done_and_what_the_indexes_lose(finished):
    manifest = json.loads(finished.folder.manifest.read_text())
    assert set(STEPS) - {"report"} <= set(manifest["steps"])
    assert all(step["seconds"] >= 0 and step["peak_mib"] > 10 for step in manifest["steps"].values())
    assert manifest["axes"]["products"] == finished.catalogue.axis.digest
    for step in ("retrieve_text", "retrieve_images"):
        assert all(0.9 <= value <= 1 for value in manifest["steps"][step]["counts"]["index_recall"].values())


def test_a_second_run_does_nothing_again(finished, drawn):
    before = {path: path.stat().st_mtime_ns for path in finished.folder.root.rglob("*.parquet")}
    run(drawn.feed, finished.folder.root, finished.settings)
    assert {path: path.stat().st_mtime_ns for path in finished.folder.root.rglob("*.parquet")} == before


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of the finished run, to be written to."""
    shutil.copytree(finished.folder.root, tmp_path / "out")
    return Job(Choices(RunFolder(tmp_path / "out", tmp_path / "out" / "work"), finished.settings))


def test_another_strategy_encodes_nothing_again(copied, drawn):
    settings = small_settings(merge={"strategy": "rrf", "n": 12})
    job = run(drawn.feed, copied.folder.root, settings)
    assert job.folder.require("encode_text") == copied.folder.require("encode_text")
    read = read_candidates(job.folder.candidates, job.catalogue.axis)
    assert read.counts.max() == 12
    assert job.folder.require("expand").counts["strategy"] == "rrf"


def test_text_by_tfidf_needs_no_model_and_measures_the_same_way(copied, drawn):
    settings = small_settings(text={"index": "tfidf"}, image={"index": "exact"})
    job = run(drawn.feed, copied.folder.root, settings)
    assert job.folder.require("encode_text").counts == {"encoder": "tfidf"}
    assert "index_recall" not in job.folder.require("retrieve_text").counts
    assert job.folder.require("retrieve_images").counts["index_recall"]["4"] == 1
    assert 0 < job.folder.require("evaluate").counts["recall"] <= 1


def test_the_hub_cap_counts_what_it_cut_and_siblings_eat_no_budget(copied, drawn):
    capped = run(drawn.feed, copied.folder.root, small_settings(merge={"hub_cap": 3}))
    before = copied.folder.require("expand").counts["candidates"]
    assert capped.folder.require("expand").counts["cut_by_hub_cap"] > 0
    spared = run(drawn.feed, copied.folder.root, small_settings(merge={"collapse_known": True, "n": 3, "k": 0}))
    lists = read_candidates(spared.folder.candidates, spared.catalogue.axis).whole()
    siblings = spared.truth("evaluation").judge(lists.query_rows, lists.rows) == 1
    strangers = np.bincount(lists.query_rows[~siblings], minlength=len(spared.catalogue))
    assert strangers.max() == 3 < lists.counts.max()
    assert len(lists.rows) < before


def test_parts_made_apart_are_the_parts_of_one_run(copied):
    settings = copied.settings.model_copy(update={"run": copied.settings.run.model_copy(update={"part": 50})})
    whole = read_candidates(copied.folder.candidates, copied.catalogue.axis).whole()
    job = Job(Choices(copied.folder, settings))
    for start in range(0, len(job.catalogue), 50):
        expand_step(job, slice(start, start + 50))
    expand_step(job)
    parts = read_candidates(job.folder.candidates, job.catalogue.axis)
    assert len(parts.parts) == -(-len(job.catalogue) // 50)
    assert np.array_equal(parts.whole().rows, whole.rows)
    assert np.array_equal(parts.whole().via, whole.via)


def test_a_changed_picture_is_encoded_again_and_nothing_else(drawn, tmp_path):
    folder = tmp_path / "catalogue"
    shutil.copytree(drawn.feed.parent, folder)
    settings = small_settings()
    job = run(folder / drawn.feed.name, tmp_path / "out", settings)
    names = [name for name in job.catalogue.table["pictures"].to_pylist() if name]
    shutil.copy(folder / names[0][0], folder / "kept.bin")
    (folder / names[-1][0]).write_bytes((folder / names[0][0]).read_bytes())
    again = run(folder / drawn.feed.name, tmp_path / "out", settings)
    assert again.folder.require("encode_images").counts["encoded"] == 0  # its new content was encoded before
    assert again.folder.require("encode_images").key != job.folder.require("ingest").key


def test_a_store_gets_a_generation_and_a_second_call_only_points_to_it(drawn, tmp_path):
    store = Store(tmp_path / "store")
    first = run_into_store(drawn.feed, store, small_settings())
    assert run_root(store.root) == store.current == first.folder.root
    assert Job.of(store.current).catalogue.axis == first.catalogue.axis
    stamp = first.folder.manifest.stat().st_mtime_ns
    second = run_into_store(drawn.feed, store, small_settings())
    assert (second.folder.root, second.folder.manifest.stat().st_mtime_ns) == (first.folder.root, stamp)
    third = run_into_store(drawn.feed, store, small_settings(merge={"k": 1}))
    assert store.current == third.folder.root != first.folder.root
    assert third.folder.require("encode_text").counts["encoded"] == 0
    assert len(store.identifiers()) == 2


def test_a_feed_without_known_groups_still_gives_candidates_and_a_report(tmp_path):
    feed = tmp_path / "feed.tsv"
    rows = [f"p{i}\tblue shirt number {i}\t" for i in range(30)]
    feed.write_text("id\ttitle\timage_link\n" + "\n".join(rows) + "\n")
    job = run(feed, tmp_path / "out", small_settings())
    assert job.folder.require("evaluate").counts == {"queries": 0}
    assert job.folder.require("expand").counts["candidates"] == 30 * 8
    assert (tmp_path / "out" / "report.html").is_file()


def test_a_single_product_has_no_candidates(tmp_path):
    feed = tmp_path / "feed.tsv"
    feed.write_text("id\ttitle\timage_link\np1\tthe only one\t\n")
    job = run(feed, tmp_path / "out", small_settings())
    assert job.folder.require("expand").counts["candidates"] == 0


def test_a_missing_feed_and_a_taken_folder_are_said_plainly(tmp_path):
    with pytest.raises(FeedError, match="Name a feed file"):
        run(tmp_path / "none.tsv", tmp_path / "out", small_settings())
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.doc").write_text("mine")
    with pytest.raises(RunFolderError, match="hold"):
        run(tmp_path / "none.tsv", tmp_path / "mine", small_settings())
