"""WooCommerce exports, whole and broken."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

from candidates.settings import FeedSettings
from tests.intake.feeds.made.feed import MadeFeed, csv_file, product

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
    "HOOD": product(
        "Hoodie", "HOOD", ("h1.jpg", "h2.jpg"), {"description": "Warm & soft", "product_type": "Clothing > Hoodies"}
    ),
    "HOOD-B": product(
        "Hoodie - Blue",
        "HOOD",
        ("hb.jpg",),
        {"description": "Warm & soft", "product_type": "Clothing > Hoodies", "price": "45"},
        color="Blue",
    ),
    "id:12": product("Hoodie", "HOOD", ("h1.jpg", "h2.jpg"), {"description": "Warm & soft"}, color="Green"),
}
_BLUE = _woo("11", "variation", "HOOD-B", "Hoodie - Blue", "HOOD", Images="hb.jpg", Regular_price="45", Color="Blue")
_GREEN = _woo("12", "variation", "", "", "id:10", Color="Green")


def _woocommerce() -> Iterator[MadeFeed]:
    mug = _woo("20", "simple", "MUG", "Mug", Material="Stone", Size="Big, Small", Images="mug.jpg")
    yield MadeFeed("woocommerce.csv", csv_file(_WOO, _HOODIE, _BLUE, _GREEN), "woocommerce", products=_HOODIES)
    yield MadeFeed(
        "woocommerce-parents-behind.csv",
        csv_file(_WOO, _BLUE, _GREEN, _HOODIE),
        "woocommerce",
        products={name: _HOODIES[name] for name in ("HOOD-B", "id:12", "HOOD")},
    )
    yield MadeFeed(
        "woocommerce-kinds.csv",
        b"\xef\xbb\xbf"
        + csv_file(
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
            "MUG": product("Mug", pictures=("mug.jpg",), material="Stone"),
            "BOOK": product("Book"),
            "SET": product("Set"),
            "id:23": product("Elsewhere"),
            "LONE": product("Without variations", material="Oak"),
            "id:25": product("By number", "id:25", ("n.jpg",)),
            "N-1": product("By number", "id:25", ("n.jpg",), size="S"),
        },
    )
    yield MadeFeed(
        "woocommerce-escaped-commas.csv",
        csv_file(
            _WOO,
            _woo("1", "simple", "POT", "Pot", Categories="Sale, Pots\\, pans > Lids", Color="Red\\, white"),
        ),
        "woocommerce",
        products={"POT": product("Pot", others={"product_type": "Pots, pans > Lids"}, color="Red, white")},
    )
    columns = _WOO[1:]
    rows = [{name: cell for name, cell in row.items() if name != "ID"} for row in (_HOODIE, _BLUE)]
    yield MadeFeed(
        "woocommerce-without-numbers.csv.gz",
        gzip.compress(csv_file(columns, *rows), mtime=0),
        "woocommerce",
        products={name: _HOODIES[name] for name in ("HOOD", "HOOD-B")},
        said="gzip",
    )
    translated = tuple("Naam" if name == "Name" else name for name in _WOO)
    yield MadeFeed(
        "woocommerce-name-mapped.csv",
        csv_file(translated, {**{k: v for k, v in _HOODIE.items() if k != "Name"}, "Naam": "Trui", "Tags": "North"}),
        "woocommerce",
        FeedSettings(columns={"title": "Naam"}, seller_column="Tags"),
        {"HOOD": product("Trui", pictures=("h1.jpg", "h2.jpg"), others={"seller": "North"})},
    )
    utf16 = csv_file(_WOO, _HOODIE, _BLUE, _GREEN).decode().encode("utf-16")
    yield MadeFeed("woocommerce-utf-16.csv", utf16, "woocommerce", products=_HOODIES, said="UTF-16")


def _woocommerce_broken() -> Iterator[MadeFeed]:
    yield MadeFeed(
        "woocommerce-orphans.csv",
        csv_file(
            _WOO,
            _woo("31", "variation", "G-1", "Gone red", "GONE", Color="Red"),
            _woo("32", "variation", "G-2", "Gone blue", "GONE", Color="Blue"),
            _woo("33", "variation", "G-3", "", "id:999", Color="Blue"),
            _woo("", "simple", "", "Neither number nor SKU"),
            _woo("34", "simple", "G-1", "Twice"),
        ),
        "woocommerce",
        products={"G-1": product("Gone red", "GONE", color="Red"), "G-2": product("Gone blue", "GONE", color="Blue")},
        refused=(
            (4, "G-3", "neither a title nor a picture"),
            (5, "", "no id"),
            (6, "G-1", "its id stands on line 2 already"),
        ),
    )
    whole = csv_file(_WOO, _HOODIE, _BLUE, _woo("13", "variation", "HOOD-X", "Cut off", "HOOD", Color="Blue"))
    yield MadeFeed(
        "woocommerce-cut-off.csv",
        whole[: whole.index(b"Cut off") + 3],
        "woocommerce",
        products={name: _HOODIES[name] for name in ("HOOD", "HOOD-B")},
        refused=((4, "HOOD-X", "4 fields where the header has 24"),),
    )


def feeds() -> Iterator[MadeFeed]:
    """All of them."""
    yield from _woocommerce()
    yield from _woocommerce_broken()
