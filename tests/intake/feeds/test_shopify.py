import csv
import random
from itertools import groupby

import pytest

from candidates.errors import FeedError, SettingsError
from candidates.product import Merged, Product
from candidates.settings import FeedSettings
from intake.feeds import read_feed, shopify
from intake.feeds.attribute_names import attribute_name
from tests.intake.feeds.shop_csv import products, read_text

OLD = (
    *("Handle", "Title", "Body (HTML)", "Vendor", "Product Category", "Type", "Tags", "Published"),
    *("Option1 Name", "Option1 Value", "Option2 Name", "Option2 Value", "Option3 Name", "Option3 Value"),
    *("Variant SKU", "Variant Grams", "Variant Inventory Qty", "Variant Price", "Variant Barcode", "Image Src"),
    *("Image Position", "Image Alt Text", "Google Shopping / Gender", "Google Shopping / MPN", "Variant Image"),
    "Status",
)
NEW = {
    "Handle": "URL handle",
    "Body (HTML)": "Description",
    "Product Category": "Product category",
    "Published": "Published on online store",
    "Variant SKU": "SKU",
    "Variant Inventory Qty": "Inventory quantity",
    "Variant Price": "Price",
    "Variant Barcode": "Barcode",
    "Image Src": "Product image URL",
    "Image Position": "Image position",
    "Variant Image": "Variant image URL",
    "Google Shopping / MPN": "Google Shopping / Manufacturer part number (MPN)",
    **{
        f"Option{number} {part}": f"Option{number} {part.lower()}" for number in (1, 2, 3) for part in ("Name", "Value")
    },
}
SHORT = {
    **{"handle": "Handle", "title": "Title", "sku": "Variant SKU", "price": "Variant Price", "picture": "Image Src"},
    **{"position": "Image Position", "own": "Variant Image", "quantity": "Variant Inventory Qty", "status": "Status"},
    **{f"{part}{number}": f"Option{number} {part.title()}" for number in (1, 2, 3) for part in ("name", "value")},
}


def write(folder, rows, delimiter=",", names=None, encoding="utf-8"):
    """Rows by the old header's names, or short ones, as a standard CSV writer puts them."""
    path = folder / "products_export.csv"
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, OLD, restval="", delimiter=delimiter, lineterminator="\n")
        writer.writerow({name: (names or {}).get(name, name) for name in OLD})
        writer.writerows({SHORT.get(name, name): cell for name, cell in row.items()} for row in rows)
    return path


def read(folder, *rows, **chosen):
    return read_feed(write(folder, rows), FeedSettings(**chosen))


def told(feed):
    return [(one.where, one.id, one.reason) for one in feed.refused]


SHIRT = (
    {
        **{"handle": "shirt", "title": "Shirt", "Body (HTML)": "<p>Warm &amp; <b>soft</b></p><ul><li>wool</li></ul>"},
        **{"Vendor": "Acme", "Type": "Shirts", "Product Category": "Apparel > Tops", "Google Shopping / Gender": "men"},
        **{"name1": "Colour", "value1": "Dark Red", "name2": "Size", "value2": "M", "sku": "S-1", "price": "9.50"},
        **{
            "Variant Barcode": "'4006381333931",
            "quantity": "3",
            "status": "active",
            "picture": "1.jpg",
            "own": "r.jpg",
        },
        **{"position": "1", "Google Shopping / MPN": "A-7"},
    },
    {"handle": "shirt", "value1": "Blue", "value2": "L", "price": "10", "quantity": "0", "picture": "2.jpg"},
    {"handle": "shirt", "picture": "3.jpg", "position": "3", "Image Alt Text": "back"},
)


@pytest.mark.parametrize("names", [{}, NEW], ids=["older header", "newer header"])
@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_product_with_two_variants_and_a_further_picture(tmp_path, names, delimiter, encoding):
    feed = read_feed(write(tmp_path, SHIRT, delimiter, names, encoding), FeedSettings())
    assert feed.format == "shopify"
    first = "title, url_handle, option1_name" if names else "handle, title, option1_name, variant_sku"
    assert feed.detected_by.startswith(f"Shopify export: columns {first}")
    assert ("separated by semicolons" in feed.detected_by) == (delimiter == ";")
    shared = {
        **{"title": "Shirt", "description": "Warm & soft wool", "brand": "Acme", "product_type": "Shirts"},
        **{"link": "shirt", "group": "shirt"},
    }
    assert products(feed) == [
        Product(
            id="S-1",
            **shared,
            price="9.50",
            gtin="4006381333931",
            mpn="A-7",
            availability="in_stock",
            attributes={"color": "Dark Red", "size": "M", "gender": "men"},
            pictures=("r.jpg", "1.jpg", "2.jpg", "3.jpg"),
            line=2,
        ),
        Product(
            id="shirt/blue/l",
            **shared,
            price="10",
            availability="out_of_stock",
            attributes={"color": "Blue", "size": "L", "gender": "men"},
            pictures=("1.jpg", "2.jpg", "3.jpg"),
            line=3,
        ),
    ]
    assert feed.merged == (Merged(4, "", "S-1", "a further picture"),)
    assert (feed.refused, feed.rows) == ((), 3)


