import csv
import random
from collections import Counter

import pytest

from candidates.errors import FeedError
from candidates.product import Merged
from candidates.settings import FeedSettings
from intake.feeds import read_feed
from intake.feeds.locate import picture_path
from intake.feeds.magento import MAGENTO, named_values

COLUMNS = (
    *("sku", "store_view_code", "product_type", "categories", "name", "description", "short_description", "price"),
    *("url_key", "base_image", "additional_attributes", "qty", "is_in_stock", "configurable_variations"),
    *("additional_images", "seller"),
)


def write(folder, *rows):
    path = folder / "products.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def read(folder, *rows, **chosen):
    return read_feed(write(folder, *rows), FeedSettings(**chosen))


def one(folder, **values):
    feed = read(folder, {"sku": "S1", "name": "Shirt"} | values)
    (found,) = [feed.catalogue.product(row) for row in range(len(feed.catalogue))]
    return found


def test_a_simple_product(tmp_path):
    found = one(
        tmp_path,
        description="<p>Warm.</p>\n<ul><li>Soft &amp; light</li></ul>",
        short_description="<b>Buy</b> it",
        price="52",
        url_key="shirt",
        seller="Shop",
        additional_attributes="has_options=0,required_options=0,size=M,color=Blue,manufacturer=Acme",
    )
    assert (found.id, found.title, found.line) == ("S1", "Shirt", 2)
    assert found.description == "Warm. Soft & light Buy it"
    assert (found.price, found.link, found.seller, found.brand) == ("52", "shirt", "Shop", "Acme")
    assert found.attributes == {"size": "M", "color": "Blue", "manufacturer": "Acme"}
    assert (found.group, found.pictures) == ("", ())


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        ("size=M", {"size": "M"}),
        ("size=M,color=Blue", {"size": "M", "color": "Blue"}),
        ("Size=M, color=Blue", {"size": "M", "color": "Blue"}),
        ("climate=Hot|Mild|Warm,new=No", {"climate": "Hot, Mild, Warm", "new": "No"}),
        ("note=red, white and blue,size=M", {"note": "red, white and blue", "size": "M"}),
        ('note="red, size=L",size=M', {"note": "red, size=L", "size": "M"}),
        ('note="12"" wide",size="M"', {"note": '12" wide', "size": "M"}),
        ('style="a, b"|"c",size="M"', {"style": "a, b, c", "size": "M"}),
        ('size=M,"features=Pocket|Sleeve, 15 inches"', {"size": "M", "features": "Pocket, Sleeve, 15 inches"}),
        ('size=5",height=7",color=red', {"size": '5"', "height": '7"', "color": "red"}),
        ('size=",color=Hot | Mild', {"size": '"', "color": "Hot, Mild"}),
        ("empty=,size=M", {"empty": "", "size": "M"}),
        ("formula=a=b,size=M", {"formula": "a=b", "size": "M"}),
        ("text=two\nlines,size=M", {"text": "two\nlines", "size": "M"}),
        ("no pairs at all", {}),
    ],
)
def test_named_values(text, values):
    assert named_values(text) == values


@pytest.mark.parametrize(
    ("categories", "path"),
    [
        ("", ""),
        ("Default Category", ""),
        ("Default Category/Men/Tops", "Men > Tops"),
        ("Default Category/Men/Tops,Default Category/Sale,Default Category", "Men > Tops"),
        ("Default Category/Sale, Default Category/Men/Tops/Tees", "Men > Tops > Tees"),
        ("Default Category/A/B,Default Category/C/D", "A > B"),
        ("Other Root/Men", "Other Root > Men"),
        (r"Default Category/S\/M/Tops", "S/M > Tops"),
        ("Default Category/Bags, Cases/Small,Default Category/Sale", "Bags, Cases > Small"),
        ("Default Category/Sale,Default Category/Hats, Caps, Scarves/Wool", "Hats, Caps, Scarves > Wool"),
        ("Default Category/Sale,Default Category stuff/A/B", "Sale,Default Category stuff > A > B"),
        (",Default Category/Men,", "Men"),
    ],
)
def test_the_deepest_category(tmp_path, categories, path):
    assert one(tmp_path, categories=categories).product_type == path


@pytest.mark.parametrize(
    ("in_stock", "quantity", "availability"),
    [
        ("1", "0", "in_stock"),
        ("0", "5", "out_of_stock"),
        ("", "3.0000", "in_stock"),
        ("", "0", "out_of_stock"),
        ("", "", ""),
    ],
)
def test_availability(tmp_path, in_stock, quantity, availability):
    assert one(tmp_path, is_in_stock=in_stock, qty=quantity).availability == availability


