import io
from itertools import islice, pairwise
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.errors import FeedError
from candidates.product import ATTRIBUTES, Product, Refusal
from candidates.settings import FeedSettings
from intake.feeds import google_xml, read_feed
from intake.feeds.google_xml import GOOGLE_XML

GOOGLE = "http://base.google.com/ns/1.0"
ATOM = "http://www.w3.org/2005/Atom"
TEXTS = ("id", "title", "brand", "product_type", "price", "link", "availability", "gtin", "mpn", "seller")


def rss(*items, names=f'xmlns:g="{GOOGLE}"'):
    """The first item begins on line 2."""
    return f"<rss {names}><channel><title>Shop</title>\n" + "\n".join(items) + "\n</channel></rss>"


def item(identifier, title="a", more=""):
    return f"<item><g:id>{identifier}</g:id><g:title>{title}</g:title>{more}</item>"


def rows(folder, content, name="feed.xml", **chosen):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    return list(GOOGLE_XML.read(path, FeedSettings(**chosen)))


def told(found):
    """Ids of products, and lines and reasons of refusals."""
    return [row.id if isinstance(row, Product) else (row.where, row.reason) for row in found]


def only(found):
    (product,) = found
    assert isinstance(product, Product), product
    return product


# What a well-formed feed says ------------------------------------------------------------------------------------


def test_every_element_of_rss(tmp_path):
    names = [*TEXTS, "item_group_id", *ATTRIBUTES, "size_system"]
    elements = "".join(f"<g:{name}> the {name}\n</g:{name}>" for name in names)
    elements += (
        "<g:description>&lt;p&gt;one&lt;/p&gt;&lt;p&gt;two&lt;/p&gt;</g:description><g:image_link>a.jpg</g:image_link>"
    )
    elements += "".join(f"<g:additional_image_link>{name}</g:additional_image_link>" for name in ("b,c.jpg", "a.jpg"))
    assert only(rows(tmp_path, rss(f"<item>{elements}</item>"))) == Product(
        **{name: f"the {name}" for name in TEXTS},
        description="one two",
        attributes={name: f"the {name}" for name in (*ATTRIBUTES, "size_system")},
        pictures=("a.jpg", "b,c.jpg"),
        group="the item_group_id",
        line=2,
    )


def test_googles_elements_win_over_plain_ones_wherever_they_stand(tmp_path):
    content = rss("<item><title>plain</title><g:id>1</g:id><g:title>ours</g:title><title>again</title></item>")
    assert only(rows(tmp_path, content)).title == "ours"


def test_the_first_of_several_counts_unless_it_is_empty(tmp_path):
    types = "<g:product_type/><g:product_type>A</g:product_type><g:product_type>B</g:product_type>"
    types += "<g:google_product_category>C</g:google_product_category>"
    found = rows(tmp_path, rss(item(1, more=types), item(2, more=types[-60:][types[-60:].index("<") :])))
    assert [one.product_type for one in found] == ["A", "C"]


def test_elements_within_elements_and_of_other_namespaces_say_nothing_of_the_product(tmp_path):
    more = "<g:shipping><g:price>3 EUR</g:price></g:shipping><m:title>theirs</m:title><m:price>1</m:price>"
    found = only(rows(tmp_path, rss(item(1, more=more), names=f'xmlns:g="{GOOGLE}" xmlns:m="urn:media"')))
    assert (found.title, found.price) == ("a", "")


def test_atom(tmp_path):
    content = f"""<feed xmlns="{ATOM}" xmlns:g="{GOOGLE}"><id>shop</id><link href="https://shop.example"/>
    <entry><id>tag:1</id><g:id>1</g:id><title>Chair</title><link rel="enclosure" href="a.mp3"/>
    <link rel="alternate" href="https://shop.example/1"/><summary type="html">&lt;b&gt;Oak&lt;/b&gt;</summary></entry>
    <entry><id>tag:2</id><title>Stool</title><content><p>two</p><p>words</p></content></entry></feed>"""
    assert rows(tmp_path, content) == [
        Product("1", "Chair", "Oak", link="https://shop.example/1", line=2),
        Product("tag:2", "Stool", "two words", line=4),
    ]


