import csv
import random

import pytest

from candidates.errors import FeedError, SettingsError
from candidates.product import Product
from candidates.settings import FeedSettings
from intake.feeds import read_feed
from tests.intake.feeds.shop_csv import products, read_text

COLUMNS = (
    *("ID", "Type", "SKU", "GTIN, UPC, EAN, or ISBN", "Name", "Published", "Is featured?", "Visibility in catalog"),
    *("Short description", "Description", "In stock?", "Stock", "Sale price", "Regular price", "Categories", "Tags"),
    *("Images", "Parent", "Grouped products", "External URL", "Position", "Swatches Attributes", "Brands"),
    *("Attribute 1 name", "Attribute 1 value(s)", "Attribute 1 visible", "Attribute 1 global", "Attribute 2 name"),
    *("Attribute 2 value(s)", "Attribute 2 visible", "Attribute 2 global", "Attribute 1 default", "Meta: _note"),
)
SHORT = {
    **{"id": "ID", "type": "Type", "sku": "SKU", "name": "Name", "parent": "Parent", "images": "Images"},
    **{"categories": "Categories", "price": "Regular price", "description": "Description"},
    **{f"name{number}": f"Attribute {number} name" for number in (1, 2)},
    **{f"value{number}": f"Attribute {number} value(s)" for number in (1, 2)},
}


def write(folder, rows, delimiter=",", encoding="utf-8", columns=COLUMNS):
    path = folder / "wc-product-export.csv"
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", delimiter=delimiter, lineterminator="\n")
        writer.writeheader()
        writer.writerows({SHORT.get(name, name): cell for name, cell in row.items()} for row in rows)
    return path


def read(folder, *rows, **chosen):
    return read_feed(write(folder, rows), FeedSettings(**chosen))


def one(folder, **values):
    (found,) = products(read(folder, {"type": "simple", "sku": "S1", "name": "Shirt"} | values))
    return found


def groups(feed):
    return dict(zip(feed.catalogue.column("id"), feed.catalogue.column("group"), strict=True))


HOODIE = {
    **{"id": "10", "type": "variable", "sku": "hoodie", "name": "Hoodie", "Brands": "Acme", "images": "h.jpg, b.jpg"},
    **{"description": "<p>Warm &amp; soft</p>", "Short description": "<b>Buy</b>", "categories": "Clothing > Hoodies"},
    **{"name1": "Colour", "value1": "Blue, Green", "name2": "Material", "value2": "Wool"},
}
BLUE = {
    **{
        "id": "11",
        "type": "variation",
        "sku": "hoodie-blue",
        "name": "Hoodie - Blue",
        "parent": "hoodie",
        "price": "45",
    },
    **{"name1": "Colour", "value1": "Blue", "images": "blue.jpg", "In stock?": "1"},
}
GREEN = {
    **{"id": "12", "type": "variation, virtual", "parent": "id:10", "price": "46", "Sale price": "40"},
    **{"name1": "Colour", "value1": "Green", "In stock?": "0", "GTIN, UPC, EAN, or ISBN": "4006381333931"},
}


@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 0, 1)])
def test_a_variable_product_and_its_variations(tmp_path, delimiter, encoding, order):
    rows = [[HOODIE, BLUE, GREEN][place] for place in order]
    feed = read_feed(write(tmp_path, rows, delimiter, encoding), FeedSettings())
    assert (feed.format, feed.rows, feed.refused) == ("woocommerce", 3, ())
    assert feed.detected_by.startswith("WooCommerce export: columns id, type, sku, name, parent, attribute_1_name")
    assert ("separated by semicolons" in feed.detected_by) == (delimiter == ";")
    shared = {
        **{"description": "Warm & soft Buy", "brand": "Acme", "product_type": "Clothing > Hoodies", "group": "hoodie"},
    }
    expected = [
        Product(
            id="hoodie",
            title="Hoodie",
            **shared,
            attributes={"material": "Wool"},
            pictures=("h.jpg", "b.jpg"),
        ),
        Product(
            id="hoodie-blue",
            title="Hoodie - Blue",
            **shared,
            price="45",
            availability="in_stock",
            attributes={"color": "Blue"},
            pictures=("blue.jpg",),
        ),
        Product(
            id="id:12",
            title="Hoodie",
            **shared,
            price="46",
            availability="out_of_stock",
            gtin="4006381333931",
            attributes={"color": "Green"},
            pictures=("h.jpg", "b.jpg"),
        ),
    ]
    found = [vars(product) | {"line": 0} for product in products(feed)]
    assert found == [vars(expected[place]) for place in order]
    assert [product.line for product in products(feed)] == [2, 3, 4]