def test_pictures_are_relative_and_each_is_there_once(tmp_path):
    found = one(
        tmp_path,
        base_image="/m/h/a.jpg",
        additional_images="/m/h/b.jpg,/m/h/a.jpg, no_selection,https://x.example/c.jpg",
    )
    assert found.pictures == ("m/h/a.jpg", "m/h/b.jpg", "https://x.example/c.jpg")
    assert one(tmp_path, base_image="no_selection").pictures == ()


def test_the_folder_of_pictures(tmp_path):
    assert read(tmp_path, {"sku": "1", "name": "a"}).pictures == tmp_path
    (tmp_path / "media/catalog/product").mkdir(parents=True)
    assert read(tmp_path, {"sku": "1", "name": "a"}).pictures == tmp_path / "media/catalog/product"


def family(feed):
    return dict(zip(feed.catalogue.column("id"), feed.catalogue.column("group"), strict=True))


@pytest.mark.parametrize("parent_first", [True, False])
def test_children_are_in_the_group_of_their_configurable(tmp_path, parent_first):
    children = [
        {"sku": "C1", "name": "red", "additional_attributes": "size=S,material=wool"},
        {"sku": "C2", "name": "blue"},
        {"sku": "C3", "name": "another"},
    ]
    parent = {
        "sku": "P",
        "name": "Parent",
        "product_type": "configurable",
        "configurable_variations": "sku=C1,size=XS,color=Red|sku=C2,size=M,color=Blue, light|sku=GONE,size=L",
    }
    feed = read(tmp_path, *([parent, *children] if parent_first else [*children, parent]))
    assert family(feed) == {"P": "P", "C1": "P", "C2": "P", "C3": ""}
    attributes = dict(zip(feed.catalogue.column("id"), feed.catalogue.attributes, strict=True))
    assert attributes["C1"] == {"size": "S", "color": "Red", "material": "wool"}
    assert attributes["C2"] == {"size": "M", "color": "Blue, light"}
    assert attributes["P"] == attributes["C3"] == {}


def test_children_written_with_quotes(tmp_path):
    feed = read(
        tmp_path,
        {"sku": "A, 1", "name": "a"},
        {"sku": "P", "name": "p", "configurable_variations": 'sku="A, 1",size="5"" wide|x"|sku="B"'},
    )
    assert family(feed) == {"A, 1": "P", "P": "P"}
    assert feed.catalogue.attributes[0] == {"size": '5" wide, x'}


def test_where_two_configurables_claim_a_child_the_first_has_it(tmp_path):
    feed = read(
        tmp_path,
        {"sku": "C", "name": "c"},
        {"sku": "P1", "name": "p", "configurable_variations": "sku=C,size=S"},
        {"sku": "P2", "name": "p", "configurable_variations": "sku=C,size=M"},
    )
    assert family(feed) == {"C": "P1", "P1": "P1", "P2": "P2"}
    assert feed.catalogue.attributes[0] == {"size": "S"}


def test_a_configurable_without_children_states_no_group(tmp_path):
    feed = read(tmp_path, {"sku": "P", "name": "p", "product_type": "configurable"})
    assert family(feed) == {"P": ""}


def test_a_comma_parts_category_paths_where_any_root_of_the_feed_follows(tmp_path):
    feed = read(
        tmp_path,
        {"sku": "1", "name": "a", "categories": "Default Category/A,Second Root/B, C/D"},
        {"sku": "2", "name": "b", "categories": "Second Root/E"},
        {"sku": "3", "name": "c", "categories": "Default Category/A,Third Root/B/C"},
        {"sku": "4", "name": "d"},
    )
    assert feed.catalogue.column("product_type") == [
        "Second Root > B, C > D",
        "Second Root > E",
        "A,Third Root > B > C",
        "",
    ]


VIEWS = (
    {"sku": "C", "name": "Shirt", "description": "warm", "price": "5", "additional_attributes": "size=M,color=Blue"},
    {"sku": "C", "store_view_code": "nl", "name": "Hemd", "additional_attributes": "color=Blauw,size=", "seller": "W"},
    {"sku": "C", "store_view_code": "fr", "name": "Chemise", "configurable_variations": "sku=D"},
    {"sku": "D", "store_view_code": "nl", "description": "<p>lang</p>"},
    {"sku": "D", "name": "Dress", "description": "long", "base_image": "/d.jpg", "seller": "Shop"},
    {"sku": "D", "store_view_code": "nl", "name": "Jurk", "base_image": "/nl.jpg"},
)
NOT_ASKED = "a store view's texts, not chosen in the settings"


