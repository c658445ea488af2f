"""`groups.csv`: the products of each group, and what varies among them; it loads as a supplemental feed."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from candidates.artifacts import atomic
from candidates.errors import SchemaError
from candidates.schema import GROUPS
from candidates.spreadsheet import guarded_id, unguarded_id
from candidates.suggestion import harmless


@dataclass(frozen=True)
class Member:
    """A product of a group.

    Attributes:
        product: Its id.
        group: Id of the group.
        varies: What varies in the group, in words; when read from a file, with the guard against formulas.
    """

    product: str
    group: str
    varies: str


def write_groups(path: Path, members: Iterable[Member]) -> None:
    """Writes the products of groups, atomically; those of one group should be consecutive."""
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(GROUPS)
        for member in members:
            writer.writerow((guarded_id(member.product), member.group, harmless(member.varies)))


def read_groups(path: Path) -> list[Member]:
    """The products of groups in file order, with their catalogue ids.

    Raises:
        SchemaError: The file lacks a column.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, restval="")
        missing = [name for name in GROUPS if name not in (rows.fieldnames or ())]
        if missing:
            raise SchemaError(
                f"{path} lacks the column {', '.join(missing)}", "The file was changed; run `variants group` again"
            )
        return [Member(unguarded_id(row["id"]), row["item_group_id"], row["varies"]) for row in rows]
