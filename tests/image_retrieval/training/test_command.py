"""The training command, from pictures to weights that the encoder opens, on a few drawn pictures."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="pip install 'variant-candidates[training]'")

from image_retrieval.encoders.own import own_encoder
from image_retrieval.training import __main__ as command
from image_retrieval.training.drawn import drawn
from tests.image_retrieval.training.tiny_teacher import write_photos, write_teacher

SMALL = ["--stem", "4", "--middle", "6", "4", "--wide", "8", "4", "--blocks", "1", "1", "--drawings", "2"]


def words(tmp_path: Path, out: str, *more: str) -> list[str]:
    photos = tmp_path / "photos"
    if not photos.exists():
        write_photos(photos, 4)
    teacher = write_teacher(tmp_path / "teacher.onnx")
    return ["--photos", str(photos), "--teacher", str(teacher), "--out", str(tmp_path / out), *SMALL, *more]


def test_one_command_makes_weights_that_the_encoder_opens(tmp_path, capsys):
    file = command.train(command.parse_arguments(words(tmp_path, "out", "--epochs", "4")))
    encoder = own_encoder(str(file.parent), 1)
    vectors = encoder.encode([drawn(np.random.default_rng(seed)) for seed in (1, 2)])
    assert vectors.shape == (2, 8 * 49)
    said = capsys.readouterr().out
    digest = json.loads((file.parent / "own.json").read_text("utf-8"))["sha256"]
    assert digest in said
    assert digest[:16] in encoder.version
    assert (file.parent / "curve.csv").is_file()


def test_the_same_command_makes_the_same_file_and_another_seed_another(tmp_path):
    made = [
        command.train(command.parse_arguments(words(tmp_path, name, "--epochs", "1", "--seed", seed))).read_bytes()
        for name, seed in (("one", "7"), ("two", "7"), ("three", "8"))
    ]
    assert made[0] == made[1] != made[2]


def test_a_mistake_is_one_line(tmp_path, capsys, monkeypatch):
    given = words(tmp_path, "out")
    given[1] = str(tmp_path / "nowhere")
    monkeypatch.setattr("sys.argv", ["training", *given])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 2
    assert "no photograph in" in capsys.readouterr().err