def test_the_types_of_products(tmp_path):
    feed = read(
        tmp_path,
        {"type": "simple", "sku": "a", "name": "A"},
        {"type": "simple, downloadable, virtual", "sku": "b", "name": "B", "parent": "v"},
        {"type": "grouped", "sku": "c", "name": "C", "Grouped products": "a, b"},
        {"type": "external", "sku": "d", "name": "D", "External URL": "https://x.example/d"},
        {"type": "variable", "sku": "v", "name": "V"},
        {"type": "Variable-Subscription, virtual", "sku": "w", "name": "W"},
        {"type": "subscription_variation", "sku": "w1", "parent": "w"},
        {"type": "", "sku": "e", "name": "E"},
        {"type": "", "sku": "w2", "parent": "w"},
        {"type": "woosb", "sku": "f", "name": "F"},
    )
    assert feed.refused == ()
    assert groups(feed) == {
        **{"a": "", "b": "", "c": "", "d": "", "v": "", "w": "w", "w1": "w", "e": "", "w2": "w", "f": ""},
    }
    assert [one.title for one in products(feed)] == list("ABCDVWWEWF")
    assert feed.catalogue.column("link")[3] == "https://x.example/d"


def test_variations_whose_parent_is_not_there(tmp_path):
    feed = read(
        tmp_path,
        {"type": "variation", "sku": "a", "name": "A", "parent": "id:99"},
        {"type": "variation", "sku": "b", "name": "B", "parent": "id:99"},
        {"type": "variation", "sku": "c", "name": "C"},
        {"type": "variation", "sku": "d", "parent": "gone"},
        {"type": "simple", "sku": "other", "name": "Other", "description": "not for E"},
        {"type": "variation", "sku": "e", "name": "E", "parent": "other"},
    )
    assert groups(feed) == {"a": "id:99", "b": "id:99", "c": "", "other": "", "e": "other"}
    assert [(one.where, one.id, one.reason) for one in feed.refused] == [
        ("line 5", "d", "neither a title nor a picture")
    ]
    assert feed.catalogue.column("description") == ["", "", "", "not for E", ""]


def test_a_parent_whose_row_is_cut_short(tmp_path):
    header = "Type,SKU,Name,Parent,Regular price,Images\n"
    feed = read_text(
        tmp_path,
        header
        + "variable,P,Parent\nvariation,c1,One,P,1,\nvariation,c2,Two,P\n"
        + 'variable,Q,"Parent, 5"" wide",,,q.jpg\nvariation,d1,,Q,2,\n',
    )
    assert groups(feed) == {"c1": "P", "Q": "Q", "d1": "Q"}
    assert [(one.where, one.id, one.reason) for one in feed.refused] == [
        ("line 2", "P", "3 fields where the header has 6"),
        ("line 4", "c2", "4 fields where the header has 6"),
    ]
    assert products(feed)[2] == Product(
        "d1", title='Parent, 5" wide', price="2", pictures=("q.jpg",), group="Q", line=6
    )


def test_ids(tmp_path):
    feed = read(
        tmp_path,
        {"id": "1", "type": "simple", "sku": "A", "name": "a"},
        {"id": "2", "type": "simple", "name": "b"},
        {"type": "simple", "name": "no id"},
        {"id": "2", "type": "simple", "name": "twice"},
    )
    assert feed.catalogue.column("id") == ["A", "id:2"]
    assert [(one.where, one.reason) for one in feed.refused] == [
        ("line 4", "no id"),
        ("line 5", "its id stands on line 3 already"),
    ]


def test_an_export_without_the_column_id_or_sku(tmp_path):
    assert read_text(tmp_path, "Type,SKU,Name,Parent\nsimple,A,a,\n").catalogue.column("id") == ["A"]
    feed = read_text(tmp_path, "ID,Type,Name,Parent\n7,variable,a,\n8,variation,b,id:7\nx\n")
    assert groups(feed) == {"id:7": "id:7", "id:8": "id:7"}
    assert feed.refused[0].id == "x"


def test_where_two_parents_share_a_name_the_first_has_the_variations(tmp_path):
    feed = read(
        tmp_path,
        {"id": "1", "type": "variable", "sku": "P", "name": "P", "description": "first"},
        {"id": "1", "type": "variable", "sku": "Q", "name": "Q", "description": "second"},
        {"id": "2", "type": "variation", "sku": "c", "parent": "id:1"},
    )
    assert groups(feed) == {"P": "P", "Q": "", "c": "P"}
    assert feed.catalogue.column("description") == ["first", "second", "first"]


