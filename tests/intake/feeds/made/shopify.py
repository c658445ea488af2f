"""Shopify exports under the old header and the new, whole and broken."""

from __future__ import annotations

import lzma
from collections.abc import Iterator

from candidates.settings import FeedSettings
from tests.intake.feeds.made.feed import MadeFeed, csv_file, product, unreadable

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
        csv_file(
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
            "TEE-S": product(
                "Tee",
                "tee",
                ("tee-red.jpg", "tee-1.jpg", "tee-2.jpg", "tee-3.jpg"),
                {**_INHERITED, "price": "19.95", "gtin": "111", "link": "tee", "seller": "", "line": 2},
                size="S",
                color="Red",
            ),
            "TEE-M": product(
                "Tee",
                "tee",
                ("tee-blue.jpg", "tee-1.jpg", "tee-2.jpg", "tee-3.jpg"),
                {**_INHERITED, "price": "20.95", "gtin": "", "link": "tee", "line": 3},
                size="M",
                color="Blue",
            ),
            "MUG": product("Mug", "", ("mug.jpg",), {"price": "5.00", "line": 5}),
        },
        merged={4: "TEE-S"},
    )
    yield MadeFeed(
        "shopify-new-header.csv",
        csv_file(
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
            "CAP-R": product(
                "Cap",
                "cap",
                ("https://a.example/cap.jpg", "cap-2.jpg"),
                {
                    **{"description": "Warm", "brand": "Acme", "product_type": "Apparel > Hats"},
                    **{"price": "9.00", "gtin": "222", "link": "cap"},
                },
                color="Red",
            ),
            "CAP-B": product(
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
        csv_file(
            _OLD,
            _alone("vase", "Vase", Variant_Price="5.00"),
            _tee("big-cap", Variant_SKU="", Option1_Value="One Size", Option2_Value="Dark Red"),
            _further("big-cap", Option1_Value="Extra Large", Option2_Value="Dark Red", Variant_Price="8.00"),
            _further("big-cap", Image_Src="cap-2.jpg", Image_Position="2"),
        ),
        "shopify",
        products={
            "vase": product("Vase"),
            "big-cap/one-size/dark-red": product(
                "Tee", "big-cap", ("tee-1.jpg", "cap-2.jpg"), size="One Size", color="Dark Red"
            ),
            "big-cap/extra-large/dark-red": product(
                "Tee", "big-cap", ("tee-1.jpg", "cap-2.jpg"), _INHERITED, size="Extra Large", color="Dark Red"
            ),
        },
        merged={5: "big-cap/one-size/dark-red"},
    )


def _shopify_as_it_comes() -> Iterator[MadeFeed]:
    body = '<p>One</p>\n<p>Two, "three"</p>\n'
    yield MadeFeed(
        "shopify-texts-over-lines.csv",
        csv_file(
            _OLD, _tee(**{"Body (HTML)": body}), _further(Option1_Value="M", Variant_SKU="TEE-M", Option2_Value="Red")
        ),
        "shopify",
        products={
            "TEE-S": product(
                "Tee", "tee", ("tee-1.jpg",), {"description": 'One Two, "three"', "line": 2}, size="S", color="Red"
            ),
            "TEE-M": product(
                "Tee", "tee", ("tee-1.jpg",), {"description": 'One Two, "three"', "line": 5}, size="M", color="Red"
            ),
        },
    )
    yield MadeFeed(
        "shopify-windows-1252.csv.xz",
        lzma.compress(
            csv_file(_OLD, _alone("cafe", "Café", Variant_SKU="C1", Vendor="Maison")).decode().encode("cp1252")
        ),
        "shopify",
        FeedSettings(seller_column="Vendor"),
        {"C1": product("Café", others={"seller": "Maison", "brand": "Maison"})},
        said="xz",
    )
    named = tuple("Naam" if name == "Title" else name for name in _OLD)
    row = _alone("mug", "", Variant_SKU="MUG") | {"Naam": "Mok"}
    yield MadeFeed(
        "shopify-title-mapped.csv",
        csv_file(named, {name: cell for name, cell in row.items() if name != "Title"}),
        "shopify",
        FeedSettings(columns={"title": "Naam"}),
        {"MUG": product("Mok")},
    )


def _shopify_broken() -> Iterator[MadeFeed]:
    orphan = "no row with this handle's title before it"
    yield MadeFeed(
        "shopify-orphans.csv",
        csv_file(
            _OLD,
            _further("ghost", Option1_Value="M", Variant_SKU="GHOST-M", Variant_Price="3.00"),
            _further("ghost", Image_Src="ghost.jpg", Image_Position="1"),
            _alone("mug", "Mug", Variant_SKU="MUG"),
        ),
        "shopify",
        products={"MUG": product("Mug")},
        refused=((2, None, orphan), (3, None, orphan)),
    )
    yield MadeFeed(
        "shopify-handle-that-comes-back.csv",
        csv_file(
            _OLD,
            _alone("mug", "Mug", Variant_SKU="MUG"),
            _alone("vase", "Vase", Variant_SKU="VASE"),
            _alone("mug", "Mug again", Variant_SKU="MUG-2"),
            _alone("bowl", "Bowl", Variant_SKU="MUG"),
        ),
        "shopify",
        products={"MUG": product("Mug"), "VASE": product("Vase")},
        refused=((4, None, "its handle stands on line 2 already"), (5, "MUG", "its id stands on line 2 already")),
    )
    yield MadeFeed(
        "shopify-picture-of-a-refused-product.csv",
        csv_file(
            _OLD,
            _alone("vase", "Vase", Variant_SKU="v" * 201),
            _further("vase", Image_Src="vase.jpg", Image_Position="2"),
            _alone("mug", "Mug", Variant_SKU="MUG"),
        ),
        "shopify",
        products={"MUG": product("Mug")},
        refused=((2, "v" * 200, "an id of 201 letters"), (3, None, "refused")),
    )
    short = csv_file(_OLD, _alone("mug", "Mug", Variant_SKU="MUG")) + b"tee,Tee,Soft\n"
    yield MadeFeed(
        "shopify-first-row-torn.csv",
        short + csv_file(_OLD, _further(Option1_Value="M", Variant_SKU="TEE-M")).split(b"\n", 1)[1],
        "shopify",
        products={"MUG": product("Mug")},
        refused=((3, None, "3 fields where the header has 25"), (4, None, orphan)),
    )
    cut = csv_file(_OLD, _alone("mug", "Mug", Variant_SKU="MUG"), _tee(**{"Body (HTML)": "One\ntwo, three\nfour"}))
    yield MadeFeed(
        "shopify-cut-off-within-a-quote.csv",
        cut[: cut.index(b"three")],
        "shopify",
        products={"MUG": product("Mug")},
        # What is left of the row's text looks like a row of its own: nothing is lost by saying so twice.
        refused=((3, None, "fields where the header has 25"), (4, None, "fields where the header has 25")),
    )
    pictures = [_further("tee", Image_Src=f"{n}.jpg", Image_Position=str(n)) for n in (1, 2)]
    yield unreadable("shopify-pictures-alone.csv", csv_file(_OLD, *pictures), "none of its 2 rows can be used")


def feeds() -> Iterator[MadeFeed]:
    """All of them."""
    yield from _shopify()
    yield from _shopify_broken()
