"""Views of titles and descriptions against TF-IDF written out."""

import math
import re
from collections import Counter

import numpy as np
import pytest

from candidates.catalogue import Catalogue
from candidates.product import Product
from candidates.run import Run
from fusion.pairs.feature_context import PairContext
from fusion.pairs.feature_words import vocabulary
from fusion.pairs.table import FEATURES, features_of
from tests.fusion.pairs.feature_worlds import all_pairs, world

WORLDS = [world(30, 1), world(25, 2), world(1, 3)]


def context_of(products, threads=1):
    """A context of texts alone."""
    catalogue = Catalogue.of(products)
    axis = catalogue.axis
    nothing = Run.of(
        "none", axis, axis, np.zeros(len(axis) + 1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32)
    )
    return PairContext(catalogue, {}, nothing, None, threads)


def words_of(text):
    return re.findall(r"\w+", text.lower())


def own_words(products, name):
    """The words of an attribute's column that stand there for a tenth of the titles that say them."""
    in_column, in_title = Counter(), Counter()
    for one in products:
        in_column.update(set(words_of(one.attributes.get(name, ""))))
        in_title.update(set(words_of(one.title)))
    return {word for word, times in in_column.items() if times * 10 >= in_title[word]}


def texts_of(products, text):
    if text == "description":
        return [words_of(one.description) for one in products]
    titles = [words_of(one.title) for one in products]
    if text == "title":
        return titles
    left_out = set().union(*(own_words(products, name) for name in ("color", "size", "pattern", "material")))
    return [[word for word in title if word not in left_out or word.isdecimal()] for title in titles]


def grams(words):
    """3- and 4-grams of each word with a space on either side; a shorter word is one gram."""
    found = []
    for word in words:
        padded = f" {word} "
        for length in (3, 4):
            pieces = [padded[i : i + length] for i in range(len(padded) - length + 1)]
            found += pieces or [padded]
            if not pieces or len(padded) == length:
                break
    return found


def weights_of(texts):
    """TF-IDF with a logarithmic term frequency and a smooth document frequency, at length one; and the latter."""
    frequency = Counter(term for terms in texts for term in set(terms))
    rarity = {term: math.log((1 + len(texts)) / (1 + times)) + 1 for term, times in frequency.items()}
    rows = []
    for terms in texts:
        row = {term: (1 + math.log(times)) * rarity[term] for term, times in Counter(terms).items()}
        length = math.sqrt(sum(weight**2 for weight in row.values()))
        rows.append({term: weight / length for term, weight in row.items()})
    return rows, rarity


def plain(products, text):
    texts = texts_of(products, text)
    by_words, rarity = weights_of(texts)
    by_letters, _ = weights_of([grams(words) for words in texts])
    table = {}
    for a in range(len(texts)):
        for b in range(a + 1, len(texts)):
            if not texts[a] or not texts[b]:
                table[a, b] = [np.nan] * 6
                continue
            cosines = [sum(w * rows[b].get(t, 0) for t, w in rows[a].items()) for rows in (by_letters, by_words)]
            both = set(texts[a]) & set(texts[b])
            fewer = min(len(set(texts[a])), len(set(texts[b])))
            lengths = [len(" ".join(words)) for words in (texts[a], texts[b])]
            rare = max((rarity[word] for word in both), default=0)
            table[a, b] = [*cosines, len(both), len(both) / fewer, rare, abs(math.log(lengths[0] / lengths[1]))]
    return np.array(list(table.values()), float).reshape(-1, 6)


@pytest.mark.parametrize("made_of", WORLDS)
@pytest.mark.parametrize("text", ["title", "title_kept", "description"])
def test_views_of_texts(made_of, text):
    expected = plain(made_of.products, text)
    kinds = ("letters", "words", "shared", "contained", "rarest", "length")
    for place, kind in enumerate(kinds):
        found = features_of(made_of.context, *all_pairs(made_of.n), [f"{text}_{kind}"])[:, 0]
        np.testing.assert_allclose(found, expected[:, place], atol=3e-6, err_msg=kind)


@pytest.mark.parametrize("made_of", WORLDS)
@pytest.mark.parametrize("name", ["color", "size", "pattern", "material"])
def test_attributes_said_in_columns_and_titles(made_of, name):
    own = own_words(made_of.products, name)
    said = [own & {*words_of(one.title), *words_of(one.attributes.get(name, ""))} for one in made_of.products]
    expected = [
        len(said[a] & said[b]) / len(said[a] | said[b]) if said[a] and said[b] else np.nan
        for a, b in zip(*all_pairs(made_of.n), strict=True)
    ]
    shown = "colour" if name == "color" else name
    found = features_of(made_of.context, *all_pairs(made_of.n), [f"{shown}_said"])[:, 0]
    np.testing.assert_allclose(found, np.array(expected, float), rtol=1e-6)


def test_titles_that_differ_in_colour_alone_are_the_same_without_it():
    products = [
        Product("a", "Maja tee black", attributes={"color": "Black"}),
        Product("b", "Maja tee navy"),
        Product("c", "Leon shoe", attributes={"color": "Navy"}),
    ]
    names = ["title_words", "title_kept_words", "colour_said"]
    found = features_of(context_of(products), np.array([0]), np.array([1]), names)[0]
    assert found[0] < 0.9
    assert found[1] == pytest.approx(1)
    assert found[2] == 0


def test_a_word_that_titles_use_otherwise_is_no_colour():
    titles = ["rose dress"] * 20
    assert vocabulary(["Rose Dress", *[""] * 19], titles) == frozenset()
    assert vocabulary(["Rose", "rose", *[""] * 18], titles) == {"rose"}
    assert vocabulary(["Teal", ""], ["a", "b"]) == {"teal"}


def test_a_bare_number_in_a_size_column_stays_in_the_title():
    products = [Product("a", "Jeans 501", attributes={"size": "501"}), Product("b", "Jeans 501"), Product("c", "Jeans")]
    found = features_of(context_of(products), np.array([0, 0]), np.array([1, 2]), ["title_kept_words"])[:, 0]
    assert found[0] == pytest.approx(1)
    assert found[1] < 0.9


def test_products_without_any_text():
    context = context_of([Product("a"), Product("b", "!?")])
    names = [name for name, one in FEATURES.items() if one.room == "words"]
    assert np.isnan(features_of(context, np.array([0]), np.array([1]), names)).all()


def test_the_same_text_twice_is_entirely_alike():
    said = {"title": "Maja tee café", "description": "Soft cotton tee with a round neck"}
    context = context_of([Product("a", **said), Product("b", **said), Product("c", "Other", "words")])
    names = ["title_letters", "title_words", "description_letters", "description_words", "title_contained"]
    np.testing.assert_allclose(features_of(context, np.array([0]), np.array([1]), names), 1, atol=1e-6)
    assert features_of(context, np.array([0]), np.array([1]), ["description_length"])[0, 0] == 0