def test_what_a_variation_says_itself_is_not_inherited(tmp_path):
    said = {"description": "own", "categories": "Own", "Brands": "Own brand", "images": "own.jpg", "name": "Own name"}
    feed = read(tmp_path, HOODIE, {"type": "variation", "sku": "c", "parent": "hoodie", **said})
    found = products(feed)[1]
    assert (found.title, found.description, found.product_type) == ("Own name", "own", "Own")
    assert (found.brand, found.pictures, found.price, found.attributes) == ("Own brand", ("own.jpg",), "", {})


@pytest.mark.parametrize(
    ("kind", "values", "attributes"),
    [
        ("variable", "Blue, Green", {}),
        ("variable", "Blue", {"color": "Blue"}),
        ("variable", r"Blue\, dark", {"color": "Blue, dark"}),
        ("variable", r"Blue\, dark, Green", {}),
        ("variable", " , ", {"color": ","}),
        ("simple", "Blue, Green", {"color": "Blue, Green"}),
        ("simple", r"Blue\, dark", {"color": "Blue, dark"}),
        ("variation", "Blue, Green", {"color": "Blue, Green"}),
        ("variation", "", {}),
        ("simple", "'-5", {"color": "-5"}),
    ],
)
def test_values_of_an_attribute(tmp_path, kind, values, attributes):
    assert one(tmp_path, type=kind, name1="Colour", value1=values).attributes == attributes


def test_names_of_attributes(tmp_path):
    assert one(tmp_path, name1="Fabric Type", value1="wool", name2="", value2="x").attributes == {
        "fabric type": "wool",
        "attribute 2": "x",
    }
    assert one(tmp_path, name1="Color", value1="", name2="COLOUR", value2="red").attributes == {"color": "red"}
    assert one(tmp_path, name1="Brand", value1="Acme").brand == "Acme"


def test_a_variation_that_does_not_name_its_attributes(tmp_path):
    feed = read(tmp_path, HOODIE, {"type": "variation", "sku": "c", "parent": "hoodie", "value1": "Blue"})
    assert products(feed)[1].attributes == {"color": "Blue"}


def test_attributes_with_higher_numbers(tmp_path):
    names = [f"Attribute {number} {part}" for number in (12, 2, 100) for part in ("value(s)", "name")]
    text = f"Type,SKU,Name,Parent,{','.join(names)}\nsimple,A,a,,v12,n12,v2,n2,v100,n100\n"
    assert products(read_text(tmp_path, text))[0].attributes == {"n2": "v2", "n12": "v12", "n100": "v100"}
    same = text.replace("n12", "Colour").replace("n2", "Color")
    assert products(read_text(tmp_path, same))[0].attributes == {"color": "v2", "n100": "v100"}


@pytest.mark.parametrize(
    ("categories", "path"),
    [
        ("", ""),
        ("Clothing", "Clothing"),
        ("Clothing > Tshirts, Sale", "Clothing > Tshirts"),
        ("Sale, Clothing>Tshirts , A > B", "Clothing > Tshirts"),
        (r"Bags\, Cases > Small, Sale", "Bags, Cases > Small"),
        ("A > , B", "A"),
        (" , ", ""),
    ],
)
def test_the_deepest_category(tmp_path, categories, path):
    assert one(tmp_path, categories=categories).product_type == path


def test_pictures(tmp_path):
    images = r"https://x.example/a.jpg, https://x.example/b\,c.jpg,, d.jpg,https://x.example/a.jpg"
    assert one(tmp_path, images=images).pictures == ("https://x.example/a.jpg", "https://x.example/b,c.jpg", "d.jpg")


@pytest.mark.parametrize(
    ("in_stock", "stock", "availability"),
    [
        *(("1", "0", "in_stock"), ("0", "5", "out_of_stock"), ("backorder", "", "backorder"), ("", "3", "in_stock")),
        *(("", "0", "out_of_stock"), ("", "", ""), ("", "many", "many")),
    ],
)
def test_availability(tmp_path, in_stock, stock, availability):
    assert one(tmp_path, **{"In stock?": in_stock, "Stock": stock}).availability == availability


def test_price_and_guarded_cells(tmp_path):
    found = one(tmp_path, **{"Sale price": "9", "name": "'=Shirt", "sku": "'-1"})
    assert (found.price, found.title, found.id) == ("9", "=Shirt", "-1")
    assert one(tmp_path, name="'90s shirt").title == "'90s shirt"


def test_descriptions_over_lines(tmp_path):
    feed = read(
        tmp_path, HOODIE | {"description": '<p>5" wide,\n"soft"</p>\n\n<p>b</p>', "Short description": ""}, BLUE
    )
    assert feed.catalogue.column("description") == ['5" wide, "soft" b'] * 2
    assert feed.rows == 2


