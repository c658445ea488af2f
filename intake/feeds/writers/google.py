"""Groups as a supplemental data source of Google Merchant Center."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from candidates.errors import VariantsError
from intake.feeds.writers.families import Family, write_rows

_LONGEST_GROUP = 50
"""Letters of an `item_group_id`, as Google's product data specification has it."""


def write_google(path: Path, families: Iterable[Family]) -> int:
    """Writes `id` and `item_group_id`, parted by a tab: Google adds the second to the product with the first.

    Raises:
        VariantsError: A group's id is longer than Google takes.
    """
    return write_rows(path, ("id", "item_group_id"), _rows(families), "\t")


def _rows(families: Iterable[Family]) -> Iterator[tuple[str, str]]:
    for family in families:
        if len(family.group) > _LONGEST_GROUP:
            raise VariantsError(
                f"the group {family.group!r} of the product {family.members[0].id!r} has {len(family.group)} letters, "
                f"and Google takes {_LONGEST_GROUP}",
                "Give the group a shorter id with --groups",
            )
        for member in family.members:
            yield member.id, family.group
