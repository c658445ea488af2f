import csv
import json

import pytest

from candidates.catalogue import Catalogue
from candidates.errors import FeedError, UnknownId, VariantsError
from candidates.product import Product
from candidates.settings import Settings
from intake.feeds.several import FeedSource, read_feeds
from service.answers.handback import HandedBack, hand_back
from service.runs.job import Job


def finished(folder, *products, feed=None, **chosen):
    """A run of which only the ingest step's results are there: all that handing back needs."""
    source = folder / "feed.tsv"
    source.write_text("id\ttitle\n")
    job = Job.start(folder / "out", feed or source, Settings.read(None, feed=chosen))
    Catalogue.of(products).save(job.folder.products)
    return job


def product(identifier, group="", seller="", **attributes):
    return Product(id=identifier, title="Shirt", group=group, seller=seller, attributes=attributes)


def back(job, target, groups=None, seller="", format="google"):
    """The groups in a file that was handed back: its second column by its first."""
    file = None
    if groups is not None:
        file = target.parent / "groups.csv"
        file.write_text(groups, "utf-8")
    done = hand_back(job, format, target, file, seller)
    with target.open(encoding="utf-8", newline="") as written:
        rows = list(csv.reader(written, delimiter="\t"))[1:]
    assert done.rows == len(rows)
    return dict(rows)


def test_the_feeds_own_groups(tmp_path):
    job = finished(tmp_path, product("a", "G"), product("b"), product("c", "G"), product("d", "H"))
    target = tmp_path / "back.tsv"
    assert hand_back(job, "google", target) == HandedBack(target, "google", groups=1, products=2, rows=2)
    assert target.read_text() == "id\titem_group_id\na\tG\nc\tG\n"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_groups_of_a_file_come_in_place_of_the_feeds(tmp_path, delimiter):
    job = finished(tmp_path, product("a", "G"), product("b"), product("c", "G"), product("d, e"))
    lines = [["Item group id", "note", "ID"], ["X", "", "b"], ["X", "y", '"d, e"' if delimiter == "," else "d, e"]]
    lines += [["", "", "a"]]
    text = "\ufeff" + "\n".join(map(delimiter.join, lines)) + "\n"
    assert back(job, tmp_path / "back.tsv", text) == {"b": "X", "d, e": "X"}


def test_a_file_with_more_rows_than_products(tmp_path):
    job = finished(tmp_path, product("a"), product("b"))
    target = tmp_path / "back.csv"
    done = hand_back(job, "woocommerce", target, _file(tmp_path, "id,item_group_id\na,X\nb,X\n"))
    assert (done.groups, done.products, done.rows) == (1, 2, 3)


def _file(folder, text):
    path = folder / "groups.csv"
    path.write_text(text)
    return path


def test_unknown_ids_are_named_up_to_five(tmp_path):
    job = finished(tmp_path, product("a"))
    text = "id,item_group_id\na,X\n" + "".join(f"u{number},X\n" for number in range(7))
    with pytest.raises(
        UnknownId, match=r"7 of its ids are not in the catalogue: 'u0', 'u1', 'u2', 'u3', 'u4' and 2 more\."
    ):
        back(job, tmp_path / "back.tsv", text)
    assert not (tmp_path / "back.tsv").exists()


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("id,item_group_id\na,X\nb,X\na,Y\n", VariantsError, "line 4: the product 'a' is listed twice"),
        ("id,item_group_id\na,X\n,X\n", VariantsError, "line 3: no id"),
        ("id,group\na,X\n", FeedError, "must have the columns id and item_group_id; it has id, group"),
        ("id,item_group_id\na\n", FeedError, "line 2: 1 fields"),
        ("", FeedError, "is empty"),
        ("id,item_group_id\n", VariantsError, "no group of two or more products"),
        ("id,item_group_id\na,X\nb,Y\n", VariantsError, "no group of two or more products"),
    ],
)
def test_a_groups_file_with_a_mistake_is_one_clear_error(tmp_path, text, error, message):
    job = finished(tmp_path, product("a"), product("b"))
    with pytest.raises(error, match=message):
        back(job, tmp_path / "back.tsv", text)
    assert not (tmp_path / "back.tsv").exists()


SELLERS = (product("a", "G", "s"), product("b", "G", "t"), product("c", "G", "s"), product("d", "G", "t"))


def test_two_sellers_groups_of_one_name_are_two(tmp_path):
    job = finished(tmp_path, *SELLERS, product("e", "H", "s"), product("f", "H", "s"))
    assert back(job, tmp_path / "back.tsv") == {
        **{"a": "s:G", "c": "s:G", "b": "t:G", "d": "t:G"},
        **{"e": "H", "f": "H"},
    }


def test_global_groups_are_one(tmp_path):
    job = finished(tmp_path, *SELLERS, groups_are_global=True)
    assert set(back(job, tmp_path / "back.tsv").values()) == {"G"}


