import csv

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.errors import FeedError
from candidates.product import ATTRIBUTES, Product
from candidates.settings import FeedSettings
from intake.feeds import read_feed
from tests.intake.feeds.text_columns import TEXTS

COLUMNS = (*TEXTS, "image_link", "additional_image_link", "item_group_id", *ATTRIBUTES, "size_system")


def read(folder, text, **chosen):
    path = folder / "feed.tsv"
    path.write_text(text, encoding="utf-8")
    return read_feed(path, FeedSettings(**chosen))


def products(feed):
    return [feed.catalogue.product(row) for row in range(len(feed.catalogue))]


def write_google(path, given_products, delimiter="\t"):
    """The plainest writer of a Google feed there can be."""

    def listed(name):
        return '"' + name.replace('"', '""') + '"' if set(name) & set('," ') else name

    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(COLUMNS)
        for product in given_products:
            texts = [getattr(product, name) for name in TEXTS]
            main, others = "".join(product.pictures[:1]), ",".join(map(listed, product.pictures[1:]))
            attributes = [product.attributes.get(name, "") for name in COLUMNS[len(TEXTS) + 3 :]]
            writer.writerow([*texts, main, others, product.group, *attributes])


letters = st.characters(codec="utf-8", exclude_characters="\0")
text = st.one_of(
    st.sampled_from(['5" heel', '"Best" heel', '"', '""', '"a', 'a"', "=1", "-", "\ufeff", "N/A", "null", "\\"]),
    st.text(letters, max_size=12).map(str.strip),
    st.text('"\t\n\r, \\x', max_size=8).map(str.strip),
)
name = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8)


@st.composite
def product(draw):
    values = {field: draw(text) for field in TEXTS if field not in ("id", "title")}
    return Product(
        id=draw(name),
        title=draw(text.filter(bool)),
        **values,
        attributes=draw(st.dictionaries(st.sampled_from((*ATTRIBUTES, "size_system")), text.filter(bool), max_size=4)),
        pictures=tuple(draw(st.lists(name, unique=True, max_size=3))),
        group=draw(text),
    )


@settings(max_examples=120, deadline=None)
@given(st.lists(product(), min_size=1, max_size=6, unique_by=lambda one: one.id), st.sampled_from("\t,;|"))
def test_what_a_plain_writer_wrote_is_read_as_it_was(tmp_path_factory, written, delimiter):
    path = tmp_path_factory.getbasetemp() / "feed.tsv"
    write_google(path, written, delimiter)
    feed = read_feed(path, FeedSettings())
    assert feed.refused == ()
    found = products(feed)
    assert [vars(one) | {"line": 0} for one in found] == [vars(one) for one in written]
    lines = [one.line for one in found]
    assert lines[0] == 2
    assert lines == sorted(set(lines))


def test_every_column(tmp_path):
    row = {name: f"the {name}" for name in COLUMNS} | {"additional_image_link": "b.jpg, c.jpg,,the image_link,b.jpg"}
    feed = read(tmp_path, "\t".join(row) + "\n" + "\t".join(row.values()) + "\n")
    (found,) = products(feed)
    assert found == Product(
        **{name: f"the {name}" for name in TEXTS},
        attributes={name: f"the {name}" for name in (*ATTRIBUTES, "size_system")},
        pictures=("the image_link", "b.jpg", "c.jpg"),
        group="the item_group_id",
        line=2,
    )


def test_columns_that_a_feed_lacks_or_has_besides(tmp_path):
    feed = read(tmp_path, "shoe_lace\timage_link\tid\tcustom_label_0\nx\ta.jpg\t1\ty\n")
    assert products(feed) == [Product("1", pictures=("a.jpg",), line=2)]
    assert feed.detected_by == "Google Merchant text feed: tab-separated, columns id, image_link"
    assert feed.pictures == tmp_path


@pytest.mark.parametrize(("delimiter", "name"), [("\t", "tab"), (",", "comma"), (";", "semicolon"), ("|", "pipe")])
def test_every_delimiter(tmp_path, delimiter, name):
    lines = [
        ["id", '"title"', "additional_image_link", "image_link", "price"],
        ["1", '"a, b; c | d"', '"b.jpg,c.jpg"', "a.jpg", '"1,50 EUR"'],
        ["2", "x", "", "", ""],
        ["3", "cut off"],
    ]
    feed = read(tmp_path, "".join(delimiter.join(line) + "\r\n" for line in lines))
    assert feed.detected_by == f"Google Merchant text feed: {name}-separated, columns id, title, price, image_link"
    assert products(feed) == [
        Product("1", "a, b; c | d", pictures=("a.jpg", "b.jpg", "c.jpg"), price="1,50 EUR", line=2),
        Product("2", "x", line=3),
    ]
    assert [(one.where, one.id) for one in feed.refused] == [("line 4", "3")]


