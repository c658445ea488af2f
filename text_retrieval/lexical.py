"""Lexical text vectors, which capture spelling where a text model captures meaning.

Sellers abbreviate, misspell and reorder words. Character n-grams are robust against that; text models often are not.
Both kinds of vectors joined find more than either alone.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from candidates.artifacts import atomic, digest_of
from candidates.catalogue import Catalogue
from candidates.errors import ModelMissing
from candidates.settings import TextSettings
from candidates.vectors import Vectors, normalised
from text_retrieval.product_text import product_texts

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import TfidfVectorizer

DIMENSIONS = 400
"""Number of leading singular directions kept."""

VARYING = ("color", "size")
"""Attributes in which variants differ: their words are no evidence for or against two products being variants."""

_GRAMS = (3, 4)
_LEAST_TEXTS = 2
"""Minimum number of texts with an n-gram: one that occurs in a single text links it to no other."""

_MOST_GRAMS = 20_000
"""Number of n-grams kept, the most frequent ones; this limits a saved lexicon to 16 MiB."""

_SAMPLE = 50_000
"""Maximum number of texts from which a lexicon is learned."""

_BLOCK = 4096
"""Texts encoded at once."""

_OWN_SHARE = 0.1
"""A word of the colour column counts as a colour if it is in this column for at least this share of the products whose
text contains it.

