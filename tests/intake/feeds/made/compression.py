"""Packed feeds, those that were cut off, and those that unpack to far too much."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Iterator

from tests.intake.feeds.made.encodings import CAFE, CAFES
from tests.intake.feeds.made.feed import MadeFeed, product, unreadable, zipped, zstandard


def _compressed() -> Iterator[MadeFeed]:
    plain = CAFE.encode()
    packed = {
        "gzip": gzip.compress(plain, mtime=0),
        "bzip2": bz2.compress(plain),
        "xz": lzma.compress(plain),
        "zip": zipped({"feed.tsv": plain}),
        "zstd": zstandard(plain),
    }
    for name, content in packed.items():
        yield MadeFeed(f"packed-{name}.tsv", content, "google-tsv", products=CAFES, said=name)
    yield MadeFeed(
        "packed-gzip-of-windows-1252.tsv.gz",
        gzip.compress(CAFE.encode("cp1252"), mtime=0),
        "google-tsv",
        products=CAFES,
        said="gzip.*Windows-1252: 2 letters|Windows-1252: 2 letters.*gzip",
    )
    yield MadeFeed(
        "packed-gzip-in-two-parts.gz",
        gzip.compress(plain[:30], mtime=0) + gzip.compress(plain[30:], mtime=0),
        "google-tsv",
        products=CAFES,
        said="gzip",
    )
    hidden = {
        "__MACOSX/._feed.tsv": b"\0\5\x16\7",
        ".DS_Store": b"\0\0\0\1Bud1",
        "folder/": b"",
        "folder/feed.tsv": plain,
    }
    yield MadeFeed("packed-zip-of-a-mac.zip", zipped(hidden), "google-tsv", products=CAFES, said="zip")
    # Nothing is ever unpacked under a name out of a zip, so that it does not matter where the name leads.
    for name, inside in (("dot", "./feed.tsv"), ("leaving", "../../../etc/feed.tsv"), ("absolute", "/etc/feed.tsv")):
        content = zipped({inside: plain})
        yield MadeFeed(f"packed-zip-{name}-name.zip", content, "google-tsv", products=CAFES, said="zip")
    yield MadeFeed(
        "packed-zstd-lines.jsonl.zst",
        zstandard(b'{"id": 1, "title": "Chair"}\n{"id": 2, "title": "Table"}\n'),
        "jsonl",
        products={"1": product("Chair"), "2": product("Table")},
        said="zstd",
    )
    yield MadeFeed(
        "packed-bzip2-of-utf-16.bz2",
        bz2.compress(CAFE.encode("utf-16")),
        "google-tsv",
        products=CAFES,
        said="UTF-16",
    )


def _badly_compressed() -> Iterator[MadeFeed]:
    plain = b"id\ttitle\n" + b"".join(b"%d\tChair %x\n" % (n, n * 2654435761 % 2**32) for n in range(2000))
    whole = {
        "gzip": gzip.compress(plain, mtime=0),
        "bzip2": bz2.compress(plain),
        "xz": lzma.compress(plain),
        "zstd": zstandard(plain),
    }
    for name, content in whole.items():
        yield unreadable(f"cut-off-{name}.tsv", content[: len(content) // 2], name)
    yield unreadable("cut-off-zip.tsv", zipped({"feed.tsv": plain})[:-40])
    spoilt = bytearray(whole["gzip"])
    spoilt[len(spoilt) // 2] ^= 0xFF
    yield unreadable("spoilt-gzip.tsv", bytes(spoilt), "gzip")
    yield unreadable("two-files.zip", zipped({"north.tsv": plain, "south.tsv": plain}), r"north\.tsv.*south\.tsv")
    yield unreadable("no-file.zip", zipped({}))
    yield unreadable("locked.zip", _locked(zipped({"feed.tsv": plain})), "feed|zip|password|encrypted")
    yield unreadable("gzip-of-nothing.tsv", gzip.compress(b"", mtime=0), "empty")
    # Members of a megabyte each unpack to one file of 70: quickly made, and told by what comes out alone.
    head, zeros = b"id\ttitle\n1\tChair\n", bytes(2**20)
    swollen = {
        "bomb.tsv.gz": gzip.compress(head, mtime=0) + gzip.compress(zeros, mtime=0) * 70,
        "bomb.tsv.xz": lzma.compress(head) + lzma.compress(zeros) * 70,
        "bomb.tsv.bz2": bz2.compress(head) + bz2.compress(zeros) * 70,
        "bomb.tsv.zst": zstandard(head + zeros * 70),
        "bomb.zip": zipped({"feed.tsv": head + zeros * 70}),
    }
    for name, content in swollen.items():
        yield unreadable(name, content, "unpacks to more than")


def _locked(archive: bytes) -> bytes:
    """A zip archive that says of its one file that a password protects it."""
    spoilt = bytearray(archive)
    spoilt[6] |= 1
    spoilt[archive.index(b"PK\x01\x02") + 8] |= 1
    return bytes(spoilt)


def feeds() -> Iterator[MadeFeed]:
    """All of them."""
    yield from _compressed()
    yield from _badly_compressed()
