import dataclasses

import numpy as np
import pytest

from candidates.catalogue import Catalogue
from candidates.errors import VersionMismatch
from candidates.filters import Filter
from candidates.product import Product
from candidates.run import same_lists
from image_retrieval.elastic.documents import Coded, coded, documents_of, images_of
from image_retrieval.elastic.load import load
from image_retrieval.elastic.nearest import Effort
from image_retrieval.elastic.search import ElasticIndex
from image_retrieval.hamming import HammingIndex
from image_retrieval.rotations import Rotations
from tests.image_retrieval.elastic.made_images import JULY, filled, image
from tests.index_contract import DIMENSIONS, EVEN, IndexContract, clustered, made, rows_of

PLANES = Rotations(DIMENSIONS, 256, 7)


def window_for(window_of, vectors, planes=PLANES, **options):
    return window_of(planes.bits, codes=planes.version, fingerprint=vectors.version, **options)


def images_for(vectors, products, planes=PLANES):
    """One image of each product, by name and row."""
    one_each = np.arange(len(vectors))
    return images_of(vectors.axis, coded(vectors, planes), Catalogue.of(products), one_each, 0 * one_each, JULY)


class ElasticContract(IndexContract):
    way = "flat"

    @pytest.fixture(autouse=True)
    def _windows(self, window_of):
        self.window_of = window_of

    def build(self, vectors, select=None):
        window = window_for(self.window_of, vectors, search=self.way, products=select is not None)
        even = select(EVEN) if select else np.zeros(len(vectors), bool)
        products = [
            Product(f"p{row}", product_type="even" if held else "odd") for row, held in enumerate(even.tolist())
        ]
        window.ensure(JULY)
        load(window, documents_of(images_for(vectors, products), window.layout))
        return ElasticIndex.open(window, PLANES, vectors, 1000, effort=Effort(clients=3))


class TestElasticIndexFlat(ElasticContract):
    exact = True


class TestElasticIndexByGraph(ElasticContract):
    """What a graph may do differently; the rest of the contract would only be run twice."""

    way = "hnsw"
    recall_floor = 0.97


DIFFERENT = ("finds_the_nearest", "itself_first", "k_beyond", "zero_items", "narrow_filter", "nothing_meets")
for name in [name for name in dir(IndexContract) if name.startswith("test_")]:
    if not any(part in name for part in DIFFERENT):
        setattr(TestElasticIndexByGraph, name, None)


def words(rng):
    """A text of words that lie in wait: cases, accents, signs within, parts of each other."""
    choice = ["Blue", "bluebell", "t-shirt", "T shirt", "C++", "café", "CAFÉ", "İstanbul", "straße", "STRASSE", "50%"]
    return " ".join(rng.choice(choice, size=rng.integers(0, 5)))


def said(rng, row):
    return Product(
        f"p{row}",
        title=words(rng),
        description=words(rng),
        seller=str(rng.choice(["", "a", "A", "b*"])),
        product_type=str(rng.choice(["Clothing > Dresses", "CLOTHING > Café*", "a?c > abc", "Straße", ""])),
        attributes={"color": str(rng.choice(["Red", "RED", "Größe", "red "]))},
    )


FILTERS = [
    *(
        Filter(text=text)
        for text in ("blue", "BLUE bluebell", "t-shirt", "shirt", "c++", "café", "strasse", "50%", "&")
    ),
    *(Filter(category=one) for one in ("dress", "CLOTHING", "café*", "*", "?", "a?c", "straße", "\\", "nothing")),
    *(Filter(seller=seller) for seller in ("a", "A", "b*", "*")),
    *(Filter(attributes=(("color", value),)) for value in ("red", "grösse", "GRÖSSE", "red ", "*")),
    Filter(category="clothing", seller="a", text="blue", attributes=(("color", "red"),)),
]


@pytest.fixture
def products():
    rng = np.random.default_rng(4)
    return [said(rng, row) for row in range(250)]


def test_filters_admit_what_a_plain_comparison_admits(window_of, products):
    vectors, catalogue = clustered(250), Catalogue.of(products)
    window = window_for(window_of, vectors)
    load(window, documents_of(images_for(vectors, products), window.layout))
    alone, told = (ElasticIndex.open(window, PLANES, vectors, 250, select) for select in (None, catalogue.select))
    loose = []
    for where in FILTERS:
        truth = set(np.flatnonzero(catalogue.select(where)).tolist())
        query = vectors.take(np.arange(2))
        for rows in rows_of(told.search(query, 250, where)):
            assert set(rows) == truth, where
        for rows in rows_of(alone.search(query, 250, where)):
            assert set(rows) >= truth, where
        if set(rows) != truth:
            loose.append(where.text or where.category or where.attributes[0][1])
    # The two cases that `elastic.filters` names, and no others.
    assert set(loose) <= {"t-shirt", "c++", "strasse", "50%", "&", "straße"}