def test_one_sellers_products_alone(tmp_path):
    job = finished(tmp_path, *SELLERS)
    assert back(job, tmp_path / "back.tsv", seller="t") == {"b": "t:G", "d": "t:G"}
    everything = "id,item_group_id\n" + "".join(f"{name},X\n" for name in "abc")
    assert back(job, tmp_path / "back.tsv", everything, seller="s") == {"a": "X", "c": "X"}


def test_a_seller_that_there_is_not(tmp_path):
    with pytest.raises(VariantsError, match=r"no product is from the seller 'u'\. The sellers are 's', 't'"):
        back(finished(tmp_path, *SELLERS), tmp_path / "back.tsv", seller="u")
    with pytest.raises(VariantsError, match="There are no sellers"):
        back(finished(tmp_path, product("a")), tmp_path / "back.tsv", seller="u")


def qualified(folder, **chosen):
    """Two Magento exports in which both sellers use the same ids, read as one catalogue."""
    for seller in "st":
        (folder / f"{seller}.csv").write_text(
            "sku,name,additional_attributes,configurable_variations\n"
            'r,Shirt,"color=red",\nb,Shirt,"color=blue",\nP,Shirts,,"sku=r,color=red|sku=b,color=blue"\n'
        )
    sources = [FeedSource(folder / f"{seller}.csv", seller) for seller in "st"]
    settings = Settings.read(None, feed={"qualify_ids": True, **chosen})
    job = Job.start(folder / "out", sources, settings)
    read_feeds(sources, settings.feed).catalogue.save(job.folder.products)
    return job


def test_the_prefix_of_qualified_ids_is_taken_off_for_their_seller(tmp_path):
    job = qualified(tmp_path)
    assert back(job, tmp_path / "back.tsv", seller="s") == {"r": "P", "b": "P", "P": "P"}
    for identifiers in ("s:r,X\ns:b,X\n", "r,X\nb,X\nt:P,X\n"):
        assert back(job, tmp_path / "back.tsv", f"id,item_group_id\n{identifiers}", seller="s") == {"r": "X", "b": "X"}


def test_without_a_seller_qualified_ids_stay(tmp_path):
    job = qualified(tmp_path)
    assert back(job, tmp_path / "back.tsv") == {f"{s}:{name}": f"{s}:P" for s in "st" for name in "rbP"}


def test_a_parent_is_known_again_under_its_own_id(tmp_path):
    target = tmp_path / "back.csv"
    hand_back(qualified(tmp_path), "magento", target, seller="t")
    with target.open(newline="") as file:
        assert [(row["sku"], row["product_type"]) for row in csv.DictReader(file)] == [
            ("r", "simple"),
            ("b", "simple"),
            ("P", "configurable"),
        ]


def test_one_product_under_two_names_is_one(tmp_path):
    with pytest.raises(VariantsError, match="'s:r' and 'r' are the same product"):
        back(qualified(tmp_path), tmp_path / "back.tsv", "id,item_group_id\ns:r,\nr,X\n", seller="s")


def test_groups_that_differ_by_the_prefix_alone_stay_two(tmp_path):
    job = finished(tmp_path, *(product(f"s:{name}", "", "s") for name in "abcd"), qualify_ids=True)
    text = "id,item_group_id\na,G\nb,G\nc,s:G\nd,s:G\n"
    assert back(job, tmp_path / "back.tsv", text, seller="s") == {"a": "G", "b": "G", "c": "s:G", "d": "s:G"}


def test_an_unknown_format_names_those_there_are(tmp_path):
    with pytest.raises(VariantsError, match=r"no writer for 'xml'\. Name one of google, shopify, magento, woocommerce"):
        back(finished(tmp_path, product("a")), tmp_path / "back.tsv", format="xml")


def test_neither_feed_nor_groups_nor_a_folder_is_written_over(tmp_path):
    job = finished(tmp_path, product("a", "G"), product("b", "G"))
    groups = _file(tmp_path, "id,item_group_id\na,X\nb,X\n")
    for target in (tmp_path / "feed.tsv", groups, tmp_path):
        with pytest.raises(VariantsError, match="Name a new file"):
            hand_back(job, "google", target, groups)
    assert (tmp_path / "feed.tsv").read_text() == "id\ttitle\n"


def test_a_place_that_can_not_be_written_is_named(tmp_path):
    job = finished(tmp_path, product("a", "G"), product("b", "G"))
    with pytest.raises(VariantsError, match="can't be written"):
        hand_back(job, "google", tmp_path / "feed.tsv" / "back.tsv")


def test_the_run_is_left_as_it_was(tmp_path):
    job = finished(tmp_path, product("a", "G"), product("b", "G"))
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    back(job, tmp_path / "back.tsv")
    assert before == {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert json.loads(job.folder.choices.read_text())["feeds"]