@pytest.mark.parametrize(
    ("names", "prefix"),
    [
        (f'xmlns:goo="{GOOGLE}"', "goo:"),
        (f"xmlns:goo = '{GOOGLE}'", "goo:"),
        ('xmlns:g="https://base.google.com/ns/1.0/"', "g:"),
        (f'xmlns="{GOOGLE}"', ""),
        (f'xmlns="{ATOM}"', "g:"),
        ('xmlns="urn:some" version="2.0"', ""),
        ("", "g:"),
        ("", ""),
    ],
)
def test_namespaces_however_they_are_declared(tmp_path, names, prefix):
    one = f"<item><{prefix}id>1</{prefix}id><{prefix}title>a</{prefix}title><{prefix}size>M</{prefix}size></item>"
    assert only(rows(tmp_path, rss(one, names=names))) == Product("1", "a", attributes={"size": "M"}, line=2)


def test_an_item_may_declare_its_own_namespaces(tmp_path):
    own = f'<item xmlns:q="{GOOGLE}"><q:id>1</q:id><q:title>a</q:title></item>'
    prefixed = f'<a:entry xmlns:a="{ATOM}"><a:id>2</a:id><a:title>b</a:title></a:entry>'
    assert told(rows(tmp_path, rss(own, prefixed))) == ["1", "2"]


def test_namespaces_end_with_the_element_that_declares_them(tmp_path):
    content = rss('<image xmlns="urn:other" xmlns:g="urn:other"><url>a</url></image>' + item(1))
    assert only(rows(tmp_path, content)).id == "1"


def test_look_alikes_are_no_items(tmp_path):
    content = rss(
        f"<!-- {item(0)} -->",
        f"<![CDATA[{item(0)}]]><?php {item(0)} ?><items/><item-list></item-list>",
        item(1, "<![CDATA[</item> & <item>]]>"),
        item(2, "<!-- </item> <item> <![CDATA[ -->b"),
        "<item\n note='a > b'><g:id>3</g:id><g:title>c</g:title></item\n>",
    )
    found = rows(tmp_path, content)
    assert [(one.id, one.title, one.line) for one in found] == [
        ("1", "</item> & <item>", 4),
        ("2", "b", 5),
        ("3", "c", 6),
    ]


def test_lines_are_counted_whatever_ends_them(tmp_path):
    for end in ("\n", "\r\n", "\r"):
        assert [row.line for row in rows(tmp_path, rss(item(1, "a\nb"), item(2)).replace("\n", end))] == [2, 4]


letters = st.characters(
    codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff\x85\u2028\u2029"
)
text = st.one_of(
    st.sampled_from(["a & b", "<item>", "</item>", "<!--", "-->", "<![CDATA[", "]]>", "<?", "&nbsp;", "&amp;", "x>y"]),
    st.text(letters, max_size=10),
    st.text("<>&![]-?/ item;#x1", max_size=12),
).map(lambda one: " ".join(one.split()))
name = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="\ufffe\uffff"),
    min_size=1,
    max_size=8,
)


@st.composite
def product(draw):
    return Product(
        id=draw(name),
        title=draw(text),
        brand=draw(text),
        price=draw(text),
        attributes=draw(st.dictionaries(st.sampled_from(ATTRIBUTES), text.filter(bool), max_size=3)),
        pictures=tuple(draw(st.lists(name, unique=True, max_size=3))),
        group=draw(text),
    )


def element(draw, tag, value):
    """One of the ways to write an element."""
    inside = draw(st.sampled_from(["text", "section", "references"]))
    if inside == "section" and not {"]]>", "<![CDATA["} & {
        value[n : n + len(m)] for m in ("]]>", "<![CDATA[") for n in range(len(value))
    }:
        return f"<g:{tag}><![CDATA[{value}]]></g:{tag}>"
    if inside == "references":
        return f"<g:{tag}>" + "".join(f"&#x{ord(letter):x};" for letter in value) + f"</g:{tag}>"
    comment = draw(st.sampled_from(["", "", "<!-- </item><item> -->"]))
    return f"<g:{tag}>{comment}{escape(value)}</g:{tag}>"


