from pathlib import Path

import pytest

from candidates.catalogue import Catalogue
from candidates.errors import FeedError, SettingsError
from candidates.product import Merged, Product, Refusal
from candidates.settings import FeedSettings, Settings
from intake.feeds import FORMATS, read_feed
from intake.feeds.contract import Format
from intake.feeds.several import FeedSource, feed_sources, read_feeds


def feed(folder, name, rows, header="id\ttitle\timage_link\titem_group_id"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n", "utf-8")
    return path


def test_words_of_the_command_line(tmp_path):
    assert FeedSource.of("a.tsv") == FeedSource(Path("a.tsv"))
    assert FeedSource.of("acme=a.tsv").seller == "acme"
    assert FeedSource.of("dir=x/a.tsv").seller == "dir"
    assert FeedSource.of("some/dir=x.tsv").seller == ""  # a path with an equals sign behind a slash
    odd = tmp_path / "odd=name.tsv"
    odd.write_text("id\n")
    assert FeedSource.of(str(odd)) == FeedSource(odd)
    with pytest.raises(SettingsError, match="'=a' names no feed"):
        FeedSource.of("=a")
    with pytest.raises(SettingsError, match="'acme=' names no feed"):
        FeedSource.of("acme=")


def test_a_path_alone_is_one_feed(tmp_path):
    assert feed_sources(tmp_path / "a.tsv") == (FeedSource(tmp_path / "a.tsv"),)


def test_each_feed_has_its_seller_and_its_folder(tmp_path):
    acme = feed(tmp_path / "one", "feed.tsv", ["a1\tshirt\tx.jpg\tg", "a2\tshirt\ty.jpg\tg"])
    bolt = feed(tmp_path / "two", "feed.tsv", ["b1\tshoe\tx.jpg\tg", "\tno id\t\t"])
    read = read_feeds([FeedSource(acme, "acme"), FeedSource(bolt, "bolt")], FeedSettings())
    assert read.catalogue.column("id") == ["a1", "a2", "b1"]
    assert read.catalogue.column("seller") == ["acme", "acme", "bolt"]
    assert [(one.first, one.feed.pictures) for one in read.read] == [(0, acme.parent), (2, bolt.parent)]
    assert [one.where for one in read.refused] == [f"{bolt}, line 3"]  # two files of one name: by their paths


def test_a_seller_that_the_feed_names_stays(tmp_path):
    path = feed(tmp_path, "f.tsv", ["1\tx\towner", "2\ty\t"], "id\ttitle\tseller")
    read = read_feeds([FeedSource(path, "acme")], FeedSettings())
    assert read.catalogue.column("seller") == ["owner", "acme"]


def test_an_id_of_two_feeds_is_refused_by_name_and_kept_where_ids_are_qualified(tmp_path):
    acme, bolt = (feed(tmp_path, f"{name}.tsv", ["1\tx\t\t", f"{name}\ty\t\t"]) for name in ("acme", "bolt"))
    both = [FeedSource(acme, "acme"), FeedSource(bolt, "bolt")]
    read = read_feeds(both, FeedSettings())
    assert read.catalogue.column("id") == ["1", "acme", "bolt"]
    refusal = read.refused[0]
    assert (refusal.where, refusal.id) == ("bolt.tsv, line 2", "1")
    assert refusal.reason == "its id stands on acme.tsv, line 2 already"
    assert "--qualify-ids" in refusal.fix
    qualified = read_feeds(both, FeedSettings(qualify_ids=True))
    assert qualified.catalogue.column("id") == ["acme:1", "acme:acme", "bolt:1", "bolt:bolt"]
    assert not qualified.refused


def test_a_seller_may_have_settings_of_its_own(tmp_path):
    acme = feed(tmp_path, "acme.csv", ["1,x"], "nummer,naam")
    bolt = feed(tmp_path, "bolt.tsv", ["2\ty"], "id\ttitle")
    settings = Settings.check({"feed": {"of": {"acme": {"columns": {"id": "nummer", "title": "naam"}}}}}, "here").feed
    read = read_feeds([FeedSource(acme, "acme"), FeedSource(bolt, "bolt")], settings)
    assert read.catalogue.column("title") == ["x", "y"]
    with pytest.raises(SettingsError, match="the seller acme has no feed"):
        read_feeds([FeedSource(bolt, "bolt")], settings)


def test_a_feed_named_twice(tmp_path):
    path = feed(tmp_path, "f.tsv", ["1\tx\t\t"])
    with pytest.raises(FeedError, match="is named twice"):
        read_feeds([FeedSource(path), FeedSource(tmp_path / "." / "f.tsv", "acme")], FeedSettings())


def test_one_bad_feed_stops_all(tmp_path):
    good, bad = feed(tmp_path, "good.tsv", ["1\tx\t\t"]), feed(tmp_path, "bad.tsv", ["\tx\t\t"])
    with pytest.raises(FeedError, match=r"bad\.tsv: none of its 1 rows"):
        read_feeds([FeedSource(good), FeedSource(bad)], FeedSettings())


def rows_format(rows):
    return Format("made", "anything", lambda *_: "made", lambda *_: iter(rows), lambda path: path.parent)


def test_a_row_merged_into_a_refused_product_is_refused_too(tmp_path, monkeypatch):
    rows = [
        Product("a", "shirt", line=2),
        Merged(3, "", "a", "a further picture"),
        Product("a", "again", line=4),
        Refusal("line 5", "x", "broken", "fix it"),
        Product("b", line=6),
        Merged(7, "b2", "b", "a further picture"),
        Product("c", "last", line=8),
    ]
    monkeypatch.setitem(FORMATS, "made", rows_format(rows))
    read = read_feed(tmp_path / "any", FeedSettings(format="made", seller="acme", qualify_ids=True))
    assert read.catalogue.column("id") == ["acme:a", "acme:c"]
    assert [(one.line, one.into) for one in read.merged] == [(3, "acme:a")]
    assert [one.where for one in read.refused] == ["line 4", "line 5", "line 6", "line 7"]
    assert read.refused[-1].reason == "a further picture, of the product 'b', which was refused"
    assert read.rows == len(rows)


def test_digests_do_not_depend_on_the_feed_a_product_came_in(tmp_path):
    one = feed(tmp_path, "one.tsv", ["1\tx\t\t", "2\ty\t\t"])
    two = feed(tmp_path, "two.tsv", ["2\ty\t\t"])
    alone = read_feeds([FeedSource(two)], FeedSettings()).catalogue
    both: Catalogue = read_feeds([FeedSource(one)], FeedSettings()).catalogue
    assert alone.column("digest")[0] == both.column("digest")[1]
