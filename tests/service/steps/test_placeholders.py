"""One picture at many different products is kept out of image matching; a size run's shared picture is not."""

import shutil

from service.files.refusals import read_refusals
from service.pipeline.order import STEPS
from service.runs.job import Job
from tests.small_runs import small_settings


def encoded(folder, feed, **image):
    job = Job.start(folder, feed, small_settings(image=image))
    for name in ("ingest", "fetch_pictures", "encode_images"):
        STEPS[name](job)
    return job


def shop(drawn, folder):
    """Six different things of three kinds with one picture, five sizes of one thing with another."""
    for number, name in enumerate(("soon.png", "shirt.png", "own.png")):
        source = sorted((drawn.feed.parent / "images").glob("*.*"))[3 * number + 1]
        shutil.copy(source, folder / name)
    kinds = ("Shoes", "Shirts", "Mugs")
    rows = [
        f"t{n}\t{word}\t{kinds[n % 3]}\tsoon.png\t"
        for n, word in enumerate(["clog", "tee", "cup", "boot", "vest", "bowl"])
    ]
    rows += [f"s{n}\tMaja shirt {size}\tShirts\tshirt.png\tg" for n, size in enumerate(("S", "M", "L", "XL", "XXL"))]
    rows += ["o\tsomething\tMugs\town.png\t"]
    feed = folder / "feed.tsv"
    feed.write_text("\n".join(["id\ttitle\tproduct_type\timage_link\titem_group_id", *rows]) + "\n", "utf-8")
    return feed


def test_a_placeholder_is_reported_and_left_out_and_a_size_run_is_not(drawn, tmp_path):
    job = encoded(tmp_path / "out", shop(drawn, tmp_path))
    owners = job.pictures.owners
    ids = [job.catalogue.axis[row] for row in owners.rows.tolist()]
    assert ids == ["s0", "s1", "s2", "s3", "s4", "o"]
    counts = job.folder.require("encode_images").counts
    assert (counts["placeholders"], counts["refused"], counts["encoded"]) == (1, 6, 3)  # each file encoded once
    refused = read_refusals(job.folder.refused)
    assert [one.id for one in refused] == [f"t{n}" for n in range(6)]
    assert "used by 6 products of 6 different models in 3 product types" in refused[0].reason


def test_it_can_be_switched_off(drawn, tmp_path):
    job = encoded(tmp_path / "out", shop(drawn, tmp_path), placeholder_things=0)
    assert job.folder.require("encode_images").counts["pictures"] == 12
