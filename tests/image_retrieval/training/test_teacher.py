"""The teacher: cut before its averaging, its maps average to its own output."""

import numpy as np
import pytest

pytest.importorskip("onnx", reason="pip install 'variant-candidates[training]'")

from candidates.errors import ModelMissing, SettingsError
from candidates.vectors import normalised
from image_retrieval.encoders.onnx import OnnxEncoder
from image_retrieval.training.drawn import drawn
from image_retrieval.training.teacher import Teacher
from tests.image_retrieval.training.tiny_teacher import CHANNELS, write_teacher


def pictures(count=3):
    return [drawn(np.random.default_rng(seed)) for seed in range(count)]


def test_maps_averaged_are_what_the_encoder_gives(tmp_path):
    file = write_teacher(tmp_path / "teacher.onnx")
    maps = Teacher.open(file, 1).maps(pictures())
    assert maps.shape == (3, CHANNELS, 14, 14)
    assert maps.dtype == np.float16
    averaged = maps.astype(np.float32).reshape(3, CHANNELS, 7, 2, 7, 2).mean(axis=(3, 5)).reshape(3, -1)
    wanted = OnnxEncoder.open(file, "grid7", 1).encode(pictures())
    assert np.allclose(normalised(averaged), wanted, atol=2e-3)


def test_threads_give_the_same_maps(tmp_path):
    file = write_teacher(tmp_path / "teacher.onnx")
    one, three = (Teacher.open(file, threads).maps(pictures(5)) for threads in (1, 3))
    assert np.array_equal(one, three)


def test_the_name_tells_one_teacher_from_another(tmp_path):
    names = {Teacher.open(write_teacher(tmp_path / "teacher.onnx", seed), 1).name for seed in (1, 2)}
    assert len(names) == 2


def test_what_is_no_teacher_is_refused(tmp_path):
    file = write_teacher(tmp_path / "teacher.onnx")
    with pytest.raises(SettingsError, match=r"no output 'grid8'.*grid7, mean"):
        Teacher.open(file, 1, "grid8")
    with pytest.raises(SettingsError, match="'mean' is not a map"):
        Teacher.open(file, 1, "mean")
    with pytest.raises(ModelMissing, match="no model file"):
        Teacher.open(tmp_path / "none.onnx", 1)
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"\xff" * 40)
    with pytest.raises(ModelMissing, match="not an ONNX network"):
        Teacher.open(broken, 1)
