"""What a product says: the chosen fields of its feed row, as one text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from candidates.catalogue import Catalogue
from candidates.errors import SettingsError
from candidates.product import ATTRIBUTES
from candidates.settings import TextSettings

Phrase = tuple[str, ...]
"""Words in lower case."""

FIELDS = ("title", "description", "brand", "product_type", "attributes")
"""Fields of a text; the name of a single attribute is one too."""

_COLOUR = "color"
_COLOUR_SEPARATORS = re.compile(r"[/,;|&+]")
_PATH_SEPARATORS = re.compile(r"[>/|]")
_WORDS = re.compile(r"\w+")
_ALONE = re.compile(r"(?<!\S)[^\w\s]+(?!\S)")


def product_texts(catalogue: Catalogue, settings: TextSettings) -> list[str]:
    """Joins the chosen fields of each product into one text, single spaces between its words.

    Attributes are written with their names, as the feed spells these ("color Black, size M"): to a model
    that reads words a bare "M" or "38" says nothing, and "size M" says the same whatever stands around it.

    `settings.leave_out` keeps words out of the whole text, as whole words and in any case:

    * `colour`: every colour that the catalogue's own colour column names, longest phrases first ("Dark
      Blue" before "Blue"; "dark" alone stays unless it is a colour of its own), and each word of the
      product's own colour. Nothing is known about colours but what the column says.
    * `brand`: the product's own brand name.

    Returns:
        One text a product, in the catalogue's order; empty where the chosen fields say nothing.

    Raises:
        SettingsError: A field that is neither a field nor an attribute of these products, or no field.
    """
    _check(catalogue, settings.fields)
    colourless = "colour" in settings.leave_out
    parts = [_part(catalogue, name, colourless) for name in settings.fields]
    texts = [" ".join(pieces) for pieces in zip(*parts, strict=True)]
    if colourless:
        texts = _without_colours(texts, [own.get(_COLOUR, "") for own in catalogue.attributes])
    if "brand" in settings.leave_out:
        brands = [frozenset({_phrase(brand)}) for brand in catalogue.column("brand")]
        texts = [_without(text, brand) for text, brand in zip(texts, brands, strict=True)]
    return [" ".join(text.split()) for text in texts]


def _check(catalogue: Catalogue, names: Sequence[str]) -> None:
    known = {*ATTRIBUTES, *(name for own in catalogue.attributes for name in own)}
    unknown = [name for name in names if name not in FIELDS and name not in known]
    if unknown or not names:
        what = f"no field called {', '.join(map(repr, unknown))}" if names else "no field is chosen"
        raise SettingsError(f"text.fields: {what}", f"Choose from {', '.join([*FIELDS, *sorted(known)])}")


def _part(catalogue: Catalogue, name: str, colourless: bool) -> list[str]:
    """One field of every product."""
    if name == "attributes":
        return [_spelled_out(own, colourless) for own in catalogue.attributes]
    if name == "product_type":
        return [_PATH_SEPARATORS.sub(" ", path) for path in catalogue.column(name)]
    if name in FIELDS:
        return catalogue.column(name)
    return [own.get(name, "") for own in catalogue.attributes]


def _spelled_out(attributes: Mapping[str, str], colourless: bool) -> str:
    told = {name: value for name, value in attributes.items() if value and not (colourless and name == _COLOUR)}
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in told.items())


def _without_colours(texts: Sequence[str], own: Sequence[str]) -> list[str]:
    by_first: dict[str, set[Phrase]] = {}
    for phrase in {_phrase(colour) for value in set(own) for colour in _COLOUR_SEPARATORS.split(value)} - {()}:
        by_first.setdefault(phrase[0], set()).add(phrase)
    return [_without(text, _spoken(text, by_first, value)) for text, value in zip(texts, own, strict=True)]


def _spoken(text: str, by_first: Mapping[str, set[Phrase]], own: str) -> frozenset[Phrase]:
    """The colours whose words a text holds: few, where a catalogue may name thousands."""
    words = set(_phrase(text))
    named = {phrase for first in words & by_first.keys() for phrase in by_first[first] if words.issuperset(phrase)}
    return frozenset(named | {(word,) for word in words.intersection(_phrase(own))})


def _phrase(text: str) -> Phrase:
    """The words of a text in lower case."""
    return tuple(_WORDS.findall(text.lower()))


@lru_cache(maxsize=2**16)
def _pattern(phrases: frozenset[Phrase]) -> re.Pattern[str]:
    """Finds phrases as whole words, longest first, whatever stands between their words ("dark-blue")."""
    longest_first = sorted(phrases, key=lambda words: (-len(words), words))
    choices = "|".join(r"[\W_]+".join(words) for words in longest_first)
    return re.compile(rf"(?<!\w)(?:{choices})(?!\w)", re.IGNORECASE)


def _without(text: str, phrases: frozenset[Phrase]) -> str:
    """Drops phrases (never bare numbers), and the commas and brackets that are left standing alone."""
    named = frozenset(phrase for phrase in phrases if any(not word.isdecimal() for word in phrase))
    if not named:
        return text
    left, dropped = _pattern(named).subn(" ", text)
    return _ALONE.sub("", left) if dropped else text