def by_element_tree(content):
    """The plain and slow way: the whole file at once, and only what this file's writer writes."""
    for one in ElementTree.fromstring(content).iter("item"):
        said = [(part.tag.removeprefix(f"{{{GOOGLE}}}"), (part.text or "").strip()) for part in one]
        first = {tag: value for tag, value in reversed(said) if value}
        yield Product(
            **{tag: first.get(tag, "") for tag in ("id", "title", "brand", "price")},
            attributes={tag: first[tag] for tag in ATTRIBUTES if tag in first},
            pictures=tuple(dict.fromkeys(value for tag, value in said if tag.endswith("image_link") and value)),
            group=first.get("item_group_id", ""),
        )


@settings(max_examples=70, deadline=None, derandomize=True)
@given(st.data(), st.lists(product(), min_size=1, max_size=5))
def test_what_a_plain_writer_wrote_is_read_as_it_was(tmp_path_factory, data, written):
    items = []
    for one in written:
        fields = [("id", one.id), ("title", one.title), ("brand", one.brand), ("price", one.price)]
        fields += [("item_group_id", one.group), *one.attributes.items()]
        fields += [
            ("image_link" if not place else "additional_image_link", name) for place, name in enumerate(one.pictures)
        ]
        items.append(f"<item>{''.join(element(data.draw, *field) for field in fields)}</item>")
    content = rss(*items)
    found = rows(tmp_path_factory.getbasetemp(), content)
    without_lines = [Product(**(vars(one) | {"line": 0})) for one in found]
    assert without_lines == written == list(by_element_tree(content))
    assert [one.line for one in found] == list(range(2, 2 + len(written)))


# What is not well-formed -----------------------------------------------------------------------------------------


def test_references(tmp_path):
    title = "A&amp;B &lt;3 &#233;&#xe9; &eacute;&nbsp;&hellip; Tom & Jerry"
    title += " & ?a=1&copy=2&x; &wrong; &; &#; &#X41; &AMP; &LT;"
    found = only(rows(tmp_path, rss(item(1, title))))
    assert found.title == "A&B <3 éé é\N{NO-BREAK SPACE}… Tom & Jerry & ?a=1&copy=2&x; &wrong; &; &#; &#X41; & <"


def test_references_are_left_alone_where_xml_has_none(tmp_path):
    found = rows(
        tmp_path, rss(item(1, "<![CDATA[a & &nbsp; &amp;]]>"), item(2, "<!-- a & b -->c"), item(3, "&amp;nbsp;"))
    )
    assert [one.title for one in found] == ["a & &nbsp; &amp;", "c", "&nbsp;"]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("<item><g:id>x</g:id><g:title>a</item>", "not well-formed XML: mismatched tag on line 3"),
        ("<item>\n<g:id>x</g:id><g:title>a</g:id></item>", "not well-formed XML: mismatched tag on line 4"),
        ("<item><g:id>x</g:id><title a=1>a</title></item>", "not well-formed XML: invalid token on line 3"),
        ("<item><g:id>x</g:id> a < b </item>", "not well-formed XML: invalid token on line 3"),
        ("<item><g:id>x</g:id><c:d>unbound</c:d></item>", "not well-formed XML: unbound prefix on line 3"),
        ("<item><g:id>x</g:id>&#0;</item>", "not well-formed XML: reference to invalid character number on line 3"),
        ("<item><g:id>x</g:id>\x0b</item>", "not well-formed XML: invalid token on line 3"),
        ("<item><g:id>x</g:id>\0</item>", "not well-formed XML: invalid token on line 3"),
        (
            "<item><g:id>x</g:id><?xml version='1.0'?></item>",
            "not well-formed XML: XML or text declaration not at start of entity on line 3",
        ),
        ("<item><g:id>x</g:id><!DOCTYPE a></item>", "not well-formed XML: a document type declaration on line 3"),
        ("<item><g:id>x</g:id><!ENTITY a 'b'></item>", "not well-formed XML: a document type declaration on line 3"),
        (
            "<item><g:id>x</g:id>" + "<a>" * 10_000 + "</a>" * 10_000 + "</item>",
            "elements nested more than 100 deep",
        ),
        ("<item><g:id>x</g:id>" + "<a>" * 10_000 + "</item>", "elements nested more than 100 deep"),
        ("<item><g:id>x</g:id><title>a</title>", "not well-formed XML: <item> is not closed before the next"),
        ("<item><g:id>x</g:id><title><![CDATA[a</title></item>", "not well-formed XML: <![CDATA[ is not closed"),
        ("<item><g:id>x</g:id><!-- a </item>", "not well-formed XML: <!-- is not closed"),
        ("<item><g:id>x</g:id><? a </item>", "not well-formed XML: <? is not closed"),
        ("<itm><g:id>x</g:id></item>", "not well-formed XML: </item> without its start tag"),
        ('<item a="<"><g:id>x</g:id></item>', "not well-formed XML: </item> without its start tag"),
        ("<item><g:id>x</g:id>" + "y" * 5 * 2**20 + "</item>", "an item of more than 4 MiB"),
        ("<item><g:id>x</g:id><![CDATA[" + "y" * 5 * 2**20 + "<item>]]></item>", "an item of more than 4 MiB"),
        (f"<!-- <item> <!-- {item('x')} -->", "not well-formed XML: <!-- is not closed before the next"),
    ],
    ids=range(22),
)
@pytest.mark.parametrize("section", ["%s", "<![CDATA[%s]]>", "%s<!-- a --><?b c?>"])
def test_a_broken_item_is_refused_and_takes_no_other_with_it(tmp_path, broken, reason, section):
    content = rss(item(1, section % "a"), broken, item(2, section % "b"), item(3, section % "c"))
    found = rows(tmp_path, content)
    assert told(found) == ["1", ("line 3", reason), "2", "3"]
    assert found[1].fix
    assert [one.title for one in (found[0], *found[2:])] == ["a", "b", "c"]
    assert found[3].line == content[: content.index("<item><g:id>3")].count("\n") + 1


