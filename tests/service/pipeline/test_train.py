"""A model learned from one catalogue, used on another."""

import json
import shutil

import numpy as np
import pytest

from candidates.errors import ModelMissing, VersionMismatch
from candidates.settings import Settings
from demo_catalogue.catalogue import draw_catalogue
from service.files.candidate_files import read_candidates
from service.pipeline.run import encode, run
from service.pipeline.train import AT, train
from service.runs.model import Model
from tests.small_runs import small_settings


@pytest.fixture(scope="module")
def trained(drawn, tmp_path_factory):
    """A model, and its figures, learned from the drawn catalogue."""
    folder = tmp_path_factory.mktemp("trained")
    settings = small_settings(feed={"groups_are_global": True})
    with encode(drawn.feed, folder / "run", settings) as job:
        model, figures = train(job, folder / "model")
    return folder / "model", model, figures


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return draw_catalogue(tmp_path_factory.mktemp("other"), groups=12, seed=99)


def using(model, **merge):
    return small_settings(learn={"model": str(model)}, merge={"strategy": "fused", **merge})


def test_figures_are_of_every_list_at_every_depth(trained):
    _, _, figures = trained
    assert {one.list for one in figures} == {"text", "image", "fused", "fused hop"}
    assert {one.k for one in figures} == set(AT)
    assert all(0 < one.recall.low <= one.recall.mean <= one.recall.high <= 1 for one in figures)


def test_a_model_is_read_as_it_was_saved(trained):
    folder, model, figures = trained
    again = Model.open(folder)
    assert again.version == model.version
    assert again.about["held_out"][0]["k"] == figures[0].k
    assert again.about["learned"]["image"]["groups"] > 5


@pytest.mark.parametrize("name", ["text.npz", "image.npz", "base.npz", "lexicon.npz", "model.json"])
def test_a_changed_or_missing_part_is_one_clear_line(trained, tmp_path, name):
    folder = tmp_path / "model"
    shutil.copytree(trained[0], folder)
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelMissing) as cut:
        Model.open(folder)
    (folder / name).unlink()
    with pytest.raises(ModelMissing) as gone:
        Model.open(folder)
    assert "\n" not in f"{cut.value}{gone.value}"


def test_nothing_in_a_model_is_code(trained):
    for path in trained[0].glob("*.npz"):
        with np.load(path, allow_pickle=False) as stored:
            assert stored.files
    assert json.loads((trained[0] / "model.json").read_text())["files"].keys() == {
        path.name for path in trained[0].glob("*.npz")
    }


def test_another_catalogue_is_searched_in_the_learned_spaces(trained, other, tmp_path):
    job = run(other.feed, tmp_path / "out", using(trained[0], n=8))
    assert job.folder.require("project").counts["model"] == trained[1].version
    lists = read_candidates(job.folder.candidates, job.catalogue.axis).whole()
    assert 0 < lists.counts.max() <= 8
    assert not (lists.rows == lists.query_rows).any()
    assert ((lists.text_rank > 0) | (lists.image_rank > 0) | (lists.via >= 0)).all()
    assert (job.folder.root / "report.html").is_file()


def test_the_model_brings_the_plan_of_the_catalogue_it_was_learned_from(trained, other, tmp_path):
    settings = small_settings(learn={"model": str(trained[0])}, merge={"strategy": "planned", "budget": 30})
    job = run(other.feed, tmp_path / "out", settings)
    planned = job.folder.require("plan").counts
    assert planned["from"] == "model"
    assert planned["strategy"] in {one["strategy"] for one in trained[1].about["plan"]["offers"]}
    lists = read_candidates(job.folder.candidates, job.catalogue.axis)
    assert lists.counts.mean() == pytest.approx(30, rel=0.03)
    page = (job.folder.root / "report.html").read_text("utf-8")
    assert "The plan comes with the model" in page
    assert "Nothing was learned from this feed" in page


def test_the_groups_of_the_catalogue_searched_change_nothing_but_the_evaluation(trained, other, tmp_path):
    shutil.copytree(other.feed.parent, tmp_path / "feed")
    header, *rows = other.feed.read_text("utf-8").splitlines()
    column = header.split("\t").index("item_group_id")
    cells = [row.split("\t") for row in rows]
    drawn = np.random.default_rng(1).permutation([row[column] for row in cells])
    for row, group in zip(cells, drawn, strict=True):
        row[column] = group
    shuffled = tmp_path / "feed" / "shuffled.tsv"
    shuffled.write_text("\n".join([header, *("\t".join(row) for row in cells)]) + "\n", "utf-8")
    left, right = (
        run(feed, tmp_path / name, using(trained[0])) for name, feed in (("left", other.feed), ("right", shuffled))
    )
    one, two = (read_candidates(job.folder.candidates, job.catalogue.axis).whole() for job in (left, right))
    assert np.array_equal(one.rows, two.rows)
    assert np.array_equal(one.scores, two.scores)
    recalls = [job.folder.require("evaluate").counts["recall"] for job in (left, right)]
    assert recalls[0] > recalls[1] + 0.2


def test_a_model_of_another_encoder_is_refused(trained, other, tmp_path):
    settings = Settings.read(None, learn={"model": str(trained[0])}, image={"model": "phash"})
    with pytest.raises(VersionMismatch, match=r"learned for .*own:"):
        run(other.feed, tmp_path / "out", settings)


def test_shuffled_groups_teach_nothing(drawn, trained, tmp_path):
    """Heads learned from chance groups do no better on the true ones than heads learned without any."""
    from candidates.vectors import Vectors
    from service.learning.heads import learn_head
    from service.runs.job import Job

    job = Job.of(trained[0].with_name("run"))
    axis, owners = job.pictures.axis, job.pictures.owners
    vectors = Vectors.open(job.folder.image / "vectors.arrow", axis)
    groups = job.truth("evaluation").groups[owners.rows]

    def near(learned_from):
        mapped = learn_head(vectors.values, learned_from, made_for="x").projection.map_block(vectors.values)
        scores = mapped @ mapped.T
        np.fill_diagonal(scores, -2)
        first = np.argsort(-scores, axis=1)[:, :5]
        asked = groups >= 0
        return (groups[first] == groups[:, None])[asked].mean()

    shuffled = np.random.default_rng(3).permutation(groups)
    none = np.full_like(groups, -1)
    assert near(groups) > near(none)
    assert near(shuffled) < near(none) + 0.02