Otherwise a feed with one "Rose Dress" in its colour column would lose the word "dress" everywhere."""

_WORDS = re.compile(r"\w+")


def lexical_texts(catalogue: Catalogue, settings: TextSettings) -> list[str]:
    """The product texts whose spelling is compared: the chosen fields except the attribute columns.

    Attribute values are short, shared by thousands of products, and often just what variants differ in.

    Raises:
        SettingsError: The settings name no field, or one that these products don't have.
    """
    fields = tuple(name for name in settings.fields if name not in ("attributes", *VARYING))
    return product_texts(catalogue, settings.model_copy(update={"fields": fields or settings.fields}))


def varying_words(catalogue: Catalogue, texts: Sequence[str], names: Iterable[str] = VARYING) -> frozenset[str]:
    """The colour and size words, as found in the catalogue's own columns; no other list of colours is used.

    Args:
        catalogue: The products.
        texts: Their texts, in the same order.
        names: The attributes whose words are collected.
    """
    wanted = tuple(names)
    columns = [frozenset().union(*(_words(own.get(name, "")) for name in wanted)) for own in catalogue.attributes]
    in_column = Counter(word for words in columns for word in words)
    in_text = Counter(word for text in texts for word in in_column.keys() & _words(text))
    return frozenset(
        word for word, times in in_column.items() if times >= _OWN_SHARE * in_text[word] and not word.isdecimal()
    )


@dataclass(frozen=True, eq=False)
class Lexicon:
    """Truncated SVD of TF-IDF-weighted character n-grams (latent semantic analysis).

    Implements `candidates.contracts.Encoder[str]`. S. Deerwester, S. T. Dumais, G. W. Furnas, T. K. Landauer and
    R. Harshman, "Indexing by Latent Semantic Analysis", Journal of the American Society for Information Science 41(6),
    1990.

    Attributes:
        grams: The known n-grams, in order.
        rarity: Inverse document frequency of each, float32 (v,).
        directions: float16 (v, d): the leading singular directions of the training texts.
        left_out: Lower-case words that are removed from every text.
    """

    grams: tuple[str, ...]
    rarity: NDArray[np.float32]
    directions: NDArray[np.float16]
    left_out: frozenset[str]

    def __post_init__(self) -> None:
        """Checks shapes and values; only a bug, or a file that was edited, fails here."""
        n = len(self.grams)
        if self.rarity.shape != (n,) or self.directions.ndim != 2 or len(self.directions) != n:
            raise ModelMissing(
                f"{n} n-grams don't fit {self.rarity.shape} weights and {self.directions.shape} directions"
            )
        if not (np.isfinite(self.rarity).all() and np.isfinite(self.directions).all()):
            raise ModelMissing("a lexicon contains numbers that are not finite")

    @classmethod
    def fit(
        cls,
        texts: Sequence[str],
        left_out: Iterable[str] = (),
        *,
        dimensions: int = DIMENSIONS,
        seed: int = 7,
    ) -> Lexicon:
        """Learns n-grams, their rarity and their leading directions from texts, without labels.

        Args:
            texts: Product texts.
            left_out: Words that are removed from every text, here and in `encode`.
            dimensions: d; fewer if there are fewer texts or n-grams.
            seed: Seed of the sample and of the iteration's start.
        """
        from threadpoolctl import threadpool_limits

        words = frozenset(word.lower() for word in left_out)
        clean = list(dict.fromkeys(_without(text, words) for text in texts))
        if len(clean) > _SAMPLE:
            drawn = np.random.default_rng(seed).choice(len(clean), _SAMPLE, replace=False)
            clean = [clean[row] for row in np.sort(drawn)]
        vectorizer = _vectorizer(min_df=_LEAST_TEXTS, max_features=_MOST_GRAMS)
        try:
            weights = vectorizer.fit_transform(clean)
        except ValueError:  # No n-gram occurs in two texts.
            return cls((), np.zeros(0, np.float32), np.zeros((0, 1), np.float16), words)
        with threadpool_limits(1):  # On a busy machine several threads would wait for each other.
            directions = _leading(weights, min(dimensions, *weights.shape), seed)
        grams = tuple(vectorizer.get_feature_names_out().tolist())
        return cls(grams, vectorizer.idf_.astype(np.float32), directions.astype(np.float16), words)

    @property
    def dimensions(self) -> int:
        """The length of each vector."""
        return int(self.directions.shape[1])

    @cached_property
    def version(self) -> str:
        """A name derived from the contents; usable in a file name."""
        sha = hashlib.sha256(digest_of(self.grams, sorted(self.left_out)).encode())
        for numbers in (np.ascontiguousarray(self.rarity, "<f4"), np.ascontiguousarray(self.directions, "<f2")):
            sha.update(numbers.tobytes())
        return f"lexicon-{self.dimensions}-{sha.hexdigest()[:16]}"

    def encode(self, batch: Sequence[str]) -> NDArray[np.float32]:
        """Encodes texts: float32 (len(batch), d), rows of unit length, zeros for a text without a known n-gram."""
        encoded = np.zeros((len(batch), self.dimensions), np.float32)
        if not self.grams:
            return encoded
        vectorizer, directions = self._vectorizer, self.directions.astype(np.float32)
        for start in range(0, len(batch), _BLOCK):
            clean = [_without(text, self.left_out) for text in batch[start : start + _BLOCK]]
            encoded[start : start + _BLOCK] = normalised(vectorizer.transform(clean) @ directions)
        return encoded

    @cached_property
    def _vectorizer(self) -> TfidfVectorizer:
        vectorizer = _vectorizer(vocabulary={gram: column for column, gram in enumerate(self.grams)})
        vectorizer.idf_ = self.rarity
        return vectorizer

    def save(self, path: Path) -> None:
        """Writes the lexicon atomically as an `.npz` file of plain arrays and JSON."""
        about = json.dumps({"grams": self.grams, "left_out": sorted(self.left_out), "version": self.version})
        with atomic(path) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                rarity=self.rarity,
                directions=self.directions,
                about=np.frombuffer(about.encode(), np.uint8),
            )

    @classmethod
    def open(cls, path: Path) -> Lexicon:
        """Reads a lexicon; raises `ModelMissing` if the file is missing, truncated or changed."""
        fix = "Learn it again, or download the model again"
        try:
            with np.load(path, allow_pickle=False) as stored:
                about = json.loads(stored["about"].tobytes())
                grams, left_out, version = tuple(about["grams"]), frozenset(about["left_out"]), about["version"]
                lexicon = cls(grams, stored["rarity"], stored["directions"], left_out)
                changed = lexicon.version != version
        except Exception as error:  # zipfile, zlib, json and numpy raise many kinds of errors for a damaged file.
            reason = " ".join(str(error).split())
            raise ModelMissing(f"{path}: the lexicon can't be read ({reason})", fix) from error
        if changed:
            raise ModelMissing(f"{path}: the contents have changed since they were saved", fix)
        return lexicon


def joined(meaning: Vectors, spelling: Vectors, weight: float = 1.0) -> Vectors:
    """Concatenates two vectors of each text, so that a projection can learn from both.

    Args:
        meaning: Vectors of a text model.
        spelling: A lexicon's vectors of the same products.
        weight: Weight of the second vector relative to the first.

    Raises:
        AxisMismatch: The vectors belong to different products.
    """
    meaning.axis.require(spelling.axis, "the lexical vectors")
    width = meaning.dimensions
    values = np.empty((len(meaning), width + spelling.dimensions), np.float16)
    values[:, :width] = meaning.values
    for start in range(0, len(values), _BLOCK):
        rows = slice(start, start + _BLOCK)
        values[rows, width:] = spelling.values[rows].astype(np.float32) * weight
    version = f"joint-{digest_of(meaning.version, spelling.version, float(weight))[:16]}"
    return Vectors(meaning.axis, values, version)


def _vectorizer(**options: object) -> TfidfVectorizer:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(analyzer="char_wb", ngram_range=_GRAMS, sublinear_tf=True, dtype=np.float32, **options)


def _leading(weights: object, dimensions: int, seed: int) -> NDArray[np.float32]:
    from sklearn.utils.extmath import randomized_svd

    directions: NDArray[np.float32] = randomized_svd(
        weights, dimensions, n_oversamples=32, n_iter=2, power_iteration_normalizer="LU", random_state=seed
    )[2]
    return directions.T


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORDS.findall(text.lower()))


def _without(text: str, words: frozenset[str]) -> str:
    return " ".join(word for word in _WORDS.findall(text.lower()) if word not in words)
