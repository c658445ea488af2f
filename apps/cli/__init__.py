"""The command line: turns arguments into calls of the service, and results into text."""

from apps.cli.app import main

__all__ = ["main"]
