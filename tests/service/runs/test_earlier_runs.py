"""A run folder and a store written before the rooms were built still open, search and explain as they did.

`tests/fixtures/before_rooms.tar.xz` was written on 2026-12-01 by the commit that renamed nothing yet: the demo's drawn
catalogue of 32 groups, once as a run with everything learned, once as a store with the paper's strategy. Reports,
curves and kept pairs are left out of it to keep it small. Never write it again: it stands for what users have on disk.
"""

import json
import tarfile

import pytest
from typer.testing import CliRunner

from apps.cli.app import app
from service.answers.explanation import Explainer
from service.answers.pair_explanation import explain_pair
from service.answers.searcher import Searcher
from service.files.candidate_files import read_candidates
from service.files.refusals import read_refusals
from service.runs.job import Job
from service.runs.store import run_root
from tests.conftest import ROOT

PRODUCT, OTHER = "v94fd2c", "vcec346"


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    """The unpacked fixture; its work folders are where the runs now are."""
    folder = tmp_path_factory.mktemp("earlier")
    with tarfile.open(ROOT / "tests" / "fixtures" / "before_rooms.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    for run in (folder / "shop-run", *(folder / "shop-store" / "generations").iterdir()):
        choices = json.loads((run / "run.json").read_text("utf-8"))
        work = (run if run.name == "shop-run" else folder / "shop-store") / "work"
        (run / "run.json").write_text(json.dumps(choices | {"work": str(work)}), "utf-8")
    return folder


def test_a_run_opens_searches_and_explains(earlier):
    job = Job.of(earlier / "shop-run")
    similar = [found.id for found in Searcher(job).similar(ids=[PRODUCT], k=5)]
    assert similar == ["v39c134", "v82cbfc", "v94e480", "vb6ad18", "vfb881c"]
    candidates = read_candidates(job.folder.candidates, job.catalogue.axis)
    assert candidates.counts.sum() == 17_700
    why = Explainer(job).explain(OTHER, PRODUCT)
    assert (why.rank, why.candidates, why.text.rank, why.image.rank) == (46, 100, 28, 41)
    pair = explain_pair(job, PRODUCT, OTHER)
    assert pair.suggestion.probability < 0.001
    assert pair.groups == ("vg000001", "vg000002")


def test_a_store_opens_at_its_current_generation(earlier):
    job = Job.of(run_root(earlier / "shop-store"))
    similar = [found.id for found in Searcher(job).similar(ids=[PRODUCT], k=5)]
    assert similar == ["vb6ad18", "v39c134", "v82cbfc", "vc4c703", "va1af3a"]


def test_its_refusals_are_read_though_their_last_column_is_called_mend(earlier):
    path = earlier / "shop-run" / "refused.csv"
    assert "mend" in path.read_text("utf-8").splitlines()[0]
    assert all(refusal.fix for refusal in read_refusals(path))


def test_groups_go_back_to_the_shop_and_the_plan_is_there(earlier):
    answer = CliRunner().invoke(app, ["plan", str(earlier / "shop-run")])
    assert answer.exit_code == 0, answer.output
    assert "fused" in answer.output
