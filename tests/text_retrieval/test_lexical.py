import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from candidates.axis import Axis
from candidates.catalogue import Catalogue
from candidates.errors import AxisMismatch, ModelMissing, SettingsError
from candidates.product import Product
from candidates.settings import TextSettings
from candidates.vectors import Vectors
from text_retrieval.lexical import Lexicon, joined, lexical_texts, varying_words


def made_up(n=60, seed=0):
    """Texts of a few words from a small vocabulary, some of them empty, some the same."""
    draw = np.random.default_rng(seed)
    words = ["".join(draw.choice(list("abcdeiou"), size=draw.integers(3, 8))) for _ in range(30)]
    texts = [" ".join(draw.choice(words, size=draw.integers(0, 6))) for _ in range(n - n // 4)]
    return [*texts, *texts[: n // 4]]


def catalogue(*products):
    return Catalogue.of(Product(id=f"p{row}", **told) for row, told in enumerate(products))


def plain(learned_from, asked, dimensions):
    """Cosines in the leading directions of the whole, dense TF-IDF matrix."""
    distinct = list(dict.fromkeys(learned_from))
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 4), sublinear_tf=True, min_df=2)
    dense = vectorizer.fit_transform(distinct).toarray()
    directions = np.linalg.svd(dense, full_matrices=False)[2][:dimensions]
    rows = vectorizer.transform(asked).toarray() @ directions.T
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return rows @ rows.T


@pytest.mark.parametrize(("seed", "dimensions"), [(0, 5), (1, 12), (2, 400)])
def test_vectors_are_those_of_a_plain_decomposition(seed, dimensions):
    texts = made_up(seed=seed)
    rows = Lexicon.fit(texts, dimensions=dimensions).encode(texts)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows @ rows.T, plain(texts, texts, dimensions), atol=0.02)


def test_texts_of_another_catalogue_are_encoded_by_what_was_learned():
    lexicon, others = Lexicon.fit(made_up(), dimensions=12), made_up(30, seed=9)
    rows = lexicon.encode(others)
    np.testing.assert_allclose(rows @ rows.T, plain(made_up(), others, 12), atol=0.02)


def test_a_text_has_the_same_vector_in_whatever_company(monkeypatch):
    texts = made_up()
    lexicon = Lexicon.fit(texts)
    whole = lexicon.encode(texts)
    monkeypatch.setattr("text_retrieval.lexical._BLOCK", 7)
    np.testing.assert_allclose(lexicon.encode(texts), whole, atol=1e-6)
    np.testing.assert_allclose(lexicon.encode([texts[3]]), whole[3:4], atol=1e-6)
    assert lexicon.encode([]).shape == (0, lexicon.dimensions)


def test_lengths_are_one_and_zero_where_nothing_is_known():
    lexicon = Lexicon.fit(["leather belt", "leather boot", "woollen boot", "woollen hat"])
    rows = lexicon.encode(["leather", "", "  ", "xyzzy", "?!"])
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1, 0, 0, 0, 0])


def test_a_misspelt_word_lies_near_the_word():
    lexicon = Lexicon.fit(["seamless leggings", "leggings rib", "ceramic mug", "mug with dots", "seamless mug"])
    word, misspelt, other = lexicon.encode(["leggings", "legginsg", "mug"])
    assert word @ misspelt > 0.7 > 0.3 > word @ other


@pytest.mark.parametrize("texts", [[], [""], ["", " "], ["once"], ["alpha", "beta"]])
def test_where_no_n_gram_stands_in_two_texts_everything_is_zero(texts, tmp_path):
    lexicon = Lexicon.fit(texts)
    assert lexicon.encode(["alpha", ""]).tolist() == [[0], [0]]
    lexicon.save(tmp_path / "lexicon.npz")
    assert Lexicon.open(tmp_path / "lexicon.npz").version == lexicon.version


def test_a_product_told_of_many_times_counts_once():
    texts = made_up()
    assert Lexicon.fit(texts * 3).version == Lexicon.fit(texts).version


