"""The command line: it translates words into calls of the service, and results into words."""

from service.cli.app import main

__all__ = ["main"]
