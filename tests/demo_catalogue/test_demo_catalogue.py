"""The drawn catalogue: the same for the same seed, true to its counts, and as hard as promised."""

import csv
import hashlib
from collections import Counter, defaultdict

import pytest
from PIL import Image

from demo_catalogue import draw_catalogue
from demo_catalogue.catalogue import COLUMNS
from demo_catalogue.sellers import SELLERS

GROUPS = 24


def rows_of(feed):
    with feed.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    return folder, draw_catalogue(folder, seed=3, groups=GROUPS)


@pytest.fixture(scope="module")
def rows(drawn):
    return rows_of(drawn[1].feed)


@pytest.fixture(scope="module")
def by_group(rows):
    groups = defaultdict(list)
    for row in rows:
        if row["item_group_id"]:
            groups[row["item_group_id"]].append(row)
    return groups


def test_same_seed_draws_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        draw_catalogue(tmp_path / name, seed=5, groups=6)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_another_seed_draws_another_catalogue(tmp_path):
    for seed in (5, 6):
        draw_catalogue(tmp_path / str(seed), seed=seed, groups=4)
    assert not set(digests(tmp_path / "5").values()) & set(digests(tmp_path / "6").values())


def test_counts_are_true(drawn, rows, by_group):
    _, catalogue = drawn
    assert catalogue.rows == len(rows)
    assert catalogue.products == len({row["id"] for row in rows if row["id"]})
    assert catalogue.groups == len(by_group) == GROUPS
    assert catalogue.rows - catalogue.products == catalogue.defects.without_id + catalogue.defects.duplicate_ids


def test_columns_are_as_promised(drawn, rows):
    header = drawn[1].feed.read_text(encoding="utf-8").split("\n", 1)[0]
    assert tuple(header.split("\t")) == COLUMNS
    assert all(None not in row.values() and None not in row for row in rows)
    assert all(row["title"] and row["seller"] and row["price"].endswith(" EUR") for row in rows)


def test_groups_have_two_to_nine_members_and_some_products_none(rows, by_group):
    sizes = [len(members) for members in by_group.values()]
    assert min(sizes) >= 2
    assert max(sizes) <= 9
    assert any(not row["item_group_id"] for row in rows)


def test_defects_are_those_it_admits_to(drawn, rows):
    folder, catalogue = drawn
    ids = Counter(row["id"] for row in rows)
    pictures = {name for row in rows for name in (row["image_link"], row["additional_image_link"]) if name}
    missing = {name for name in pictures if not (folder / name).exists()}
    assert ids.pop("") == catalogue.defects.without_id
    assert sum(count - 1 for count in ids.values()) == catalogue.defects.duplicate_ids
    assert sum(row["image_link"] in missing for row in rows) == catalogue.defects.missing_pictures
    assert sum(not loads(folder / name) for name in pictures - missing) == catalogue.defects.truncated_pictures


def loads(path):
    try:
        with Image.open(path) as picture:
            picture.load()
    except OSError:
        return False
    return True


def test_no_picture_lies_about_unused(drawn, rows):
    folder, _ = drawn
    used = {name for row in rows for name in (row["image_link"], row["additional_image_link"])}
    assert {f"images/{path.name}" for path in (folder / "images").iterdir()} <= used


def test_sizes_of_one_offer_share_picture_text_and_price(rows):
    offers = defaultdict(list)
    for row in rows:
        if row["size"]:
            offers[row["image_link"]].append(row)
    several = [children for children in offers.values() if len(children) > 1]
    assert several
    for children in several:
        assert len({row["size"] for row in children}) == len(children)
        for column in ("item_group_id", "seller", "description", "color", "price"):
            assert len({row[column] for row in children}) == 1


def test_groups_are_spread_over_sellers(rows, by_group):
    assert {row["seller"] for row in rows} == {seller.name for seller in SELLERS}
    across = sum(len({row["seller"] for row in members}) > 1 for members in by_group.values())
    assert across > GROUPS / 2


def test_every_trade_item_number_has_a_right_check_digit(rows):
    numbers = [row["gtin"] for row in rows if row["gtin"]]
    assert 0 < len(numbers) < len(rows)
    for number in numbers:
        assert sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(number)) % 10 == 0
        assert len(number) == 13