def test_the_delimiter_with_the_most_known_columns(tmp_path):
    feed = read(tmp_path, "id;title,x,y,z,price;link;brand\n1;a;b;c\n", columns={"title": "title,x,y,z,price"})
    assert products(feed) == [Product("1", "a", link="b", brand="c", line=2)]
    feed = read(tmp_path, "id|nr,x;y;z|naam\n1|2|a\n", columns={"title": "naam"})
    assert products(feed) == [Product("1", "a", line=2)]


def test_our_own_names_serve_as_well(tmp_path):
    feed = read(tmp_path, 'id,pictures,group,seller\n1,"a.jpg, b.jpg",G,S\n2,c.jpg,,\n')
    assert products(feed) == [
        Product("1", seller="S", pictures=("a.jpg", "b.jpg"), group="G", line=2),
        Product("2", pictures=("c.jpg",), line=3),
    ]
    assert feed.detected_by.endswith("columns id, pictures, group")
    both = read(tmp_path, "id,pictures,group,image_link,item_group_id\n1,b.jpg,ours,a.jpg,theirs\n")
    assert products(both) == [Product("1", pictures=("a.jpg", "b.jpg"), group="theirs", line=2)]


def test_the_category_falls_back_on_googles(tmp_path):
    feed = read(tmp_path, "id\ttitle\tproduct_type\tgoogle_product_category\n1\ta\tOurs > A\t12\n2\tb\t\tApparel > B\n")
    assert feed.catalogue.column("product_type") == ["Ours > A", "Apparel > B"]


def test_urls_stay_among_the_pictures(tmp_path):
    feed = read(
        tmp_path, "id\timage_link\tadditional_image_link\n1\thttps://x.example/a,b.jpg\thttps://x.example/c.jpg,d.jpg\n"
    )
    assert products(feed)[0].pictures == ("https://x.example/a,b.jpg", "https://x.example/c.jpg", "d.jpg")


@pytest.mark.parametrize("column", ["seller", "external_seller_id"])
def test_the_usual_column_of_the_seller(tmp_path, column):
    feed = read(tmp_path, f"id\ttitle\tbrand\t{column}\n1\ta\tB\tShop\n")
    assert (products(feed)[0].seller, products(feed)[0].brand) == ("Shop", "B")


def test_the_column_of_the_seller_by_setting(tmp_path):
    feed = read(tmp_path, "id\ttitle\tbrand\tseller\n1\ta\tB\tShop\n", seller_column="brand")
    assert (products(feed)[0].seller, products(feed)[0].brand) == ("B", "B")


def test_own_column_names(tmp_path):
    text = "nr\tnaam\ttitle\tfoto\tmodel\tkleur\n7\tSchoen\tx\ta.jpg\tM1\trood\n"
    mapped = {"id": "nr", "title": "naam", "pictures": "foto", "group": "model", "color": "kleur"}
    (found,) = products(read(tmp_path, text, columns=mapped))
    assert found == Product("7", "Schoen", attributes={"color": "rood"}, pictures=("a.jpg",), group="M1", line=2)


@pytest.mark.parametrize(
    "columns", ["title\timage_link", "id\tprice", "id:title:image_link", "sku\tname", "id-title", "title id image_link"]
)
def test_other_tables_are_not_taken_for_googles(tmp_path, columns):
    with pytest.raises(FeedError, match="match no known format"):
        read(tmp_path, columns + "\n1\t2\n")


def test_a_feed_called_google_that_is_none(tmp_path):
    with pytest.raises(FeedError, match=r"with the columns id and title or image_link; this one has nr, naam"):
        read(tmp_path, "nr;naam\n1;a\n", format="google-tsv")


@pytest.mark.parametrize("feed_name", ["feed_full.tsv", "feed_marketplace.tsv"])
def test_the_real_feeds(shared, feed_name):
    path = shared / "data/hm" / feed_name
    feed = read_feed(path, FeedSettings(seller_column="brand"))
    assert (len(feed.catalogue), feed.refused, feed.rows) == (5858, (), 5858)
    with path.open(encoding="utf-8", newline="") as file:
        plain = [line.rstrip("\r\n").split("\t") for line in file]
    expected = [dict(zip(plain[0], cells, strict=True)) for cells in plain[1:]]
    assert feed.catalogue.column("id") == [row["id"] for row in expected]
    assert feed.catalogue.column("title") == [row["title"].strip() for row in expected]
    assert feed.catalogue.column("group") == [row["item_group_id"] for row in expected]
    assert feed.catalogue.column("seller") == feed.catalogue.column("brand") == [row["brand"] for row in expected]
    assert all((feed.pictures / pictures[0]).name for pictures in feed.catalogue.table["pictures"].to_pylist())
    groups = [group for group in feed.catalogue.column("group") if group]
    assert sum(groups.count(group) > 1 for group in set(groups)) == 1252
