"""Files that are no feeds at all."""

from __future__ import annotations

from collections.abc import Iterator

from tests.intake.feeds.made.feed import MadeFeed, text_rows, unreadable, zipped


def feeds() -> Iterator[MadeFeed]:
    """All of them."""
    yield unreadable("empty.tsv", b"", "empty")
    yield unreadable("blank.tsv", b"\n \n\t\n\n")
    yield unreadable("byte-order-mark-alone.tsv", b"\xef\xbb\xbf", "empty")
    yield unreadable("names-of-nothing-but-space.tsv", "\xa0\t\u2003\n1\tChair\n".encode())
    yield unreadable("header-alone.tsv", text_rows("id | title"), "none of its 0 rows can be used")
    page = b"<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head>\n<body><h1>Sorry</h1></body></html>\n"
    yield unreadable("error-page.html", page)
    yield unreadable("error-page.tsv", page.removeprefix(b"<!DOCTYPE html>\n"))
    yield unreadable("error-answer.json", b'{"error": {"code": 401, "message": "no such token"}}\n')
    yield unreadable("spreadsheet.xlsx", _spreadsheet(), r"spreadsheet|xl/workbook\.xml")
    yield unreadable("picture.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(range(256)) * 3)
    yield unreadable("zeros.bin", bytes(5000))


def _spreadsheet() -> bytes:
    return zipped(
        {
            "[Content_Types].xml": b"<Types/>",
            "_rels/.rels": b"<Relationships/>",
            "xl/workbook.xml": b"<workbook/>",
            "xl/worksheets/sheet1.xml": b"<worksheet/>",
        }
    )
