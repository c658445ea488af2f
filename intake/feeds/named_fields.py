"""Builds products from named fields: XML elements, JSON members, Parquet columns.

Our own names and Google's are accepted, in any case; `feed.columns` maps a feed's own names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from candidates.errors import FeedError, SettingsError
from candidates.product import ATTRIBUTES, Product, Refusal
from candidates.settings import FeedSettings
from intake.feeds.contract import refused
from intake.feeds.delimited import SELLER_COLUMNS, encodable, missing_columns, plain_name, shown_columns, split

_TEXTS: Mapping[str, tuple[str, ...]] = {
    **{
        name: (name,)
        for name in ("id", "title", "description", "brand", "price", "link", "availability", "gtin", "mpn")
    },
    "product_type": ("product_type", "google_product_category"),
    "group": ("group", "item_group_id"),
}
_ATTRIBUTES = (*ATTRIBUTES, "size_system")
_OTHERS: Mapping[str, tuple[str, ...]] = {
    "pictures": ("image_link", "pictures"),
    "additional_image_link": ("additional_image_link",),
    "attributes": ("attributes",),
    "seller": SELLER_COLUMNS,
    **{name: (name,) for name in _ATTRIBUTES},
}
_OURS: Mapping[str, str] = {
    **{name: name for name in (*_TEXTS, *_OTHERS)},
    "item_group_id": "group",
    "image_link": "pictures",
}
"""Names that the settings may use, each with its key in `_TEXTS` or `_OTHERS`."""

_FIX_LETTER = "Write the feed as UTF-8, and don't cut texts in the middle of a character"


class _Unfit(ValueError):
    """A field's value can't be used."""

    def __init__(self, reason: str, fix: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fix = fix


@dataclass(frozen=True)
class NamedFields:
    """Which of a feed's fields hold which property of a product.

    Attributes:
        names: For each property, the feed's fields in plain form; the first that is not empty is used, and all
            of them for pictures.
        settings: The settings whose `columns` and `seller_column` were applied.
    """

    names: Mapping[str, tuple[str, ...]]
    settings: FeedSettings

    @classmethod
    def of(cls, settings: FeedSettings) -> NamedFields:
        """Our names and Google's, with the settings' own names applied; raises `SettingsError` for an unknown name."""
        chosen = {plain_name(ours): (plain_name(theirs),) for ours, theirs in settings.columns.items()}
        unknown = [ours for ours in settings.columns if plain_name(ours) not in _OURS]
        if unknown:
            raise SettingsError(
                f"feed.columns: unknown name {', '.join(unknown)}", f"Use one of {', '.join([*_TEXTS, *_OTHERS])}"
            )
        names = {**_TEXTS, **_OTHERS, **{_OURS[ours]: theirs for ours, theirs in chosen.items()}}
        if settings.seller_column:
            named = plain_name(settings.seller_column)
            names["seller"] = (named, *(names[_OURS[named]] if named in chosen else ()))
        return cls(names, settings)

    @cached_property
    def known(self) -> frozenset[str]:
        """All fields that are read."""
        return frozenset(name for names in self.names.values() for name in names)

    @cached_property
    def listed(self) -> frozenset[str]:
        """The fields that may have several values."""
        return frozenset(self.names["pictures"] + self.names["additional_image_link"])

    @property
    def named_by_settings(self) -> bool:
        """Whether the settings name fields that the feed must have."""
        return bool(self.settings.columns or self.settings.seller_column)

    def require(self, path: Path, columns: Collection[str]) -> None:
        """Raises `FeedError` if the settings name a field that is not in `columns`."""
        shown = tuple(columns)
        missing = missing_columns(self.settings, shown)
        if missing:
            raise FeedError(
                f"{path}: the settings name the column {', '.join(missing)}, which the feed lacks",
                f"Use one of its columns: {shown_columns(shown)}",
            )

    def seen_in(self, columns: Collection[str]) -> list[str]:
        """The fields in `columns` that identify a row as a product."""
        identifying = (*_TEXTS, "pictures")
        return [name for ours in identifying for name in self.names[ours] if name in columns]

    def product(self, row: Mapping[str, object], line: int) -> Product | Refusal:
        """Builds a product from one row's fields, or refuses the row.

        Args:
            row: Values by field name in plain form: a text, number, boolean or None; also a list of these for
                pictures, or a mapping to these for attributes.
            line: Line on which the row begins.
        """
        try:
            texts = {ours: self._first(row, ours) for ours in (*_TEXTS, "seller")}
            return Product(
                **texts,
                attributes=self._attributes(row),
                pictures=tuple(dict.fromkeys(self._pictures(row))),
                line=line,
            )
        except _Unfit as flaw:
            return refused(line, self._shown_id(row), flaw.reason, flaw.fix)

    def _first(self, row: Mapping[str, object], ours: str) -> str:
        for name in self.names[ours]:
            value = row.get(name)
            value = "" if value is None else text_of(value, name)
            if value:
                return value if ours == "id" else value.replace("\0", "").strip()
        return ""

    def _attributes(self, row: Mapping[str, object]) -> dict[str, str]:
        found: dict[str, str] = {}
        for name in self.names["attributes"]:
            values = row.get(name)
            if values is not None and not isinstance(values, Mapping):
                raise _Unfit(f"{name} is not an object of names and texts", f'Write "{name}": {{"color": "red"}}')
            for key, value in (values or {}).items():
                attribute = text_of(key, name).replace("\0", "")
                found[attribute] = text_of(value, f"{name}.{printable(attribute)}").replace("\0", "").strip()
        for ours in _ATTRIBUTES:
            found[ours] = self._first(row, ours) or found.get(ours, "")
        return {name: value for name, value in found.items() if name and value}

    def _pictures(self, row: Mapping[str, object]) -> Iterator[str]:
        for name in self.names["pictures"]:
            yield from self._texts(row.get(name), name)
        for name in self.names["additional_image_link"]:
            value = row.get(name)
            # As in delimited text, one text may list several pictures, separated by commas.
            several = split(value, ",") if isinstance(value, str) and value else value
            yield from self._texts(several, name)

    def _texts(self, value: object, name: str) -> Iterator[str]:
        values = value if isinstance(value, list) else [value]
        return filter(None, (text_of(single, name) for single in values))

    def _shown_id(self, row: Mapping[str, object]) -> str:
        values = (row.get(name) for name in self.names["id"])
        return next((value.strip() for value in values if isinstance(value, str)), "")


def text_of(value: object, name: str) -> str:
    """A field's value as text without surrounding space; raises `_Unfit` if it is a list or an object."""
    if isinstance(value, str):
        if not value.isascii() and not encodable(value):
            raise _Unfit(f"{name} contains half a character (an unpaired surrogate)", _FIX_LETTER)
        return value.strip()
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    kind = "a list" if isinstance(value, list) else "an object"
    raise _Unfit(f"{name} is {kind}, not a text", f"Write {name} as a text")


def printable(text: str, longest: int = 40) -> str:
    """Text from a feed for use in a message: only printable characters, cut to `longest`."""
    return "".join(filter(str.isprintable, text[:longest]))


def plainly_named(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
    """Fields by their names in plain form; the last of equal names is kept."""
    return {plain_name(name): value for name, value in pairs}
