"""Where a picture that a feed names lies on disk: inside the feed's folder or nowhere."""

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
        folder: The feed's folder of pictures.
        name: The picture as the feed names it, relative to the folder.

    Returns:
        The path with every symbolic link followed.

    Raises:
        PictureError: The name is a URL, leads out of the folder (by `..`, as an absolute path, by a symbolic
            link), or there is no such file.
    """
    if is_url(name):
        raise PictureError(f"{name[:200]}: is a URL that was not fetched", "Use `variants run`, or `variants images`")
    try:
        inside = os.path.realpath(folder)
        path = os.path.realpath(os.path.join(inside, name))
        is_file = os.path.isfile(path)
    except (OSError, ValueError):  # a NUL, or longer than any path may be
        inside, path, is_file = "", "", False
    if os.path.isabs(name) or not (path == inside or path.startswith(os.path.join(inside, ""))):
        raise PictureError(
            f"{name[:200]}: lies outside the feed's folder", "Put the picture inside, named relative to it"
        )
    if not is_file:
        raise PictureError(f"{name[:200]}: there is no such file", f"Put it into {folder}, or correct the feed")
    return Path(path)
