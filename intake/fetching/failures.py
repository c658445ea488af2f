"""Why a picture was not had, and what follows from it: ask again, remember, or spare the host."""

from __future__ import annotations

import re
from enum import Enum

from candidates.errors import PictureError

_LETTERS_SHOWN = 200


class Kind(Enum):
    """What a failure means for the next attempt."""

    NEVER_ASKED = "refused before any request, by the URL or by the address behind its name"
    LASTING = "asking again would bring the same; remembered for a day"
    PASSING = "worth another attempt"
    SILENT = "the host did not answer: worth another attempt, but a host silent for long is given up"
    BUSY = "the host answers that it has too much to do: the whole host is left alone for a while"


PASSES = frozenset({Kind.PASSING, Kind.SILENT, Kind.BUSY})
AGAINST_HOST = frozenset({Kind.SILENT, Kind.BUSY})


class Failure(Exception):
    """One attempt that brought no picture.

    Args:
        kind: What follows from it.
        what: What is wrong, to be read after the URL and a colon.
        fix: The next thing to try.
        wait: Seconds that the server asks us to wait.
    """

    def __init__(self, kind: Kind, what: str, fix: str, wait: float | None = None) -> None:
        super().__init__(what)
        self.kind = kind
        self.what = what
        self.fix = fix
        self.wait = wait

    def about(self, url: str) -> PictureError:
        """The error that a person reads."""
        return PictureError(f"{shown(url)}: {self.what}", self.fix)


def shown(url: str) -> str:
    """A URL fit for a message: without passwords and control characters, cut at 200 letters."""
    masked = re.sub(r"(?<=[/\\]{2})[^/\\?#]*@", "…@", url.strip())
    readable = "".join(letter if letter.isprintable() else "�" for letter in masked[: _LETTERS_SHOWN + 1])
    return readable if len(readable) <= _LETTERS_SHOWN else readable[: _LETTERS_SHOWN - 1] + "…"