def test_the_id_of_a_broken_item_is_told_where_it_is_known(tmp_path):
    found = rows(tmp_path, rss("<item><g:id>x1</g:id><b></item>", "<item><b><g:id>x2</g:id></item>"))
    assert [one.id for one in found] == ["x1", ""]


def test_what_is_wrong_is_told_in_letters_that_can_be_shown(tmp_path):
    found = rows(tmp_path, b"<\xe9a\x07:rss></\xe9\x07:item><\xe9:item></a>", encoding="utf-8")
    assert told(found) == [
        ("line 1", "not well-formed XML: </:item> without its start tag"),
        ("line 1", "not well-formed XML: the file ends inside <:item>"),
    ]
    with pytest.raises(FeedError, match=r"its root element is a:urls\."):
        rows(tmp_path, b"<\xe9a\x07:urls/>", encoding="utf-8")


def test_bytes_of_another_encoding_spoil_one_item_alone(tmp_path):
    content = rss(item(1, "é è à"), item(2, "X"), item(3, "ü")).encode().replace(b"X", b"caf\xe9")
    assert told(rows(tmp_path, content)) == ["1", ("line 3", "bytes that are not UTF-8"), "3"]


whole = rss(item(1), item(2), item(3, "<![CDATA[c]]>"))


@pytest.mark.parametrize("kept", range(len(whole.split("\n")[0]), len(whole) + 1))
def test_a_feed_that_was_cut_off_anywhere_is_told_by_one_refusal(tmp_path, kept):
    found = rows(tmp_path, whole[:kept])
    complete = whole[:kept].count("</item>")
    assert told(found)[:complete] == ["1", "2", "3"][:complete]
    missing = found[complete:]
    assert len(missing) == (kept < len(whole))
    assert all("the file ends" in one.reason for one in missing)