def test_the_most_frequent_n_grams_of_a_sample_are_kept(monkeypatch):
    monkeypatch.setattr("text_retrieval.lexical._MOST_GRAMS", 9)
    monkeypatch.setattr("text_retrieval.lexical._SAMPLE", 20)
    texts = made_up()
    assert len(Lexicon.fit(texts).grams) == 9
    assert Lexicon.fit(texts, seed=1).version == Lexicon.fit(texts, seed=1).version
    assert len({Lexicon.fit(texts, seed=seed).grams for seed in range(5)}) > 1


# Words of colour and size.


def test_words_left_out_change_no_vector():
    texts = ["Long dress DARK blue", "Long dress red", "red mug", "mug, blue"]
    lexicon = Lexicon.fit(texts, {"Dark", "blue", "red"})
    rows = lexicon.encode(["long dress blue", "long dress", "Long, dress: RED", "reddish long dress"])
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-6)
    np.testing.assert_allclose(rows[1], rows[2], atol=1e-6)
    assert not any("blu" in gram or "red" in gram for gram in lexicon.grams)
    assert lexicon.left_out == {"dark", "blue", "red"}


def test_colours_and_sizes_are_what_the_columns_say():
    products = [
        {"title": "Dress rosso", "attributes": {"color": "Rosso", "size": "S"}},
        {"title": "Dress", "attributes": {"color": "Verde scuro", "size": "38"}},
        {"title": "Red dress", "attributes": {"material": "Wool"}},
    ]
    some = catalogue(*products)
    assert varying_words(some, some.column("title")) == {"rosso", "verde", "scuro", "s"}
    assert varying_words(some, some.column("title"), ["material"]) == {"wool"}
    bare = catalogue({"title": "Red dress"})
    assert varying_words(bare, ["Red dress"]) == frozenset()


@pytest.mark.parametrize(("times", "left_out"), [(1, False), (30, True)])
def test_a_word_that_strays_into_the_colour_column_stays(times, left_out):
    strays = [{"title": "dress", "attributes": {"color": "Rose dress"}}] * times
    some = catalogue(*strays, *[{"title": "summer dress"}] * 50)
    found = varying_words(some, some.column("title"))
    assert "rose" in found
    assert ("dress" in found) == left_out


def test_the_texts_compared_are_the_fields_without_attribute_columns():
    told = {"title": "Maja", "description": "A dress", "brand": "Lot", "attributes": {"color": "Red", "fit": "slim"}}
    some = catalogue(told)
    assert lexical_texts(some, TextSettings()) == ["Maja A dress"]
    assert lexical_texts(some, TextSettings(fields=("title", "brand", "color"))) == ["Maja Lot"]
    assert lexical_texts(some, TextSettings(fields=("attributes",))) == ["color Red, fit slim"]
    with pytest.raises(SettingsError, match="titel"):
        lexical_texts(some, TextSettings(fields=("titel",)))


# Saved and opened.


def test_what_was_saved_is_opened(tmp_path):
    lexicon = Lexicon.fit(made_up(), {"rot", "grün"})
    lexicon.save(tmp_path / "lexicon.npz")
    again = Lexicon.open(tmp_path / "lexicon.npz")
    assert (again.version, again.grams, again.left_out) == (lexicon.version, lexicon.grams, lexicon.left_out)
    np.testing.assert_array_equal(again.encode(made_up(seed=4)), lexicon.encode(made_up(seed=4)))
    assert [path.name for path in tmp_path.iterdir()] == ["lexicon.npz"]


def test_the_version_speaks_of_all_contents():
    versions = [
        Lexicon.fit(made_up()).version,
        Lexicon.fit(made_up(), {"nothing"}).version,
        Lexicon.fit(made_up(), dimensions=7).version,
        Lexicon.fit(made_up(seed=3)).version,
    ]
    assert len(set(versions)) == 4
    assert versions[0] == Lexicon.fit(made_up()).version


