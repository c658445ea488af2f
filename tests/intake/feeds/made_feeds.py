"""Feeds made up by hand, well-formed and broken, in every format, each with what reading it must give.

What is expected follows from what docs/feeds.md says of a format, never from what a reader happens to do.

    python -m tests.intake.feeds.made_feeds FOLDER

writes all of them into a folder.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from candidates.errors import FeedError, SettingsError, VariantsError
from candidates.settings import FeedSettings


@dataclass(frozen=True)
class Expected:
    """What is expected of one product.

    Attributes:
        title: Its title.
        group: Its group.
        pictures: All of its pictures in order.
        attributes: All of its attributes.
        others: Some of its other fields by name.
    """

    title: str = ""
    group: str = ""
    pictures: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True)
class MadeFeed:
    """One made-up feed and what reading it must give.

    Attributes:
        name: Its file's name.
        content: Its bytes.
        format: The format that it must be recognised as; empty where reading it is an error.
        settings: How it is read.
        products: Every product by id, in feed order.
        refused: Every refused row in feed order: its line, its id (None where that may be found or not), and a
            pattern that stands in the reason.
        merged: Every row merged into a product: its line, and the product's id.
        error: Where nothing can be read: the error's class, and a pattern that stands in its message.
        said: A pattern that stands in what is said about the detection.
    """

    name: str
    content: bytes
    format: str = ""
    settings: FeedSettings = field(default_factory=FeedSettings)
    products: Mapping[str, Expected] = field(default_factory=dict)
    refused: tuple[tuple[int, str | None, str], ...] = ()
    merged: Mapping[int, str] = field(default_factory=dict)
    error: tuple[type[VariantsError], str] | None = None
    said: str = ""

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return len(self.products) + len(self.refused) + len(self.merged)


@lru_cache(maxsize=1)
def made_feeds() -> tuple[MadeFeed, ...]:
    """All of them; their names are distinct."""
    parts = (
        _google_text,
        _google_text_broken,
        _no_feeds,
        _encodings,
        _broken_encodings,
        _compressed,
        _badly_compressed,
        _google_xml,
        _google_xml_broken,
        _hostile_xml,
        _json_lines,
        _json_lines_broken,
        _parquet,
        _parquet_broken,
        _shopify,
        _shopify_broken,
        _woocommerce,
        _woocommerce_broken,
        _magento,
        _magento_store_views,
        _magento_broken,
    )
    return tuple(made for part in parts for made in part())


def write_all(folder: Path) -> list[Path]:
    """Writes every feed into a folder; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for made in made_feeds():
        paths.append(folder / made.name)
        paths[-1].write_bytes(made.content)
    return paths


def _is(
    title: str = "",
    group: str = "",
    pictures: tuple[str, ...] = (),
    others: Mapping[str, str | int] | None = None,
    **attributes: str,
) -> Expected:
    return Expected(title, group, pictures, attributes, others or {})


def _error(name: str, content: bytes, pattern: str = "", **chosen: Any) -> MadeFeed:
    return MadeFeed(name, content, error=(FeedError, pattern), settings=FeedSettings(**chosen))


def _rows(*rows: str, parted_by: str = "\t", end: str = "\n") -> bytes:
    """Rows whose cells stand with ` | ` between them, written with another delimiter and without any quoting."""
    return "".join(row.replace(" | ", parted_by) + end for row in rows).encode()


