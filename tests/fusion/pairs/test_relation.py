import numpy as np
import pytest

from candidates.catalogue import Catalogue
from candidates.product import Product
from fusion.groups.varying import attribute_values
from fusion.pairs.relation import (
    ABSENT,
    AGREE,
    DIFFER,
    EVIDENCE,
    Identities,
    Likeness,
    compare,
    global_number,
    part_number,
    relations,
)

GTIN, OTHER = "4006381333931", "9780306406157"


def catalogue_of(*rows):
    return Catalogue.of(Product(id=f"p{number}", **row) for number, row in enumerate(rows))


def judged(left, right, picture=None, text=None, colour=None):
    """The relation of one pair of products, and what it rests on."""
    catalogue = catalogue_of(left, right)
    given = [None if value is None else np.array([value]) for value in (picture, text, colour)]
    found = relations(
        np.array([0]), np.array([1]), Identities.of(catalogue), attribute_values(catalogue), Likeness(*given)
    )
    return found.relation(0), EVIDENCE[found.evidence[0]]


@pytest.mark.parametrize(
    ("written", "number"),
    [
        (GTIN, f"0{GTIN}"),
        ("4 006381-333931", f"0{GTIN}"),
        ("4006381333931.0", f"0{GTIN}"),
        ("036000291452", "00036000291452"),
        ("36000291452", "00036000291452"),
        ("96385074", "00000096385074"),
        ("10012345678902", "10012345678902"),
        ("4006381333932", ""),
        ("4.00638E+12", ""),
        ("0000000000000", ""),
        ("2012345678900", ""),
        ("0212345678905", ""),
        ("20123451", ""),
        ("9912345678907", ""),
        ("1234567", ""),
        ("٤٠٠٦٣٨١٣٣٣٩٣١", ""),
        ("=4006381333931", ""),
        ("", ""),
    ],
)
def test_gtins_are_brought_to_one_form(written, number):
    assert global_number(written) == number


@pytest.mark.parametrize(
    ("written", "number"), [("AB-12 3", "ab123"), ("does not apply", ""), ("n/a", ""), ("12", ""), ("", "")]
)
def test_part_numbers(written, number):
    assert part_number(written) == number


def test_the_same_gtin_is_the_same_item():
    assert judged({"gtin": GTIN}, {"gtin": f"0{GTIN}"}) == ("same item", "same GTIN")
    assert judged({"gtin": GTIN}, {"gtin": OTHER}, picture=1.0) == ("variant", "GTINs differ")
    assert judged({"gtin": "1234567890123"}, {"gtin": "1234567890123"})[0] == "variant"


def test_the_same_gtin_of_one_seller_whose_sizes_differ_is_the_articles():
    small, large = ({"gtin": GTIN, "seller": "A", "attributes": {"size": size}} for size in "SL")
    assert judged(small, large) == ("variant", "attributes differ")
    assert judged(small, large | {"seller": "B"}) == ("same item", "same GTIN")


def test_a_part_number_counts_with_its_brand():
    one = {"mpn": "X-100", "brand": "Acme"}
    assert judged(one, {"mpn": "x100", "brand": "ACME"}) == ("same item", "same part number and brand")
    assert judged(one, {"mpn": "x100", "brand": "Other"})[0] == "variant"
    assert judged(one, {"mpn": "x100"})[0] == "variant"
    assert judged(one, {"mpn": "X-101", "brand": "Acme"}, picture=1.0)[1] == "part numbers differ"
    assert judged(one | {"attributes": {"color": "Red"}}, one | {"attributes": {"color": "Blue"}})[0] == "variant"


@pytest.mark.parametrize(
    ("alike", "relation"),
    [
        ({"picture": 0.99}, "same item"),
        ({"picture": 0.99, "colour": 1.0}, "same item"),
        ({"picture": 0.99, "colour": 20.0}, "variant"),
        ({"picture": 0.9, "text": 1.0}, "variant"),
        ({"text": 0.99}, "same item"),
        ({"text": 0.9}, "variant"),
        ({"picture": np.nan, "text": 0.99}, "same item"),
        ({}, "variant"),
    ],
)
def test_nearly_the_same_picture_or_text_across_sellers(alike, relation):
    assert judged({"seller": "A"}, {"seller": "B"}, **alike)[0] == relation


