"""Every setting with its default and its meaning, as TOML that can be copied and changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from candidates.settings import Settings


def settings_toml() -> str:
    """All settings at their defaults, each with a comment that explains it."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    for section, field in Settings.model_fields.items():
        model = field.default
        assert isinstance(model, BaseModel)
        yield f"[{section}]  # {(type(model).__doc__ or '').strip().rstrip('.')}"
        for name, setting in type(model).model_fields.items():
            yield f"# {setting.description}"
            yield f"{name} = {_toml(setting.default)}"
        yield ""


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_toml(entry)}" for name, entry in value.items()) + "}"
    return json.dumps(list(value) if isinstance(value, tuple) else value)
