import pytest

from analysis import ground as grounds
from analysis.ground import ground_of, project_path, write_first_groups
from candidates.errors import FeedError
from candidates.settings import FeedSettings
from intake.feeds import read_feed


def plain(product):
    """Everything but the line on which it stands."""
    return {name: value for name, value in vars(product).items() if name != "line"}


@pytest.fixture
def read(drawn):
    return read_feed(drawn.feed, FeedSettings())


def test_the_first_groups_are_whole_and_say_all_that_they_said(read, tmp_path):
    part = read_feed(write_first_groups(read, tmp_path, 7), FeedSettings()).catalogue
    groups = read.catalogue.column("group")
    first = list(dict.fromkeys(group or row for row, group in enumerate(groups)))[:7]
    wanted = [row for row, group in enumerate(groups) if (group or row) in first]
    assert 7 <= len(wanted) < len(groups)
    assert [plain(part.product(row)) for row in range(len(part))] == [
        plain(read.catalogue.product(row)) for row in wanted
    ]


def test_their_pictures_lie_beside_them_and_others_do_not(read, tmp_path):
    feed = write_first_groups(read, tmp_path, 3)
    part = read_feed(feed, FeedSettings())
    named = {name for names in part.catalogue.table["pictures"].to_pylist() for name in names}
    copied = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")} - {"feed.jsonl"}
    assert copied
    assert copied <= named
    for name in copied:
        assert (part.pictures / name).read_bytes() == (read.pictures / name).read_bytes()


def test_a_second_time_changes_nothing(read, tmp_path):
    write_first_groups(read, tmp_path, 3)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.rglob("*.png")}
    feed = write_first_groups(read, tmp_path, 3).read_bytes()
    assert write_first_groups(read, tmp_path, 3).read_bytes() == feed
    assert before == {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.rglob("*.png")}


def test_no_picture_is_written_outside_the_folder(tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "a.png").write_bytes(b"a picture")
    feed = tmp_path / "shop" / "feed.tsv"
    rows = ["id\ttitle\timage_link", "1\tone\t../shop/a.png", "2\ttwo\tmissing.png", "3\tthree\ta.png"]
    feed.write_text("\n".join(rows) + "\n", "utf-8")
    target = tmp_path / "deep" / "part"
    write_first_groups(read_feed(feed, FeedSettings()), target, 3)
    assert {path.name for path in target.iterdir()} == {"feed.jsonl", "a.png"}
    assert {path.name for path in tmp_path.iterdir()} == {"shop", "deep"}


def test_where_the_real_feed_is_missing_a_catalogue_is_drawn_once(monkeypatch, tmp_path):
    monkeypatch.setattr(grounds, "REAL_FEED", "no/such/feed.tsv")
    monkeypatch.setattr(grounds, "DRAWN_GROUPS", 4)
    made = ground_of("no/such/feed.tsv", str(tmp_path))
    stamp = made.feed.stat().st_mtime_ns
    assert made.settings.feed.groups_are_global
    assert "drawn" in made.description
    again = ground_of("no/such/feed.tsv", str(tmp_path), first=2)
    assert made.feed.stat().st_mtime_ns == stamp
    assert again.feed != made.feed
    assert again.settings.feed.groups_are_global
    assert len(read_feed(again.feed, again.settings.feed).catalogue) < len(
        read_feed(made.feed, FeedSettings()).catalogue
    )


def test_another_feed_that_is_missing_is_an_error(tmp_path):
    with pytest.raises(FeedError, match="no such feed"):
        ground_of(str(tmp_path / "missing.tsv"), str(tmp_path))


def test_settings_of_a_file_hold_and_words_come_before_them(drawn, tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text('[image]\nmodel = "hog"\n[merge]\nn = 9\n', "utf-8")
    of_file = ground_of(str(drawn.feed), str(tmp_path), settings=str(file), sections={"image": {"model": ""}})
    assert (of_file.settings.image.model, of_file.settings.merge.n) == ("hog", 9)
    assert not of_file.settings.feed.groups_are_global
    of_words = ground_of(str(drawn.feed), str(tmp_path), settings=str(file), sections={"image": {"model": "mask"}})
    assert (of_words.settings.image.model, of_words.settings.merge.n) == ("mask", 9)


def test_relative_paths_count_from_the_projects_folder():
    assert project_path("analysis/ground.py").is_file()
    assert project_path("/somewhere/else").as_posix() == "/somewhere/else"
