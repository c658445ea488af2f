"""Why a picture could not be fetched, and what to do next: retry, remember the failure, or pause the host."""

from __future__ import annotations

import re
from enum import Enum

from candidates.errors import PictureError

_LONGEST_SHOWN = 200


class Kind(Enum):
    """What a failure means for the next attempt."""

    NEVER_ASKED = "refused before any request, because of the URL or the host's IP address"
    LASTING = "permanent: another attempt would fail the same way; remembered for a day"
    PASSING = "temporary: worth another attempt"
    SILENT = "the host did not respond: worth another attempt, but a host that stays silent is given up"
    BUSY = "the host is overloaded: no requests to it for a while"


PASSES = frozenset({Kind.PASSING, Kind.SILENT, Kind.BUSY})
AGAINST_HOST = frozenset({Kind.SILENT, Kind.BUSY})


class Failure(Exception):
    """An attempt failed.

    Args:
        kind: What to do next.
        what: What is wrong; shown after the URL and a colon.
        fix: What to try next.
        wait: Seconds that the server asks us to wait.
    """

    def __init__(self, kind: Kind, what: str, fix: str, wait: float | None = None) -> None:
        super().__init__(what)
        self.kind = kind
        self.what = what
        self.fix = fix
        self.wait = wait

    def about(self, url: str) -> PictureError:
        """The error shown to users."""
        return PictureError(f"{shown(url)}: {self.what}", self.fix)


def shown(url: str) -> str:
    """A URL for use in a message: without passwords and control characters, cut to 200 characters."""
    masked = re.sub(r"(?<=[/\\]{2})[^/\\?#]*@", "…@", url.strip())
    readable = "".join(letter if letter.isprintable() else "�" for letter in masked[: _LONGEST_SHOWN + 1])
    return readable if len(readable) <= _LONGEST_SHOWN else readable[: _LONGEST_SHOWN - 1] + "…"
