"""Hands decided groups back to a shop, in the form that it imports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from candidates.axis import Axis
from candidates.catalogue import Catalogue
from candidates.errors import FeedError, UnknownId, VariantsError
from candidates.settings import FeedSettings
from intake.feeds.delimited import Row, Table, shown_columns
from intake.feeds.writers import WRITERS, Family, families
from service.runs.job import Job

_COLUMNS = {"id": "id", "group": "item_group_id"}
_NAMED_AT_ONCE = 5
_FIX_FILE = "Write a line `id,item_group_id`, and below it one line for each product of a group"


@dataclass(frozen=True)
class HandedBack:
    """What was written.

    Attributes:
        path: The file.
        format: Its format, a key of `WRITERS`.
        groups: Groups of two or more products in it.
        products: Products in these groups.
        rows: Rows below the header; some formats have one more for each group.
    """

    path: Path
    format: str
    groups: int
    products: int
    rows: int


@dataclass
class _Counted:
    """Families on their way into a file."""

    groups: int = 0
    products: int = 0

    def all(self, source: Iterable[Family]) -> Iterator[Family]:
        for family in source:
            self.groups += 1
            self.products += len(family.members)
            yield family
        if not self.groups:
            raise VariantsError("there is no group of two or more products to hand back", "Name groups with --groups")


def hand_back(job: Job, format: str, target: Path, groups_file: Path | None = None, seller: str = "") -> HandedBack:
    """Writes groups to a file that a shop imports.

    Args:
        job: The run whose products they are of.
        format: A key of `WRITERS`.
        target: The file to write.
        groups_file: Columns `id` and `item_group_id`, parted by commas, semicolons or tabs; a product that it
            does not name is in no group. Without a file, the groups that the feed itself knows are written.
        seller: Only this seller's products, under the ids that they have in the seller's own feed.

    Raises:
        VariantsError: There is no such format or seller, the file names unknown products or one twice, there is
            nothing to write, or the format can't hold something of it.
    """
    if format not in WRITERS:
        raise VariantsError(f"there is no writer for {format!r}", f"Name one of {', '.join(WRITERS)} with --format")
    _check_target(job, target, groups_file)
    catalogue, settings = job.catalogue, job.settings.feed
    if seller and seller not in set(catalogue.column("seller")):
        there = sorted({*catalogue.column("seller")} - {""})
        raise VariantsError(f"no product is of the seller {seller!r}", f"There are {_shown(there) or 'no sellers'}")
    prefix = f"{seller}:" if seller and settings.qualify_ids else ""
    groups: Sequence[str] = _known(catalogue, settings)
    if groups_file is not None:
        groups = _groups_in(groups_file, catalogue.axis, prefix)
    if prefix:
        catalogue, groups = _as_in_own_feed(catalogue, groups, seller, prefix)
    counted = _Counted()
    try:
        rows = WRITERS[format](target, counted.all(families(catalogue, groups, seller or None)))
    except OSError as error:
        raise VariantsError(
            f"{target}: can't be written ({error.strerror})", "Name a file in another folder"
        ) from error
    return HandedBack(target, format, counted.groups, counted.products, rows)


def _check_target(job: Job, target: Path, groups_file: Path | None) -> None:
    read = [*(feed.path for feed in job.choices.feeds), *([groups_file] if groups_file else [])]
    if target.is_dir() or target.resolve() in {path.resolve() for path in read}:
        what = "is a folder" if target.is_dir() else "is what the groups come from"
        raise VariantsError(f"{target}: {what}", "Name a new file to write")


def _known(catalogue: Catalogue, settings: FeedSettings) -> list[str]:
    """The feeds' own groups; two sellers' groups are never one, unless groups are global."""
    groups, sellers = catalogue.column("group"), catalogue.column("seller")
    if settings.groups_are_global:
        return groups
    used: dict[str, str | None] = {}
    for group, seller in zip(groups, sellers, strict=True):
        used[group] = seller if used.get(group, seller) == seller else None
    return [
        f"{seller}:{group}" if group and seller and (settings.qualify_ids or used[group] is None) else group
        for group, seller in zip(groups, sellers, strict=True)
    ]


def _as_in_own_feed(
    catalogue: Catalogue, groups: Sequence[str], seller: str, prefix: str
) -> tuple[Catalogue, Sequence[str]]:
    """One seller's products and groups without the prefix that kept them apart from other sellers'."""
    rows = [row for row, owner in enumerate(catalogue.column("seller")) if owner == seller]
    table = catalogue.table.take(pa.array(rows, pa.int64()))
    ids = pa.array([identifier.removeprefix(prefix) for identifier in table["id"].to_pylist()], pa.large_string())
    own = [groups[row] for row in rows]
    plain = [group.removeprefix(prefix) for group in own]
    # A file may call one group `G` and another `SELLER:G`; they stay two.
    distinct = len(set(plain)) == len(set(own))
    return Catalogue(table.set_column(table.column_names.index("id"), "id", ids)), plain if distinct else own


def _groups_in(path: Path, axis: Axis, prefix: str) -> list[str]:
    """The group of each product, as a file has them; ids may be the seller's own where a seller is given."""
    said = _read_groups(path)
    own = axis.rows_of(prefix + identifier for identifier in said) if prefix else np.full(len(said), -1)
    given = axis.rows_of(said)
    rows = np.where(given >= 0, given, own)
    unknown = [identifier for identifier, row in zip(said, rows, strict=True) if row < 0]
    if unknown:
        raise UnknownId(
            f"{path}: {len(unknown):,} of its ids are no products: {_shown(unknown)}",
            "Look them up in products.parquet or refused.csv, and correct or remove their lines",
        )
    groups, named = [""] * len(axis), dict[int, str]()
    for (identifier, group), row in zip(said.items(), rows.tolist(), strict=True):
        if row in named:
            raise VariantsError(f"{path}: {named[row]!r} and {identifier!r} are one product", "Leave one of the lines")
        named[row] = identifier
        groups[row] = group
    return groups


def _read_groups(path: Path) -> dict[str, str]:
    tables = [Table.open(path, delimiter, _COLUMNS, FeedSettings()) for delimiter in ",;\t"]
    table = next((table for table in tables if all(column in table for column in _COLUMNS.values())), None)
    if table is None:
        given = max((table.columns for table in tables), key=len)
        raise FeedError(f"{path}: must have the columns id and item_group_id; it has {shown_columns(given)}", _FIX_FILE)
    places = [table.position(column) for column in _COLUMNS.values()]
    said: dict[str, str] = {}
    for row in table.rows(places[0]):
        if not isinstance(row, Row):
            raise FeedError(f"{path}: {row.where}: {row.reason}", row.fix)
        identifier, group = (row.cells[place] for place in places)
        if not identifier or identifier in said:
            what = f"the product {identifier!r} stands there already" if identifier else "no id"
            raise VariantsError(
                f"{path}: line {row.line}: {what}", "Name every product once" if identifier else _FIX_FILE
            )
        said[identifier] = group
    return said


def _shown(names: Sequence[str]) -> str:
    more = len(names) - _NAMED_AT_ONCE
    return ", ".join(map(repr, names[:_NAMED_AT_ONCE])) + (f" and {more:,} more" if more > 0 else "")
