"""Product texts: the chosen fields of each product, as one text."""

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
"""Fields of a product text; the name of a single attribute is a field too."""

_COLOUR = "color"
_COLOUR_SEPARATORS = re.compile(r"[/,;|&+]")
_PATH_SEPARATORS = re.compile(r"[>/|]")
_WORDS = re.compile(r"\w+")
_ALONE = re.compile(r"(?<!\S)[^\w\s]+(?!\S)")


def product_texts(catalogue: Catalogue, settings: TextSettings) -> list[str]:
    """Joins the chosen fields of each product into one text, with single spaces between words.

    Attributes are written with their names as in the feed ("color Black, size M"), because a bare "M" or "38" means
    nothing to a text model, while "size M" has the same meaning in any context.

    `settings.leave_out` removes whole words from the text, ignoring case:

    * `colour`: every colour in the catalogue's own colour column, longest phrases first ("Dark Blue" before "Blue";
      "dark" alone stays unless it is a colour by itself), and each word of the product's own colour. No other list of
      colours is used.
    * `brand`: the product's own brand name.

    Returns:
        One text per product, in the catalogue's order; empty if the chosen fields are empty.

    Raises:
        SettingsError: The settings name no field, or one that these products don't have.
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
        what = f"unknown field {', '.join(map(repr, unknown))}" if names else "no field is chosen"
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
    used = {name: value for name, value in attributes.items() if value and not (colourless and name == _COLOUR)}
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in used.items())


def _without_colours(texts: Sequence[str], own: Sequence[str]) -> list[str]:
    by_first: dict[str, set[Phrase]] = {}
    for phrase in {_phrase(colour) for value in set(own) for colour in _COLOUR_SEPARATORS.split(value)} - {()}:
        by_first.setdefault(phrase[0], set()).add(phrase)
    return [_without(text, _spoken(text, by_first, value)) for text, value in zip(texts, own, strict=True)]


def _spoken(text: str, by_first: Mapping[str, set[Phrase]], own: str) -> frozenset[Phrase]:
    """The colours whose words occur in a text: only a few of the thousands that a catalogue may name."""
    words = set(_phrase(text))
    named = {phrase for first in words & by_first.keys() for phrase in by_first[first] if words.issuperset(phrase)}
    return frozenset(named | {(word,) for word in words.intersection(_phrase(own))})


def _phrase(text: str) -> Phrase:
    """The words of a text in lower case."""
    return tuple(_WORDS.findall(text.lower()))


@lru_cache(maxsize=2**16)
def _pattern(phrases: frozenset[Phrase]) -> re.Pattern[str]:
    """Matches phrases as whole words, longest first, with any separators between their words ("dark-blue")."""
    longest_first = sorted(phrases, key=lambda words: (-len(words), words))
    choices = "|".join(r"[\W_]+".join(words) for words in longest_first)
    return re.compile(rf"(?<!\w)(?:{choices})(?!\w)", re.IGNORECASE)


def _without(text: str, phrases: frozenset[Phrase]) -> str:
    """Removes phrases (never bare numbers), and the commas and brackets that are left alone."""
    named = frozenset(phrase for phrase in phrases if any(not word.isdecimal() for word in phrase))
    if not named:
        return text
    left, dropped = _pattern(named).subn(" ", text)
    return _ALONE.sub("", left) if dropped else text
