"""Google Merchant delimited text: well-formed, under other names, and broken."""

from __future__ import annotations

from collections.abc import Iterator

from candidates.errors import SettingsError
from candidates.settings import FeedSettings
from tests.intake.feeds.made.feed import CHAIR_ROWS, CHAIRS, MadeFeed, product, text_rows, unreadable

_EVERY_COLUMN = {
    **{"id": "T1", "title": "Tee", "description": "Soft", "link": "https://a.example/t1", "image_link": "t1.jpg"},
    **{"additional_image_link": "t2.jpg,t3.jpg", "item_group_id": "TEE", "brand": "Acme", "gtin": "4006381333931"},
    **{"mpn": "MP-1", "price": "19.95 EUR", "availability": "in_stock", "product_type": "Apparel > Tops"},
    **{"google_product_category": "212", "color": "red", "size": "M", "pattern": "striped", "material": "cotton"},
    **{"gender": "female", "age_group": "adult", "size_system": "EU"},
}


def _google_text() -> Iterator[MadeFeed]:
    blue = {"id": "T2", "title": "Tee blue", "image_link": "t4.jpg", "item_group_id": "TEE", "color": "blue"}
    mug = {"id": "M1", "title": "Mug", "google_product_category": "Home > Mugs"}
    cells = [[row.get(column, "") for column in _EVERY_COLUMN] for row in (_EVERY_COLUMN, blue, mug)]
    yield MadeFeed(
        "google-everything.tsv",
        "".join("\t".join(row) + "\n" for row in (_EVERY_COLUMN, *cells)).encode(),
        "google-tsv",
        products={
            "T1": product(
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
            "T2": product("Tee blue", "TEE", ("t4.jpg",), {"line": 3}, color="blue"),
            "M1": product("Mug", others={"product_type": "Home > Mugs", "line": 4}),
        },
        said="Google",
    )
    for name, delimiter in (("comma", ","), ("semicolon", ";"), ("pipe", "|")):
        content = text_rows(*CHAIR_ROWS, parted_by=delimiter)
        yield MadeFeed(f"google-{name}.csv", content, "google-tsv", products=CHAIRS)
    yield MadeFeed(
        "google-semicolon-with-commas.csv",
        b'id;title;description;price\n1;Chair;wide, soft, warm;"19,95"\n2;"Table; round";oak, old;5,00\n',
        "google-tsv",
        products={
            "1": product("Chair", others={"description": "wide, soft, warm", "price": "19,95"}),
            "2": product("Table; round", others={"description": "oak, old", "price": "5,00"}),
        },
    )
    yield MadeFeed(
        "google-our-own-names.tsv",
        text_rows(
            "id | title | pictures | group | seller", "1 | Chair | a.jpg | G | Shop", "2 | Stool | b.jpg | G | Shop"
        ),
        "google-tsv",
        products={
            "1": product("Chair", "G", ("a.jpg",), {"seller": "Shop"}),
            "2": product("Stool", "G", ("b.jpg",), {"seller": "Shop"}),
        },
    )
    yield MadeFeed(
        "google-spelt-names.tsv",
        text_rows("g:id | Title | Image Link | g:item_group_id", "1 | Chair | a.jpg | G"),
        "google-tsv",
        products={"1": product("Chair", "G", ("a.jpg",))},
    )
    yield from _google_text_named()
    yield from _google_text_lines()


def _google_text_named() -> Iterator[MadeFeed]:
    dutch = text_rows("nummer | naam | foto | kleur", "7 | Stoel | a.jpg | rood", "8 | Tafel | b.jpg | eik")
    names = {"id": "nummer", "title": "naam", "pictures": "foto", "color": "kleur"}
    yield MadeFeed(
        "dutch-names-mapped.tsv",
        dutch,
        "google-tsv",
        FeedSettings(columns=names),
        {
            "7": product("Stoel", pictures=("a.jpg",), color="rood"),
            "8": product("Tafel", pictures=("b.jpg",), color="eik"),
        },
    )
    yield unreadable("dutch-names-not-mapped.tsv", dutch, "nummer, naam, foto, kleur.*--map")
    yield unreadable("dutch-names-mistyped-map.tsv", dutch, r"\bnam\b", columns={"id": "nummer", "title": "nam"})
    yield MadeFeed(
        "google-named-format.tsv",
        text_rows(*CHAIR_ROWS),
        "google-tsv",
        FeedSettings(format="google-tsv"),
        CHAIRS,
        said="named in the settings",
    )
    yield unreadable("google-named-as-another.tsv", text_rows(*CHAIR_ROWS), "Magento", format="magento")
    yield MadeFeed(
        "google-named-as-no-format.tsv",
        text_rows(*CHAIR_ROWS),
        settings=FeedSettings(format="xlsx"),
        error=(SettingsError, "xlsx.*google-tsv"),
    )
    sold = text_rows("id | title | winkel", "1 | Chair | North", "2 | Chair | South", "3 | Stool | ")
    yield MadeFeed(
        "google-seller-column.tsv",
        sold,
        "google-tsv",
        FeedSettings(seller_column="winkel", seller="East"),
        {
            "1": product("Chair", others={"seller": "North"}),
            "2": product("Chair", others={"seller": "South"}),
            "3": product("Stool", others={"seller": "East"}),
        },
    )
    yield unreadable("google-seller-column-lacking.tsv", text_rows(*CHAIR_ROWS), "shop", seller_column="shop")
    yield MadeFeed(
        "google-ids-of-a-seller.tsv",
        text_rows(*CHAIR_ROWS),
        "google-tsv",
        FeedSettings(seller="Shop", qualify_ids=True),
        {f"Shop:{name}": one for name, one in CHAIRS.items()},
    )


def _google_text_lines() -> Iterator[MadeFeed]:
    yield MadeFeed(
        "quotes-of-every-kind.tsv",
        b'id\ttitle\tdescription\n1\t5" heel\tplain\n2\t"The ""best"" chair"\t"two\nlines"\n3\t"Tabs\tin it"\tx\n',
        "google-tsv",
        products={
            "1": product('5" heel', others={"line": 2}),
            "2": product('The "best" chair', others={"description": "two\nlines", "line": 3}),
            "3": product("Tabs\tin it", others={"line": 5}),
        },
    )
    yield MadeFeed("lines-of-windows.tsv", text_rows(*CHAIR_ROWS, end="\r\n"), "google-tsv", products=CHAIRS)
    yield MadeFeed("lines-of-old-macs.tsv", text_rows(*CHAIR_ROWS, end="\r"), "google-tsv", products=CHAIRS)
    yield MadeFeed("no-last-line-end.tsv", text_rows(*CHAIR_ROWS)[:-1], "google-tsv", products=CHAIRS)
    yield MadeFeed(
        "blank-lines-and-empty-columns.tsv",
        b"id\t title \tcolor\t\t\n\n1\tChair\tred\t\t\n \t \t\n\n2\tTable\toak\t\t\n\n",
        "google-tsv",
        products={
            "1": product("Chair", color="red", others={"line": 3}),
            "2": product("Table", color="oak", others={"line": 6}),
        },
    )
    yield MadeFeed(
        "pictures-that-leave-the-folder.tsv",
        text_rows(
            "id | title | image_link | additional_image_link",
            "1 | Up | ../outside.jpg | a/../../outside.jpg",
            "2 | Absolute | /etc/passwd | file:///etc/passwd",
            "3 | Link | link.jpg | linked/outside.jpg",
            "4 | Inside | inside.jpg | a/../inside.jpg",
        ),
        "google-tsv",
        products={
            "1": product("Up", pictures=("../outside.jpg", "a/../../outside.jpg")),
            "2": product("Absolute", pictures=("/etc/passwd", "file:///etc/passwd")),
            "3": product("Link", pictures=("link.jpg", "linked/outside.jpg")),
            "4": product("Inside", pictures=("inside.jpg", "a/../inside.jpg")),
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
        products={"1": product("good", pictures=("a.jpg",)), "7": product(pictures=("only-a-picture.jpg",))},
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
        text_rows("id | title | color", "1 | Chair | red", "2 | Ta", end="\n")[:-1],
        "google-tsv",
        products={"1": CHAIRS["1"]},
        refused=((3, "2", "2 fields where the header has 3"),),
    )
    yield MadeFeed(
        "cut-off-within-a-quote.csv",
        b'id,title,color\n1,Chair,red\n2,"A table, round, wide and wi',
        "google-tsv",
        products={"1": CHAIRS["1"]},
        refused=((3, None, ""),),
    )
    yield MadeFeed(
        "quote-that-never-closes.tsv",
        b'id\ttitle\tcolor\n1\t"Chair\tred\n2\tTable\toak\n3\tStool\tred\n',
        "google-tsv",
        products={"1": product('"Chair', color="red"), "2": CHAIRS["2"], "3": product("Stool", color="red")},
    )
    yield MadeFeed(
        "zeros-among-the-letters.tsv",
        b"id\ttitle\tcolor\n1\tCh\0air\tred\n2\0\tTable\toak\n3\tStool\tred\n",
        "google-tsv",
        products={"1": CHAIRS["1"], "3": product("Stool", color="red")},
        refused=((3, "2\ufffd", "control characters in the id"),),
    )
    yield unreadable(
        "nothing-usable.tsv", text_rows("id | title", "1 | ", "2 | "), "none of its 2 rows can be used.*line 2"
    )


def feeds() -> Iterator[MadeFeed]:
    """All of them."""
    yield from _google_text()
    yield from _google_text_broken()
