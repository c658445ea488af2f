"""Which pictures a run can use: as its file says, and read from it once."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from candidates.errors import SchemaError
from service.neighbours.open import open_image
from service.neighbours.vectors import image_vectors
from service.pairs.suggesting import encoder_cosines
from service.runs import usable_pictures
from service.runs.job import Job
from service.runs.usable_pictures import UsablePictures


def test_they_are_those_of_the_file(finished):
    table = pq.read_table(finished.folder.images).to_pydict()
    pictures = finished.pictures
    assert list(pictures.axis) == table["image_id"]
    assert pictures.owners.rows.tolist() == table["product_row"]
    assert pictures.positions.tolist() == table["position"]
    assert pictures.owners.rows.dtype == pictures.positions.dtype == np.int32
    assert pictures.owners.products == finished.catalogue.axis


def test_whoever_asks_the_file_is_read_once(finished, monkeypatch):
    read, original = [], pq.read_table

    def watched(path, *rest, **options):
        read.append(path)
        return original(path, *rest, **options)

    monkeypatch.setattr(usable_pictures.pq, "read_table", watched)
    job = Job.of(finished.folder.root)
    assert job.pictures
    image_vectors(job)
    open_image(job)
    for _ in range(2):  # it is called block by block
        encoder_cosines(job, np.array([0, 1], np.int32), np.array([2, 3], np.int32))
    assert read.count(finished.folder.images) == 1


def test_a_file_of_another_version_is_refused_by_its_column(finished, tmp_path):
    path = tmp_path / "images.parquet"
    pq.write_table(pq.read_table(finished.folder.images).drop_columns(["position"]), path)
    with pytest.raises(SchemaError, match="lacks the column position"):
        UsablePictures.open(path, finished.catalogue.axis)
