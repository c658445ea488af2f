"""Magento exports with and without store views, whole and broken."""

from __future__ import annotations

from collections.abc import Iterator

from candidates.settings import FeedSettings
from tests.intake.feeds.made.feed import MadeFeed, csv_file, product, unreadable, zipped

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
        csv_file(
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
            "S-M": product("Shirt-M", "SHIRT", ("s/m.jpg",), size="M", color="Blue"),
            "S-L": product(
                "Shirt-L", "SHIRT", ("s/l.jpg", "s/l2.jpg"), {"availability": "out_of_stock"}, size="L", color="Red"
            ),
            "SHIRT": product(
                "Shirt", "SHIRT", others={"description": "Warm", "product_type": "Men > Tops", "price": "52"}
            ),
            "MUG": product("Mug", pictures=("m/u/mug.jpg",)),
        },
    )
    yield MadeFeed(
        "magento-two-sellers.csv.zip",
        zipped({"export.csv": csv_file(_MAGENTO, _MUG | {"seller": "North"}, _SHIRT | {"price": ""})}),
        "magento",
        FeedSettings(seller="East"),
        {
            "MUG": product("Mug", pictures=("m/u/mug.jpg",), others={"seller": "North"}),
            "SHIRT": product("Shirt", others={"seller": "East", "price": ""}),
        },
        said="zip",
    )


def _magento_store_views() -> Iterator[MadeFeed]:
    viewed = csv_file(_MAGENTO, _SHIRT_DE, _SHIRT, _SHIRT_NL, _MUG)
    mug = product("Mug", pictures=("m/u/mug.jpg",))
    yield MadeFeed(
        "magento-views-not-asked-for.csv",
        viewed,
        "magento",
        products={"SHIRT": product("Shirt", others={"description": "Warm", "line": 3}), "MUG": mug},
        merged={2: "SHIRT", 4: "SHIRT"},
    )
    yield MadeFeed(
        "magento-view-nl.csv",
        viewed,
        "magento",
        FeedSettings(store_view="nl"),
        {"SHIRT": product("Hemd", others={"description": "Warm", "price": "52", "line": 3}), "MUG": mug},
        merged={2: "SHIRT", 4: "SHIRT"},
    )
    yield MadeFeed(
        "magento-view-de.csv",
        viewed,
        "magento",
        FeedSettings(store_view="de", seller="Shop", qualify_ids=True),
        {"Shop:SHIRT": product("Oberhemd", others={"description": "Sehr warm", "line": 3}), "Shop:MUG": mug},
        merged={2: "Shop:SHIRT", 4: "Shop:SHIRT"},
    )
    yield MadeFeed(
        "magento-title-in-a-view-alone.csv",
        csv_file(_MAGENTO, _SHIRT | {"name": ""}, _SHIRT_NL),
        "magento",
        FeedSettings(store_view="nl"),
        {"SHIRT": product("Hemd", others={"line": 2})},
        merged={3: "SHIRT"},
    )
    yield unreadable("magento-view-that-it-lacks.csv", viewed, r"\bfr\b.*(de.*nl|nl.*de)", store_view="fr")
    yield MadeFeed(
        "magento-view-of-a-refused-product.csv",
        csv_file(_MAGENTO, _SHIRT | {"name": ""}, _SHIRT_NL, _MUG),
        "magento",
        products={"MUG": mug},
        refused=((2, "SHIRT", "neither a title nor a picture"), (3, "SHIRT", "refused")),
    )


def _magento_broken() -> Iterator[MadeFeed]:
    yield MadeFeed(
        "magento-orphaned-views.csv",
        csv_file(_MAGENTO, _MUG, _SHIRT_NL, _SHIRT_DE, _sku("MUG", "Twice")),
        "magento",
        products={"MUG": product("Mug", pictures=("m/u/mug.jpg",))},
        refused=(
            (3, "SHIRT", "a store view's row of a product that has no row of its own"),
            (4, "SHIRT", "a store view's row of a product that has no row of its own"),
            (5, "MUG", "its id stands on line 2 already"),
        ),
    )
    whole = csv_file(_MAGENTO, _MUG, _SHIRT)
    yield MadeFeed(
        "magento-cut-off.csv",
        whole[: whole.index(b"Men")],
        "magento",
        products={"MUG": product("Mug", pictures=("m/u/mug.jpg",))},
        refused=((3, "SHIRT", "5 fields where the header has 15"),),
    )
    yield unreadable("magento-header-alone.csv", csv_file(_MAGENTO), "none of its 0 rows can be used")


def feeds() -> Iterator[MadeFeed]:
    """All of them."""
    yield from _magento()
    yield from _magento_store_views()
    yield from _magento_broken()
