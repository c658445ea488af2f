"""Every made-up feed gives exactly the products, refusals and merged rows that its maker wrote down."""

import re
from dataclasses import astuple
from functools import cache

import pytest

from candidates.catalogue import Catalogue
from candidates.errors import PictureError
from candidates.product import Product
from candidates.settings import FeedSettings
from intake.feeds import FORMATS, read_feed
from intake.feeds.locate import picture_path
from tests.intake.feeds.made.feed import MadeFeed
from tests.intake.feeds.made_feeds import made_feeds, write_all

READ = [made for made in made_feeds() if not made.error]
BROKEN = [made for made in made_feeds() if made.error]


def name_of(made: MadeFeed) -> str:
    return made.name


def written(folder, made):
    path = folder / made.name
    path.write_bytes(made.content)
    return path


@cache
def named(name):
    return next(made for made in made_feeds() if made.name == name)


def test_there_are_enough_of_them_and_of_every_kind(tmp_path):
    paths = write_all(tmp_path / "made")
    assert len(set(paths)) == len(made_feeds()) >= 75
    assert [path.read_bytes() for path in paths] == [made.content for made in made_feeds()]
    assert {made.format for made in READ} == set(FORMATS)
    assert sum(bool(made.refused) for made in READ) >= 20
    assert len(BROKEN) >= 20


def test_an_expectation_that_says_nothing_is_none():
    for made in made_feeds():
        assert bool(made.error) != bool(made.products), made.name
        assert bool(made.format) == bool(made.products), made.name


@pytest.mark.parametrize("made", READ, ids=name_of)
def test_a_feed_is_read_as_its_maker_expects(tmp_path, made):
    feed = read_feed(written(tmp_path, made), made.settings)
    products = [feed.catalogue.product(row) for row in range(len(feed.catalogue))]
    assert [one.id for one in products] == list(made.products)
    for product, (identifier, expected) in zip(products, made.products.items(), strict=True):
        found = (product.title, product.group, product.pictures, dict(product.attributes))
        assert found == astuple(expected)[:4], identifier
        assert {name: getattr(product, name) for name in expected.others} == expected.others, identifier
    assert [one.where for one in feed.refused] == [f"line {line}" for line, _, _ in made.refused]
    for refusal, (_, identifier, pattern) in zip(feed.refused, made.refused, strict=True):
        assert identifier is None or refusal.id == identifier
        assert re.search(pattern, refusal.reason), refusal
        assert refusal.fix
    assert {one.line: one.into for one in feed.merged} == made.merged
    assert len(feed.merged) == len(made.merged)
    assert feed.rows == made.rows
    assert feed.format == made.format
    assert re.search(made.said, feed.detected_by), feed.detected_by


@pytest.mark.parametrize("made", BROKEN, ids=name_of)
def test_a_feed_that_can_t_be_read_is_refused_by_name(tmp_path, made):
    path = written(tmp_path, made)
    kind, pattern = made.error
    with pytest.raises(kind) as caught:
        read_feed(path, made.settings)
    assert type(caught.value) is kind
    assert re.search(pattern, str(caught.value), re.DOTALL), str(caught.value)
    assert len(str(caught.value)) < 5000
    assert caught.value.exit_code == 2
    if made.settings == FeedSettings():
        assert made.name in str(caught.value)


def test_pictures_that_leave_the_folder_are_refused_by_name(tmp_path):
    folder = tmp_path / "shop"
    folder.mkdir()
    outside = tmp_path / "outside.jpg"
    outside.write_bytes(b"not for us")
    (folder / "a").mkdir()
    (folder / "inside.jpg").write_bytes(b"for us")
    (folder / "link.jpg").symlink_to(outside)
    (folder / "linked").symlink_to(tmp_path, target_is_directory=True)
    feed = read_feed(written(folder, named("pictures-that-leave-the-folder.tsv")), FeedSettings())
    *leaving, inside = [feed.catalogue.product(row).pictures for row in range(len(feed.catalogue))]
    for name in (name for pictures in leaving for name in pictures):
        with pytest.raises(
            PictureError, match=f"{re.escape(name)}: (is outside the feed's folder|this URL was not fetched)"
        ):
            picture_path(feed.pictures, name)
    assert [picture_path(feed.pictures, name) for name in inside] == [(folder / "inside.jpg").resolve()] * 2


def test_a_run_s_own_products_are_a_feed(tmp_path):
    given = [
        Product("1", "Chair", "Soft", "Shop", "Acme", "Home > Chairs", "5 EUR", "l", "in_stock", "4", "M", line=7),
        Product("2", "", attributes={"color": "red", "fit": "slim"}, pictures=("a.jpg", "b.jpg"), group="G", line=9),
    ]
    Catalogue.of(given).save(tmp_path / "products.parquet")
    feed = read_feed(tmp_path / "products.parquet", FeedSettings())
    assert (feed.format, feed.rows, feed.refused, feed.merged) == ("parquet", 2, (), ())
    found = [feed.catalogue.product(row) for row in range(2)]
    assert [vars(one) | {"line": 0} for one in found] == [vars(one) | {"line": 0} for one in given]
    assert [one.line for one in found] == [1, 2]
