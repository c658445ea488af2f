"""The whole path with the image index on a real Elasticsearch, beside the embedded index."""

import shutil
import sys
from contextlib import contextmanager
from datetime import timedelta

import numpy as np
import pytest

from apps.cli.app import app
from candidates.errors import RunFolderError, ServerUnreachable, SettingsError, ToolMissing
from candidates.filters import Filter
from service.answers.searcher import Searcher
from service.files.candidate_files import read_candidates
from service.neighbours import elastic_images
from service.neighbours.build import build_image_index
from service.neighbours.elastic_images import ElasticImages, today
from service.pipeline.run import run
from service.runs.choices import Choices
from service.runs.job import Job
from service.runs.run_folder import RunFolder
from tests.small_runs import small_settings

CODES = {"model": "hog", "bits": 256, "shortlist": 100_000}


def on_cluster(name, **image):
    return small_settings(image=CODES | {"index": "elasticsearch"} | image, elasticsearch={"name": name, "replicas": 0})


@pytest.fixture
def cluster(elasticsearch_url, monkeypatch):
    """The environment names the node."""
    monkeypatch.setenv("ELASTICSEARCH_URL", elasticsearch_url)


@pytest.fixture(scope="module")
def loaded(drawn, elasticsearch_url, tmp_path_factory):
    """A finished run on the cluster, and the same on the embedded index."""
    folder = tmp_path_factory.mktemp("elastic")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ELASTICSEARCH_URL", elasticsearch_url)
        there = run(drawn.feed, folder / "there", on_cluster("whole_path"))
    here = run(drawn.feed, folder / "here", small_settings(image=CODES))
    return there, here


def test_the_same_candidates_as_by_the_embedded_index(loaded):
    there, here = (read_candidates(job.folder.candidates, job.catalogue.axis) for job in loaded)
    for row in range(len(there.queries)):
        ours, theirs = there.ranked(row), here.ranked(row)
        assert np.array_equal(ours[0], theirs[0])
        assert np.array_equal(ours[1], theirs[1])


def test_a_search_with_a_condition_finds_what_the_embedded_index_finds(loaded, cluster):
    there, here = loaded
    product = there.catalogue.axis[0]
    seller = next(iter(there.catalogue.column("seller")))
    word = there.catalogue.column("title")[0].split()[0]
    for where in (Filter(seller=seller), Filter(text=word), Filter(category="shoes"), Filter()):
        ours, theirs = (Searcher(job).similar(ids=[product], k=15, where=where) for job in (there, here))
        assert [one.id for one in ours] == [one.id for one in theirs]


def test_looking_up_many_pictures_reports_each(loaded, cluster, monkeypatch):
    calls = []

    @contextmanager
    def counted(what, total):
        calls.append((what, total))
        yield calls.append

    monkeypatch.setattr(elastic_images, "counted", counted)
    lookup = ElasticImages.of(loaded[0]).lookup()
    rows = loaded[0].catalogue.axis.rows[:20]
    lookup.neighbours(rows, 3)
    (what, total), *pictures = calls
    assert what == "looking up pictures"
    assert len(pictures) >= total == np.isin(lookup.owners.rows, rows).sum()


def test_check_finds_what_is_missing_and_repair_mends_it(loaded, cluster, tmp_path):
    job, _ = loaded
    images = ElasticImages.of(job)
    assert images.check().complete
    some = next(iter(images.documents()))
    from image_retrieval.elastic.load import remove

    removed = remove(images.window, [some.product])
    found = images.check()
    assert len(found.missing) == removed > 0
    assert images.repair().loaded.stored == removed
    assert images.check().complete


def test_a_second_load_sends_nothing(loaded, cluster):
    job, _ = loaded
    made = ElasticImages.of(job).load()
    assert made.loaded.stored == 0
    assert made.removed == 0


def test_slices_that_leave_the_window_are_dropped_and_loaded_again(loaded, cluster, tmp_path):
    job, _ = loaded
    images = ElasticImages.of(job)
    held = images.window.count()
    gone = images.roll(today() + timedelta(days=200))
    assert sum(one.documents for one in gone) == held
    assert images.window.count() == 0
    assert images.load().loaded.stored == held
    assert images.check().complete


def test_opening_a_run_whose_cluster_was_emptied_names_the_fix_and_a_step_loads_it_again(loaded, cluster):
    job, here = loaded
    images = ElasticImages.of(job)
    images.window.drop()
    product = job.catalogue.axis[0]
    with pytest.raises(RunFolderError, match="variants index load"):
        Searcher(job).similar(ids=[product], k=5)
    assert not images.window.standing()
    build_image_index(job)
    found, expected = (Searcher(either).similar(ids=[product], k=5) for either in (job, here))
    assert [product.id for product in found] == [product.id for product in expected]
    assert images.check().complete


def test_the_commands(loaded, cluster):
    from typer.testing import CliRunner

    job, _ = loaded
    out = str(job.folder.root)
    for command in ("create", "load", "check", "repair", "roll", "swap"):
        answer = CliRunner().invoke(app, ["index", command, out])
        assert answer.exit_code == 0, answer.output
    assert "wrong version 0" in CliRunner().invoke(app, ["index", "check", out]).output
    assert "is not a day" in str(CliRunner().invoke(app, ["index", "roll", out, "--day", "soon"]).exception)


def test_create_makes_a_slice_and_drops_none(loaded, cluster, monkeypatch):
    from typer.testing import CliRunner

    job, _ = loaded
    images, later = ElasticImages.of(job), today() + timedelta(days=200)
    held = images.window.count()
    monkeypatch.setattr("service.neighbours.elastic_images.today", lambda: later)
    assert CliRunner().invoke(app, ["index", "create", str(job.folder.root)]).exit_code == 0
    assert images.window.standing()[-1].slice.first <= later <= images.window.standing()[-1].slice.last
    assert images.window.count() == held > 0
    images.window.client.indices.delete(index=images.window.index_of(later))


def test_a_cluster_that_is_down_is_one_line_and_status_3(loaded, monkeypatch):
    monkeypatch.setenv("ELASTICSEARCH_URL", "http://127.0.0.1:9")
    with pytest.raises(ServerUnreachable, match="does not answer") as down:
        ElasticImages.of(loaded[0])
    assert down.value.exit_code == 3
    assert "\n" not in str(down.value)


def test_without_an_address_the_fix_is_said(loaded, monkeypatch):
    monkeypatch.delenv("ELASTICSEARCH_URL", raising=False)
    with pytest.raises(SettingsError, match="make elasticsearch"):
        ElasticImages.of(loaded[0])


def test_another_version_of_codes_stands_beside_and_is_swapped_in(loaded, cluster, drawn, tmp_path):
    """Other codes under the same name never mix with the current ones."""
    first, _ = loaded
    copied = tmp_path / "out"
    shutil.copytree(first.folder.root, copied, ignore=shutil.ignore_patterns("work"))
    settings = on_cluster("whole_path", bits=512)
    other = Job(Choices(RunFolder(copied, first.folder.work), settings))
    images = ElasticImages.of(other)
    images.load()
    assert not images.window.in_force
    assert images.check().complete
    assert images.swap().passed
    assert images.window.in_force
    assert len(images.drop_others()) == 1
    ElasticImages.of(first).load()
    ElasticImages.of(first).swap()


def test_without_the_client_the_extra_is_named(loaded, monkeypatch):
    monkeypatch.setitem(sys.modules, "elasticsearch", None)
    with pytest.raises(ToolMissing, match=r"variant-candidates\[elasticsearch\]"):
        ElasticImages.of(loaded[0])