def test_a_filter_to_the_letter_asks_deeper_until_the_list_is_full(window_of):
    products = [Product(f"p{row}", title="t shirt" if row < 200 else "t-shirt") for row in range(220)]
    vectors = clustered(220)
    window = window_for(window_of, vectors)
    load(window, documents_of(images_for(vectors, products), window.layout))
    index = ElasticIndex.open(window, PLANES, vectors, 4, Catalogue.of(products).select)
    found = rows_of(index.search(vectors.take(np.arange(10)), 20, Filter(text="t-shirt")))
    assert all(sorted(rows) == list(range(200, 220)) for rows in found)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_the_lists_are_those_of_the_embedded_index(window_of, dtype):
    items, queries = clustered(400, dtype=dtype), clustered(40, seed=1, prefix="q", dtype=dtype)
    items.values[7] = 0
    embedded = HammingIndex.build(items, 256, 7, 50, kind="rotations")
    window = window_for(window_of, items)
    load(window, documents_of(images_for(items, [Product(f"p{row}") for row in range(400)]), window.layout))
    index = ElasticIndex.open(window, PLANES, items, 50)
    ours, theirs = index.search(queries, 10).matrix(10), embedded.search(queries, 10).matrix(10)
    differing = (ours[0] != theirs[0]).any(axis=1)
    # Codes tied at the end of the shortlist may be rescored or not; hardly ever does that reach the first ten.
    assert differing.sum() <= 2
    assert np.array_equal(ours[1][~differing], theirs[1][~differing])


def test_images_that_the_index_does_not_know_are_passed_over(window_of):
    known, strangers = clustered(30), clustered(300, seed=5, prefix="stranger")
    window = window_for(window_of, known)
    for vectors in (strangers, known):
        products = [Product(f"{vectors.axis[row]}p") for row in range(len(vectors))]
        load(window, documents_of(images_for(vectors, products), window.layout))
    index = ElasticIndex.open(window, PLANES, known, 5)
    assert index.search(known, 30).counts.tolist() == [30] * 30


def test_an_image_in_two_slices_is_found_once(window_of):
    vectors = clustered(20)
    window = window_for(window_of, vectors)
    stored = coded(vectors, PLANES)
    for day in (JULY, JULY.replace(month=6)):
        pictures = [image(row, code, day) for row, code in enumerate(stored.codes)]
        # As after a load that was killed before it removed what it replaces.
        filled(window, pictures, number=1)
    index = ElasticIndex(window, PLANES, vectors.axis)
    assert window.count() == 40
    assert all(sorted(rows) == list(range(20)) for rows in rows_of(index.search(vectors, 20)))


def test_without_vectors_the_score_is_the_share_of_equal_bits(window_of):
    vectors = clustered(60)
    window = window_for(window_of, vectors)
    load(window, documents_of(images_for(vectors, [Product(f"p{row}") for row in range(60)]), window.layout))
    index = ElasticIndex(window, PLANES, vectors.axis)
    bits = np.unpackbits(PLANES.codes(vectors.values), axis=1)
    shares = np.stack([(bits == one).mean(axis=1) for one in bits])
    rows, scores = index.search(vectors, 60).matrix(60)
    np.testing.assert_allclose(scores, np.take_along_axis(shares, rows, 1), atol=1e-6)
    order = np.stack([np.lexsort((np.arange(60), -one)) for one in shares])
    assert np.array_equal(rows, order)


def test_tiles_and_clients_change_nothing(window_of, monkeypatch):
    vectors = clustered(120)
    window = window_for(window_of, vectors)
    load(window, documents_of(images_for(vectors, [Product(f"p{row}") for row in range(120)]), window.layout))
    index = ElasticIndex.open(window, PLANES, vectors, 40)
    at_once = index.search(vectors, 8)
    monkeypatch.setattr("image_retrieval.elastic.search._TILE", 700)
    for clients in (1, 4):
        assert same_lists(dataclasses.replace(index, effort=Effort(clients=clients)).search(vectors, 8), at_once)


def test_each_query_is_told_of(window_of):
    vectors = clustered(25)
    window = window_for(window_of, vectors)
    load(window, documents_of(images_for(vectors, [Product(f"p{row}") for row in range(25)]), window.layout))
    done = []
    ElasticIndex.open(window, PLANES, vectors, 40, track=done.append).search(vectors, 8)
    assert sum(done) == 25


def test_queries_coded_by_other_planes_are_refused(window_of):
    vectors = clustered(10)
    window = window_for(window_of, vectors)
    window.ensure(JULY)
    with pytest.raises(VersionMismatch, match="seed8"):
        ElasticIndex.open(window, Rotations(DIMENSIONS, 256, 8), vectors)
    with pytest.raises(VersionMismatch, match="v2"):
        ElasticIndex.open(window, PLANES, made(vectors.values, version="v2"))


def test_codes_are_those_of_the_embedded_index():
    vectors = clustered(300, dtype=np.float16)
    vectors.values[3], vectors.values[5, 1], vectors.values[6, 0] = 0, np.nan, np.inf
    mine: Coded = coded(vectors, PLANES)
    theirs = HammingIndex.build(vectors, 256, 7, 10, kind="rotations")
    assert np.flatnonzero(~mine.there).tolist() == [3, 5, 6]
    kept = np.isin(theirs.rows, np.flatnonzero(mine.there))
    assert np.array_equal(mine.codes[mine.there], theirs.codes[kept])
