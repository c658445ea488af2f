"""Google Merchant RSS and Atom: well-formed, broken, and hostile."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

from candidates.settings import FeedSettings
from tests.intake.feeds.made.feed import MadeFeed, product, unreadable

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
_GOOGLE = 'xmlns:g="http://base.google.com/ns/1.0"'


def _rss(*items: str, head: str = _HEAD, names: str = _GOOGLE, encoding: str = "utf-8") -> bytes:
    """An RSS feed; the first item begins on line 3."""
    start = f'{head}\n<rss version="2.0" {names}><channel><title>Shop</title><link>https://a.example</link>'
    return "\n".join([start, *items, "</channel></rss>\n"]).encode(encoding)


def _item(identifier: str, title: str) -> str:
    return f"<item><g:id>{identifier}</g:id><g:title>{title}</g:title></item>"


_XML_CHAIRS = (_item("1", "Chair"), _item("2", "Table"))
_PLAIN_CHAIRS = {"1": product("Chair", others={"line": 3}), "2": product("Table", others={"line": 4})}

_FULL_ITEM = """<item>
<g:id> T1 </g:id><title>For people</title><g:title>Tee</g:title>
<link>https://a.example/t1</link><g:image_link>t1.jpg</g:image_link>
<g:additional_image_link>t2.jpg</g:additional_image_link>
<g:additional_image_link> t3.jpg </g:additional_image_link>
<g:description>&lt;p&gt;Soft &amp;amp; warm&lt;/p&gt;&lt;ul&gt;&lt;li&gt;light&lt;/li&gt;&lt;/ul&gt;</g:description>
<description>the plain one</description>
<g:shipping><g:country>NL</g:country><g:price>3.00 EUR</g:price></g:shipping>
<g:price>19.95 EUR</g:price><g:item_group_id>TEE</g:item_group_id><g:brand>Acme</g:brand>
<g:product_type>Apparel &gt; Tops</g:product_type><g:product_type>Sale</g:product_type>
<g:google_product_category>212</g:google_product_category>
<g:gtin>4006381333931</g:gtin><g:mpn>MP-1</g:mpn><g:availability>in_stock</g:availability>
<g:color>red</g:color><g:size>M</g:size><g:pattern>striped</g:pattern><g:material>cotton</g:material>
<g:gender>female</g:gender><g:age_group>adult</g:age_group><g:size_system>EU</g:size_system>
</item>"""


def _google_xml() -> Iterator[MadeFeed]:
    yield MadeFeed(
        "rss-everything.xml",
        _rss(_FULL_ITEM, "<item><g:id>T2</g:id><g:title>Tee</g:title><g:item_group_id>TEE</g:item_group_id></item>"),
        "google-xml",
        products={
            "T1": product(
                "Tee",
                "TEE",
                ("t1.jpg", "t2.jpg", "t3.jpg"),
                {
                    "description": "Soft & warm light",
                    "link": "https://a.example/t1",
                    "brand": "Acme",
                    "gtin": "4006381333931",
                    "mpn": "MP-1",
                    "price": "19.95 EUR",
                    "availability": "in_stock",
                    "product_type": "Apparel > Tops",
                    "line": 3,
                },
                color="red",
                size="M",
                pattern="striped",
                material="cotton",
                gender="female",
                age_group="adult",
                size_system="EU",
            ),
            "T2": product("Tee", "TEE", others={"line": 18}),
        },
    )
    atom = f"""{_HEAD}