def test_own_column_names(tmp_path):
    text = "Soort,Artikel,Naam,Ouder,Eigenschap,Waarde,Winkel\nvariable,P,Trui,,,,W\nvariation,C,,P,Colour,rood,\n"
    columns = {
        **{"type": "Soort", "id": "Artikel", "title": "Naam", "group": "Ouder"},
        **{"Attribute 1 name": "Eigenschap", "attribute_1_value(s)": "Waarde"},
    }
    feed = read_text(tmp_path, text, columns=columns, seller_column="winkel")
    assert feed.format == "woocommerce"
    assert [(one.id, one.title, one.group, one.seller, one.attributes) for one in products(feed)] == [
        ("P", "Trui", "P", "W", {}),
        ("C", "Trui", "P", "W", {"color": "rood"}),
    ]
    with pytest.raises(FeedError, match="name the column Prijs, which the feed lacks"):
        read_text(tmp_path, text, columns=columns | {"price": "Prijs"}, format="woocommerce")
    with pytest.raises(SettingsError, match="unknown name weight"):
        read_text(tmp_path, text, columns=columns | {"weight": "Waarde"}, format="woocommerce")


@pytest.mark.parametrize("columns", ["SKU,Name,Type,Images", "type,name,parent", "sku,name,parent", "id,type,parent"])
def test_other_files_are_not_taken_for_woocommerces(tmp_path, columns):
    with pytest.raises(FeedError, match="match no known format"):
        read_text(tmp_path, columns + "\n1,2,3\n")


def test_a_feed_called_woocommerces_that_is_none(tmp_path):
    with pytest.raises(FeedError, match=r"a WooCommerce export must be separated.*has nummer, naam"):
        read_text(tmp_path, "nummer,naam\n1,Hemd\n", format="woocommerce")


def family_plainly(rows):
    """Who is in which group, told slowly: every variation looks through the whole feed for its parent."""
    found = {}
    for row in rows:
        own = row["sku"] or (f"id:{row['id']}" if row["id"] else "")
        children = [other["parent"] for other in rows if other["type"] == "variation"]
        if row["type"] == "variation":
            parents = [
                other["sku"] or f"id:{other['id']}"
                for other in rows
                if other["type"] == "variable"
                and row["parent"] in (other["sku"], f"id:{other['id']}")
                and row["parent"]
            ]
            group = parents[0] if parents else row["parent"]
        else:
            mine = row["type"] == "variable" and ({row["sku"], f"id:{row['id']}"} - {""}) & set(children)
            group = own if mine else ""
        found.setdefault(own, group)
    return found


@pytest.mark.parametrize("seed", range(25))
def test_every_row_of_a_random_mixture_is_accounted_for(tmp_path, seed):
    drawn = random.Random(seed)
    rows = [{"id": "0", "type": "simple", "sku": "sure", "name": "n", "parent": ""}]
    for number in range(1, 60):
        kind = drawn.choice(["simple", "variable", "variation", "variation", "grouped"])
        parent = drawn.choice([f"sku{drawn.randrange(70)}", f"id:{drawn.randrange(70)}", ""])
        row = {"id": str(number), "type": kind, "sku": drawn.choice([f"sku{number}", ""]), "name": "n"}
        rows.append(row | {"parent": parent if kind == "variation" else ""})
    rows += [drawn.choice(rows) for _ in range(3)]
    feed = read(tmp_path, *rows)
    assert (feed.rows, len(feed.refused), feed.merged) == (len(rows), 3, ())
    assert groups(feed) == family_plainly(rows)


@pytest.mark.parametrize("seed", range(25))
def test_every_row_of_a_random_broken_file_is_accounted_for(tmp_path, seed):
    drawn = random.Random(seed)
    plain = ["", "a", "b", "id:1", "Red", "=1", "é", "\0", " ", "a > b", "variable", "1"]
    quoted = ['"', '5" heel', '"x"', '"x" y', 'x"']
    lines = ["variable,z,z,,z,z,1"]
    for width in drawn.choices([7, 7, 7, 7, 5, 8, 1], k=60):
        # A stray quote in a row that does not fit the header might join it with the next.
        cells = drawn.choices(plain + quoted if width == 7 else plain, k=width - 1)
        lines.append(",".join([drawn.choice(["variable", "variation", "simple"]), *cells]))
    text = "Type,SKU,Name,Parent,Images,Attribute 1 name,Attribute 1 value(s)\n" + "\n".join(lines) + "\n"
    content = text.encode().replace("é".encode(), b"\xe9") if seed % 2 else text.encode()
    feed = read_text(tmp_path, content, encoding="utf-8")
    found = [one.line for one in products(feed)]
    found += [int(one.where.removeprefix("line ")) for one in feed.refused]
    assert sorted(found) == list(range(2, len(lines) + 2))
    assert feed.rows == len(lines)
