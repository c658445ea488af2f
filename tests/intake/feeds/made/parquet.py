"""Parquet tables of every layout we read, and damaged ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from candidates.settings import FeedSettings
from tests.intake.feeds.made.feed import MadeFeed, product, unreadable


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
            "1": product("Chair", "G", ("a.jpg", "b.jpg"), {"brand": "Acme", "line": 1}, color="red", fit="slim"),
            "2": product("Table", "G", others={"line": 2}),
            "3": product(pictures=("c.jpg",), others={"line": 3}),
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
            "7": product(
                "Chair", "100", ("a.jpg",), {"price": "1.50", "gtin": "4006381333931", "mpn": "19.5"}, color="red"
            ),
            "8": product("Table", "", ("b.jpg",), {"price": "20.00", "gtin": "", "mpn": "0.25"}),
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
        products={"1": product("Chair", pictures=("a.jpg",), color="red"), "2": product("Table")},
    )
    yield MadeFeed(
        "table-own-names-mapped.parquet",
        _stored({"nr": pa.array([1, 2]), "naam": _texts("Stoel", "Tafel"), "winkel": _texts("North", None)}),
        "parquet",
        FeedSettings(columns={"id": "nr", "title": "naam"}, seller_column="winkel", seller="East"),
        {"1": product("Stoel", others={"seller": "North"}), "2": product("Tafel", others={"seller": "East"})},
    )


def _parquet_broken() -> Iterator[MadeFeed]:
    whole = _stored({"id": _texts("1", "2"), "title": _texts("Chair", "Table")})
    yield unreadable("table-cut-off.parquet", whole[:-50], "(?i)parquet")
    yield unreadable("table-spoilt.parquet", whole[:4] + bytes(len(whole) - 12) + whole[-8:], "(?i)parquet")
    # One wrong byte, the kind of the first page: pyarrow then reads nothing of the first group, and says nothing.
    groups = _stored({"id": _texts("1", "2"), "title": _texts("Chair", "Table")}, row_group_size=1)
    yield unreadable("table-that-loses-a-group.parquet", groups[:5] + b"\x06" + groups[6:], "(?i)parquet")
    yield unreadable("table-signature-alone.parquet", b"PAR1", "(?i)parquet")
    yield unreadable("table-without-rows.parquet", _stored({"id": _texts(), "title": _texts()}), "none of its 0 rows")
    yield unreadable("table-other-columns.parquet", _stored({"nr": _texts("1"), "naam": _texts("Stoel")}), "nr, naam")
    lists = pa.array([[{"a": 1}], None], pa.list_(pa.struct([("a", pa.int64())])))
    yield unreadable("table-title-no-text.parquet", _stored({"id": _texts("1", "2"), "title": lists}), "title")
    yield unreadable("table-map-that-it-lacks.parquet", whole, "naam", columns={"title": "naam"})
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
        products={"1": product("Chair", pictures=("a.jpg",))},
        refused=(
            (2, "", "no id"),
            (3, "1", "its id stands on line 1 already"),
            (4, "4", "neither a title nor a picture"),
            (5, "5\ufffd", "control characters in the id"),
            (6, "", "no id"),
        ),
    )


def feeds() -> Iterator[MadeFeed]:
    """All of them."""
    yield from _parquet()
    yield from _parquet_broken()