def test_store_views_that_were_not_asked_for_are_merged(tmp_path):
    feed = read(tmp_path, *VIEWS)
    assert family(feed) == {"C": "", "D": ""}
    assert feed.catalogue.column("title") == ["Shirt", "Dress"]
    assert feed.merged == (
        Merged(3, "C", "C", NOT_ASKED),
        Merged(4, "C", "C", NOT_ASKED),
        Merged(5, "D", "D", NOT_ASKED),
        Merged(7, "D", "D", NOT_ASKED),
    )
    assert (feed.refused, feed.rows) == ((), 6)


def test_the_store_view_that_was_asked_for(tmp_path):
    feed = read(tmp_path, *VIEWS, store_view="nl")
    first, second = (feed.catalogue.product(row) for row in range(2))
    assert (first.title, first.description, first.price, first.line, first.seller) == ("Hemd", "warm", "5", 2, "W")
    assert first.attributes == {"size": "M", "color": "Blauw"}
    assert (second.title, second.description, second.line, second.seller) == ("Jurk", "lang", 6, "Shop")
    assert second.pictures == ("nl.jpg",)
    merged = "store view nl, merged"
    assert [(one.line, one.reason) for one in feed.merged] == [(3, merged), (4, NOT_ASKED), (5, merged), (7, merged)]
    assert (feed.refused, feed.rows) == ((), 6)


def test_a_store_view_that_the_feed_lacks(tmp_path):
    with pytest.raises(FeedError, match=r"no store view 'de'\. Use one of nl, fr$"):
        read(tmp_path, *VIEWS, store_view="de")
    with pytest.raises(FeedError, match=r"no store view 'nl'\. Leave the setting out"):
        read(tmp_path, VIEWS[0], store_view="nl")


@pytest.mark.parametrize("store_view", ["", "nl"])
def test_store_views_of_products_without_a_row_of_their_own(tmp_path, store_view):
    path = write(
        tmp_path,
        {"sku": "A", "name": "a"},
        {"sku": "gone", "store_view_code": "nl", "name": "weg"},
        {"sku": "", "store_view_code": "nl", "name": "wie"},
        {"sku": "B", "name": ""},
        {"sku": "B", "store_view_code": "fr", "name": "b"},
    )
    path.write_text(path.read_text("utf-8") + "E,,cut\nE,nl" + "," * 14 + "\n", "utf-8")
    feed = read_feed(path, FeedSettings(store_view=store_view))
    assert feed.catalogue.column("id") == ["A"]
    alone = "a store view's row of a product that has no row of its own"
    assert [(one.where, one.id, one.reason) for one in feed.refused] == [
        ("line 3", "gone", alone),
        ("line 4", "", alone),
        ("line 5", "B", "neither a title nor a picture"),
        ("line 6", "B", f"{NOT_ASKED}, of the product 'B', which was refused"),
        ("line 7", "E", "3 fields where the header has 16"),
        ("line 8", "E", alone),
    ]
    assert all(one.fix for one in feed.refused)
    assert feed.rows == 7


@pytest.mark.parametrize("seed", range(25))
def test_every_row_of_a_random_mixture_is_accounted_for(tmp_path, seed):
    drawn = random.Random(seed)
    rows = [{"sku": "sure", "name": "n"}, {"sku": "sure", "store_view_code": "nl", "name": ""}]
    for number in range(60):
        row = {"sku": f"s{drawn.randrange(25)}", "store_view_code": drawn.choice(["", "nl", "fr"])}
        rows.append(row | {"name": drawn.choice([f"n{number}", ""]), "price": drawn.choice([f"p{number}", ""])})
    feed = read(tmp_path, *rows, store_view="nl")
    expected, merged, refused = {}, [], []
    for line, row in enumerate(rows, 2):
        default = [one for one in rows if one["sku"] == row["sku"] and not one.get("store_view_code")]
        if not row.get("store_view_code"):
            over = [one for one in rows if one["sku"] == row["sku"] and one.get("store_view_code") == "nl"]
            name, price = (
                next((one[cell] for one in [*reversed(over), row] if one.get(cell)), "") for cell in ("name", "price")
            )
            if name and row["sku"] not in expected:
                expected[row["sku"]] = (line, name, price)
            else:
                refused.append(line)
        elif default:
            merged.append((line, row["sku"]))
        else:
            refused.append(line)
    refused += [line for line, sku in merged if sku not in expected]
    products = [feed.catalogue.product(row) for row in range(len(feed.catalogue))]
    assert {one.id: (one.line, one.title, one.price) for one in products} == expected
    assert [(one.line, one.into) for one in feed.merged] == [pair for pair in merged if pair[1] in expected]
    assert [int(one.where.removeprefix("line ")) for one in feed.refused] == sorted(refused)
    assert feed.rows == len(rows)


