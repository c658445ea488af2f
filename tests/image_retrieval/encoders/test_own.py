"""The shipped fingerprint: its golden vectors, alone and in batches, and which files its loader refuses."""

import hashlib
import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from candidates.errors import ModelMissing
from candidates.settings import ImageSettings
from candidates.vectors import normalised
from image_retrieval.encoders import encoder_for, own
from image_retrieval.encoders.batches import network_input
from image_retrieval.encoders.own import ABOUT, SHA256, WEIGHTS, own_encoder, shipped
from tests.image_retrieval.drawn import mug, shirt
from tests.image_retrieval.encoders import own_golden

# What vectors of length one may differ by, number by number: arithmetic in another order, and no more.
TOLERANCE = 5e-4


def folder_of(tmp_path, **about):
    """A folder as `variants train-encoder` writes it, with the shipped weights."""
    shutil.copy(shipped(), tmp_path / WEIGHTS)
    (tmp_path / ABOUT).write_text(json.dumps({"sha256": SHA256} | about), "utf-8")
    return tmp_path


def test_vectors_are_the_golden_ones_whatever_the_version_of_onnxruntime():
    golden = np.load(own_golden.FILE, allow_pickle=False)
    assert str(golden["sha256"]) == SHA256, "the weights are new: write the golden vectors anew"
    found = own_encoder("", 1).encode(own_golden.pictures())
    kept = golden["vectors"].astype(np.float32)
    assert np.abs(found[:, :: own_golden.EVERY] - kept).max() < TOLERANCE
    # The pictures are told apart by far more than the tolerance.
    assert min(np.abs(kept[a] - kept[b]).max() for a in range(4) for b in range(a)) > 20 * TOLERANCE


def test_alone_in_a_batch_and_on_threads_a_picture_has_one_vector():
    pictures = [shirt(), mug(), shirt(colour="navy", striped=True), mug(90, 60), *own_golden.pictures()]
    batch = own_encoder("", 1).encode(pictures)
    alone = np.concatenate([own_encoder("", 1).encode([one]) for one in pictures])
    assert np.array_equal(batch, alone)
    assert np.array_equal(batch, own_encoder("", 3).encode(pictures))
    assert np.allclose(np.linalg.norm(batch, axis=1), 1, atol=1e-5)


def test_onnxruntime_gives_what_torch_gives():
    pytest.importorskip("onnx", reason="pip install 'variant-candidates[training]'")
    import torch

    from image_retrieval.training.export import read_onnx

    pictures = [shirt(), mug(), *own_golden.pictures()]
    with torch.no_grad():
        maps = read_onnx(shipped()).eval()(torch.from_numpy(network_input(pictures, 112, 112))).numpy()
    by_torch = normalised(maps.reshape(*maps.shape[:2], 7, 2, 7, 2).mean(axis=(3, 5)).reshape(len(pictures), -1))
    assert np.abs(own_encoder("", 1).encode(pictures) - by_torch).max() < TOLERANCE


def test_a_shirt_in_another_colour_is_nearer_than_a_mug():
    red, blue, other = own_encoder("", 1).encode([shirt(), shirt(colour="royalblue"), mug()])
    assert red @ blue > red @ other + 0.1


def test_the_file_is_small_and_the_digest_is_its_own():
    assert hashlib.sha256(shipped().read_bytes()).hexdigest() == SHA256
    assert shipped().stat().st_size < 2_000_000


def test_the_card_states_the_digest_and_the_size():
    card = shipped().with_name("CARD.md").read_text("utf-8")
    assert SHA256 in card
    assert f"{shipped().stat().st_size:,} bytes" in card
    assert not re.search(r"\bTODO\b", card)


def test_other_weights_than_the_shipped_ones_are_refused(tmp_path, monkeypatch):
    changed = tmp_path / "own.onnx"
    content = bytearray(shipped().read_bytes())
    content[len(content) // 2] ^= 1
    changed.write_bytes(content)
    monkeypatch.setattr(own, "shipped", lambda: changed)
    with pytest.raises(ModelMissing, match=rf"not the expected file.*not {SHA256}.*`gradients`"):
        own_encoder("", 1)
    changed.unlink()
    with pytest.raises(ModelMissing, match="no model file"):
        own_encoder("", 1)


def test_a_folder_of_weights_serves_and_must_state_their_digest(tmp_path):
    made = folder_of(tmp_path)
    encoder = encoder_for(ImageSettings(model=f"own:{made}"), 1)
    assert np.array_equal(encoder.encode([shirt()]), own_encoder("", 1).encode([shirt()]))
    assert encoder.version == own_encoder("", 1).version
    folder_of(tmp_path, sha256="0" * 64)
    with pytest.raises(ModelMissing, match=r"not the expected file.*train-encoder"):
        own_encoder(str(made), 1)
    for text in ("{", "[]", "{}", "7"):
        (made / ABOUT).write_text(text, "utf-8")
        with pytest.raises(ModelMissing, match="does not have the digest"):
            own_encoder(str(made), 1)
    with pytest.raises(ModelMissing, match="no model file"):
        own_encoder(str(tmp_path / "nowhere"), 1)


def test_a_picture_of_one_colour_has_a_vector_too():
    (vector,) = own_encoder("", 1).encode([Image.new("RGB", (5, 400), "white")])
    assert np.isfinite(vector).all()
    assert len(own_encoder("", 1).encode([])) == 0
