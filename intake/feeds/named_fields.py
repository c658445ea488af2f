"""Products out of fields that have names: XML elements, JSON members, Parquet columns.

Our own names and Google's serve alike, whatever their case; `feed.columns` gives a name of the feed's own.
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
"""What the settings may speak of, each with the key of `_TEXTS` or `_OTHERS` that it means."""

_FIX_LETTER = "Write the feed as UTF-8, with nothing cut through the middle of a letter"


class _Unfit(ValueError):
    """A field holds what can't be used."""

    def __init__(self, reason: str, fix: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fix = fix


@dataclass(frozen=True)
class NamedFields:
    """Under which names a feed says what.

    Attributes:
        names: For each thing we know of a product, the feed's fields in plain form; the first that is not empty
            counts, and of pictures all do.
        settings: Whose `columns` and `seller_column` these come from.
    """

    names: Mapping[str, tuple[str, ...]]
    settings: FeedSettings

    @classmethod
    def of(cls, settings: FeedSettings) -> NamedFields:
        """Our names and Google's, save where the settings say otherwise; raises `SettingsError` on an unknown one."""
        chosen = {plain_name(ours): (plain_name(theirs),) for ours, theirs in settings.columns.items()}
        unknown = [ours for ours in settings.columns if plain_name(ours) not in _OURS]
        if unknown:
            raise SettingsError(
                f"feed.columns: no such name {', '.join(unknown)}", f"There are {', '.join([*_TEXTS, *_OTHERS])}"
            )
        names = {**_TEXTS, **_OTHERS, **{_OURS[ours]: theirs for ours, theirs in chosen.items()}}
        if settings.seller_column:
            named = plain_name(settings.seller_column)
            names["seller"] = (named, *(names[_OURS[named]] if named in chosen else ()))
        return cls(names, settings)

    @cached_property
    def known(self) -> frozenset[str]:
        """Every field that is looked at."""
        return frozenset(name for names in self.names.values() for name in names)

    @cached_property
    def listed(self) -> frozenset[str]:
        """The fields that may hold several values."""
        return frozenset(self.names["pictures"] + self.names["additional_image_link"])

    @property
    def named_by_settings(self) -> bool:
        """Whether the settings speak of fields that the feed must have."""
        return bool(self.settings.columns or self.settings.seller_column)

    def require(self, path: Path, given: Collection[str]) -> None:
        """Raises `FeedError` where the settings name a field that is not among those given."""
        shown = tuple(given)
        missing = missing_columns(self.settings, shown)
        if missing:
            raise FeedError(
                f"{path}: the settings name the column {', '.join(missing)}, which the feed lacks",
                f"It has {shown_columns(shown)}",
            )

    def seen_in(self, given: Collection[str]) -> list[str]:
        """Which of the fields that tell a product from anything else are among those given."""
        telling = (*_TEXTS, "pictures")
        return [name for ours in telling for name in self.names[ours] if name in given]

    def product(self, said: Mapping[str, object], line: int) -> Product | Refusal:
        """A product out of one row's fields.

        Args:
            said: By field name in plain form: a text, a number, a boolean, None, a list of these where several
                pictures may stand, or a mapping to these where attributes stand.
            line: Where the row begins.
        """
        try:
            texts = {ours: self._first(said, ours) for ours in (*_TEXTS, "seller")}
            return Product(
                **texts,
                attributes=self._attributes(said),
                pictures=tuple(dict.fromkeys(self._pictures(said))),
                line=line,
            )
        except _Unfit as flaw:
            return refused(line, self._shown_id(said), flaw.reason, flaw.fix)

    def _first(self, said: Mapping[str, object], ours: str) -> str:
        for name in self.names[ours]:
            value = said.get(name)
            value = "" if value is None else text_of(value, name)
            if value:
                return value if ours == "id" else value.replace("\0", "").strip()
        return ""

    def _attributes(self, said: Mapping[str, object]) -> dict[str, str]:
        found: dict[str, str] = {}
        for name in self.names["attributes"]:
            value = said.get(name)
            if value is not None and not isinstance(value, Mapping):
                raise _Unfit(f"{name} is no object of names and texts", f'Write "{name}": {{"color": "red"}}')
            for key, one in (value or {}).items():
                attribute = text_of(key, name).replace("\0", "")
                found[attribute] = text_of(one, f"{name}.{printable(attribute)}").replace("\0", "").strip()
        for ours in _ATTRIBUTES:
            found[ours] = self._first(said, ours) or found.get(ours, "")
        return {name: value for name, value in found.items() if name and value}

    def _pictures(self, said: Mapping[str, object]) -> Iterator[str]:
        for name in self.names["pictures"]:
            yield from self._texts(said.get(name), name)
        for name in self.names["additional_image_link"]:
            value = said.get(name)
            # As in delimited text, one text may hold several with commas between.
            several = split(value, ",") if isinstance(value, str) and value else value
            yield from self._texts(several, name)

    def _texts(self, value: object, name: str) -> Iterator[str]:
        values = value if isinstance(value, list) else [value]
        return filter(None, (text_of(one, name) for one in values))

    def _shown_id(self, said: Mapping[str, object]) -> str:
        values = (said.get(name) for name in self.names["id"])
        return next((value.strip() for value in values if isinstance(value, str)), "")


def text_of(value: object, name: str) -> str:
    """A field's value as text without surrounding space; raises where it is none."""
    if isinstance(value, str):
        if not value.isascii() and not encodable(value):
            raise _Unfit(f"{name} holds half a letter (an unpaired surrogate)", _FIX_LETTER)
        return value.strip()
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    kind = "a list" if isinstance(value, list) else "an object"
    raise _Unfit(f"{name} holds {kind} where a text belongs", f"Write {name} as a text")


def printable(text: str, longest: int = 40) -> str:
    """As much of a feed's own text as belongs into a message."""
    return "".join(filter(str.isprintable, text[:longest]))


def plainly_named(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
    """Fields by their names in plain form; the last counts where two are alike."""
    return {plain_name(name): value for name, value in pairs}