def _csv(columns: tuple[str, ...], *rows: Mapping[str, str]) -> bytes:
    """A standard CSV file; cells that are not given are empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


# Google Merchant delimited text -------------------------------------------------------------------------------------

_EVERY_COLUMN = {
    **{"id": "T1", "title": "Tee", "description": "Soft", "link": "https://a.example/t1", "image_link": "t1.jpg"},
    **{"additional_image_link": "t2.jpg,t3.jpg", "item_group_id": "TEE", "brand": "Acme", "gtin": "4006381333931"},
    **{"mpn": "MP-1", "price": "19.95 EUR", "availability": "in_stock", "product_type": "Apparel > Tops"},
    **{"google_product_category": "212", "color": "red", "size": "M", "pattern": "striped", "material": "cotton"},
    **{"gender": "female", "age_group": "adult", "size_system": "EU"},
}

_CHAIRS = {"1": _is("Chair", color="red"), "2": _is("Table", color="oak")}
_CHAIR_ROWS = ("id | title | color", "1 | Chair | red", "2 | Table | oak")


def _google_text() -> Iterator[MadeFeed]:
    blue = {"id": "T2", "title": "Tee blue", "image_link": "t4.jpg", "item_group_id": "TEE", "color": "blue"}
    mug = {"id": "M1", "title": "Mug", "google_product_category": "Home > Mugs"}
    cells = [[row.get(column, "") for column in _EVERY_COLUMN] for row in (_EVERY_COLUMN, blue, mug)]
    yield MadeFeed(
        "google-everything.tsv",
        "".join("\t".join(row) + "\n" for row in (_EVERY_COLUMN, *cells)).encode(),
        "google-tsv",
        products={
            "T1": _is(
                "Tee",
                "TEE",
                ("t1.jpg", "t2.jpg", "t3.jpg"),
                {
                    "description": "Soft",
                    "link": "https://a.example/t1",
                    "brand": "Acme",
                    "gtin": "4006381333931",
                    "mpn": "MP-1",
                    "price": "19.95 EUR",
                    "availability": "in_stock",
                    "product_type": "Apparel > Tops",
                    "line": 2,
                },
                **dict(list(_EVERY_COLUMN.items())[14:]),
            ),
            "T2": _is("Tee blue", "TEE", ("t4.jpg",), {"line": 3}, color="blue"),
            "M1": _is("Mug", others={"product_type": "Home > Mugs", "line": 4}),
        },
        said="Google",
    )
    for name, delimiter in (("comma", ","), ("semicolon", ";"), ("pipe", "|")):
        content = _rows(*_CHAIR_ROWS, parted_by=delimiter)
        yield MadeFeed(f"google-{name}.csv", content, "google-tsv", products=_CHAIRS)
    yield MadeFeed(
        "google-semicolon-with-commas.csv",
        b'id;title;description;price\n1;Chair;wide, soft, warm;"19,95"\n2;"Table; round";oak, old;5,00\n',
        "google-tsv",
        products={
            "1": _is("Chair", others={"description": "wide, soft, warm", "price": "19,95"}),
            "2": _is("Table; round", others={"description": "oak, old", "price": "5,00"}),
        },
    )
    yield MadeFeed(
        "google-our-own-names.tsv",
        _rows("id | title | pictures | group | seller", "1 | Chair | a.jpg | G | Shop", "2 | Stool | b.jpg | G | Shop"),
        "google-tsv",
        products={
            "1": _is("Chair", "G", ("a.jpg",), {"seller": "Shop"}),
            "2": _is("Stool", "G", ("b.jpg",), {"seller": "Shop"}),
        },
    )
    yield MadeFeed(
        "google-spelt-names.tsv",
        _rows("g:id | Title | Image Link | g:item_group_id", "1 | Chair | a.jpg | G"),
        "google-tsv",
        products={"1": _is("Chair", "G", ("a.jpg",))},
    )
    yield from _google_text_named()
    yield from _google_text_lines()


def _google_text_named() -> Iterator[MadeFeed]:
    dutch = _rows("nummer | naam | foto | kleur", "7 | Stoel | a.jpg | rood", "8 | Tafel | b.jpg | eik")
    names = {"id": "nummer", "title": "naam", "pictures": "foto", "color": "kleur"}
    yield MadeFeed(
        "dutch-names-mapped.tsv",
        dutch,
        "google-tsv",
        FeedSettings(columns=names),
        {
            "7": _is("Stoel", pictures=("a.jpg",), color="rood"),
            "8": _is("Tafel", pictures=("b.jpg",), color="eik"),
        },
    )
    yield _error("dutch-names-not-mapped.tsv", dutch, "nummer, naam, foto, kleur.*--map")
    yield _error("dutch-names-mistyped-map.tsv", dutch, r"\bnam\b", columns={"id": "nummer", "title": "nam"})
    yield MadeFeed(
        "google-named-format.tsv",
        _rows(*_CHAIR_ROWS),
        "google-tsv",
        FeedSettings(format="google-tsv"),
        _CHAIRS,
        said="named in the settings",
    )
    yield _error("google-named-as-another.tsv", _rows(*_CHAIR_ROWS), "Magento", format="magento")
    yield MadeFeed(
        "google-named-as-no-format.tsv",
        _rows(*_CHAIR_ROWS),
        settings=FeedSettings(format="xlsx"),
        error=(SettingsError, "xlsx.*google-tsv"),
    )
    sold = _rows("id | title | winkel", "1 | Chair | North", "2 | Chair | South", "3 | Stool | ")
    yield MadeFeed(
        "google-seller-column.tsv",
        sold,
        "google-tsv",
        FeedSettings(seller_column="winkel", seller="East"),
        {
            "1": _is("Chair", others={"seller": "North"}),
            "2": _is("Chair", others={"seller": "South"}),
            "3": _is("Stool", others={"seller": "East"}),
        },
    )
    yield _error("google-seller-column-lacking.tsv", _rows(*_CHAIR_ROWS), "shop", seller_column="shop")
    yield MadeFeed(
        "google-ids-of-a-seller.tsv",
        _rows(*_CHAIR_ROWS),
        "google-tsv",
        FeedSettings(seller="Shop", qualify_ids=True),
        {f"Shop:{name}": one for name, one in _CHAIRS.items()},
    )


def _google_text_lines() -> Iterator[MadeFeed]:
    yield MadeFeed(
        "quotes-of-every-kind.tsv",
        b'id\ttitle\tdescription\n1\t5" heel\tplain\n2\t"The ""best"" chair"\t"two\nlines"\n3\t"Tabs\tin it"\tx\n',
        "google-tsv",
        products={
            "1": _is('5" heel', others={"line": 2}),
            "2": _is('The "best" chair', others={"description": "two\nlines", "line": 3}),
            "3": _is("Tabs\tin it", others={"line": 5}),
        },
    )
    yield MadeFeed("lines-of-windows.tsv", _rows(*_CHAIR_ROWS, end="\r\n"), "google-tsv", products=_CHAIRS)
    yield MadeFeed("lines-of-old-macs.tsv", _rows(*_CHAIR_ROWS, end="\r"), "google-tsv", products=_CHAIRS)
    yield MadeFeed("no-last-line-end.tsv", _rows(*_CHAIR_ROWS)[:-1], "google-tsv", products=_CHAIRS)
    yield MadeFeed(
        "blank-lines-and-empty-columns.tsv",
        b"id\t title \tcolor\t\t\n\n1\tChair\tred\t\t\n \t \t\n\n2\tTable\toak\t\t\n\n",
        "google-tsv",
        products={
            "1": _is("Chair", color="red", others={"line": 3}),
            "2": _is("Table", color="oak", others={"line": 6}),
        },
    )
    yield MadeFeed(
        "pictures-that-leave-the-folder.tsv",
        _rows(
            "id | title | image_link | additional_image_link",
            "1 | Up | ../outside.jpg | a/../../outside.jpg",
            "2 | Absolute | /etc/passwd | file:///etc/passwd",
            "3 | Link | link.jpg | linked/outside.jpg",
            "4 | Inside | inside.jpg | a/../inside.jpg",
        ),
        "google-tsv",
        products={
            "1": _is("Up", pictures=("../outside.jpg", "a/../../outside.jpg")),
            "2": _is("Absolute", pictures=("/etc/passwd", "file:///etc/passwd")),
            "3": _is("Link", pictures=("link.jpg", "linked/outside.jpg")),
            "4": _is("Inside", pictures=("inside.jpg", "a/../inside.jpg")),
        },
    )


def _google_text_broken() -> Iterator[MadeFeed]:
    yield MadeFeed(
        "bad-rows.tsv",
        "id\ttitle\timage_link\n"
        "1\tgood\ta.jpg\n"
        "\tno id\ta.jpg\n"
        "1\ttwice\ta.jpg\n"
        "2\t\t\n"
        "3\ttoo\tmany\tfields\n"
        "4\ttoo few\n"
        "5\x07\tbell\t\n"
        f"{'x' * 201}\tlong\t\n"
        "6\u20286\tline separator\t\n"
        "7\t\tonly-a-picture.jpg\n".encode(),
        "google-tsv",
        products={"1": _is("good", pictures=("a.jpg",)), "7": _is(pictures=("only-a-picture.jpg",))},
        refused=(
            (3, "", "no id"),
            (4, "1", "its id stands on line 2 already"),
            (5, "2", "neither a title nor a picture"),
            (6, "3", "4 fields where the header has 3"),
            (7, "4", "2 fields where the header has 3"),
            (8, "5\ufffd", "control characters in the id"),
            (9, "x" * 200, "an id of 201 letters"),
            (10, "6\ufffd6", "control characters in the id"),
        ),
    )
    yield MadeFeed(
        "cut-off-within-a-row.tsv",
        _rows("id | title | color", "1 | Chair | red", "2 | Ta", end="\n")[:-1],
        "google-tsv",
        products={"1": _CHAIRS["1"]},
        refused=((3, "2", "2 fields where the header has 3"),),
    )
    yield MadeFeed(
        "cut-off-within-a-quote.csv",
        b'id,title,color\n1,Chair,red\n2,"A table, round, wide and wi',
        "google-tsv",
        products={"1": _CHAIRS["1"]},
        refused=((3, None, ""),),
    )
    yield MadeFeed(
        "quote-that-never-closes.tsv",
        b'id\ttitle\tcolor\n1\t"Chair\tred\n2\tTable\toak\n3\tStool\tred\n',
        "google-tsv",
        products={"1": _is('"Chair', color="red"), "2": _CHAIRS["2"], "3": _is("Stool", color="red")},
    )
    yield MadeFeed(
        "zeros-among-the-letters.tsv",
        b"id\ttitle\tcolor\n1\tCh\0air\tred\n2\0\tTable\toak\n3\tStool\tred\n",
        "google-tsv",
        products={"1": _CHAIRS["1"], "3": _is("Stool", color="red")},
        refused=((3, "2\ufffd", "control characters in the id"),),
    )
    yield _error("nothing-usable.tsv", _rows("id | title", "1 | ", "2 | "), "none of its 2 rows can be used.*line 2")


def _no_feeds() -> Iterator[MadeFeed]:
    yield _error("empty.tsv", b"", "empty")
    yield _error("blank.tsv", b"\n \n\t\n\n")
    yield _error("byte-order-mark-alone.tsv", b"\xef\xbb\xbf", "empty")
    yield _error("names-of-nothing-but-space.tsv", "\xa0\t\u2003\n1\tChair\n".encode())
    yield _error("header-alone.tsv", _rows("id | title"), "none of its 0 rows can be used")
    page = b"<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head>\n<body><h1>Sorry</h1></body></html>\n"
    yield _error("error-page.html", page)
    yield _error("error-page.tsv", page.removeprefix(b"<!DOCTYPE html>\n"))
    yield _error("error-answer.json", b'{"error": {"code": 401, "message": "no such token"}}\n')
    yield _error("spreadsheet.xlsx", _spreadsheet(), r"spreadsheet|xl/workbook\.xml")
    yield _error("picture.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(range(256)) * 3)
    yield _error("zeros.bin", bytes(5000))


def _spreadsheet() -> bytes:
    return _zipped(
        {
            "[Content_Types].xml": b"<Types/>",
            "_rels/.rels": b"<Relationships/>",
            "xl/workbook.xml": b"<workbook/>",
            "xl/worksheets/sheet1.xml": b"<worksheet/>",
        }
    )


def _zipped(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


# Encodings and compression ------------------------------------------------------------------------------------------

_CAFE = "id\ttitle\tcolor\n1\tCafé stoel\tbruin\n2\tLampe à pied\tjaune\n3\tPlain chair\tred\n"
_CAFES = {
    "1": _is("Café stoel", color="bruin"),
    "2": _is("Lampe à pied", color="jaune"),
    "3": _is("Plain chair", color="red"),
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
        content = _CAFE.encode(encoding)
        yield MadeFeed(f"encoded-{encoding}.tsv", content, "google-tsv", products=_CAFES, said=said)
    content = b"\xfe\xff" + _CAFE.encode("utf-16-be")
    yield MadeFeed("encoded-utf-16-be-marked.tsv", content, "google-tsv", products=_CAFES, said="UTF-16")
    yield MadeFeed(
        "encoded-as-named.tsv",
        "id\ttitle\n1\tÃ©tage\n".encode("cp1252"),
        "google-tsv",
        FeedSettings(encoding="cp1252"),
        {"1": _is("Ã©tage")},
    )
    yield MadeFeed(
        "encoded-as-no-codec.tsv",
        _CAFE.encode(),
        settings=FeedSettings(encoding="klingon"),
        error=(SettingsError, "klingon"),
    )
    yield MadeFeed(
        "encoded-as-a-codec-that-is-no-text.tsv",
        _CAFE.encode(),
        settings=FeedSettings(encoding="rot13"),
        error=(SettingsError, "rot13"),
    )
    yield MadeFeed(
        "windows-1252-far-behind.tsv",
        b"id\ttitle\n" + b"".join(b"%d\tChair\n" % n for n in range(12_000)) + b"x\tStoel caf\xe9\n",
        "google-tsv",
        products={str(n): _is("Chair") for n in range(12_000)} | {"x": _is("Stoel café")},
        said="Windows-1252: 1 letter",
    )


def _broken_encodings() -> Iterator[MadeFeed]:
    yield MadeFeed(
        "windows-1252-undefined-bytes.tsv",
        _CAFE.encode("cp1252") + b"4\tbad \x81 byte\tred\n5\tgood\tred\n",
        "google-tsv",
        products=_CAFES | {"5": _is("good", color="red")},
        refused=((5, "4", "bytes that are not Windows-1252"),),
    )
    yield MadeFeed(
        "utf-8-with-a-row-of-windows-1252.tsv",
        _CAFE.encode()
        + "".join(f"{n}\tChaise à café, modèle {n}\t\n" for n in range(10, 40)).encode()
        # One row that another programme appended.
        + b"4\tcaf\xe9\tred\n5\tgood\tred\n",
        "google-tsv",
        products=_CAFES
        | {str(n): _is(f"Chaise à café, modèle {n}") for n in range(10, 40)}
        | {"5": _is("good", color="red")},
        refused=((35, "4", "bytes that are not UTF-8"),),
    )
    yield MadeFeed(
        "windows-1252-named-as-utf-8.tsv",
        _CAFE.encode("cp1252"),
        "google-tsv",
        FeedSettings(encoding="utf-8"),
        {"3": _CAFES["3"]},
        refused=((2, "1", "bytes that are not UTF-8"), (3, "2", "bytes that are not UTF-8")),
    )
    yield MadeFeed(
        "utf-16-cut-off-within-a-letter.tsv",
        "id\ttitle\n1\tChair\n2\tTable\n3\tCut off".encode("utf-16")[:-1],
        "google-tsv",
        products={"1": _is("Chair"), "2": _is("Table")},
        refused=((4, "3", ""),),
    )
    yield MadeFeed(
        "utf-16-with-half-a-letter.tsv",
        "id\ttitle\n1\tChair\n2\tbad ".encode("utf-16") + b"\x00\xd8" + "\n3\tStool\n".encode("utf-16-le"),
        "google-tsv",
        products={"1": _is("Chair"), "3": _is("Stool")},
        refused=((3, "2", "UTF-16"),),
    )


def _compressed() -> Iterator[MadeFeed]:
    plain = _CAFE.encode()
    packed = {
        "gzip": gzip.compress(plain, mtime=0),
        "bzip2": bz2.compress(plain),
        "xz": lzma.compress(plain),
        "zip": _zipped({"feed.tsv": plain}),
        "zstd": _zstandard(plain),
    }
    for name, content in packed.items():
        yield MadeFeed(f"packed-{name}.tsv", content, "google-tsv", products=_CAFES, said=name)
    yield MadeFeed(
        "packed-gzip-of-windows-1252.tsv.gz",
        gzip.compress(_CAFE.encode("cp1252"), mtime=0),
        "google-tsv",
        products=_CAFES,
        said="gzip.*Windows-1252: 2 letters|Windows-1252: 2 letters.*gzip",
    )
    yield MadeFeed(
        "packed-gzip-in-two-parts.gz",
        gzip.compress(plain[:30]) + gzip.compress(plain[30:]),
        "google-tsv",
        products=_CAFES,
        said="gzip",
    )
    hidden = {
        "__MACOSX/._feed.tsv": b"\0\5\x16\7",
        ".DS_Store": b"\0\0\0\1Bud1",
        "folder/": b"",
        "folder/feed.tsv": plain,
    }
    yield MadeFeed("packed-zip-of-a-mac.zip", _zipped(hidden), "google-tsv", products=_CAFES, said="zip")
    # Nothing is ever unpacked under a name out of a zip, so that it does not matter where the name leads.
    for name, inside in (("dot", "./feed.tsv"), ("leaving", "../../../etc/feed.tsv"), ("absolute", "/etc/feed.tsv")):
        content = _zipped({inside: plain})
        yield MadeFeed(f"packed-zip-{name}-name.zip", content, "google-tsv", products=_CAFES, said="zip")
    yield MadeFeed(
        "packed-zstd-lines.jsonl.zst",
        _zstandard(b'{"id": 1, "title": "Chair"}\n{"id": 2, "title": "Table"}\n'),
        "jsonl",
        products={"1": _is("Chair"), "2": _is("Table")},
        said="zstd",
    )
    yield MadeFeed(
        "packed-bzip2-of-utf-16.bz2",
        bz2.compress(_CAFE.encode("utf-16")),
        "google-tsv",
        products=_CAFES,
        said="UTF-16",
    )


def _zstandard(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as file:
        file.write(content)
    return sink.getvalue().to_pybytes()


def _badly_compressed() -> Iterator[MadeFeed]:
    plain = b"id\ttitle\n" + b"".join(b"%d\tChair %x\n" % (n, n * 2654435761 % 2**32) for n in range(2000))
    whole = {
        "gzip": gzip.compress(plain, mtime=0),
        "bzip2": bz2.compress(plain),
        "xz": lzma.compress(plain),
        "zstd": _zstandard(plain),
    }
    for name, content in whole.items():
        yield _error(f"cut-off-{name}.tsv", content[: len(content) // 2], name)
    yield _error("cut-off-zip.tsv", _zipped({"feed.tsv": plain})[:-40])
    spoilt = bytearray(whole["gzip"])
    spoilt[len(spoilt) // 2] ^= 0xFF
    yield _error("spoilt-gzip.tsv", bytes(spoilt), "gzip")
    yield _error("two-files.zip", _zipped({"north.tsv": plain, "south.tsv": plain}), r"north\.tsv.*south\.tsv")
    yield _error("no-file.zip", _zipped({}))
    yield _error("locked.zip", _locked(_zipped({"feed.tsv": plain})), "feed|zip|password|encrypted")
    yield _error("gzip-of-nothing.tsv", gzip.compress(b"", mtime=0), "empty")
    # Members of a megabyte each unpack to one file of 70: quickly made, and told by what comes out alone.
    head, zeros = b"id\ttitle\n1\tChair\n", bytes(2**20)
    swollen = {
        "bomb.tsv.gz": gzip.compress(head, mtime=0) + gzip.compress(zeros, mtime=0) * 70,
        "bomb.tsv.xz": lzma.compress(head) + lzma.compress(zeros) * 70,
        "bomb.tsv.bz2": bz2.compress(head) + bz2.compress(zeros) * 70,
        "bomb.tsv.zst": _zstandard(head + zeros * 70),
        "bomb.zip": _zipped({"feed.tsv": head + zeros * 70}),
    }
    for name, content in swollen.items():
        yield _error(name, content, "unpacks to more than")


def _locked(archive: bytes) -> bytes:
    """A zip archive that says of its one file that a password protects it."""
    spoilt = bytearray(archive)
    spoilt[6] |= 1
    spoilt[archive.index(b"PK\x01\x02") + 8] |= 1
    return bytes(spoilt)


# Google Merchant XML ------------------------------------------------------------------------------------------------

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
_GOOGLE = 'xmlns:g="http://base.google.com/ns/1.0"'


def _rss(*items: str, head: str = _HEAD, names: str = _GOOGLE, encoding: str = "utf-8") -> bytes:
    """An RSS feed; the first item begins on line 3."""
    start = f'{head}\n<rss version="2.0" {names}><channel><title>Shop</title><link>https://a.example</link>'
    return "\n".join([start, *items, "</channel></rss>\n"]).encode(encoding)


def _item(identifier: str, title: str) -> str:
    return f"<item><g:id>{identifier}</g:id><g:title>{title}</g:title></item>"


_XML_CHAIRS = (_item("1", "Chair"), _item("2", "Table"))
_PLAIN_CHAIRS = {"1": _is("Chair", others={"line": 3}), "2": _is("Table", others={"line": 4})}

_FULL_ITEM = """<item>
<g:id> T1 </g:id><title>For people</title><g:title>Tee</g:title>
<link>https://a.example/t1</link><g:image_link>t1.jpg</g:image_link>
<g:additional_image_link>t2.jpg</g:additional_image_link>
<g:additional_image_link> t3.jpg </g:additional_image_link>
<g:description>&lt;p&gt;Soft &amp;amp; warm&lt;/p&gt;&lt;ul&gt;&lt;li&gt;light&lt;/li&gt;&lt;/ul&gt;</g:description>
<description>the plain one</description>
<g:shipping><g:country>NL</g:country><g:price>3.00 EUR</g:price></g:shipping>
<g:price>19.95 EUR</g:price><g:item_group_id>TEE</g:item_group_id><g:brand>Acme</g:brand>
<g:product_type>Apparel &gt; Tops</g:product_type><g:product_type>Sale</g:product_type>
<g:google_product_category>212</g:google_product_category>
<g:gtin>4006381333931</g:gtin><g:mpn>MP-1</g:mpn><g:availability>in_stock</g:availability>
<g:color>red</g:color><g:size>M</g:size><g:pattern>striped</g:pattern><g:material>cotton</g:material>
<g:gender>female</g:gender><g:age_group>adult</g:age_group><g:size_system>EU</g:size_system>
</item>"""


def _google_xml() -> Iterator[MadeFeed]:
    yield MadeFeed(
        "rss-everything.xml",
        _rss(_FULL_ITEM, "<item><g:id>T2</g:id><g:title>Tee</g:title><g:item_group_id>TEE</g:item_group_id></item>"),
        "google-xml",
        products={
            "T1": _is(
                "Tee",
                "TEE",
                ("t1.jpg", "t2.jpg", "t3.jpg"),
                {
                    "description": "Soft & warm light",
                    "link": "https://a.example/t1",
                    "brand": "Acme",
                    "gtin": "4006381333931",
                    "mpn": "MP-1",
                    "price": "19.95 EUR",
                    "availability": "in_stock",
                    "product_type": "Apparel > Tops",
                    "line": 3,
                },
                color="red",
                size="M",
                pattern="striped",
                material="cotton",
                gender="female",
                age_group="adult",
                size_system="EU",
            ),
            "T2": _is("Tee", "TEE", others={"line": 18}),
        },
    )
    atom = f"""{_HEAD}
