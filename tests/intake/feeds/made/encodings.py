"""Text in every encoding, named or detected, whole or broken."""

from __future__ import annotations

from collections.abc import Iterator

from candidates.errors import SettingsError
from candidates.settings import FeedSettings
from tests.intake.feeds.made.feed import MadeFeed, product

CAFE = "id\ttitle\tcolor\n1\tCafé stoel\tbruin\n2\tLampe à pied\tjaune\n3\tPlain chair\tred\n"
CAFES = {
    "1": product("Café stoel", color="bruin"),
    "2": product("Lampe à pied", color="jaune"),
    "3": product("Plain chair", color="red"),
}


def _encodings() -> Iterator[MadeFeed]:
    told = {
        "utf-8": "",
        "utf-8-sig": "",
        "utf-16": "UTF-16",
        "utf-16-le": "UTF-16",
        "utf-16-be": "UTF-16",
        "utf-32": "UTF-32",
        "cp1252": "Windows-1252: 2 letters",
    }
    for encoding, said in told.items():
        content = CAFE.encode(encoding)
        yield MadeFeed(f"encoded-{encoding}.tsv", content, "google-tsv", products=CAFES, said=said)
    content = b"\xfe\xff" + CAFE.encode("utf-16-be")
    yield MadeFeed("encoded-utf-16-be-marked.tsv", content, "google-tsv", products=CAFES, said="UTF-16")
    yield MadeFeed(
        "encoded-as-named.tsv",
        "id\ttitle\n1\tÃ©tage\n".encode("cp1252"),
        "google-tsv",
        FeedSettings(encoding="cp1252"),
        {"1": product("Ã©tage")},
    )
    yield MadeFeed(
        "encoded-as-no-codec.tsv",
        CAFE.encode(),
        settings=FeedSettings(encoding="klingon"),
        error=(SettingsError, "klingon"),
    )
    yield MadeFeed(
        "encoded-as-a-codec-that-is-no-text.tsv",
        CAFE.encode(),
        settings=FeedSettings(encoding="rot13"),
        error=(SettingsError, "rot13"),
    )
    yield MadeFeed(
        "windows-1252-far-behind.tsv",
        b"id\ttitle\n" + b"".join(b"%d\tChair\n" % n for n in range(12_000)) + b"x\tStoel caf\xe9\n",
        "google-tsv",
        products={str(n): product("Chair") for n in range(12_000)} | {"x": product("Stoel café")},
        said="Windows-1252: 1 letter",
    )


def _broken_encodings() -> Iterator[MadeFeed]:
    yield MadeFeed(
        "windows-1252-undefined-bytes.tsv",
        CAFE.encode("cp1252") + b"4\tbad \x81 byte\tred\n5\tgood\tred\n",
        "google-tsv",
        products=CAFES | {"5": product("good", color="red")},
        refused=((5, "4", "bytes that are not Windows-1252"),),
    )
    yield MadeFeed(
        "utf-8-with-a-row-of-windows-1252.tsv",
        CAFE.encode()
        + "".join(f"{n}\tChaise à café, modèle {n}\t\n" for n in range(10, 40)).encode()
        # One row that another programme appended.
        + b"4\tcaf\xe9\tred\n5\tgood\tred\n",
        "google-tsv",
        products=CAFES
        | {str(n): product(f"Chaise à café, modèle {n}") for n in range(10, 40)}
        | {"5": product("good", color="red")},
        refused=((35, "4", "bytes that are not UTF-8"),),
    )
    yield MadeFeed(
        "windows-1252-named-as-utf-8.tsv",
        CAFE.encode("cp1252"),
        "google-tsv",
        FeedSettings(encoding="utf-8"),
        {"3": CAFES["3"]},
        refused=((2, "1", "bytes that are not UTF-8"), (3, "2", "bytes that are not UTF-8")),
    )
    yield MadeFeed(
        "utf-16-cut-off-within-a-letter.tsv",
        "id\ttitle\n1\tChair\n2\tTable\n3\tCut off".encode("utf-16")[:-1],
        "google-tsv",
        products={"1": product("Chair"), "2": product("Table")},
        refused=((4, "3", ""),),
    )
    yield MadeFeed(
        "utf-16-with-half-a-letter.tsv",
        "id\ttitle\n1\tChair\n2\tbad ".encode("utf-16") + b"\x00\xd8" + "\n3\tStool\n".encode("utf-16-le"),
        "google-tsv",
        products={"1": product("Chair"), "3": product("Stool")},
        refused=((3, "2", "UTF-16"),),
    )


def feeds() -> Iterator[MadeFeed]:
    """All of them."""
    yield from _encodings()
    yield from _broken_encodings()
