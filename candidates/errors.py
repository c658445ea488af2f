"""The errors that users see. Each message names the problem, where it is, and what to try next."""

from __future__ import annotations


class VariantsError(Exception):
    """A problem that the user can fix.

    Args:
        what: What is wrong, naming the offending id, column, file or value.
        fix: What to try next.
    """

    exit_code = 2

    def __init__(self, what: str, fix: str = "") -> None:
        super().__init__(f"{what}. {fix}" if fix else what)
        self.what = what
        self.fix = fix


class FeedError(VariantsError):
    """A feed can't be read, or none of its rows can be used."""


class SettingsError(VariantsError):
    """The settings contain mistakes; the message lists all of them."""


class SchemaError(VariantsError):
    """A table lacks a required column, or a column has the wrong content."""


class AxisMismatch(VariantsError):
    """Two results can't be combined: they are about different products, or the products are in another order."""


class UnknownId(VariantsError):
    """The catalogue has no product with this id."""


class ModelMissing(VariantsError):
    """A model is missing, damaged or can't be downloaded."""


class VersionMismatch(VariantsError):
    """Vectors or codes of two versions can't be mixed."""


class RunFolderError(VariantsError):
    """A run folder, or a file in it, is missing, incomplete or belongs to another run."""


class FolderBusy(RunFolderError):
    """Another process is writing to the run folder; try again when it has finished."""


class PictureError(VariantsError):
    """A picture can't be used: it is missing, broken, or outside the feed's folder."""


class DiskFull(VariantsError):
    """The disk does not have enough free space for the output."""


class ServerUnreachable(VariantsError):
    """A server that a step needs does not respond."""

    exit_code = 3


class ToolMissing(VariantsError):
    """A program that a step needs is not installed or is too old."""


class AccessRefused(VariantsError):
    """A server responds but rejects the API key, or the user name and password."""
