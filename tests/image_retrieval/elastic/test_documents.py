import json
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.axis import Axis
from candidates.catalogue import Catalogue
from candidates.errors import SettingsError, VariantsError
from candidates.filters import Filter
from candidates.product import Product, Refusal
from image_retrieval.elastic import documents
from image_retrieval.elastic.documents import (
    Coded,
    Document,
    document_of,
    identifier_of,
    image_of,
    images_of,
    keys_of,
)
from image_retrieval.elastic.filters import clauses_of, words_in
from image_retrieval.elastic.mapping import Layout
from tests.image_retrieval.elastic.made_images import JULY, image

LAYOUT = Layout(64, "fingerprint", "planes")
CODE = bytes(range(8))


def source(made, layout=LAYOUT, load=7):
    document = document_of(made, layout)
    assert isinstance(document, Document), document
    return json.loads(document.source(load))


def test_a_document_says_what_its_image_says():
    product = Product(
        "p", "Blue T-Shirt", "With dots. Ünique!", "Shop", "Acme", "A > Bé", attributes={"color": "RED", "size": "M"}
    )
    made = image_of("p#1", 1, CODE, JULY, product)
    document = document_of(made, LAYOUT)
    assert source(made) == {
        "image": "p#1",
        "product": "p",
        "position": 1,
        "code": "0001020304050607",
        "category": "a > bé",
        "brand": "Acme",
        "seller": "Shop",
        "text": ["blue t shirt", "with dots ünique"],
        "attributes": ["color=red", "size=m"],
        "key": document.key,
        "digest": document.digest,
        "load": 7,
        "added": "2026-07-15",
    }


@pytest.mark.parametrize("way", ["flat", "subcodes", "hnsw"])
@pytest.mark.parametrize("products", [False, True])
def test_a_document_has_the_fields_of_its_layout_and_no_others(way, products):
    layout = Layout(64, "f", "c", way, products)
    written = source(image(1, CODE, seller="a", attributes=(("a", "b"),)), layout)
    assert set(written) == set(layout.mapping["properties"])
    assert ("subcodes" in written) == (way == "subcodes")
    assert ("text" in written) == products
    if way == "subcodes":
        assert written["subcodes"] == ["0-1", "1-515", "2-1029", "3-1543"]


def test_ids_follow_from_the_image_and_digests_from_all_but_the_day():
    one, again, later = (document_of(image(1, CODE, day), LAYOUT) for day in (JULY, JULY, date(2026, 8, 1)))
    assert one == again
    assert (one.id, one.key, one.digest) == (later.id, later.key, later.digest)
    retitled = document_of(image(1, CODE, title="new"), LAYOUT)
    recoded = document_of(image(1, bytes(8)), LAYOUT)
    assert len({one.digest, retitled.digest, recoded.digest}) == 3
    assert one.id == retitled.id == identifier_of("i1")[0]
    assert len({identifier_of(f"i{n}") for n in range(1000)}) == 1000
    assert len(identifier_of("i1")[0]) == 22


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (image(1, None), "it has no code"),
        (image(1, bytes(9)), "its code has 72 bits, not 64"),
        (image(1, b""), "its code has 0 bits"),
        (image(1, CODE)._replace(id=""), "no id or no product"),
        (image(1, CODE)._replace(product=""), "no id or no product"),
        (image(1, CODE, category="c" * 11_000), "longer than"),
        (image(1, CODE, attributes=(("a", "ü" * 6_000),)), "longer than"),
        (image(1, CODE, brand="half \ud83d"), "half a character"),
        (image(1, CODE)._replace(id="\udc00"), "half a character"),
    ],
)
def test_what_can_not_be_held_is_refused_with_the_reason(made, reason):
    refused = document_of(made, LAYOUT)
    assert isinstance(refused, Refusal)
    assert reason in refused.reason
    assert refused.fix


def test_long_texts_are_no_fault():
    assert isinstance(document_of(image(1, CODE, description="word " * 50_000), LAYOUT), Document)
    assert isinstance(
        document_of(image(1, CODE, category="c" * 11_000), Layout(64, "f", "c", products=False)), Document
    )


def test_images_of_a_catalogue_come_in_order_block_by_block(monkeypatch):
    monkeypatch.setattr(documents, "_BLOCK", 3)
    made = [Product(f"p{n}", title=f"title {n}", attributes={"color": "red"} if n % 2 else {}) for n in range(6)]
    shows, places = np.array([0, 0, 2, 5, 2, 1, 0, 4]), np.array([0, 1, 0, 0, 1, 0, 2, 0])
    codes = np.arange(64, dtype=np.uint8).reshape(8, 8)
    coded = Coded(codes, np.arange(8) != 3)
    ids = Axis.of([f"i{n}" for n in range(8)])
    whole = list(images_of(ids, coded, Catalogue.of(made), shows, places, JULY))
    expected = [
        image_of(f"i{n}", int(places[n]), None if n == 3 else codes[n].tobytes(), JULY, made[shows[n]])
        for n in range(8)
    ]
    assert whole == expected
    some = list(images_of(ids, coded, Catalogue.of(made), shows, places, JULY, np.array([6, 1])))
    assert some == [expected[6], expected[1]]


def test_two_images_of_one_key_are_noticed(monkeypatch):
    monkeypatch.setattr(documents, "identifier_of", lambda name: ("x", len(name)))
    with pytest.raises(VariantsError, match="'bb' and 'dd'"):
        keys_of(Axis.of(["a", "bb", "ccc", "dd"]))


@given(st.text(max_size=40), st.text("aAbBßſİ '-_#+éÉ\u0301", min_size=1, max_size=6))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_words_that_a_catalogue_finds_are_words_that_are_sent(text, word):
    where = Filter(text=word)
    product = Product("p", title=f"{text} {word}" if len(text) % 2 else text)
    if where and Catalogue.of([product]).select(where)[0]:
        sent = f" {words_in(product.title)} "
        assert all(f" {words_in(one)} " in sent for one in where.words if words_in(one))


def test_clauses():
    assert clauses_of(None) == clauses_of(Filter()) == []
    assert clauses_of(Filter(text="Blue t-shirt &", seller="S", category="A*", attributes=(("n", "V"),))) == [
        {"wildcard": {"category": {"value": "*a\\**"}}},
        {"term": {"seller": "S"}},
        {"term": {"text": "blue"}},
        {"match_phrase": {"text": "t shirt"}},
        {"term": {"attributes": "n=v"}},
    ]


def test_the_version_of_a_layout_is_what_it_holds():
    base = Layout(64, "f", "c", "hnsw")
    same = [Layout(64, "f", "c", "hnsw", shards=3), Layout(64, "f", "c", "hnsw", replicas=2)]
    other = [
        Layout(128, "f", "c", "hnsw"),
        Layout(64, "g", "c", "hnsw"),
        Layout(64, "f", "d", "hnsw"),
        Layout(64, "f", "c", "flat"),
        Layout(64, "f", "c", "hnsw", products=False),
        Layout(64, "f", "c", "hnsw", links=32),
    ]
    assert {one.version for one in same} == {base.version}
    assert len({one.version for one in [base, *other]}) == 7
    assert Layout(64, "f", "c", links=8).version == Layout(64, "f", "c").version


@pytest.mark.parametrize(("bits", "way"), [(0, "flat"), (12, "flat"), (24, "subcodes")])
def test_lengths_that_no_search_can_take_are_refused(bits, way):
    with pytest.raises(SettingsError, match=f"{bits} bits"):
        Layout(bits, "f", "c", way)