def test_one_sellers_listings_must_be_alike_in_both():
    one = {"seller": "A"}
    assert judged(one, one, picture=1.0, text=0.8)[0] == "variant"
    assert judged(one, one, picture=0.9, text=1.0)[0] == "variant"
    assert judged(one, one, picture=1.0, text=1.0)[0] == "same item"
    assert judged(one, one)[0] == "variant"


def test_an_attribute_or_a_number_that_differs_makes_a_variant():
    red, blue = (
        {"seller": seller, "attributes": {"color": colour}} for seller, colour in (("A", "Red"), ("B", "Blue"))
    )
    assert judged(red, blue, picture=1.0, text=1.0) == ("variant", "attributes differ")
    screws = [{"title": f"Screw 4x{length}", "seller": seller} for length, seller in ((40, "A"), (50, "B"))]
    assert judged(*screws, picture=1.0, text=1.0) == ("variant", "numbers in the titles differ")


@pytest.mark.parametrize(("products", "counts"), [(20, True), (21, False)])
def test_a_gtin_at_many_products_is_a_placeholder(products, counts):
    catalogue = catalogue_of(*({"gtin": GTIN} for _ in range(products)))
    assert (Identities.of(catalogue).gtin >= 0).all() == counts


@pytest.mark.parametrize(("each", "counts"), [(2, True), (3, False)])
def test_a_gtin_at_many_products_of_a_seller_is_an_articles(each, counts):
    catalogue = catalogue_of(*({"gtin": GTIN, "seller": seller} for seller in "ab" for _ in range(each)))
    assert (Identities.of(catalogue).gtin >= 0).all() == counts


def test_comparison_is_three_valued():
    codes = np.array([0, 0, 1, -1], np.int32)
    left, right = np.array([0, 0, 0, 3]), np.array([1, 2, 3, 3])
    assert compare(codes, left, right).tolist() == [AGREE, DIFFER, ABSENT, ABSENT]


def test_what_a_pair_varies_in():
    catalogue = catalogue_of(
        {"attributes": {"color": "Red", "size": "S"}}, {"attributes": {"color": "Blue", "size": "S"}}, {}
    )
    found = relations(np.array([0, 0]), np.array([1, 2]), Identities.of(catalogue), attribute_values(catalogue))
    assert [found.varies_in(pair) for pair in (0, 1)] == [("color",), ()]


def test_relations_are_symmetric_on_random_products():
    rng = np.random.default_rng(1)
    rows = [
        {
            "gtin": rng.choice(["", GTIN, OTHER]),
            "mpn": rng.choice(["", "a1", "a2"]),
            "brand": rng.choice(["", "x"]),
            "seller": rng.choice(["A", "B"]),
            "title": rng.choice(["", "5", "6 x"]),
            "attributes": {"color": rng.choice(["", "Red", "Blue"])},
        }
        for _ in range(12)
    ]
    catalogue = catalogue_of(*rows)
    left, right = (axis.ravel() for axis in np.mgrid[:12, :12])
    picture = rng.choice([0.5, 0.99, np.nan], (12, 12))
    picture = np.triu(picture) + np.triu(picture, 1).T
    given = Identities.of(catalogue), attribute_values(catalogue), Likeness(picture.ravel())
    one, other = relations(left, right, *given), relations(right, left, *given)
    assert (one.evidence == other.evidence).all()
    assert 0 < one.same.sum() < len(left)


def test_no_pairs_and_no_products():
    catalogue = Catalogue.of([])
    none = np.zeros(0, np.int64)
    assert len(relations(none, none, Identities.of(catalogue), attribute_values(catalogue)).same) == 0