soup = st.lists(
    st.sampled_from(
        (
            *("<item>", "</item>", "<item/>", "<g:id>1</g:id>", "<g:title>", "</g:title>", "a & b", "&nbsp;", "\n"),
            *("<!--", "-->", "<![CDATA[", "]]>", "<?", "?>", "<", ">", "'", '"', "<a b='c>'", "xxxxxxxxxxx", "é"),
            *("<entry >", "</entry >", "<rss>", "</rss>", "</channel>", "<a xmlns='b'>", "]]", "<!-", "\udce9"),
            *("<item", "</item", "<!X"),
        )
    ),
    max_size=25,
).map("".join)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(soup)
def test_it_makes_no_difference_where_one_read_ends_and_the_next_begins(soup):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(google_xml, "LARGEST_ITEM", 60)
        patch.setattr(google_xml, "_LONGEST_TAG", 30)
        readings = []
        for block in (2**16, 1, 3):
            patch.setattr(google_xml, "_BLOCK", block)
            scanner = google_xml._Scanner(Path("x"), google_xml._Text(io.StringIO(f"<rss>{soup}")))
            try:
                readings.append(list(scanner.items()))
            except FeedError as error:
                readings.append(str(error))
    assert readings[0] == readings[1] == readings[2]


@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(soup.filter(lambda one: not {"<!", "<?", "<e"} & {*map("".join, pairwise(one))}), st.booleans()),
        max_size=4,
    )
)
def test_whole_items_are_read_whatever_stands_between_them(tmp_path_factory, parts):
    # An unclosed tag or item before a whole one is told, and the whole one is read.
    content = "".join(f"{soup} >\n{item(f'whole{n}') if there else ''}" for n, (soup, there) in enumerate(parts))
    found = rows(tmp_path_factory.getbasetemp(), f"<rss>{content}</rss>")
    ids = [one.id for one in found if isinstance(one, Product)]
    assert [one for one in ids if one.startswith("whole")] == [
        f"whole{n}" for n, (_, there) in enumerate(parts) if there
    ]


def test_thousands_of_sections_that_are_not_closed(tmp_path):
    broken = "<item><g:title><![CDATA[a</g:title></item>"
    found = rows(tmp_path, rss(*[broken] * 20_000, item(1)))
    assert told(found[-1:]) == ["1"]
    assert len(found) == 20_001


