"""Names of attributes as shopkeepers write them, turned into ours."""

from __future__ import annotations

_OURS = {"colour": "color", "age group": "age_group"}


def attribute_name(written: str) -> str:
    """Our name of an attribute: in lower case, with one space between words; `Colour` and `Color` are one."""
    name = " ".join(written.lower().split())
    return _OURS.get(name, name)
