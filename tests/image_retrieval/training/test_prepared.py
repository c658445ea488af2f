"""Views and maps on disk: made once, part by part, and never mixed with those of other pictures."""

import numpy as np
import pytest

pytest.importorskip("onnx", reason="pip install 'variant-candidates[training]'")

from candidates.errors import VariantsError
from image_retrieval.pictures import padded
from image_retrieval.training import prepared as preparing
from image_retrieval.training.photos import Subjects, photographs
from image_retrieval.training.prepared import SIDE, prepare
from image_retrieval.training.teacher import Teacher
from image_retrieval.training.views import VIEWS, views_of
from tests.image_retrieval.training.tiny_teacher import write_photos, write_teacher


@pytest.fixture
def ground(tmp_path, monkeypatch):
    monkeypatch.setattr(preparing, "_PART", 4)
    photos = photographs(write_photos(tmp_path / "photos", 6))
    return Subjects(photos, 3, 7), [Teacher.open(write_teacher(tmp_path / "teacher.onnx"), 1)], tmp_path / "made"


def test_every_view_lies_beside_its_map_whatever_part_it_is_in(ground):
    subjects, teachers, folder = ground
    made = prepare(subjects, teachers, folder, 2, lambda line: None)
    assert len(made) == len(subjects) * VIEWS == len(made.subjects)
    numbers = np.array([53, 0, 24, 23, 24])
    for number, seen, taught in zip(numbers, made.seen(numbers), made.taught(0, numbers), strict=True):
        subject = number // VIEWS
        assert made.subjects[number] == subject
        views = views_of(subjects.picture(subject), np.random.default_rng(subjects.key(subject)))
        assert np.array_equal(seen, padded(views[number % VIEWS], SIDE, SIDE))
        assert np.array_equal(taught, teachers[0].maps([views[number % VIEWS]])[0])


def test_parts_that_are_there_are_not_made_again(ground, monkeypatch):
    subjects, teachers, folder = ground
    prepare(subjects, teachers, folder, 1, lambda line: None)
    (folder / "maps0-0001.npy").unlink()
    made = []
    monkeypatch.setattr(preparing, "views_of", lambda *given: made.append(1) or views_of(*given))
    prepare(subjects, teachers, folder, 1, lambda line: None)
    assert len(made) == 4


def test_a_broken_picture_is_left_out_and_said(ground):
    subjects, teachers, folder = ground
    subjects.photos[2].write_bytes(b"no picture")
    lines = []
    made = prepare(subjects, teachers, folder, 1, lines.append)
    assert len(made) == (len(subjects) - 1) * VIEWS
    assert 2 not in made.subjects
    assert any("photo-2" in line for line in lines)


def test_another_recipe_is_refused(ground):
    subjects, teachers, folder = ground
    prepare(subjects, teachers, folder, 1, lambda line: None)
    with pytest.raises(VariantsError, match="other pictures"):
        prepare(Subjects(subjects.photos[:4], 3, 7), teachers, folder, 1, lambda line: None)


def test_photographs_are_those_of_the_table_that_are_there(tmp_path):
    folder = write_photos(tmp_path / "photos", 3)
    assert [path.stem for path in photographs(folder)] == ["photo-0", "photo-1", "photo-2"]
    (folder / "images.csv").write_text("image,label\nphoto-2,Shirt\nphoto-9,Hat\nphoto-0,Shoes\n", "utf-8")
    assert [path.stem for path in photographs(folder)] == ["photo-0", "photo-2"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(VariantsError, match="no photograph in"):
        photographs(tmp_path / "empty")
