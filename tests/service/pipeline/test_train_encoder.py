"""`variants train-encoder`: which pictures it learns from, what it measures, and that it keeps only what is better."""

import json

import numpy as np
import pytest

pytest.importorskip("onnx", reason="pip install 'variant-candidates[training]'")

from candidates.errors import ModelMissing, VariantsError
from candidates.settings import Settings
from demo_catalogue.catalogue import draw_catalogue
from image_retrieval.encoders.own import own_encoder
from service.pipeline import train_encoder as training
from service.pipeline.train_encoder import train_encoder

SETTINGS = Settings.read(None, feed={"groups_are_global": True}, run={"threads": 1})


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return draw_catalogue(tmp_path_factory.mktemp("drawn"), groups=14)


@pytest.fixture(scope="module")
def trained(drawn, tmp_path_factory):
    out = tmp_path_factory.mktemp("trained") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "FEWEST", 3)
        made = train_encoder(drawn.feed, out, SETTINGS, epochs=0.1, say=lambda line: None)
    return made, out


def test_it_is_measured_on_groups_put_aside_and_kept_only_if_better(trained):
    made, out = trained
    assert made.groups >= 3
    assert [one.space for one in made.figures] == ["raw", "projected"]
    measured = json.loads((out / "measured.json").read_text("utf-8"))
    assert measured["kept"] == made.kept == (made.figures[1].gain.low > 0)
    assert (out / "own.onnx").is_file() == made.kept
    for one in made.figures:
        assert one.gain.mean == pytest.approx(one.trained.mean - one.ours.mean)


def test_no_picture_of_a_group_put_aside_is_learned_from(drawn, tmp_path):
    from service.runs.job import Job
    from service.steps.ingest import ingest

    job = Job.start(tmp_path / "run", drawn.feed, SETTINGS)
    ingest(job)
    goods = training._goods(job)
    hidden = {file for file, aside in zip(goods.files, goods.aside, strict=True) if aside}
    taught = dict(goods.taught)
    assert hidden
    assert taught
    assert not hidden & set(taught)
    assert all(goods.files[row] == file for file, row in taught.items())
    names = np.unique(goods.groups[goods.aside])
    assert (np.isin(goods.groups, names) == goods.aside).all()


@pytest.mark.parametrize(("gain", "kept"), [(0.2, True), (-0.2, False), (0.0, False)])
def test_what_is_better_for_certain_is_kept_and_usable(drawn, trained, tmp_path, monkeypatch, gain, kept):
    work = trained[1] / "work" / "trained"
    goods = training._Pictures(
        (None,) * 6, np.arange(6, dtype=np.int32) // 2, np.zeros(6, np.int32), np.ones(6, bool), np.zeros(6, np.int64)
    )
    monkeypatch.setattr(training, "_queries", lambda goods, rows: np.arange(6))
    monkeypatch.setattr(
        training, "_found", lambda goods, rows, model, *rest: (np.full(6, 0.5 + gain * (model != "own")),) * 2
    )
    made = training._judged(goods, work, tmp_path, 3, 1, lambda line: None)
    assert made.kept == kept
    if kept:
        assert own_encoder(str(tmp_path), 1).dimensions == own_encoder("", 1).dimensions
        assert json.loads((tmp_path / "own.json").read_text("utf-8"))["kept"]
    else:
        with pytest.raises(ModelMissing):
            own_encoder(str(tmp_path), 1)


def test_too_few_groups_are_refused_before_anything_is_learned(drawn, tmp_path):
    with pytest.raises(VariantsError, match=r"14 known groups .* too few .*at least 90 groups"):
        train_encoder(drawn.feed, tmp_path / "out", SETTINGS, say=lambda line: None)
    assert not (tmp_path / "out" / "work" / "prepared").exists()
