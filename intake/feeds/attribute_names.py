"""Turns attribute names as shops write them into ours."""

from __future__ import annotations

_OURS = {"colour": "color", "age group": "age_group"}


def attribute_name(written: str) -> str:
    """Our name for an attribute: lower case, with single spaces; `Colour` and `Color` become `color`."""
    name = " ".join(written.lower().split())
    return _OURS.get(name, name)
