"""A real Magento export with pictures missing and truncated: products stay with text alone, each picture is named."""

import shutil

import pytest

from service.files.refusals import read_refusals
from service.pipeline.run import run
from tests.small_runs import small_settings


@pytest.fixture
def damaged(shared, tmp_path):
    """A copy of the export in which every tenth picture is missing and every twentieth truncated."""
    folder = tmp_path / "luma"
    shutil.copytree(shared / "data" / "luma", folder)
    pictures = sorted((folder / "media").rglob("*.*"))
    missing, truncated = set(pictures[::10]), set(pictures[5::20])
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755)
    for path in missing:
        path.unlink()
    for path in truncated:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    inside = folder / "media" / "catalog" / "product"
    return folder / "products.csv", {path.relative_to(inside).as_posix() for path in missing | truncated}


def test_products_of_broken_pictures_stay_and_each_picture_is_named(damaged, tmp_path):
    feed, broken = damaged
    job = run(feed, tmp_path / "out", small_settings(text={"fields": ["title"]}))
    assert len(job.catalogue) == job.folder.require("ingest").counts["rows"] == 1994
    named = job.catalogue.table["pictures"].to_pylist()
    wanted = [
        (identifier, name)
        for identifier, names in zip(job.catalogue.axis, named, strict=True)
        for name in names
        if name in broken
    ]
    refused = read_refusals(job.folder.refused)
    assert sorted((one.id, one.where) for one in refused) == sorted(wanted)
    assert all(one.reason and one.fix for one in refused)
    assert len(wanted) > 100
    owners = job.pictures.owners
    assert len(owners.rows) == sum(len(names) for names in named) - len(wanted)
    bare = set(range(len(job.catalogue))) - set(owners.rows.tolist())
    assert bare
    assert (job.folder.require("expand").counts["candidates"]) > 8 * 1994