def test_a_product_with_one_variant_is_its_handle_and_no_group(tmp_path):
    plain = {"name1": "Title", "value1": "Default Title", "price": "1"}
    feed = read(
        tmp_path, {"handle": "mug", "title": "Mug", **plain}, {"handle": "cup", "title": "Cup", "sku": "C", **plain}
    )
    assert [(one.id, one.group, one.attributes, one.link) for one in products(feed)] == [
        ("mug", "", {}, "mug"),
        ("C", "", {}, "cup"),
    ]


def test_an_option_called_title_that_says_something_is_kept(tmp_path):
    feed = read(
        tmp_path,
        {"handle": "print", "title": "Print", "name1": "Title", "value1": "Lithograph"},
        {"handle": "box", "title": "Box", "name1": "Style", "value1": "Default Title"},
    )
    assert [one.attributes for one in products(feed)] == [{"title": "Lithograph"}, {"style": "Default Title"}]


def test_several_option_names(tmp_path):
    feed = read(
        tmp_path,
        {
            **{"handle": "h", "title": "H", "name1": "COLOR", "value1": "Red", "name2": "Shoe  Size", "value2": "42"},
            **{"name3": "Material", "value3": "wool, lambs"},
        },
        {"handle": "h", "value1": "Blue Sky", "value2": "", "value3": "wool"},
        {"handle": "h", "name1": "Colour", "value1": "Green", "name2": "Color", "value2": "Pink"},
    )
    assert [one.attributes for one in products(feed)] == [
        {"color": "Red", "shoe size": "42", "material": "wool, lambs"},
        {"color": "Blue Sky", "material": "wool"},
        {"color": "Green"},
    ]
    assert [one.id for one in products(feed)] == ["h/red/42/wool,-lambs", "h/blue-sky/wool", "h/green/pink"]


@pytest.mark.parametrize(
    ("written", "ours"),
    [
        *(("Colour", "color"), (" color ", "color"), ("SIZE", "size"), ("Material", "material")),
        *(("Pattern", "pattern"), ("Age Group", "age_group"), ("Shoe  Size", "shoe size"), ("", "")),
    ],
)
def test_names_of_attributes(written, ours):
    assert attribute_name(written) == ours


def test_an_option_without_a_name(tmp_path):
    feed = read(tmp_path, {"handle": "h", "title": "H", "value1": "Default Title", "value2": "Red"})
    assert products(feed)[0].attributes == {"option2": "Red"}


@pytest.mark.parametrize(
    ("pictures", "ordered"),
    [
        ([("a", "3"), ("b", "1"), ("c", "4"), ("d", "2")], "bdac"),
        ([("a", ""), ("b", ""), ("c", ""), ("d", "")], "abcd"),
        ([("a", ""), ("b", "2"), ("c", "x"), ("d", "-1")], "abcd"),
        ([("a", "1"), ("b", "1"), ("a", "2"), ("c", "0")], "cab"),
        ([("a", "9999999999"), ("b", "10"), ("c", "9")], "acb"),
    ],
)
def test_pictures_stand_by_their_positions(tmp_path, pictures, ordered):
    rows = [{"handle": "h", "picture": picture, "position": position} for picture, position in pictures]
    rows[0]["title"] = "H"
    feed = read(tmp_path, *rows)
    assert products(feed)[0].pictures == tuple(ordered)
    assert [one.line for one in feed.merged] == [3, 4, 5][: len(rows) - 1]


def test_what_of_a_row_makes_it_a_variant(tmp_path):
    feed = read(
        tmp_path,
        {"handle": "h", "title": "H", "picture": "1.jpg"},
        {"handle": "h", "picture": "2.jpg"},
        {"handle": "h", "price": "1", "sku": "priced"},
        {"handle": "h", "sku": "only-sku"},
        {"handle": "h", "value3": "x"},
        {"handle": "h", "Image Alt Text": "nothing at all"},
    )
    assert [one.id for one in products(feed)] == ["h", "priced", "only-sku", "h/x"]
    assert {one.group for one in products(feed)} == {"h"}
    assert feed.merged == (
        Merged(3, "", "h", "a further picture"),
        Merged(7, "", "h", "neither a variant nor a picture"),
    )