def test_a_missing_or_cut_file_gives_one_line_that_names_it(tmp_path):
    path = tmp_path / "lexicon.npz"
    with pytest.raises(ModelMissing, match=r"lexicon\.npz"):
        Lexicon.open(path)
    Lexicon.fit(made_up(), dimensions=5).save(path)
    content = path.read_bytes()
    for length in range(0, len(content), len(content) // 20):
        path.write_bytes(content[:length])
        with pytest.raises(ModelMissing, match=r"lexicon\.npz") as refused:
            Lexicon.open(path)
        assert "\n" not in str(refused.value)


def about(lexicon, **changed):
    told = {"grams": lexicon.grams, "left_out": sorted(lexicon.left_out), "version": lexicon.version} | changed
    return np.frombuffer(json.dumps(told).encode(), np.uint8)


CHANGES = {
    "another rarity": lambda one: {"rarity": one.rarity * 2},
    "other directions": lambda one: {"directions": -one.directions},
    "another word left out": lambda one: {"about": about(one, left_out=["red"])},
    "other n-grams": lambda one: {"about": about(one, grams=one.grams[::-1])},
    "fewer n-grams": lambda one: {"about": about(one, grams=one.grams[1:])},
    "no n-grams": lambda one: {"about": np.frombuffer(b"{}", np.uint8)},
    "no JSON": lambda one: {"about": np.frombuffer(b"\xff", np.uint8)},
    "no number": lambda one: {"rarity": one.rarity * np.float32(np.nan)},
    "pickled": lambda one: {"rarity": np.array([{"run": "me"}], object)},
}


@pytest.mark.parametrize("change", CHANGES)
def test_contents_that_are_not_those_saved_are_refused(tmp_path, change):
    lexicon, path = Lexicon.fit(made_up(), dimensions=5), tmp_path / "lexicon.npz"
    stored = {"rarity": lexicon.rarity, "directions": lexicon.directions, "about": about(lexicon)}
    np.savez(path, **stored)
    assert Lexicon.open(path).version == lexicon.version
    np.savez(path, **(stored | CHANGES[change](lexicon)))
    with pytest.raises(ModelMissing, match=r"lexicon\.npz"):
        Lexicon.open(path)


# Meaning and spelling side by side.


def vectors(n, width, seed, version):
    values = np.random.default_rng(seed).standard_normal((n, width)).astype(np.float32)
    return Vectors(Axis.of([f"p{row}" for row in range(n)]), values, version)


@settings(deadline=None, derandomize=True, max_examples=20)
@given(n=st.integers(0, 20), weight=st.floats(0, 4), block=st.integers(1, 7))
def test_two_vectors_stand_side_by_side(n, weight, block):
    meaning, spelling = vectors(n, 4, 0, "minilm@1"), vectors(n, 3, 1, "lexicon@1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("text_retrieval.lexical._BLOCK", block)
        both = joined(meaning, spelling, weight)
    assert (both.axis, both.values.dtype) == (meaning.axis, np.float16)
    np.testing.assert_allclose(both.values, np.hstack([meaning.values, weight * spelling.values]), rtol=2e-3, atol=1e-3)


def test_the_joint_version_speaks_of_both_and_of_the_weight():
    meaning, spelling = vectors(3, 4, 0, "minilm@1"), vectors(3, 3, 1, "lexicon@1")
    others = (joined(meaning, spelling, 2), joined(spelling, meaning), joined(meaning, vectors(3, 3, 1, "lexicon@2")))
    assert len({joined(meaning, spelling).version, *(one.version for one in others)}) == 4
    assert joined(meaning, spelling, 1).version == joined(meaning, spelling, 1.0).version


def test_vectors_of_other_products_are_refused():
    with pytest.raises(AxisMismatch, match="lexical"):
        joined(vectors(3, 4, 0, "m"), vectors(4, 3, 1, "l"))