def test_no_more_than_a_few_items_are_held():
    one = item("1", "x" * 1000)

    class Endless(io.TextIOBase):
        given = 0

        def read(self, size=-1):
            assert 0 < size <= 4 * google_xml._BLOCK
            self.given += size
            begin = (self.given - size) % len(one)
            return (one * (size // len(one) + 2))[begin : begin + size]

    feed = Endless()
    items = google_xml._Scanner(Path("x"), google_xml._Text(feed)).items()
    for taken, fragment in enumerate(islice(items, 2000)):
        assert fragment.pieces == (one,)
        assert feed.given - taken * len(one) < 4 * google_xml._BLOCK


# Hostile and misnamed files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE rss PUBLIC "-//X//X" "http://127.0.0.1:9/x.dtd">',
        '<!DOCTYPE rss [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]>',
        '<!ENTITY x SYSTEM "file:///etc/passwd">',
        "<!doctype rss>",
    ],
)
@pytest.mark.parametrize("head", ["", "<?xml version='1.0'?>\n<!-- a -->", "<rss>", "<!-- " + "x" * 100_000 + " -->"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_document_type_declarations_are_refused_by_name(tmp_path, declaration, head, encoding):
    path = tmp_path / "feed.xml"
    path.write_bytes((head + declaration + rss(item(1, "&x;"))).encode(encoding))
    with pytest.raises(FeedError, match="document type declaration, which could read other files"):
        read_feed(path, FeedSettings())


def test_a_web_page_is_told(tmp_path):
    for page in ("<!DOCTYPE html>\n<html><body>Log in</body></html>", "<html><body>Log in</body></html>"):
        (tmp_path / "feed.xml").write_text(page)
        with pytest.raises(FeedError, match="a page"):
            read_feed(tmp_path / "feed.xml", FeedSettings())


@pytest.mark.parametrize(
    "content", ["", "id\ttitle\n1\ta\n", "<urlset><url/></urlset>", "<!-- never closed", "<<<", "<"]
)
def test_no_feed_in_xml(tmp_path, content):
    with pytest.raises(FeedError, match="Google Merchant XML must be RSS"):
        rows(tmp_path, content)


# Encodings, names, recognition -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "encoding", "title"),
    [
        ("windows-1251", "cp1251", "Стул"),
        ("ISO-8859-15", "iso8859-15", "5 €"),
        ("ISO-8859-1", "cp1252", "“5 €”"),
        ("Shift_JIS", "shift_jis", "椅子"),
        ("UTF-8", "cp1252", "café"),
        ("UTF-16", "utf-8", "café 椅子"),
        ("utf8mb4", "utf-8", "café 椅子"),
        ("windows-1252", "utf-8-sig", "café 椅子"),
        ("us-ascii", "utf-8", "café"),
        ("EBCDIC-CP-NL", "utf-8", "café"),
    ],
)
def test_the_declared_encoding_counts_where_nothing_stronger_does(tmp_path, declared, encoding, title):
    content = f'<?xml version="1.0" encoding="{declared}"?>\n' + rss(item(1, title))
    assert only(rows(tmp_path, content.encode(encoding))).title == title


def test_the_encoding_in_the_settings_is_stronger(tmp_path):
    content = ('<?xml version="1.0" encoding="ISO-8859-15"?>' + rss(item(1, "café"))).encode()
    assert only(rows(tmp_path, content, encoding="utf-8")).title == "café"


def test_a_declared_encoding_that_nobody_knows(tmp_path):
    content = ('<?xml version="1.0" encoding="klingon"?>' + rss(item(1, "café"))).encode("latin-1")
    with pytest.raises(FeedError, match=r"names an unknown encoding, klingon\. Name the encoding with --encoding"):
        rows(tmp_path, content)


def test_own_names_and_sellers(tmp_path):
    own = "<item><nummer>1</nummer><Naam>a</Naam><tekst>&lt;i&gt;b&lt;/i&gt;</tekst><foto>c</foto><foto>d</foto></item>"
    columns = {"id": "nummer", "title": "naam", "description": "g:Tekst", "pictures": "foto", "item_group_id": "merk"}
    content = rss(own, item(2, more="<merk>G</merk><winkel>W</winkel>"))
    found = rows(tmp_path, content, columns=columns, seller_column="winkel")
    assert found == [
        Product("1", "a", "b", pictures=("c", "d"), line=2),
        Product("", "", seller="W", group="G", line=3),
    ]


@pytest.mark.parametrize(
    ("chosen", "lacking"), [({"columns": {"title": "naam"}}, "naam"), ({"seller_column": "winkel"}, "winkel")]
)
def test_a_name_that_the_feed_lacks(tmp_path, chosen, lacking):
    with pytest.raises(
        FeedError,
        match=f"the settings name the column {lacking}, which the feed lacks. Use one of its columns: id, title",
    ):
        rows(tmp_path, rss("<item>", item(1)), **chosen)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (rss("<item>", item(1)), "XML with the root element rss, its items with id, title"),
        ("\n <?xml version='1.0'?>" + rss(), "XML with the root element rss"),
        (
            f"<feed xmlns='{ATOM}'><entry><x/></entry></feed>",
            "XML with the root element feed, its items with no known element",
        ),
        ("<!DOCTYPE rss>" + rss(item(1)), "it begins like XML"),
        ("id\ttitle\n<b>1</b>\ta\n", ""),
        ("< 5\tid\n", ""),
        ("", ""),
    ],
)
def test_recognised_by_what_it_holds(tmp_path, content, said):
    (tmp_path / "feed").write_text(content)
    assert GOOGLE_XML.recognise(tmp_path / "feed", FeedSettings()) == said


def test_recognised_with_the_encoding_that_it_declares(tmp_path):
    (tmp_path / "feed").write_bytes(
        ('<?xml version="1.0" encoding="windows-1251"?>' + rss(item(1, "Стул"))).encode("cp1251")
    )
    feed = read_feed(tmp_path / "feed", FeedSettings())
    assert feed.format == "google-xml"
    assert "its items with id, title, in windows-1251 as declared" in feed.detected_by


def test_every_row_is_counted(tmp_path):
    (tmp_path / "feed").write_text(rss(item(1), "<item/>", item(1), "<item>", item(2), "<item><b></item>"))
    feed = read_feed(tmp_path / "feed", FeedSettings())
    assert feed.catalogue.column("id") == ["1", "2"]
    assert [one.where for one in feed.refused] == ["line 3", "line 4", "line 5", "line 7"]
    assert all(isinstance(one, Refusal) for one in feed.refused)