def test_further_pictures_of_a_refused_product_are_refused(tmp_path):
    feed = read(
        tmp_path,
        {"handle": "a", "title": "A", "sku": "1"},
        {"handle": "b", "title": "B", "sku": "x" * 201},
        {"handle": "b", "picture": "b.jpg"},
    )
    assert [one.id for one in products(feed)] == ["1"]
    assert [one.where for one in feed.refused] == ["line 3", "line 4"]
    assert feed.refused[1].reason.startswith("a further picture, of the product 'xxx")


def test_only_rows_with_pictures_of_a_handle_without_title(tmp_path):
    feed = read(
        tmp_path,
        {"handle": "gone", "picture": "1.jpg"},
        {"handle": "gone", "picture": "2.jpg", "sku": "G-2"},
        {"handle": "there", "title": "There"},
        {"title": "no handle, yet a SKU", "sku": "S"},
        {"title": "no handle, no SKU"},
        {"picture": "whose.jpg"},
    )
    assert [(one.id, one.line, one.group) for one in products(feed)] == [("there", 4, ""), ("S", 5, "")]
    missing = "no row with this handle's title before it"
    assert told(feed) == [
        ("line 2", "gone", missing),
        ("line 3", "G-2", missing),
        ("line 6", "", "no id"),
        ("line 7", "", "no handle"),
    ]


def test_a_title_behind_the_rows_that_need_it(tmp_path):
    feed = read(
        tmp_path, {"handle": "h", "sku": "1"}, {"handle": "h", "title": "H", "sku": "2"}, {"handle": "h", "sku": "3"}
    )
    assert [(one.id, one.group) for one in products(feed)] == [("2", "h"), ("3", "h")]
    assert told(feed) == [("line 2", "1", "no row with this handle's title before it")]


def test_a_handle_that_comes_twice(tmp_path):
    feed = read(
        tmp_path,
        {"handle": "h", "title": "First", "sku": "1"},
        {"handle": "i", "title": "Other", "sku": "2"},
        {"handle": "h", "title": "First", "sku": "3"},
        {"handle": "h", "sku": "4", "value1": "red"},
        {"handle": "h", "picture": "p.jpg"},
        {"handle": "i", "title": "Other again", "sku": "5"},
    )
    assert [(one.id, one.group) for one in products(feed)] == [("1", ""), ("2", "")]
    assert told(feed) == [
        ("line 4", "3", "its handle stands on line 2 already"),
        ("line 5", "4", "its handle stands on line 2 already"),
        ("line 6", "h", "its handle stands on line 2 already"),
        ("line 7", "5", "its handle stands on line 3 already"),
    ]
    assert all(one.fix for one in feed.refused)


def test_a_handle_twice_in_a_row_with_the_same_title_and_another(tmp_path):
    feed = read(
        tmp_path,
        {"handle": "h", "title": "H", "sku": "1", "Vendor": "Acme"},
        {"handle": "h", "title": "H", "sku": "2"},
        {"handle": "h", "title": "Another", "sku": "3"},
        {"handle": "h", "sku": "4"},
    )
    assert [(one.id, one.group, one.brand) for one in products(feed)] == [("1", "h", "Acme"), ("2", "h", "Acme")]
    assert [one.reason for one in feed.refused] == ["its handle stands on line 2 already"] * 2


def test_rows_cut_short(tmp_path):
    header = "Handle,Title,Vendor,Option1 Name,Option1 Value,Variant SKU,Variant Price,Image Src\n"
    feed = read_text(
        tmp_path,
        header
        + "a,A,Acme,Size,S,a1,1,a.jpg\na,,,,M\na,,,,L,a3,1,\n"
        + "b,B,Acme\nb,,,,M,b2,1,\n"
        + "c,C,,,,,,\nc,,,,,,,c2.jpg\n",
    )
    assert [(one.id, one.group, one.line) for one in products(feed)] == [("a1", "a", 2), ("a3", "a", 4), ("c", "", 7)]
    assert told(feed) == [
        ("line 3", "a", "5 fields where the header has 8"),
        ("line 5", "b", "3 fields where the header has 8"),
        ("line 6", "b2", "no row with this handle's title before it"),
    ]
    assert (len(feed.merged), feed.rows) == (1, 7)
    assert products(feed)[2].pictures == ("c2.jpg",)