<feed xmlns="http://www.w3.org/2005/Atom" {_GOOGLE}>
<title>Shop</title><link rel="self" href="https://a.example/feed"/><id>https://a.example</id>
<entry><g:id>1</g:id><title>Chair</title><link href="https://a.example/1"/><id>tag:a.example,2026:1</id>
<g:image_link>a.jpg</g:image_link><g:google_product_category>Furniture</g:google_product_category></entry>
<entry><title type="text">Table</title><id>tag:a.example,2026:2</id></entry>
</feed>"""
    yield MadeFeed(
        "atom.xml",
        atom.encode(),
        "google-xml",
        products={
            "1": product(
                "Chair", "", ("a.jpg",), {"link": "https://a.example/1", "product_type": "Furniture", "line": 4}
            ),
            "tag:a.example,2026:2": product("Table", others={"line": 6}),
        },
    )
    yield MadeFeed(
        "rss-another-prefix.xml",
        _rss(*_XML_CHAIRS, names='xmlns:goo="http://base.google.com/ns/1.0"')
        .replace(b"g:id", b"goo:id")
        .replace(b"g:title", b"goo:title"),
        "google-xml",
        products=_PLAIN_CHAIRS,
    )
    yield MadeFeed(
        "rss-plain-elements.xml",
        _rss("<item><id>1</id><title>Chair</title><image_link>a.jpg</image_link></item>", names=""),
        "google-xml",
        products={"1": product("Chair", pictures=("a.jpg",))},
    )
    yield MadeFeed(
        "rss-look-alikes.xml",
        _rss(
            "<!-- <item><g:id>0</g:id><g:title>Left out</g:title></item> -->",
            "<item><g:id>1</g:id><g:title><![CDATA[Chair </item> & <item>]]></g:title></item>",
            '<item note="a > b"><g:id>2</g:id><!-- </item> --><g:title>Table</g:title></item >',
            "<item><g:id>3</g:id><g:title>Stool</g:title>",
            "<g:description><![CDATA[<!DOCTYPE html><b>Oak</b>]]></g:description></item>",
        ),
        "google-xml",
        products={
            "1": product("Chair </item> & <item>", others={"line": 4}),
            "2": product("Table", others={"line": 5}),
            "3": product("Stool", others={"line": 6, "description": "Oak"}),
        },
    )
    yield from _google_xml_encoded()
    own = "<item><nummer>7</nummer><naam>Stoel</naam><foto>a.jpg</foto><winkel>North</winkel></item>"
    yield MadeFeed(
        "rss-own-names-mapped.xml",
        _rss(own),
        "google-xml",
        FeedSettings(columns={"id": "nummer", "title": "naam", "pictures": "foto"}, seller_column="winkel"),
        {"7": product("Stoel", pictures=("a.jpg",), others={"seller": "North"})},
    )


def _google_xml_encoded() -> Iterator[MadeFeed]:
    cafe = _item("1", "Café")
    one = {"1": product("Café", others={"line": 3})}
    for name, declared, encoding, said in (
        ("utf-16", "UTF-16", "utf-16", "UTF-16"),
        ("windows-1252", "windows-1252", "cp1252", "Windows-1252"),
        ("latin-1", "ISO-8859-1", "cp1252", "Windows-1252"),
        ("another-than-declared", "UTF-8", "cp1252", "Windows-1252"),
        ("marked", "utf-8", "utf-8-sig", ""),
    ):
        content = _rss(cafe, head=f'<?xml version="1.0" encoding="{declared}"?>', encoding=encoding)
        yield MadeFeed(f"rss-{name}.xml", content, "google-xml", products=one, said=said)
    yield MadeFeed("rss-gzip.xml.gz", gzip.compress(_rss(*_XML_CHAIRS), mtime=0), "google-xml", products=_PLAIN_CHAIRS)


def _google_xml_broken() -> Iterator[MadeFeed]:
    yield MadeFeed(
        "rss-broken-items.xml",
        _rss(
            _item("1", "Chair"),
            _item("2", "Five < six"),
            "<item><g:id>3</g:id><g:title>Crossed</g:id></g:title></item>",
            _item("4", "Table"),
            _item("5", "Zero &#0;"),
            "<item><g:id>6</g:id><g:title note=x>An attribute without quotes</g:title></item>",
            "<item><g:id>7</g:id><x:title>no such prefix</x:title></item>",
            _item("8", "Stool"),
        ),
        "google-xml",
        products={"1": product("Chair"), "4": product("Table"), "8": product("Stool", others={"line": 10})},
        refused=tuple((line, None, "not well-formed XML") for line in (4, 5, 7, 8, 9)),
    )
    # The two faults that leave no doubt are fixed.
    yield MadeFeed(
        "rss-ampersands.xml",
        _rss(
            _item("1", "Salt & pepper"),
            _item("2", "Caf&eacute;&nbsp;chair"),
            "<item><g:id>3</g:id><g:title>Cups</g:title><g:link>https://a.example/?a=1&b=2</g:link></item>",
            _item("4", "R&amp;D &lt;&#233;&gt;"),
        ),
        "google-xml",
        products={
            "1": product("Salt & pepper"),
            "2": product("Café\xa0chair"),
            "3": product("Cups", others={"link": "https://a.example/?a=1&b=2"}),
            "4": product("R&D <é>"),
        },
    )
    yield MadeFeed(
        "rss-bad-ids.xml",
        _rss(
            _item("1", "Chair"),
            "<item/>",
            "<item><g:title>No id</g:title></item>",
            _item("1", "Twice"),
            _item("a&#9;b", "Tab"),
            "<item><g:id>5</g:id></item>",
            _item("y" * 201, "Long"),
        ),
        "google-xml",
        products={"1": product("Chair")},
        refused=(
            (4, "", "no id"),
            (5, "", "no id"),
            (6, "1", "its id stands on line 3 already"),
            (7, "a\ufffdb", "control characters in the id"),
            (8, "5", "neither a title nor a picture"),
            (9, "y" * 200, "an id of 201 letters"),
        ),
    )
    cut = _rss(*_XML_CHAIRS, _item("3", "Cut off"))
    yield MadeFeed(
        "rss-cut-off-within-an-item.xml",
        cut[: cut.index(b"ut off")],
        "google-xml",
        products=_PLAIN_CHAIRS,
        refused=((5, None, ""),),
    )
    yield MadeFeed(
        "rss-cut-off-within-a-tag.xml",
        cut[: cut.index(b"tle>Cut")],
        "google-xml",
        products=_PLAIN_CHAIRS,
        refused=((5, None, ""),),
    )
    yield MadeFeed(
        "rss-endless-item.xml",
        _rss(_item("1", "Chair"), _item("2", "x" * (4 * 2**20 + 100)), _item("3", "Table")),
        "google-xml",
        products={"1": product("Chair"), "3": product("Table", others={"line": 5})},
        refused=((4, None, "MiB|long|larg|more than|bytes|letters"),),
    )
    bad = _rss(_item("1", "Chair"), _item("2", "XX"), _item("3", "Table é è à")).replace(b"XX", b"caf\xe9")
    yield MadeFeed(
        "rss-item-of-windows-1252.xml",
        bad + "<!-- é è à -->".encode() * 20,
        "google-xml",
        products={"1": product("Chair"), "3": product("Table é è à", others={"line": 5})},
        refused=((4, None, "UTF-8|not well-formed"),),
    )
    yield unreadable("rss-without-items.xml", _rss(), "none of its 0 rows can be used")
    yield unreadable("sitemap.xml", b'<?xml version="1.0"?><urlset><url><loc>https://a.example</loc></url></urlset>\n')
    yield unreadable("rss-map-that-it-lacks.xml", _rss(*_XML_CHAIRS), "naam", columns={"title": "naam"})


def _hostile_xml() -> Iterator[MadeFeed]:
    said = "document type declaration"
    read = '<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    item = _item("1", "&x;")
    yield unreadable("xxe.xml", _rss(item, head=f"{_HEAD}\n{read}"), said)
    yield unreadable("xxe-without-a-head.xml", _rss(item, head=read), said)
    yield unreadable("xxe-utf-16.xml", _rss(item, head=f'<?xml version="1.0"?>{read}', encoding="utf-16"), said)
    yield unreadable("xxe-gzip.xml", gzip.compress(_rss(item, head=f"{_HEAD}{read}"), mtime=0), said)
    yield unreadable("xxe-named-format.xml", _rss(item, head=f"{_HEAD}{read}"), said, format="google-xml")
    swell = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    laughs = f'{_HEAD}<!DOCTYPE rss [<!ENTITY l0 "ha">{swell}]>'
    yield unreadable("billion-laughs.xml", _rss(_item("1", "&l9;"), head=laughs), said)
    remote = f'{_HEAD}<!DOCTYPE rss SYSTEM "http://127.0.0.1:9/feed.dtd">'
    yield unreadable("remote-declaration.xml", _rss(*_XML_CHAIRS, head=remote), said)
    hidden = f"{_HEAD}<!-- {'x' * 100_000} -->{read}"
    yield unreadable("xxe-behind-a-long-comment.xml", _rss(item, head=hidden), said)


def feeds() -> Iterator[MadeFeed]:
    """All of them."""
    yield from _google_xml()
    yield from _google_xml_broken()
    yield from _hostile_xml()