def test_backslashes_before_quotes_as_php_writes_them(tmp_path):
    path = write(tmp_path, {"sku": "S1", "name": "MARK"}, {"sku": "S2", "name": "b"})
    php = r'"a \"quoted, word\" inside"'
    path.write_text(path.read_text("utf-8").replace("MARK", php), "utf-8")
    feed = read_feed(path, FeedSettings())
    assert feed.catalogue.column("title") == [r"a \"quoted, word\" inside", "b"]


@pytest.mark.parametrize(
    ("description", "short", "text"),
    [("<p>a</p>", "", "a"), ("", "b", "b"), ("a", "<b>b</b>", "a b"), ("<p></p>", "", "")],
)
def test_both_descriptions(tmp_path, description, short, text):
    assert one(tmp_path, description=description, short_description=short).description == text


@pytest.mark.parametrize(
    "columns", ["SKU,Name,Type,Images", "sku,base_image", "name,base_image", "sku;name;base_image"]
)
def test_other_shops_exports_are_not_taken_for_magentos(tmp_path, columns):
    (tmp_path / "feed.csv").write_text(columns + "\n1,2,3\n")
    with pytest.raises(FeedError, match="match no known format"):
        read_feed(tmp_path / "feed.csv", FeedSettings())


def test_own_column_names(tmp_path):
    (tmp_path / "feed.csv").write_text("nummer,naam,foto,base_image\n1,Hemd,/a.jpg,/b.jpg\n")
    feed = read_feed(
        tmp_path / "feed.csv", FeedSettings(columns={"id": "nummer", "title": "naam", "base_image": "foto"})
    )
    assert feed.format == "magento"
    found = feed.catalogue.product(0)
    assert (found.id, found.title, found.pictures) == ("1", "Hemd", ("a.jpg",))


def test_columns_that_only_the_settings_call_so_do_not_make_a_feed_magentos(tmp_path):
    (tmp_path / "feed.csv").write_text("nummer,naam,foto\n1,Hemd,/a.jpg\n")
    columns = {"id": "nummer", "title": "naam", "pictures": "foto"}
    assert MAGENTO.recognise(tmp_path / "feed.csv", FeedSettings(columns=columns)) == ""
    assert MAGENTO.recognise(tmp_path / "feed.csv", FeedSettings(columns=columns | {"base_image": "foto"})) != ""


def test_a_feed_called_magento_that_is_none(tmp_path):
    (tmp_path / "feed.csv").write_text("nummer,naam\n1,Hemd\n")
    with pytest.raises(FeedError, match=r"comma-separated, with the columns sku.*has nummer, naam"):
        read_feed(tmp_path / "feed.csv", FeedSettings(format="magento"))


def test_the_real_export(shared):
    path = shared / "data/luma/products.csv"
    feed = read_feed(path, FeedSettings())
    assert (feed.rows, len(feed.catalogue), feed.refused) == (1994, 1994, ())
    assert feed.detected_by.startswith("Magento export: columns sku, configurable_variations, base_image")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    children = {
        row["sku"]: [part.split(",")[0].removeprefix("sku=") for part in row["configurable_variations"].split("|")]
        for row in rows
        if row["configurable_variations"]
    }
    assert len(children) == 147
    expected = {child: parent for parent, listed in children.items() for child in [parent, *listed]}
    assert family(feed) == {row["sku"]: expected.get(row["sku"], "") for row in rows}
    assert Counter(Counter(feed.catalogue.column("group")).values()) == Counter(len(c) + 1 for c in children.values())
    named = dict(zip(feed.catalogue.column("id"), feed.catalogue.attributes, strict=True))
    simple = [row["sku"] for row in rows if row["product_type"] == "simple"]
    assert all(named[sku]["size"] and named[sku]["color"] for sku in simple if sku in expected)
    first = [pictures[0] for pictures in feed.catalogue.table["pictures"].to_pylist()]
    assert all(picture_path(feed.pictures, name).is_file() for name in set(first))
    assert not any("<" in text or "&nbsp" in text for text in feed.catalogue.column("description"))