<feed xmlns="http://www.w3.org/2005/Atom" {_GOOGLE}>
<title>Shop</title><link rel="self" href="https://a.example/feed"/><id>https://a.example</id>
<entry><g:id>1</g:id><title>Chair</title><link href="https://a.example/1"/><id>tag:a.example,2026:1</id>
<g:image_link>a.jpg</g:image_link><g:google_product_category>Furniture</g:google_product_category></entry>
<entry><title type="text">Table</title><id>tag:a.example,2026:2</id></entry>
</feed>"""
    yield MadeFeed(
        "atom.xml",
        atom.encode(),
        "google-xml",
        products={
            "1": _is("Chair", "", ("a.jpg",), {"link": "https://a.example/1", "product_type": "Furniture", "line": 4}),
            "tag:a.example,2026:2": _is("Table", others={"line": 6}),
        },
    )
    yield MadeFeed(
        "rss-another-prefix.xml",
        _rss(*_XML_CHAIRS, names='xmlns:goo="http://base.google.com/ns/1.0"')
        .replace(b"g:id", b"goo:id")
        .replace(b"g:title", b"goo:title"),
        "google-xml",
        products=_PLAIN_CHAIRS,
    )
    yield MadeFeed(
        "rss-plain-elements.xml",
        _rss("<item><id>1</id><title>Chair</title><image_link>a.jpg</image_link></item>", names=""),
        "google-xml",
        products={"1": _is("Chair", pictures=("a.jpg",))},
    )
    yield MadeFeed(
        "rss-look-alikes.xml",
        _rss(
            "<!-- <item><g:id>0</g:id><g:title>Left out</g:title></item> -->",
            "<item><g:id>1</g:id><g:title><![CDATA[Chair </item> & <item>]]></g:title></item>",
            '<item note="a > b"><g:id>2</g:id><!-- </item> --><g:title>Table</g:title></item >',
            "<item><g:id>3</g:id><g:title>Stool</g:title>",
            "<g:description><![CDATA[<!DOCTYPE html><b>Oak</b>]]></g:description></item>",
        ),
        "google-xml",
        products={
            "1": _is("Chair </item> & <item>", others={"line": 4}),
            "2": _is("Table", others={"line": 5}),
            "3": _is("Stool", others={"line": 6, "description": "Oak"}),
        },
    )
    yield from _google_xml_encoded()
    own = "<item><nummer>7</nummer><naam>Stoel</naam><foto>a.jpg</foto><winkel>North</winkel></item>"
    yield MadeFeed(
        "rss-own-names-mapped.xml",
        _rss(own),
        "google-xml",
        FeedSettings(columns={"id": "nummer", "title": "naam", "pictures": "foto"}, seller_column="winkel"),
        {"7": _is("Stoel", pictures=("a.jpg",), others={"seller": "North"})},
    )


def _google_xml_encoded() -> Iterator[MadeFeed]:
    cafe = _item("1", "Café")
    one = {"1": _is("Café", others={"line": 3})}
    for name, declared, encoding, said in (
        ("utf-16", "UTF-16", "utf-16", "UTF-16"),
        ("windows-1252", "windows-1252", "cp1252", "Windows-1252"),
        ("latin-1", "ISO-8859-1", "cp1252", "Windows-1252"),
        ("another-than-declared", "UTF-8", "cp1252", "Windows-1252"),
        ("marked", "utf-8", "utf-8-sig", ""),
    ):
        content = _rss(cafe, head=f'<?xml version="1.0" encoding="{declared}"?>', encoding=encoding)
        yield MadeFeed(f"rss-{name}.xml", content, "google-xml", products=one, said=said)
    yield MadeFeed("rss-gzip.xml.gz", gzip.compress(_rss(*_XML_CHAIRS), mtime=0), "google-xml", products=_PLAIN_CHAIRS)


def _google_xml_broken() -> Iterator[MadeFeed]:
    yield MadeFeed(
        "rss-broken-items.xml",
        _rss(
            _item("1", "Chair"),
            _item("2", "Five < six"),
            "<item><g:id>3</g:id><g:title>Crossed</g:id></g:title></item>",
            _item("4", "Table"),
            _item("5", "Zero &#0;"),
            "<item><g:id>6</g:id><g:title note=x>An attribute without quotes</g:title></item>",
            "<item><g:id>7</g:id><x:title>no such prefix</x:title></item>",
            _item("8", "Stool"),
        ),
        "google-xml",
        products={"1": _is("Chair"), "4": _is("Table"), "8": _is("Stool", others={"line": 10})},
        refused=tuple((line, None, "not well-formed XML") for line in (4, 5, 7, 8, 9)),
    )
    # The two faults that leave no doubt are fixed.
    yield MadeFeed(
        "rss-ampersands.xml",
        _rss(
            _item("1", "Salt & pepper"),
            _item("2", "Caf&eacute;&nbsp;chair"),
            "<item><g:id>3</g:id><g:title>Cups</g:title><g:link>https://a.example/?a=1&b=2</g:link></item>",
            _item("4", "R&amp;D &lt;&#233;&gt;"),
        ),
        "google-xml",
        products={
            "1": _is("Salt & pepper"),
            "2": _is("Café\xa0chair"),
            "3": _is("Cups", others={"link": "https://a.example/?a=1&b=2"}),
            "4": _is("R&D <é>"),
        },
    )
    yield MadeFeed(
        "rss-bad-ids.xml",
        _rss(
            _item("1", "Chair"),
            "<item/>",
            "<item><g:title>No id</g:title></item>",
            _item("1", "Twice"),
            _item("a&#9;b", "Tab"),
            "<item><g:id>5</g:id></item>",
            _item("y" * 201, "Long"),
        ),
        "google-xml",
        products={"1": _is("Chair")},
        refused=(
            (4, "", "no id"),
            (5, "", "no id"),
            (6, "1", "its id stands on line 3 already"),
            (7, "a\ufffdb", "control characters in the id"),
            (8, "5", "neither a title nor a picture"),
            (9, "y" * 200, "an id of 201 letters"),
        ),
    )
    cut = _rss(*_XML_CHAIRS, _item("3", "Cut off"))
    yield MadeFeed(
        "rss-cut-off-within-an-item.xml",
        cut[: cut.index(b"ut off")],
        "google-xml",
        products=_PLAIN_CHAIRS,
        refused=((5, None, ""),),
    )
    yield MadeFeed(
        "rss-cut-off-within-a-tag.xml",
        cut[: cut.index(b"tle>Cut")],
        "google-xml",
        products=_PLAIN_CHAIRS,
        refused=((5, None, ""),),
    )
    yield MadeFeed(
        "rss-endless-item.xml",
        _rss(_item("1", "Chair"), _item("2", "x" * (4 * 2**20 + 100)), _item("3", "Table")),
        "google-xml",
        products={"1": _is("Chair"), "3": _is("Table", others={"line": 5})},
        refused=((4, None, "MiB|long|larg|more than|bytes|letters"),),
    )
    bad = _rss(_item("1", "Chair"), _item("2", "XX"), _item("3", "Table é è à")).replace(b"XX", b"caf\xe9")
    yield MadeFeed(
        "rss-item-of-windows-1252.xml",
        bad + "<!-- é è à -->".encode() * 20,
        "google-xml",
        products={"1": _is("Chair"), "3": _is("Table é è à", others={"line": 5})},
        refused=((4, None, "UTF-8|not well-formed"),),
    )
    yield _error("rss-without-items.xml", _rss(), "none of its 0 rows can be used")
    yield _error("sitemap.xml", b'<?xml version="1.0"?><urlset><url><loc>https://a.example</loc></url></urlset>\n')
    yield _error("rss-map-that-it-lacks.xml", _rss(*_XML_CHAIRS), "naam", columns={"title": "naam"})


def _hostile_xml() -> Iterator[MadeFeed]:
    said = "document type declaration"
    read = '<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    item = _item("1", "&x;")
    yield _error("xxe.xml", _rss(item, head=f"{_HEAD}\n{read}"), said)
    yield _error("xxe-without-a-head.xml", _rss(item, head=read), said)
    yield _error("xxe-utf-16.xml", _rss(item, head=f'<?xml version="1.0"?>{read}', encoding="utf-16"), said)
    yield _error("xxe-gzip.xml", gzip.compress(_rss(item, head=f"{_HEAD}{read}"), mtime=0), said)
    yield _error("xxe-named-format.xml", _rss(item, head=f"{_HEAD}{read}"), said, format="google-xml")
    swell = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    laughs = f'{_HEAD}<!DOCTYPE rss [<!ENTITY l0 "ha">{swell}]>'
    yield _error("billion-laughs.xml", _rss(_item("1", "&l9;"), head=laughs), said)
    remote = f'{_HEAD}<!DOCTYPE rss SYSTEM "http://127.0.0.1:9/feed.dtd">'
    yield _error("remote-declaration.xml", _rss(*_XML_CHAIRS, head=remote), said)
    hidden = f"{_HEAD}<!-- {'x' * 100_000} -->{read}"
    yield _error("xxe-behind-a-long-comment.xml", _rss(item, head=hidden), said)


# JSON Lines ---------------------------------------------------------------------------------------------------------


def _json(*rows: object) -> bytes:
    """Each row as a line; strings and bytes stand as they are."""
    lines = [row if isinstance(row, bytes) else json.dumps(row, ensure_ascii=False).encode() for row in rows]
    return b"".join(line + b"\n" for line in lines)


def _json_lines() -> Iterator[MadeFeed]:
    everything = {
        **{"id": "T1", "title": " Tee ", "description": "Soft", "seller": "Shop", "brand": "Acme"},
        **{"product_type": "Apparel > Tops", "price": "19.95 EUR", "link": "https://a.example/t1"},
        **{"availability": "in_stock", "gtin": "4006381333931", "mpn": "MP-1", "group": "TEE"},
        "pictures": ["t1.jpg", "t2.jpg"],
        "attributes": {"color": "red", "fit": "slim", "size": None},
        "unknown": "left out",
    }
    yield MadeFeed(
        "lines-everything.jsonl",
        _json(
            everything,
            {"id": "T2", "title": "Té", "pictures": "t3.jpg", "group": None},
            b"",
            b"  ",
            {"id": "T3", "title": "Cap"},
        ),
        "jsonl",
        products={
            "T1": _is(
                "Tee",
                "TEE",
                ("t1.jpg", "t2.jpg"),
                {
                    **{"description": "Soft", "seller": "Shop", "brand": "Acme", "product_type": "Apparel > Tops"},
                    **{"price": "19.95 EUR", "link": "https://a.example/t1", "availability": "in_stock"},
                    **{"gtin": "4006381333931", "mpn": "MP-1", "line": 1},
                },
                color="red",
                fit="slim",
            ),
            "T2": _is("Té", pictures=("t3.jpg",), others={"line": 2}),
            "T3": _is("Cap", others={"line": 5}),
        },
    )
    yield MadeFeed(
        "lines-googles-names.jsonl",
        _json(
            {
                **{"id": "1", "title": "Chair", "image_link": "a.jpg", "item_group_id": "G", "color": "red"},
                "additional_image_link": ["b.jpg", "c.jpg"],
            },
            {"id": "2", "title": "Chair", "image_link": "d.jpg", "additional_image_link": "e.jpg,f.jpg", "size": "M"},
        ),
        "jsonl",
        products={
            "1": _is("Chair", "G", ("a.jpg", "b.jpg", "c.jpg"), color="red"),
            "2": _is("Chair", "", ("d.jpg", "e.jpg", "f.jpg"), size="M"),
        },
    )
    yield MadeFeed(
        "lines-numbers.jsonl",
        _json(
            b'{"id": 7, "title": "Seven", "price": 1.50, "gtin": 4006381333931}',
            b'{"id": 12345678901234567890123, "title": 1e3, "price": -0.10, "availability": true, "mpn": false}',
            b'{"id": "8", "title": "Eight", "price": 1e400, "attributes": {"size": 42, "new": true}}',
        ),
        "jsonl",
        products={
            "7": _is("Seven", others={"price": "1.50", "gtin": "4006381333931"}),
            "12345678901234567890123": _is("1e3", others={"price": "-0.10", "availability": "true", "mpn": "false"}),
            "8": _is("Eight", others={"price": "1e400"}, size="42", new="true"),
        },
    )
    yield MadeFeed(
        "lines-own-names-mapped.jsonl",
        _json({"nr": 1, "naam": "Stoel", "winkel": "North"}, {"nr": 2, "naam": "Tafel"}),
        "jsonl",
        FeedSettings(columns={"id": "nr", "title": "naam"}, seller_column="winkel", seller="East"),
        {"1": _is("Stoel", others={"seller": "North"}), "2": _is("Tafel", others={"seller": "East"})},
    )
    for encoding in ("utf-8-sig", "utf-16", "cp1252"):
        yield MadeFeed(
            f"lines-{encoding}.jsonl",
            _json({"id": "1", "title": "Café"}, {"id": "2", "title": "Bar"}).decode().encode(encoding),
            "jsonl",
            products={"1": _is("Café"), "2": _is("Bar", others={"line": 2})},
        )


def _json_lines_broken() -> Iterator[MadeFeed]:
    good, last = {"id": "1", "title": "Chair"}, {"id": "99", "title": "Table"}
    deep = b'{"id": "9", "title": "Deep", "attributes": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}"
    yield MadeFeed(
        "lines-broken.jsonl",
        _json(
            good,
            b"no JSON at all",
            b"[1, 2]",
            b'"a text"',
            {"id": "5", "title": {"en": "Chair"}},
            {"id": "6", "title": "Pictures", "pictures": [{"src": "a.jpg"}]},
            {"id": "7", "title": "Attributes", "attributes": ["red"]},
            b'{"id": "8", "title": "NaN", "price": NaN}',
            deep,
            b"[" * 100_000,
            {"title": "No id"},
            {"id": None, "title": "Null"},
            {"id": "1", "title": "Twice"},
            {"id": "14"},
            {"id": "1\u00005", "title": "Zero"},
            b'{"id": "16", "title": "half a letter \\ud83d"}',
            b'{"id": ' + b"9" * 5000 + b', "title": "A long number"}',
            b'{"id": "18", "title": "A long price", "price": ' + b"9" * 5000 + b"}",
            b'{"id": "19", "title": "two"} {"id": "20", "title": "objects"}',
            last,
        ),
        "jsonl",
        products={
            "1": _is("Chair"),
            "18": _is("A long price", others={"price": "9" * 5000}),
            "99": _is("Table", others={"line": 20}),
        },
        refused=(
            (2, "", "JSON"),
            (3, "", "JSON|object"),
            (4, "", "JSON|object"),
            (5, None, "title"),
            (6, None, "pictures"),
            (7, None, "attributes"),
            (8, None, "NaN|JSON"),
            (9, None, ""),
            (10, None, ""),
            (11, "", "no id"),
            (12, "", "no id"),
            (13, "1", "its id stands on line 1 already"),
            (14, "14", "neither a title nor a picture"),
            (15, "1\ufffd5", "control characters in the id"),
            (16, None, ""),
            (17, "9" * 200, "an id of 5,000 letters"),
            (19, None, "JSON"),
        ),
    )
    yield MadeFeed(
        "lines-cut-off.jsonl",
        _json(good, {"id": "2", "title": "Cut off"})[:-10],
        "jsonl",
        products={"1": _is("Chair")},
        refused=((2, None, "JSON"),),
    )
    yield MadeFeed(
        "lines-with-bytes-of-another-encoding.jsonl",
        _json(*[{"id": str(n), "title": f"Café à {n}"} for n in range(20)], b'{"id": "x", "title": "caf\xe9"}'),
        "jsonl",
        products={str(n): _is(f"Café à {n}") for n in range(20)},
        refused=((21, None, "bytes that are not UTF-8"),),
    )
    yield _error("lines-nothing-usable.jsonl", _json({"id": "1"}, {"id": "2"}), "none of its 2 rows can be used")
    yield _error("lines-map-that-it-lacks.jsonl", _json(good, last), "naam", columns={"title": "naam"})
    yield _error("lines-named-and-no-json.jsonl", _rows(*_CHAIR_ROWS), format="jsonl")


# Parquet ------------------------------------------------------------------------------------------------------------


def _stored(columns: Mapping[str, pa.Array], **chosen: Any) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(dict(columns)), sink, **chosen)
    return sink.getvalue().to_pybytes()


def _texts(*values: str | None) -> pa.Array:
    return pa.array(values, pa.string())


def _parquet() -> Iterator[MadeFeed]:
    yield MadeFeed(
        "table-our-names.parquet",
        _stored(
            {
                "id": _texts("1", "2", "3"),
                "title": _texts("Chair", " Table ", None),
                "group": _texts("G", "G", None),
                "brand": _texts("Acme", None, ""),
                "pictures": pa.array([["a.jpg", "b.jpg"], [], ["c.jpg"]], pa.list_(pa.string())),
                "attributes": pa.array(
                    [[("color", "red"), ("fit", "slim")], None, []], pa.map_(pa.string(), pa.string())
                ),
                "unknown": pa.array([1, 2, 3]),
            },
            row_group_size=2,
        ),
        "parquet",
        products={
            "1": _is("Chair", "G", ("a.jpg", "b.jpg"), {"brand": "Acme", "line": 1}, color="red", fit="slim"),
            "2": _is("Table", "G", others={"line": 2}),
            "3": _is(pictures=("c.jpg",), others={"line": 3}),
        },
    )
    yield MadeFeed(
        "table-googles-names-and-types.parquet",
        _stored(
            {
                "id": pa.array([7, 8], pa.int64()),
                "title": _texts("Chair", "Table").dictionary_encode(),
                "image_link": pa.array(["a.jpg", "b.jpg"], pa.large_string()),
                "item_group_id": pa.array([100, None], pa.int32()),
                "price": pa.array([Decimal("1.50"), Decimal("20.00")], pa.decimal128(9, 2)),
                "gtin": pa.array([4006381333931, None], pa.int64()),
                "mpn": pa.array([19.5, 0.25], pa.float64()),
                "color": _texts("red", None).dictionary_encode(),
            }
        ),
        "parquet",
        products={
            "7": _is(
                "Chair", "100", ("a.jpg",), {"price": "1.50", "gtin": "4006381333931", "mpn": "19.5"}, color="red"
            ),
            "8": _is("Table", "", ("b.jpg",), {"price": "20.00", "gtin": "", "mpn": "0.25"}),
        },
    )
    fields = pa.struct([("color", pa.string()), ("size", pa.string())])
    yield MadeFeed(
        "table-struct-and-text-pictures.parquet",
        _stored(
            {
                "id": _texts("1", "2"),
                "title": _texts("Chair", "Table"),
                "pictures": _texts("a.jpg", None),
                "attributes": pa.array([{"color": "red", "size": None}, None], fields),
            },
            compression="zstd",
        ),
        "parquet",
        products={"1": _is("Chair", pictures=("a.jpg",), color="red"), "2": _is("Table")},
    )
    yield MadeFeed(
        "table-own-names-mapped.parquet",
        _stored({"nr": pa.array([1, 2]), "naam": _texts("Stoel", "Tafel"), "winkel": _texts("North", None)}),
        "parquet",
        FeedSettings(columns={"id": "nr", "title": "naam"}, seller_column="winkel", seller="East"),
        {"1": _is("Stoel", others={"seller": "North"}), "2": _is("Tafel", others={"seller": "East"})},
    )


def _parquet_broken() -> Iterator[MadeFeed]:
    whole = _stored({"id": _texts("1", "2"), "title": _texts("Chair", "Table")})
    yield _error("table-cut-off.parquet", whole[:-50], "(?i)parquet")
    yield _error("table-spoilt.parquet", whole[:4] + bytes(len(whole) - 12) + whole[-8:], "(?i)parquet")
    # One wrong byte, the kind of the first page: pyarrow then reads nothing of the first group, and says nothing.
    groups = _stored({"id": _texts("1", "2"), "title": _texts("Chair", "Table")}, row_group_size=1)
    yield _error("table-that-loses-a-group.parquet", groups[:5] + b"\x06" + groups[6:], "(?i)parquet")
    yield _error("table-signature-alone.parquet", b"PAR1", "(?i)parquet")
    yield _error("table-without-rows.parquet", _stored({"id": _texts(), "title": _texts()}), "none of its 0 rows")
    yield _error("table-other-columns.parquet", _stored({"nr": _texts("1"), "naam": _texts("Stoel")}), "nr, naam")
    lists = pa.array([[{"a": 1}], None], pa.list_(pa.struct([("a", pa.int64())])))
    yield _error("table-title-no-text.parquet", _stored({"id": _texts("1", "2"), "title": lists}), "title")
    yield _error("table-map-that-it-lacks.parquet", whole, "naam", columns={"title": "naam"})
    yield MadeFeed(
        "table-bad-rows.parquet",
        _stored(
            {
                "id": _texts("1", None, "1", "4", "5\x07", ""),
                "title": _texts("Chair", "No id", "Twice", None, "Bell", "Blank"),
                "image_link": _texts("a.jpg", None, None, "  ", None, None),
            }
        ),
        "parquet",
        products={"1": _is("Chair", pictures=("a.jpg",))},
        refused=(
            (2, "", "no id"),
            (3, "1", "its id stands on line 1 already"),
            (4, "4", "neither a title nor a picture"),
            (5, "5\ufffd", "control characters in the id"),
            (6, "", "no id"),
        ),
    )


# Shopify ------------------------------------------------------------------------------------------------------------

_OLD = (
    *("Handle", "Title", "Body (HTML)", "Vendor", "Product Category", "Type", "Tags", "Published"),
    *("Option1 Name", "Option1 Value", "Option2 Name", "Option2 Value", "Option3 Name", "Option3 Value"),
    *("Variant SKU", "Variant Grams", "Variant Inventory Qty", "Variant Price", "Variant Barcode"),
    *("Image Src", "Image Position", "Image Alt Text", "Gift Card", "Variant Image", "Status"),
)
_NEW = (
    *("Title", "URL handle", "Description", "Vendor", "Product category", "Type", "Tags", "Published on online store"),
    *("Status", "SKU", "Barcode", "Option1 name", "Option1 value", "Option2 name", "Option2 value", "Option3 name"),
    *("Option3 value", "Price", "Product image URL", "Image position", "Image alt text", "Variant image URL"),
)


def _tee(handle: str = "tee", **cells: str) -> dict[str, str]:
    """The first row of a Shopify product with the sizes and colours that `_further` continues."""
    return {
        **{"Handle": handle, "Title": "Tee", "Body (HTML)": "<p>Soft &amp; warm</p>", "Vendor": "Acme"},
        **{"Product Category": "Apparel > Tops", "Type": "T-shirts", "Tags": "new, sale", "Published": "true"},
        **{"Option1 Name": "Size", "Option1 Value": "S", "Option2 Name": "Colour", "Option2 Value": "Red"},
        **{"Variant SKU": "TEE-S", "Variant Price": "19.95", "Image Src": "tee-1.jpg", "Image Position": "1"},
        **{name.replace("_", " "): cell for name, cell in cells.items()},
    }


def _further(handle: str = "tee", **cells: str) -> dict[str, str]:
    return {"Handle": handle, **{name.replace("_", " "): cell for name, cell in cells.items()}}


def _alone(handle: str, title: str, **cells: str) -> dict[str, str]:
    """A Shopify product without options."""
    return {
        **{"Handle": handle, "Title": title, "Option1 Name": "Title", "Option1 Value": "Default Title"},
        **{name.replace("_", " "): cell for name, cell in cells.items()},
    }


_INHERITED = {"description": "Soft & warm", "brand": "Acme", "product_type": "T-shirts"}


def _shopify() -> Iterator[MadeFeed]:
    yield MadeFeed(
        "shopify-old-header.csv",
        _csv(
            _OLD,
            _tee(Variant_Image="tee-red.jpg", Variant_Barcode="111"),
            _further(
                **{"Option1 Value": "M", "Option2 Value": "Blue", "Variant SKU": "TEE-M", "Variant Price": "20.95"},
                **{"Image Src": "tee-3.jpg", "Image Position": "3", "Variant Image": "tee-blue.jpg"},
            ),
            _further(Image_Src="tee-2.jpg", Image_Position="2"),
            _alone("mug", "Mug", Variant_SKU="MUG", Variant_Price="5.00", Image_Src="mug.jpg", Image_Position="1"),
        ),
        "shopify",
        products={
            "TEE-S": _is(
                "Tee",
                "tee",
                ("tee-red.jpg", "tee-1.jpg", "tee-2.jpg", "tee-3.jpg"),
                {**_INHERITED, "price": "19.95", "gtin": "111", "link": "tee", "seller": "", "line": 2},
                size="S",
                color="Red",
            ),
            "TEE-M": _is(
                "Tee",
                "tee",
                ("tee-blue.jpg", "tee-1.jpg", "tee-2.jpg", "tee-3.jpg"),
                {**_INHERITED, "price": "20.95", "gtin": "", "link": "tee", "line": 3},
                size="M",
                color="Blue",
            ),
            "MUG": _is("Mug", "", ("mug.jpg",), {"price": "5.00", "line": 5}),
        },
        merged={4: "TEE-S"},
    )
    yield MadeFeed(
        "shopify-new-header.csv",
        _csv(
            _NEW,
            {
                **{"Title": "Cap", "URL handle": "cap", "Description": "<b>Warm</b>", "Vendor": "Acme"},
                **{"Product category": "Apparel > Hats", "Status": "Active", "SKU": "CAP-R", "Barcode": "222"},
                **{"Option1 name": "Color", "Option1 value": "Red", "Price": "9.00"},
                **{"Product image URL": "https://a.example/cap.jpg", "Image position": "1"},
            },
            {"URL handle": "cap", "SKU": "CAP-B", "Option1 value": "Blue", "Variant image URL": "cap-b.jpg"},
            {"URL handle": "cap", "Product image URL": "cap-2.jpg", "Image position": "2"},
        ),
        "shopify",
        products={
            "CAP-R": _is(
                "Cap",
                "cap",
                ("https://a.example/cap.jpg", "cap-2.jpg"),
                {
                    **{"description": "Warm", "brand": "Acme", "product_type": "Apparel > Hats"},
                    **{"price": "9.00", "gtin": "222", "link": "cap"},
                },
                color="Red",
            ),
            "CAP-B": _is(
                "Cap",
                "cap",
                ("cap-b.jpg", "https://a.example/cap.jpg", "cap-2.jpg"),
                {"description": "Warm", "brand": "Acme"},
                color="Blue",
            ),
        },
        merged={4: "CAP-R"},
    )
    yield from _shopify_without_skus()
    yield from _shopify_as_it_comes()


def _shopify_without_skus() -> Iterator[MadeFeed]:
    yield MadeFeed(
        "shopify-without-skus.csv",
        _csv(
            _OLD,
            _alone("vase", "Vase", Variant_Price="5.00"),
            _tee("big-cap", Variant_SKU="", Option1_Value="One Size", Option2_Value="Dark Red"),
            _further("big-cap", Option1_Value="Extra Large", Option2_Value="Dark Red", Variant_Price="8.00"),
            _further("big-cap", Image_Src="cap-2.jpg", Image_Position="2"),
        ),
        "shopify",
        products={
            "vase": _is("Vase"),
            "big-cap/one-size/dark-red": _is(
                "Tee", "big-cap", ("tee-1.jpg", "cap-2.jpg"), size="One Size", color="Dark Red"
            ),
            "big-cap/extra-large/dark-red": _is(
                "Tee", "big-cap", ("tee-1.jpg", "cap-2.jpg"), _INHERITED, size="Extra Large", color="Dark Red"
            ),
        },
        merged={5: "big-cap/one-size/dark-red"},
    )


def _shopify_as_it_comes() -> Iterator[MadeFeed]:
    body = '<p>One</p>\n<p>Two, "three"</p>\n'
    yield MadeFeed(
        "shopify-texts-over-lines.csv",
        _csv(
            _OLD, _tee(**{"Body (HTML)": body}), _further(Option1_Value="M", Variant_SKU="TEE-M", Option2_Value="Red")
        ),
        "shopify",
        products={
            "TEE-S": _is(
                "Tee", "tee", ("tee-1.jpg",), {"description": 'One Two, "three"', "line": 2}, size="S", color="Red"
            ),
            "TEE-M": _is(
                "Tee", "tee", ("tee-1.jpg",), {"description": 'One Two, "three"', "line": 5}, size="M", color="Red"
            ),
        },
    )
    yield MadeFeed(
        "shopify-windows-1252.csv.xz",
        lzma.compress(_csv(_OLD, _alone("cafe", "Café", Variant_SKU="C1", Vendor="Maison")).decode().encode("cp1252")),
        "shopify",
        FeedSettings(seller_column="Vendor"),
        {"C1": _is("Café", others={"seller": "Maison", "brand": "Maison"})},
        said="xz",
    )
    named = tuple("Naam" if name == "Title" else name for name in _OLD)
    row = _alone("mug", "", Variant_SKU="MUG") | {"Naam": "Mok"}
    yield MadeFeed(
        "shopify-title-mapped.csv",
        _csv(named, {name: cell for name, cell in row.items() if name != "Title"}),
        "shopify",
        FeedSettings(columns={"title": "Naam"}),
        {"MUG": _is("Mok")},
    )


def _shopify_broken() -> Iterator[MadeFeed]:
    orphan = "no row with this handle's title before it"
    yield MadeFeed(
        "shopify-orphans.csv",
        _csv(
            _OLD,
            _further("ghost", Option1_Value="M", Variant_SKU="GHOST-M", Variant_Price="3.00"),
            _further("ghost", Image_Src="ghost.jpg", Image_Position="1"),
            _alone("mug", "Mug", Variant_SKU="MUG"),
        ),
        "shopify",
        products={"MUG": _is("Mug")},
        refused=((2, None, orphan), (3, None, orphan)),
    )
    yield MadeFeed(
        "shopify-handle-that-comes-back.csv",
        _csv(
            _OLD,
            _alone("mug", "Mug", Variant_SKU="MUG"),
            _alone("vase", "Vase", Variant_SKU="VASE"),
            _alone("mug", "Mug again", Variant_SKU="MUG-2"),
            _alone("bowl", "Bowl", Variant_SKU="MUG"),
        ),
        "shopify",
        products={"MUG": _is("Mug"), "VASE": _is("Vase")},
        refused=((4, None, "its handle stands on line 2 already"), (5, "MUG", "its id stands on line 2 already")),
    )
    yield MadeFeed(
        "shopify-picture-of-a-refused-product.csv",
        _csv(
            _OLD,
            _alone("vase", "Vase", Variant_SKU="v" * 201),
            _further("vase", Image_Src="vase.jpg", Image_Position="2"),
            _alone("mug", "Mug", Variant_SKU="MUG"),
        ),
        "shopify",
        products={"MUG": _is("Mug")},
        refused=((2, "v" * 200, "an id of 201 letters"), (3, None, "refused")),
    )
    short = _csv(_OLD, _alone("mug", "Mug", Variant_SKU="MUG")) + b"tee,Tee,Soft\n"
    yield MadeFeed(
        "shopify-first-row-torn.csv",
        short + _csv(_OLD, _further(Option1_Value="M", Variant_SKU="TEE-M")).split(b"\n", 1)[1],
        "shopify",
        products={"MUG": _is("Mug")},
        refused=((3, None, "3 fields where the header has 25"), (4, None, orphan)),
    )
    cut = _csv(_OLD, _alone("mug", "Mug", Variant_SKU="MUG"), _tee(**{"Body (HTML)": "One\ntwo, three\nfour"}))
    yield MadeFeed(
        "shopify-cut-off-within-a-quote.csv",
        cut[: cut.index(b"three")],
        "shopify",
        products={"MUG": _is("Mug")},
        # What is left of the row's text looks like a row of its own: nothing is lost by saying so twice.
        refused=((3, None, "fields where the header has 25"), (4, None, "fields where the header has 25")),
    )
    pictures = [_further("tee", Image_Src=f"{n}.jpg", Image_Position=str(n)) for n in (1, 2)]
    yield _error("shopify-pictures-alone.csv", _csv(_OLD, *pictures), "none of its 2 rows can be used")


# WooCommerce --------------------------------------------------------------------------------------------------------

_WOO = (
    *("ID", "Type", "SKU", "Name", "Published", "Is featured?", "Short description", "Description", "In stock?"),
    *("Stock", "Regular price", "Categories", "Tags", "Images", "Parent", "Position"),
    *("Attribute 1 name", "Attribute 1 value(s)", "Attribute 1 visible", "Attribute 1 global"),
    *("Attribute 2 name", "Attribute 2 value(s)", "Attribute 2 visible", "Attribute 2 global"),
)


def _woo(number: str, kind: str, sku: str, name: str = "", parent: str = "", **cells: str) -> dict[str, str]:
    """A WooCommerce row; `Color="Blue"` and the like become attributes."""
    row = {"ID": number, "Type": kind, "SKU": sku, "Name": name, "Parent": parent, "Published": "1"}
    place = 0
    for column, cell in cells.items():
        if column in ("Color", "Size", "Material"):
            place += 1
            row |= {f"Attribute {place} name": column, f"Attribute {place} value(s)": cell}
        else:
            row[column.replace("_", " ")] = cell
    return row


_HOODIE = _woo(
    "10",
    "variable",
    "HOOD",
    "Hoodie",
    Description="<p>Warm &amp; soft</p>",
    Categories="Clothing > Hoodies, Sale",
    Images="h1.jpg, h2.jpg",
    Color="Blue, Green",
)
_HOODIES = {
    "HOOD": _is(
        "Hoodie", "HOOD", ("h1.jpg", "h2.jpg"), {"description": "Warm & soft", "product_type": "Clothing > Hoodies"}
    ),
    "HOOD-B": _is(
        "Hoodie - Blue",
        "HOOD",
        ("hb.jpg",),
        {"description": "Warm & soft", "product_type": "Clothing > Hoodies", "price": "45"},
        color="Blue",
    ),
    "id:12": _is("Hoodie", "HOOD", ("h1.jpg", "h2.jpg"), {"description": "Warm & soft"}, color="Green"),
}
_BLUE = _woo("11", "variation", "HOOD-B", "Hoodie - Blue", "HOOD", Images="hb.jpg", Regular_price="45", Color="Blue")
_GREEN = _woo("12", "variation", "", "", "id:10", Color="Green")


def _woocommerce() -> Iterator[MadeFeed]:
    mug = _woo("20", "simple", "MUG", "Mug", Material="Stone", Size="Big, Small", Images="mug.jpg")
    yield MadeFeed("woocommerce.csv", _csv(_WOO, _HOODIE, _BLUE, _GREEN), "woocommerce", products=_HOODIES)
    yield MadeFeed(
        "woocommerce-parents-behind.csv",
        _csv(_WOO, _BLUE, _GREEN, _HOODIE),
        "woocommerce",
        products={name: _HOODIES[name] for name in ("HOOD-B", "id:12", "HOOD")},
    )
    yield MadeFeed(
        "woocommerce-kinds.csv",
        b"\xef\xbb\xbf"
        + _csv(
            _WOO,
            mug | {"Attribute 2 name": "", "Attribute 2 value(s)": ""},
            _woo("21", "simple, downloadable, virtual", "BOOK", "Book"),
            _woo("22", "grouped", "SET", "Set"),
            _woo("23", "external", "", "Elsewhere"),
            _woo("24", "variable", "LONE", "Without variations", Material="Oak"),
            _woo("25", "variable", "", "By number", Images="n.jpg"),
            _woo("26", "variation, virtual", "N-1", "", "id:25", Size="S"),
        ),
        "woocommerce",
        products={
            "MUG": _is("Mug", pictures=("mug.jpg",), material="Stone"),
            "BOOK": _is("Book"),
            "SET": _is("Set"),
            "id:23": _is("Elsewhere"),
            "LONE": _is("Without variations", material="Oak"),
            "id:25": _is("By number", "id:25", ("n.jpg",)),
            "N-1": _is("By number", "id:25", ("n.jpg",), size="S"),
        },
    )
    yield MadeFeed(
        "woocommerce-escaped-commas.csv",
        _csv(
            _WOO,
            _woo("1", "simple", "POT", "Pot", Categories="Sale, Pots\\, pans > Lids", Color="Red\\, white"),
        ),
        "woocommerce",
        products={"POT": _is("Pot", others={"product_type": "Pots, pans > Lids"}, color="Red, white")},
    )
    columns = _WOO[1:]
    rows = [{name: cell for name, cell in row.items() if name != "ID"} for row in (_HOODIE, _BLUE)]
    yield MadeFeed(
        "woocommerce-without-numbers.csv.gz",
        gzip.compress(_csv(columns, *rows), mtime=0),
        "woocommerce",
        products={name: _HOODIES[name] for name in ("HOOD", "HOOD-B")},
        said="gzip",
    )
    translated = tuple("Naam" if name == "Name" else name for name in _WOO)
    yield MadeFeed(
        "woocommerce-name-mapped.csv",
        _csv(translated, {**{k: v for k, v in _HOODIE.items() if k != "Name"}, "Naam": "Trui", "Tags": "North"}),
        "woocommerce",
        FeedSettings(columns={"title": "Naam"}, seller_column="Tags"),
        {"HOOD": _is("Trui", pictures=("h1.jpg", "h2.jpg"), others={"seller": "North"})},
    )
    utf16 = _csv(_WOO, _HOODIE, _BLUE, _GREEN).decode().encode("utf-16")
    yield MadeFeed("woocommerce-utf-16.csv", utf16, "woocommerce", products=_HOODIES, said="UTF-16")


def _woocommerce_broken() -> Iterator[MadeFeed]:
    yield MadeFeed(
        "woocommerce-orphans.csv",
        _csv(
            _WOO,
            _woo("31", "variation", "G-1", "Gone red", "GONE", Color="Red"),
            _woo("32", "variation", "G-2", "Gone blue", "GONE", Color="Blue"),
            _woo("33", "variation", "G-3", "", "id:999", Color="Blue"),
            _woo("", "simple", "", "Neither number nor SKU"),
            _woo("34", "simple", "G-1", "Twice"),
        ),
        "woocommerce",
        products={"G-1": _is("Gone red", "GONE", color="Red"), "G-2": _is("Gone blue", "GONE", color="Blue")},
        refused=(
            (4, "G-3", "neither a title nor a picture"),
            (5, "", "no id"),
            (6, "G-1", "its id stands on line 2 already"),
        ),
    )
    whole = _csv(_WOO, _HOODIE, _BLUE, _woo("13", "variation", "HOOD-X", "Cut off", "HOOD", Color="Blue"))
    yield MadeFeed(
        "woocommerce-cut-off.csv",
        whole[: whole.index(b"Cut off") + 3],
        "woocommerce",
        products={name: _HOODIES[name] for name in ("HOOD", "HOOD-B")},
        refused=((4, "HOOD-X", "4 fields where the header has 24"),),
    )


# Magento ------------------------------------------------------------------------------------------------------------

_MAGENTO = (
    *("sku", "store_view_code", "attribute_set_code", "product_type", "categories", "name", "description", "price"),
    *("url_key", "base_image", "additional_images", "additional_attributes", "is_in_stock", "configurable_variations"),
    "seller",
)


def _sku(sku: str, name: str = "", view: str = "", **cells: str) -> dict[str, str]:
    return {"sku": sku, "name": name, "store_view_code": view, **cells}


_SHIRT = _sku("SHIRT", "Shirt", description="<p>Warm</p>", categories="Default Category/Men/Tops", price="52")
_SHIRT_NL = _sku("SHIRT", "Hemd", "nl")
_SHIRT_DE = _sku("SHIRT", "Oberhemd", "de", description="Sehr warm")
_MUG = _sku("MUG", "Mug", base_image="/m/u/mug.jpg")


def _magento() -> Iterator[MadeFeed]:
    yield MadeFeed(
        "magento-configurable.csv",
        _csv(
            _MAGENTO,
            _sku("S-M", "Shirt-M", additional_attributes="has_options=0,size=M,color=Blue", base_image="/s/m.jpg"),
            _sku("S-L", "Shirt-L", additional_images="/s/l.jpg,/s/l2.jpg", is_in_stock="0"),
            {
                **_SHIRT,
                "configurable_variations": "sku=S-M,size=M,color=Blue|sku=S-L,size=L,color=Red|sku=S-XL,size=XL",
            },
            _MUG,
        ),
        "magento",
        products={
            "S-M": _is("Shirt-M", "SHIRT", ("s/m.jpg",), size="M", color="Blue"),
            "S-L": _is(
                "Shirt-L", "SHIRT", ("s/l.jpg", "s/l2.jpg"), {"availability": "out_of_stock"}, size="L", color="Red"
            ),
            "SHIRT": _is("Shirt", "SHIRT", others={"description": "Warm", "product_type": "Men > Tops", "price": "52"}),
            "MUG": _is("Mug", pictures=("m/u/mug.jpg",)),
        },
    )
    yield MadeFeed(
        "magento-two-sellers.csv.zip",
        _zipped({"export.csv": _csv(_MAGENTO, _MUG | {"seller": "North"}, _SHIRT | {"price": ""})}),
        "magento",
        FeedSettings(seller="East"),
        {
            "MUG": _is("Mug", pictures=("m/u/mug.jpg",), others={"seller": "North"}),
            "SHIRT": _is("Shirt", others={"seller": "East", "price": ""}),
        },
        said="zip",
    )


def _magento_store_views() -> Iterator[MadeFeed]:
    viewed = _csv(_MAGENTO, _SHIRT_DE, _SHIRT, _SHIRT_NL, _MUG)
    mug = _is("Mug", pictures=("m/u/mug.jpg",))
    yield MadeFeed(
        "magento-views-not-asked-for.csv",
        viewed,
        "magento",
        products={"SHIRT": _is("Shirt", others={"description": "Warm", "line": 3}), "MUG": mug},
        merged={2: "SHIRT", 4: "SHIRT"},
    )
    yield MadeFeed(
        "magento-view-nl.csv",
        viewed,
        "magento",
        FeedSettings(store_view="nl"),
        {"SHIRT": _is("Hemd", others={"description": "Warm", "price": "52", "line": 3}), "MUG": mug},
        merged={2: "SHIRT", 4: "SHIRT"},
    )
    yield MadeFeed(
        "magento-view-de.csv",
        viewed,
        "magento",
        FeedSettings(store_view="de", seller="Shop", qualify_ids=True),
        {"Shop:SHIRT": _is("Oberhemd", others={"description": "Sehr warm", "line": 3}), "Shop:MUG": mug},
        merged={2: "Shop:SHIRT", 4: "Shop:SHIRT"},
    )
    yield MadeFeed(
        "magento-title-in-a-view-alone.csv",
        _csv(_MAGENTO, _SHIRT | {"name": ""}, _SHIRT_NL),
        "magento",
        FeedSettings(store_view="nl"),
        {"SHIRT": _is("Hemd", others={"line": 2})},
        merged={3: "SHIRT"},
    )
    yield _error("magento-view-that-it-lacks.csv", viewed, r"\bfr\b.*(de.*nl|nl.*de)", store_view="fr")
    yield MadeFeed(
        "magento-view-of-a-refused-product.csv",
        _csv(_MAGENTO, _SHIRT | {"name": ""}, _SHIRT_NL, _MUG),
        "magento",
        products={"MUG": mug},
        refused=((2, "SHIRT", "neither a title nor a picture"), (3, "SHIRT", "refused")),
    )


def _magento_broken() -> Iterator[MadeFeed]:
    yield MadeFeed(
        "magento-orphaned-views.csv",
        _csv(_MAGENTO, _MUG, _SHIRT_NL, _SHIRT_DE, _sku("MUG", "Twice")),
        "magento",
        products={"MUG": _is("Mug", pictures=("m/u/mug.jpg",))},
        refused=(
            (3, "SHIRT", "a store view's row of a product that has no row of its own"),
            (4, "SHIRT", "a store view's row of a product that has no row of its own"),
            (5, "MUG", "its id stands on line 2 already"),
        ),
    )
    whole = _csv(_MAGENTO, _MUG, _SHIRT)
    yield MadeFeed(
        "magento-cut-off.csv",
        whole[: whole.index(b"Men")],
        "magento",
        products={"MUG": _is("Mug", pictures=("m/u/mug.jpg",))},
        refused=((3, "SHIRT", "5 fields where the header has 15"),),
    )
    yield _error("magento-header-alone.csv", _csv(_MAGENTO), "none of its 0 rows can be used")


if __name__ == "__main__":
    for written in write_all(Path(sys.argv[1])):
        print(written)
