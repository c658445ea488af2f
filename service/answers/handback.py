"""Writes groups to a file that a shop imports."""

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
_FIX_FILE = "Start with the line `id,item_group_id`, then write one line for each product of a group"


@dataclass(frozen=True)
class HandedBack:
    """The file that was written.

    Attributes:
        path: The file.
        format: Its format, a key of `WRITERS`.
        groups: Number of groups of two or more products in it.
        products: Number of products in these groups.
        rows: Number of rows below the header; some formats have one more per group.
    """

    path: Path
    format: str
    groups: int
    products: int
    rows: int


@dataclass
class _Counted:
    """Counts families while they are written."""

    groups: int = 0
    products: int = 0

    def all(self, source: Iterable[Family]) -> Iterator[Family]:
        for family in source:
            self.groups += 1
            self.products += len(family.members)
            yield family
        if not self.groups:
            raise VariantsError("there is no group of two or more products to write", "Name groups with --groups")


def hand_back(job: Job, format: str, target: Path, groups_file: Path | None = None, seller: str = "") -> HandedBack:
    """Writes groups to a file that a shop imports.

    Args:
        job: The run that the products are from.
        format: A key of `WRITERS`.
        target: The file to write.
        groups_file: File with columns `id` and `item_group_id`, separated by commas, semicolons or tabs. Products that
            are not in it have no group. Without a file, the feed's own groups are written.
        seller: If given, only this seller's products are written, with the ids of the seller's own feed.

    Raises:
        VariantsError: There is no such format or seller, the file has an unknown product or one product twice, there is
            nothing to write, or the format can't represent a group.
    """
    if format not in WRITERS:
        raise VariantsError(f"there is no writer for {format!r}", f"Name one of {', '.join(WRITERS)} with --format")
    _check_target(job, target, groups_file)
    catalogue, settings = job.catalogue, job.settings.feed
    if seller and seller not in set(catalogue.column("seller")):
        sellers = sorted({*catalogue.column("seller")} - {""})
        raise VariantsError(
            f"no product is from the seller {seller!r}",
            f"The sellers are {_shown(sellers)}" if sellers else "There are no sellers",
        )
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
    inputs = [*(feed.path for feed in job.choices.feeds), *([groups_file] if groups_file else [])]
    if target.is_dir() or target.resolve() in {path.resolve() for path in inputs}:
        what = "is a folder" if target.is_dir() else "is the file that the groups are read from"
        raise VariantsError(f"{target}: {what}", "Name a new file to write")


def _known(catalogue: Catalogue, settings: FeedSettings) -> list[str]:
    """The feeds' own groups; groups of two sellers stay separate, unless groups are global."""
    groups, sellers = catalogue.column("group"), catalogue.column("seller")
    if settings.groups_are_global:
        return groups
    seller_of: dict[str, str | None] = {}
    for group, seller in zip(groups, sellers, strict=True):
        seller_of[group] = seller if seller_of.get(group, seller) == seller else None
    return [
        f"{seller}:{group}" if group and seller and (settings.qualify_ids or seller_of[group] is None) else group
        for group, seller in zip(groups, sellers, strict=True)
    ]


def _as_in_own_feed(
    catalogue: Catalogue, groups: Sequence[str], seller: str, prefix: str
) -> tuple[Catalogue, Sequence[str]]:
    """One seller's products and groups, without the seller's prefix."""
    rows = [row for row, owner in enumerate(catalogue.column("seller")) if owner == seller]
    table = catalogue.table.take(pa.array(rows, pa.int64()))
    ids = pa.array([identifier.removeprefix(prefix) for identifier in table["id"].to_pylist()], pa.large_string())
    own = [groups[row] for row in rows]
    plain = [group.removeprefix(prefix) for group in own]
    # A file may contain a group `G` and another `SELLER:G`; these stay two groups.
    distinct = len(set(plain)) == len(set(own))
    return Catalogue(table.set_column(table.column_names.index("id"), "id", ids)), plain if distinct else own


def _groups_in(path: Path, axis: Axis, prefix: str) -> list[str]:
    """The group of each product by a file; with a seller, its ids may be those of the seller's own feed."""
    group_of = _read_groups(path)
    own = axis.rows_of(prefix + identifier for identifier in group_of) if prefix else np.full(len(group_of), -1)
    qualified = axis.rows_of(group_of)
    rows = np.where(qualified >= 0, qualified, own)
    unknown = [identifier for identifier, row in zip(group_of, rows, strict=True) if row < 0]
    if unknown:
        raise UnknownId(
            f"{path}: {len(unknown):,} of its ids are not in the catalogue: {_shown(unknown)}",
            "Look them up in products.parquet or refused.csv, and correct or remove their lines",
        )
    groups, named = [""] * len(axis), dict[int, str]()
    for (identifier, group), row in zip(group_of.items(), rows.tolist(), strict=True):
        if row in named:
            raise VariantsError(
                f"{path}: {named[row]!r} and {identifier!r} are the same product", "Keep one of the lines"
            )
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
    group_of: dict[str, str] = {}
    for row in table.rows(places[0]):
        if not isinstance(row, Row):
            raise FeedError(f"{path}: {row.where}: {row.reason}", row.fix)
        identifier, group = (row.cells[place] for place in places)
        if not identifier or identifier in group_of:
            what = f"the product {identifier!r} is listed twice" if identifier else "no id"
            raise VariantsError(
                f"{path}: line {row.line}: {what}", "List every product once" if identifier else _FIX_FILE
            )
        group_of[identifier] = group
    return group_of


def _shown(names: Sequence[str]) -> str:
    more = len(names) - _NAMED_AT_ONCE
    return ", ".join(map(repr, names[:_NAMED_AT_ONCE])) + (f" and {more:,} more" if more > 0 else "")
