"""The command line: it translates words into calls of the service, and results into words."""

from apps.cli.app import main

__all__ = ["main"]
