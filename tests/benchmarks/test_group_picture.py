"""The README's picture: which groups are shown, and that it is drawn."""

import csv

import pytest
from PIL import Image

from benchmarks.quality import group_picture
from benchmarks.quality.group_picture import (
    ShownGroup,
    ShownProduct,
    choose,
    draw_groups,
    found_again,
    hide_groups,
    shown_groups,
)
from demo_catalogue.catalogue import draw_catalogue
from service.files.groups_file import Member, write_groups


def group(*products, varies="colour: black, navy"):
    """A group of (seller, picture, kind) products."""
    return ShownGroup(
        tuple(ShownProduct("A title", seller, picture, kind) for seller, picture, kind in products), varies
    )


@pytest.fixture
def pictures(tmp_path):
    paths = [tmp_path / f"{number}.png" for number in range(6)]
    for path in paths:
        Image.new("RGB", (60, 90), "navy").save(path)
    return paths


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    """A drawn feed with half of its groups removed, the ids removed, and the rows before."""
    feed = draw_catalogue(tmp_path_factory.mktemp("picture"), groups=8).feed
    before = rows_of(feed)
    return feed, hide_groups(feed), before


def rows_of(feed):
    with feed.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_half_of_the_groups_lose_their_ids_and_nothing_else_changes(catalogue):
    feed, removed, before = catalogue
    groups = {row["item_group_id"] for row in before} - {""}
    assert len(set(removed.values())) == len(groups) // 2
    for old, new in zip(before, rows_of(feed), strict=True):
        expected = "" if old["item_group_id"] in set(removed.values()) else old["item_group_id"]
        assert new == old | {"item_group_id": expected}


def test_a_group_is_found_again_only_if_it_is_complete(tmp_path):
    removed = {"a": "g1", "b": "g1", "c": "g2", "d": "g2", "e": "g3", "f": "g3"}
    found = [("vg1", "ab"), ("vg2", "c"), ("vg3", "efx"), ("vg4", "yz")]
    write_groups(tmp_path / "groups.csv", [Member(id, name, "colour: red") for name, ids in found for id in ids])
    assert list(found_again(tmp_path / "groups.csv", removed)) == [(["a", "b"], "colour: red")]


def test_groups_get_titles_and_pictures_from_the_feed(catalogue):
    feed, _, before = catalogue
    rows = {row["id"]: row for row in before if (feed.parent / row["image_link"]).is_file()}
    ids = list(rows)[:3]
    (shown,) = shown_groups(feed, [(ids, "size: S–L")])
    assert [product.title for product in shown.products] == [rows[product]["title"] for product in ids]
    assert all(product.picture.is_file() for product in shown.products)


def test_a_group_with_a_missing_picture_is_not_shown(catalogue):
    feed, _, before = catalogue
    missing = next(row["id"] for row in before if not (feed.parent / row["image_link"]).is_file())
    assert shown_groups(feed, [([missing], "")]) == []


def test_the_group_with_most_sellers_is_shown_of_each_kind(pictures):
    one, two, three, *_ = pictures
    few = group(("A", one, "Mugs"), ("A", two, "Mugs"), ("A", three, "Mugs"))
    many = group(("A", one, "Mugs"), ("B", two, ""))
    shoes = group(("A", one, "Shoes"), ("A", two, ""))
    unknown = group(("A", one, "Mugs"), ("B", two, ""), ("C", three, ""), varies="colour: red (2 not known)")
    assert choose([few, many, shoes, unknown], ("Mugs", "Shoes", "Hats")) == [many, shoes]


def test_products_with_pictures_of_their_own_come_first(pictures):
    one, two, three, *_ = pictures
    shown = group(("A", one, ""), ("B", one, ""), ("C", two, ""), ("D", three, ""))
    examples = shown.examples(4)
    assert {product.picture for product in examples[:3]} == {one, two, three}
    assert examples[3].seller == "B"


def test_the_picture_has_a_row_for_each_group(tmp_path, pictures):
    long = ShownProduct("A title without end " * 20, "A", pictures[0])
    groups = [
        ShownGroup((long,) * 7, "colour: " + "black, " * 80),
        group(("A", pictures[0], ""), ("B", pictures[1], "")),
    ]
    sizes = []
    for shown in (groups[:1], groups):
        draw_groups(shown, tmp_path / "groups.png")
        with Image.open(tmp_path / "groups.png") as picture:
            sizes.append(picture.size)
            colours = {colour for _, colour in picture.convert("RGB").getcolors()}
    assert sizes[1] == (sizes[0][0], 2 * sizes[0][1])
    assert any(blue > 100 and red < 40 for red, _, blue in colours)  # the navy products are on it


def test_the_picture_of_the_readme_is_small():
    with Image.open(group_picture.TARGET) as picture:
        assert picture.format == "PNG"
    assert group_picture.TARGET.stat().st_size < 150_000
