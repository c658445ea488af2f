"""The errors a person may meet: each says what, where, and what to try next."""

from __future__ import annotations


class VariantsError(Exception):
    """Something the person in front of the screen can fix.

    Args:
        what: What is wrong, naming the offending id, column, file or value.
        fix: The next thing to try.
    """

    exit_code = 2

    def __init__(self, what: str, fix: str = "") -> None:
        super().__init__(f"{what}. {fix}" if fix else what)
        self.what = what
        self.fix = fix


class FeedError(VariantsError):
    """A feed can't be read, or nothing in it can be used."""


class SettingsError(VariantsError):
    """The settings hold mistakes; the message names every one of them."""


class SchemaError(VariantsError):
    """A table lacks a column it must have."""


class AxisMismatch(VariantsError):
    """Two things that speak of different products, or of the same in another order, were brought together."""


class UnknownId(VariantsError):
    """An id that the catalogue does not hold."""


class ModelMissing(VariantsError):
    """A model's weights are neither on disk nor to be had."""


class VersionMismatch(VariantsError):
    """Vectors or codes of two versions were about to be mixed."""


class RunFolderError(VariantsError):
    """A run folder is missing, incomplete or belongs to something else."""


class FolderBusy(RunFolderError):
    """Another process is writing to a run folder; it will have ended some time later."""


class PictureError(VariantsError):
    """A picture can't be used: missing, broken, or outside the feed's folder."""


class DiskFull(VariantsError):
    """What is to be written would not fit on the disk."""


class ServerUnreachable(VariantsError):
    """A server that a step needs does not answer."""

    exit_code = 3


class ToolMissing(VariantsError):
    """A program that a step needs is not installed, or is too old."""


class AccessRefused(VariantsError):
    """A server answers, but does not accept the key, or the name and password, that it was given."""
