"""Opening a look-up changes nothing, and fails with the fix where there is nothing to open."""

import shutil

import numpy as np
import pytest

from candidates.errors import RunFolderError
from candidates.filters import Filter
from service.answers.explanation import Explainer
from service.answers.searcher import Searcher
from service.neighbours import vectors
from service.neighbours.build import build_image_index, build_lexical_index, build_text_index
from service.neighbours.open import open_image, open_lexical, open_text
from service.pipeline.run import run_into_store
from service.runs.job import Job
from service.runs.run_folder import RunFolder
from service.runs.store import Store
from tests.small_runs import small_settings


@pytest.fixture(scope="module")
def generation(drawn, tmp_path_factory):
    """A published generation of a store, write-protected; read it only."""
    store = Store(tmp_path_factory.mktemp("published") / "store")
    job = run_into_store(drawn.feed, store, small_settings())
    paths = [job.folder.root, *job.folder.root.rglob("*")]
    for path in paths:
        path.chmod(path.stat().st_mode & ~0o222)
    yield store
    for path in paths:
        path.chmod(path.stat().st_mode | 0o200)


def state_of(root):
    """Name, size and time of change of everything below a folder; root may write anywhere, so this is compared."""
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(root.rglob("*"))}


def test_a_read_only_published_generation_is_searched_and_stays_as_it_is(generation):
    before = state_of(generation.root)
    job = Job.of(generation.current)
    for lookup in (open_text(job), open_image(job), open_lexical(job)):
        assert (lookup.neighbours(job.catalogue.axis.rows[:5], 3).counts > 0).any()
    product = job.catalogue.axis[int(job.pictures.owners.rows[0])]
    assert Searcher(job).similar(ids=[product], k=3)
    Searcher(job).similar(ids=[product], k=3, where=Filter(category="shoes"))
    Explainer(job).explain(job.catalogue.axis[0], job.catalogue.axis[1])
    assert state_of(generation.root) == before


@pytest.mark.parametrize(
    ("pattern", "open_it", "build_it"),
    [("text/nmslib-*", open_text, build_text_index), ("image/hamming-*", open_image, build_image_index)],
)
def test_an_index_that_is_not_there_is_named_and_never_built(finished, tmp_path, pattern, open_it, build_it):
    shutil.copytree(finished.folder.root, tmp_path / "out")
    job = Job.of(tmp_path / "out")
    (index,) = RunFolder.existing(tmp_path / "out").root.glob(pattern)
    shutil.rmtree(index)
    before = state_of(tmp_path / "out")
    with pytest.raises(RunFolderError, match=rf"{index.name}: the index has not been built. Run `variants run`"):
        open_it(job)
    assert state_of(tmp_path / "out") == before
    build_it(job)
    assert index.is_dir()
    rows = job.catalogue.axis.rows
    kind = "text" if open_it is open_text else "image"
    again, first = open_it(job).neighbours(rows, 5), vectors.neighbours_run(finished, kind).top(5)
    shared = [len(np.intersect1d(again.ranked(row)[0], first.ranked(row)[0])) for row in rows.tolist()]
    assert np.sum(shared) >= 0.95 * first.counts.sum()  # NMSLIB's graphs differ from build to build


@pytest.mark.parametrize("index", ["nmslib", "exact"])
def test_lexical_vectors_of_a_large_catalogue_are_built_by_a_step_only(finished, tmp_path, monkeypatch, index):
    shutil.copytree(finished.folder.root, tmp_path / "out")
    monkeypatch.setattr(vectors, "TFIDF_UP_TO", 10)
    job = Job.of(tmp_path / "out").changed({"text": {"index": index}})
    with pytest.raises(RunFolderError, match="has not been built"):
        open_lexical(job)
    assert not list(job.folder.text.glob("spelling-*"))
    build_lexical_index(job)
    found = open_lexical(job).neighbours(job.catalogue.axis.rows, 5)
    assert found.counts.min() == 5
