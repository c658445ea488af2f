"""Features that compare titles and descriptions, by words and by letters.

Weights are TF-IDF with a logarithmic term frequency (Salton and Buckley, "Term-weighting approaches in automatic text
retrieval", 1988). Titles are also compared without the words in which variants differ: the words in the catalogue's own
columns of colour, size, pattern and material. There is no other list of words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.pairs.feature import Block, Column, Feature, where
from fusion.pairs.feature_attributes import attribute_columns
from fusion.pairs.feature_context import PairContext
from fusion.pairs.feature_sets import Sets, common, jaccard, overlap

VARYING = ("color", "size", "pattern", "material")
"""Attributes that titles may mention and in which variants may differ."""

_WORDS = re.compile(r"\w+")
_GRAMS = (3, 4)

_OWN_SHARE = 0.1
"""A word belongs to an attribute if the attribute's column contains it for at least this share of the products whose
title contains it: one "Rose Dress" in a colour column must not turn "dress" into a colour."""


@dataclass(frozen=True, eq=False)
class WeightedText:
    """Sparse TF-IDF weights of each product's text.

    Attributes:
        sets: The words or n-grams of each product, with their inverse document frequency as rarity.
        weights: float32: weight of each member; a product's weights have unit length.
    """

    sets: Sets
    weights: NDArray[np.float32]


def tokens(text: str) -> list[str]:
    """The words of a text in lower case."""
    return _WORDS.findall(text.lower())


def _title(context: PairContext) -> list[str]:
    return context.once("title", lambda: [" ".join(tokens(text)) for text in context.catalogue.column("title")])


def _description(context: PairContext) -> list[str]:
    texts = context.catalogue.column
    return context.once("description", lambda: [" ".join(tokens(text)) for text in texts("description")])


def vocabulary(columns: Sequence[str], titles: Iterable[str]) -> frozenset[str]:
    """The words that belong to an attribute rather than to titles in general.

    Args:
        columns: The attribute's value of each product, empty where it has none.
        titles: The products' titles, in lower case.
    """
    in_column = Counter(word for value in columns if value for word in set(tokens(value)))
    in_title = Counter(word for title in titles for word in in_column.keys() & set(title.split()))
    return frozenset(word for word, times in in_column.items() if times >= _OWN_SHARE * in_title[word])


def vocabularies(context: PairContext) -> Mapping[str, frozenset[str]]:
    """The words of each attribute of `VARYING`."""
    columns = attribute_columns(context)
    titles = _title(context)

    def make() -> Mapping[str, frozenset[str]]:
        return {name: vocabulary(columns[name], titles) if name in columns else frozenset() for name in VARYING}

    return context.once("vocabularies", make)


def _kept(context: PairContext) -> list[str]:
    """Titles without the words in which variants differ; bare numbers are kept, since "501" is a model."""
    names = vocabularies(context)
    words = frozenset(word for own in names.values() for word in own if not word.isdecimal())
    return [" ".join(word for word in title.split() if word not in words) for title in _title(context)]


_TEXTS = {"title": _title, "title_kept": _kept, "description": _description}


def weighted_text(context: PairContext, name: str, by: str) -> WeightedText:
    """The weights of `title`, `title_kept` or `description`, by `words` or `letters`."""
    return context.once(("view", name, by), lambda: _weighed(_TEXTS[name](context), by))


def _weighed(texts: Sequence[str], by: str) -> WeightedText:
    from sklearn.feature_extraction.text import TfidfVectorizer

    read: dict[str, Any] = {"analyzer": str.split} if by == "words" else {"analyzer": "char_wb", "ngram_range": _GRAMS}
    vectorizer = TfidfVectorizer(**read, sublinear_tf=True, lowercase=False, dtype=np.float32)
    try:
        weights = vectorizer.fit_transform(texts)
    except ValueError:  # All texts are empty.
        return WeightedText(Sets.of([()] * len(texts)), np.zeros(0, np.float32))
    weights.sort_indices()
    rarity = vectorizer.idf_.astype(np.float32)
    sets = Sets(weights.indptr.astype(np.int64), weights.indices.astype(np.int32), rarity)
    return WeightedText(sets, weights.data)


def _cosine(block: Block, text: str, by: str) -> Column:
    from fusion.pairs import feature_kernels

    weighted = weighted_text(block.context, text, by)
    out = np.empty(len(block), np.float32)
    slot = block.slot(len(weighted.sets.rarity), np.float32)
    sides = (block.left, block.right)
    feature_kernels.sparse(*sides, weighted.sets.offsets, weighted.sets.members, weighted.weights, slot, out)
    return out


def _words_of(block: Block, text: str) -> Sets:
    return weighted_text(block.context, text, "words").sets


def _shared(block: Block, text: str) -> Column:
    sets = _words_of(block, text)
    return where(block.both(sets.known), common(block, sets)[0])


def _rarest(block: Block, text: str) -> Column:
    sets = _words_of(block, text)
    return where(block.both(sets.known), common(block, sets)[1])


def _contained(block: Block, text: str) -> Column:
    return overlap(block, _words_of(block, text))


def _length(block: Block, text: str) -> Column:
    """Absolute logarithm of the ratio of two lengths in letters."""
    context, read = block.context, _TEXTS[text]
    logs = context.once(("lengths", text), lambda: np.log([max(1, len(words)) for words in read(context)]))
    return where(block.both(_words_of(block, text).known), np.abs(logs[block.left] - logs[block.right]))


def _spoken(context: PairContext, name: str) -> Sets:
    """The attribute's words in each product's column or title."""

    def make() -> Sets:
        own = vocabularies(context)[name]
        values = attribute_columns(context).get(name) or [""] * len(context.catalogue)
        both = zip(_title(context), values, strict=True)
        return Sets.of([own.intersection((*title.split(), *tokens(value))) for title, value in both])

    return context.once(("spoken", name), make)


def _spoken_share(block: Block, name: str) -> Column:
    """Jaccard index of the words by which two products name an attribute."""
    return jaccard(block, _spoken(block.context, name))


def _features() -> Iterator[Feature]:
    titles = {"title": "titles", "title_kept": "titles without words for colour, size, pattern and material"}
    for text, what in (titles | {"description": "descriptions"}).items():
        lacking = f"one of the two has no words there ({what})"
        for by in ("letters", "words"):
            words = f"how similar the {what} are by their {by}"
            yield Feature(f"{text}_{by}", "words", words, "for", lacking, partial(_cosine, text=text, by=by))
        for kind, words, of in (
            ("shared", f"how many words the {what} share", _shared),
            ("contained", f"how much of one of the {what} is contained in the other", _contained),
            ("rarest", f"how rare the rarest word is that the {what} share", _rarest),
        ):
            yield Feature(f"{text}_{kind}", "words", words, "for", lacking, partial(of, text=text))
        words = f"how much the {what} differ in length"
        yield Feature(f"{text}_length", "words", words, "against", lacking, partial(_length, text=text))
    for name in VARYING:
        attribute = "colour" if name == "color" else name
        words = f"whether columns and titles name the same {attribute}"
        lacking = f"one of the two has no {attribute}"
        yield Feature(f"{attribute}_said", "words", words, "neither", lacking, partial(_spoken_share, name=name))


WORDS: tuple[Feature, ...] = tuple(_features())
"""The features of this room."""
