"""Finds a feed's pictures on disk, and only inside the feed's folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

from candidates.errors import PictureError

_URL = re.compile(r"[a-z][a-z0-9+.-]*://|//|data:", re.IGNORECASE)


def is_url(name: str) -> bool:
    """Whether a picture is named by a URL rather than by a path."""
    return bool(_URL.match(name))


def picture_path(folder: Path, name: str) -> Path:
    """Finds a picture on disk.

    Args:
        folder: The feed's picture folder.
        name: The picture's name in the feed, relative to the folder.

    Returns:
        The path with every symbolic link followed.

    Raises:
        PictureError: The name is a URL, leads out of the folder (by `..`, an absolute path or a symbolic link), or
            there is no such file.
    """
    if is_url(name):
        raise PictureError(
            f"{name[:200]}: this URL was not fetched", "Fetch it with `variants run` or `variants images`"
        )
    try:
        inside = os.path.realpath(folder)
        path = os.path.realpath(os.path.join(inside, name))
        is_file = os.path.isfile(path)
    except (OSError, ValueError):  # a NUL character, or too long for a path
        inside, path, is_file = "", "", False
    if os.path.isabs(name) or not (path == inside or path.startswith(os.path.join(inside, ""))):
        raise PictureError(
            f"{name[:200]}: is outside the feed's folder", "Put the picture inside, and name it relative to the folder"
        )
    if not is_file:
        raise PictureError(f"{name[:200]}: there is no such file", f"Put it into {folder}, or fix the name in the feed")
    return Path(path)
