"""JSON Lines with our own names and Google's, whole and broken."""

from __future__ import annotations

import json
from collections.abc import Iterator

from candidates.settings import FeedSettings
from tests.intake.feeds.made.feed import CHAIR_ROWS, MadeFeed, product, text_rows, unreadable


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
            "T1": product(
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
            "T2": product("Té", pictures=("t3.jpg",), others={"line": 2}),
            "T3": product("Cap", others={"line": 5}),
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
            "1": product("Chair", "G", ("a.jpg", "b.jpg", "c.jpg"), color="red"),
            "2": product("Chair", "", ("d.jpg", "e.jpg", "f.jpg"), size="M"),
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
            "7": product("Seven", others={"price": "1.50", "gtin": "4006381333931"}),
            "12345678901234567890123": product(
                "1e3", others={"price": "-0.10", "availability": "true", "mpn": "false"}
            ),
            "8": product("Eight", others={"price": "1e400"}, size="42", new="true"),
        },
    )
    yield MadeFeed(
        "lines-own-names-mapped.jsonl",
        _json({"nr": 1, "naam": "Stoel", "winkel": "North"}, {"nr": 2, "naam": "Tafel"}),
        "jsonl",
        FeedSettings(columns={"id": "nr", "title": "naam"}, seller_column="winkel", seller="East"),
        {"1": product("Stoel", others={"seller": "North"}), "2": product("Tafel", others={"seller": "East"})},
    )
    for encoding in ("utf-8-sig", "utf-16", "cp1252"):
        yield MadeFeed(
            f"lines-{encoding}.jsonl",
            _json({"id": "1", "title": "Café"}, {"id": "2", "title": "Bar"}).decode().encode(encoding),
            "jsonl",
            products={"1": product("Café"), "2": product("Bar", others={"line": 2})},
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
            "1": product("Chair"),
            "18": product("A long price", others={"price": "9" * 5000}),
            "99": product("Table", others={"line": 20}),
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
        products={"1": product("Chair")},
        refused=((2, None, "JSON"),),
    )
    yield MadeFeed(
        "lines-with-bytes-of-another-encoding.jsonl",
        _json(*[{"id": str(n), "title": f"Café à {n}"} for n in range(20)], b'{"id": "x", "title": "caf\xe9"}'),
        "jsonl",
        products={str(n): product(f"Café à {n}") for n in range(20)},
        refused=((21, None, "bytes that are not UTF-8"),),
    )
    yield unreadable("lines-nothing-usable.jsonl", _json({"id": "1"}, {"id": "2"}), "none of its 2 rows can be used")
    yield unreadable("lines-map-that-it-lacks.jsonl", _json(good, last), "naam", columns={"title": "naam"})
    yield unreadable("lines-named-and-no-json.jsonl", text_rows(*CHAIR_ROWS), format="jsonl")


def feeds() -> Iterator[MadeFeed]:
    """All of them."""
    yield from _json_lines()
    yield from _json_lines_broken()