def test_descriptions_over_lines_with_quotes(tmp_path):
    body = '<p>5" heel,\nsoft; "good"</p>\n<script>evil()</script>'
    feed = read(
        tmp_path,
        {"handle": "h", "title": 'H 5"', "Body (HTML)": body, "sku": "1"},
        {"handle": "h", "sku": "2"},
        {"handle": "h", "sku": "3", "Body (HTML)": "<p>its own</p>"},
    )
    assert [(one.title, one.description, one.line) for one in products(feed)] == [
        ('H 5"', '5" heel, soft; "good"', 2),
        ('H 5"', '5" heel, soft; "good"', 5),
        ('H 5"', "its own", 6),
    ]


@pytest.mark.parametrize(
    ("quantity", "status", "availability"),
    [
        *(("3", "active", "in_stock"), ("0", "active", "out_of_stock"), ("-2", "", "out_of_stock")),
        *(("3", "Draft", "out_of_stock"), ("", "archived", "out_of_stock"), ("", "active", "in_stock")),
        *(("", "", ""), ("some", "", "some"), ("nan", "", "out_of_stock")),
    ],
)
def test_availability(tmp_path, quantity, status, availability):
    feed = read(tmp_path, {"handle": "h", "title": "H", "quantity": quantity, "status": status})
    assert products(feed)[0].availability == availability


def test_the_category_where_there_is_no_type(tmp_path):
    feed = read(
        tmp_path, {"handle": "h", "title": "H", "Product Category": "Apparel > Tops"}, {"handle": "h", "sku": "2"}
    )
    assert {one.product_type for one in products(feed)} == {"Apparel > Tops"}


def test_more_rows_of_one_handle_than_can_be(tmp_path, monkeypatch):
    monkeypatch.setattr(shopify, "_MOST_ROWS", 3)
    rows = [{"handle": "h", "sku": str(number)} for number in range(5)]
    feed = read(tmp_path, {"handle": "h", "title": "H"}, *rows, {"handle": "i", "title": "I"})
    assert [one.id for one in products(feed)] == ["h", "0", "1", "i"]
    assert [(one.where, one.reason) for one in feed.refused] == [
        (f"line {line}", "more than 3 rows with one handle") for line in (5, 6, 7)
    ]


def test_more_pictures_of_one_product_than_can_be(tmp_path, monkeypatch):
    monkeypatch.setattr(shopify, "_MOST_PICTURES", 2)
    feed = read(
        tmp_path,
        {"handle": "h", "title": "H", "picture": "1.jpg"},
        {"handle": "h", "picture": "2.jpg", "sku": "2"},
        {"handle": "h", "picture": "3.jpg", "sku": "3"},
        {"handle": "h", "picture": "4.jpg"},
        {"handle": "h", "picture": "1.jpg"},
    )
    pictures = [("1.jpg", "2.jpg"), ("1.jpg", "2.jpg"), ("1.jpg", "2.jpg", "3.jpg")]
    assert [one.pictures for one in products(feed)] == pictures
    assert told(feed) == [("line 5", "h", "more than 2 pictures of one product")]
    assert [one.line for one in feed.merged] == [6]


def test_own_column_names_and_sellers(tmp_path):
    text = "handle,naam,foto,winkel,kleur,Variant SKU\nh,Hemd,a.jpg,Jansen,rood,1\nh,,b.jpg,,blauw,2\n"
    columns = {"title": "naam", "pictures": "foto", "color": "kleur"}
    feed = read_text(tmp_path, text, columns=columns, seller_column="winkel")
    assert [(one.title, one.seller, one.attributes, one.pictures) for one in products(feed)] == [
        ("Hemd", "Jansen", {"color": "rood"}, ("a.jpg", "b.jpg")),
        ("Hemd", "Jansen", {"color": "blauw"}, ("a.jpg", "b.jpg")),
    ]
    with pytest.raises(FeedError, match="name the column bild, which the feed lacks"):
        read_text(tmp_path, text, columns={**columns, "image_src": "bild"}, format="shopify")
    with pytest.raises(SettingsError, match="unknown name weight"):
        read_text(tmp_path, text, columns={**columns, "weight": "foto"}, format="shopify")


