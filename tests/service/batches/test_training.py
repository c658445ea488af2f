"""A model comes into force when it beats the one that serves, on groups that taught neither."""

import json

import numpy as np
import pytest

from service.batches import training
from service.batches.indexes import chosen
from service.batches.lines import Lines, published
from service.runs.job import Job
from service.runs.model import Model
from tests.service.batches.made_up_batches import build, settings_file, write_feed

GROUPS = 30


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A store with one current model, learned from its indexes; read it, never write to it."""
    folder = tmp_path_factory.mktemp("trained")
    settings = settings_file(folder, **{'index = "tfidf"': 'index = "exact"'})
    build(folder / "store", write_feed(folder / "feed.tsv", groups=GROUPS), settings)
    batch = training.learn(str(folder / "store"), "", "", "first")
    compared = training.compare(batch)
    return folder / "store", batch, compared, training.publish(batch)


def test_a_tenth_of_groups_is_decisive_by_name_alone():
    names = [f"group {number}" for number in range(3000)]
    share = np.mean([training.is_decisive(name) for name in names])
    assert 0.08 < share < 0.12
    assert [training.is_decisive(name) for name in names] == [training.is_decisive(name) for name in names]


def test_the_first_model_is_published_and_the_next_night_uses_it(trained):
    store, batch, compared, counts = trained
    assert counts == {"published": True, "generation": batch["generation"], "against": ""}
    assert 0 < compared["recall"] <= 1
    model = Lines(store).generation("models")
    assert Model.open(model).version
    assert chosen("", store).learn.model == str(model.resolve())


def test_decisive_groups_teach_nothing(trained):
    store, batch, _, _ = trained
    about = Model.open(published(batch)).about
    job = Job.of(Lines(store).generation("indexes"))
    decisive = training.decisive_rows(job.catalogue)
    assert 0 < decisive.sum() < len(decisive) / 2
    groups = {name for name, hide in zip(job.catalogue.column("group"), decisive, strict=True) if not hide}
    assert json.dumps(about["learned"]).count("groups")
    assert about["learned"]["text"]["groups"] <= len(groups)


def test_judgements_about_decisive_products_are_left_out(tmp_path):
    source = tmp_path / "judged.csv"
    source.write_text("left_id,right_id,verdict\na,b,accept\nc,d,reject\nd,e,accept\n")
    training._copy_judgements(source, tmp_path / "kept.csv", {"d"})
    assert (tmp_path / "kept.csv").read_text().split() == ["left_id,right_id,verdict", "a,b,accept"]


def test_a_model_that_is_no_better_is_not_published(trained, tmp_path):
    store, first, _, _ = trained
    judged = tmp_path / "judged.csv"
    judged.write_text("left_id,right_id,verdict\np1-red,p2-red,reject\n")
    batch = training.learn(str(store), "", str(judged), "second")
    compared = training.compare(batch)
    assert compared["against"] == first["generation"]
    assert compared["beats"] is False  # nothing is classified, so a judgement changes nothing
    assert training.publish(batch)["published"] is False
    assert Lines(store).generation("models").name == first["generation"]
    assert Lines(store).line("models").identifiers() == [first["generation"]]
