"""Groups as a supplemental data source of Google Merchant Center."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from candidates.errors import VariantsError
from intake.feeds.writers.families import Family, write_rows

_LONGEST_GROUP = 50
"""Maximum length of an `item_group_id`, from Google's product data specification."""


def write_google(path: Path, families: Iterable[Family]) -> int:
    """Writes `id` and `item_group_id`, separated by a tab: Google adds the group to the product with that id.

    Raises:
        VariantsError: A group's id is longer than Google allows.
    """
    return write_rows(path, ("id", "item_group_id"), _rows(families), "\t")


def _rows(families: Iterable[Family]) -> Iterator[tuple[str, str]]:
    for family in families:
        if len(family.group) > _LONGEST_GROUP:
            raise VariantsError(
                f"the group {family.group!r} of the product {family.members[0].id!r} has {len(family.group)} "
                f"characters; Google allows {_LONGEST_GROUP}",
                "Give the group a shorter id with --groups",
            )
        for member in family.members:
            yield member.id, family.group
