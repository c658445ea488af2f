"""Search by example equals exact search over the same vectors, with and without a condition."""

import numpy as np
import pytest

from candidates.errors import PictureError, UnknownId, VariantsError
from candidates.filters import Filter
from candidates.vectors import normalised
from service.answers.searcher import Searcher
from service.neighbours.open import open_image


def plain(job, rows, where, k):
    """The reference: each product's best cosine with any example picture, one loop."""
    images = open_image(job)
    unit = normalised(images.vectors.values)
    examples = unit[np.isin(images.owners.rows, rows)]
    admitted = job.catalogue.select(where) if where else np.ones(len(job.catalogue), bool)
    best = {}
    for picture, product in enumerate(images.owners.rows.tolist()):
        if admitted[product] and product not in rows:
            best[product] = max(best.get(product, -1), float((examples @ unit[picture]).max()))
    ranked = sorted(best.items(), key=lambda pair: (-round(pair[1], 5), pair[0]))[:k]
    return [job.catalogue.axis[product] for product, _ in ranked]


def with_pictures(job):
    return sorted(set(open_image(job).owners.rows.tolist()))


@pytest.mark.parametrize(
    "where",
    [None, Filter(category="shoes"), Filter(text="mug"), Filter(seller="no such seller"), "own seller", "own category"],
)
def test_by_one_product(finished, where):
    row = with_pictures(finished)[5]
    if where == "own seller":
        where = Filter(seller=finished.catalogue.column("seller")[row])
    elif where == "own category":
        where = Filter(category=next(filter(None, finished.catalogue.column("product_type"))))
    found = Searcher(finished).similar([finished.catalogue.axis[row]], k=15, where=where)
    assert [one.id for one in found] == plain(finished, [row], where, 15)
    assert [one.rank for one in found] == list(range(1, len(found) + 1))


def test_by_several_products_none_of_which_is_found(finished):
    rows = with_pictures(finished)[:3]
    ids = [finished.catalogue.axis[row] for row in rows]
    found = [one.id for one in Searcher(finished).similar(ids, k=12)]
    assert found == plain(finished, rows, None, 12)
    assert not set(ids) & set(found)


def test_a_products_own_picture_file_finds_the_product_first(finished):
    row = with_pictures(finished)[7]
    name = finished.catalogue.product(row).pictures[0]
    found = Searcher(finished).similar(pictures=[finished.places.folder_of(row) / name], k=5)
    assert found[0].score == pytest.approx(1, abs=2e-3)
    same_file = [one.id for one in found if one.picture == name]
    assert finished.catalogue.axis[row] in same_file or len(same_file) == 5


def test_mistakes_are_said_plainly(finished, tmp_path):
    searcher = Searcher(finished)
    with pytest.raises(VariantsError, match="--id"):
        searcher.similar()
    with pytest.raises(UnknownId, match="p-none"):
        searcher.similar(["p-none"])
    with pytest.raises(PictureError, match=r"none\.jpg"):
        searcher.similar(pictures=[tmp_path / "none.jpg"])
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(PictureError, match=r"text\.jpg"):
        searcher.similar(pictures=[tmp_path / "text.jpg"])
    pictured = set(with_pictures(finished))
    bare = next(row for row in range(len(finished.catalogue)) if row not in pictured)
    with pytest.raises(PictureError, match="no usable picture"):
        searcher.similar([finished.catalogue.axis[bare]])
