from pathlib import Path

import pytest

from candidates.errors import PictureError
from intake.feeds.locate import picture_path


@pytest.fixture
def folder(tmp_path):
    """A feed's folder with two pictures, and a picture outside it."""
    feed = tmp_path / "feed"
    (feed / "images").mkdir(parents=True)
    for path in (feed / "images" / "a.jpg", feed / "b, c.jpg", tmp_path / "secret.jpg", tmp_path / "feedback.jpg"):
        path.write_bytes(b"x")
    return feed


@pytest.mark.parametrize("name", ["images/a.jpg", "./images/a.jpg", "images/../images/a.jpg", "images//a.jpg"])
def test_a_picture_in_the_folder(folder, name):
    assert picture_path(folder, name) == folder.resolve() / "images" / "a.jpg"


def test_a_name_with_a_comma(folder):
    assert picture_path(folder, "b, c.jpg").name == "b, c.jpg"


@pytest.mark.parametrize(
    "name", ["../secret.jpg", "images/../../secret.jpg", "../feedback.jpg", "..", "../feed/../secret.jpg"]
)
def test_the_way_out_by_dots(folder, name):
    with pytest.raises(PictureError, match="outside"):
        picture_path(folder, name)


@pytest.mark.parametrize("name", ["/etc/hostname", "/images/a.jpg"])
def test_an_absolute_path(folder, name):
    with pytest.raises(PictureError, match="outside"):
        picture_path(folder, name)


def test_an_absolute_path_into_the_folder_is_refused_as_well(folder):
    with pytest.raises(PictureError, match="outside"):
        picture_path(folder, str(folder / "images" / "a.jpg"))


def test_a_symbolic_link_out(folder):
    (folder / "link.jpg").symlink_to(folder.parent / "secret.jpg")
    (folder / "out").symlink_to(folder.parent)
    for name in ("link.jpg", "out/secret.jpg"):
        with pytest.raises(PictureError, match="outside"):
            picture_path(folder, name)


def test_symbolic_links_that_stay(folder, tmp_path):
    (folder / "link.jpg").symlink_to("images/a.jpg")
    assert picture_path(folder, "link.jpg").name == "a.jpg"
    (tmp_path / "shortcut").symlink_to(folder)
    assert picture_path(tmp_path / "shortcut", "images/a.jpg") == folder.resolve() / "images" / "a.jpg"


@pytest.mark.parametrize(
    "name",
    ["http://shop.example/a.jpg", "HTTPS://shop.example/a.jpg", "//cdn.example/a.jpg", "file:///etc/passwd", "data:x"],
)
def test_a_url(folder, name):
    with pytest.raises(PictureError, match="URL") as caught:
        picture_path(folder, name)
    assert caught.value.fix


@pytest.mark.parametrize("name", ["images/none.jpg", "images", "images/a.jpg/x", "", ".", "a" * 5000, "a/" * 3000])
def test_no_such_file(folder, name):
    with pytest.raises(PictureError, match="no such file") as caught:
        picture_path(folder, name)
    assert len(str(caught.value)) < 600


def test_a_loop_of_links_and_a_nul(folder):
    (folder / "loop.jpg").symlink_to("loop.jpg")
    for name in ("loop.jpg", "images/a\0.jpg"):
        with pytest.raises(PictureError):
            picture_path(folder, name)


def test_a_relative_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert picture_path(Path("."), "images/a.jpg") == folder.resolve() / "images" / "a.jpg"
    assert picture_path(Path("images"), "a.jpg") == folder.resolve() / "images" / "a.jpg"