def test_columns_that_only_the_settings_call_so_do_not_make_a_feed_shopifys(tmp_path):
    (tmp_path / "feed.csv").write_text("nummer,naam,groep\n1,Hemd,g\n")
    columns = {"id": "nummer", "title": "naam", "group": "groep"}
    assert shopify.SHOPIFY.recognise(tmp_path / "feed.csv", FeedSettings(columns=columns)) == ""
    columns = {"sku": "nummer", "title": "naam", "url_handle": "groep"}
    assert (
        shopify.SHOPIFY.recognise(tmp_path / "feed.csv", FeedSettings(columns=columns)) == "columns title, url_handle"
    )


@pytest.mark.parametrize("columns", ["handle,title", "handle,body (html)", "title,body (html),vendor", "sku,name,type"])
def test_other_files_are_not_taken_for_shopifys(tmp_path, columns):
    with pytest.raises(FeedError, match="match no known format"):
        read_text(tmp_path, columns + "\n1,2,3\n")


def test_a_feed_called_shopifys_that_is_none(tmp_path):
    with pytest.raises(FeedError, match=r"a Shopify export must be separated.*has nummer, naam"):
        read_text(tmp_path, "nummer,naam\n1,Hemd\n", format="shopify")


def plainly(rows):
    """What becomes of each row, told slowly and without streaming: its fate, its id and its group, by line."""
    fates, known = {}, {}
    for _, block in groupby(enumerate(rows, 2), key=lambda pair: pair[1]["handle"]):
        block = list(block)
        handle, first = block[0][1]["handle"], block[0][1]
        whole = first["title"] and handle not in known
        if whole:
            known[handle] = block[0][0]
        variants = [line for line, row in block if line == block[0][0] or row["sku"] or row["value1"]]
        for line, row in block:
            if not whole:
                fates[line] = ("refused", "", "")
            elif line not in variants:
                fates[line] = ("merged", "", "")
            else:
                single = len(variants) == 1
                made = handle if single else "/".join(filter(None, [handle, row["value1"].lower()]))
                fates[line] = ("product", row["sku"] or made, "" if single else handle)
    return fates


@pytest.mark.parametrize("seed", range(25))
def test_every_row_of_a_random_mixture_is_accounted_for(tmp_path, seed):
    drawn = random.Random(seed)
    rows = []
    for number in range(60):
        handle = rows[-1]["handle"] if rows and drawn.random() < 0.6 else drawn.choice("abcdefghijklmnopqrstuvwxyz")
        fresh = not rows or rows[-1]["handle"] != handle
        title = f"title {handle}" if fresh and drawn.random() < 0.8 else ""
        sku = f"sku{number}" if drawn.random() < 0.4 else ""
        value = drawn.choice(["", "", f"V{number}"])
        rows.append({"handle": handle, "title": title, "sku": sku, "value1": value, "picture": f"{number}.jpg"})
    rows.append({"handle": "sure", "title": "sure", "sku": "", "value1": "", "picture": ""})
    feed = read(tmp_path, *rows)
    assert feed.rows == len(rows)
    found = {one.line: ("product", one.id, one.group) for one in products(feed)}
    found |= {one.line: ("merged", "", "") for one in feed.merged}
    found |= {int(one.where.removeprefix("line ")): ("refused", "", "") for one in feed.refused}
    assert found == plainly(rows)
    lines = [one.line for one in products(feed)]
    assert lines == sorted(lines)


@pytest.mark.parametrize("seed", range(25))
def test_every_row_of_a_random_broken_file_is_accounted_for(tmp_path, seed):
    drawn = random.Random(seed)
    plain = ["", "", "a", "b", "Red", "=1", "é", "\0", " ", "a.jpg", "1"]
    quoted = ['"', '5" heel', '"x"', '"x" y', 'x"']
    lines = ["z,z,z,z,z,1"]
    for width in drawn.choices([6, 6, 6, 6, 5, 7, 1], k=60):
        # A stray quote in a row that does not fit the header might join it with the next.
        lines.append(",".join(drawn.choices(plain + quoted if width == 6 else plain, k=width)))
    text = "Handle,Title,Option1 Value,Variant SKU,Image Src,Image Position\n" + "\n".join(lines) + "\n"
    content = text.encode().replace("é".encode(), b"\xe9") if seed % 2 else text.encode()
    feed = read_text(tmp_path, content, encoding="utf-8")
    rows = [number for number, line in enumerate(lines, 2) if line.strip(" ,\0")]
    found = [one.line for one in (*products(feed), *feed.merged)]
    found += [int(one.where.removeprefix("line ")) for one in feed.refused]
    assert sorted(found) == rows
    assert feed.rows == len(rows)
