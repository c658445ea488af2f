"""What the benchmarks on a catalogue stand on: the feed, the models at hand, and one finished run of the pipeline."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from candidates.settings import Settings
from demo_catalogue.catalogue import draw_catalogue

REAL_FEED = Path("data/hm/feed_marketplace.tsv")
"""The feed of real photographs, below the folder of shared data."""


@dataclass(frozen=True, eq=False)
class Ground:
    """One catalogue, and where to work.

    Attributes:
        folder: A folder for what is drawn and made; empty at first.
        shared: The folder of real catalogues and models; need not be there.
        given: The feed to use; None takes the real one, or draws a catalogue where there is none.
        groups: Groups to draw.
        settings: Settings of the pipeline.
    """

    folder: Path
    shared: Path
    given: Path | None = None
    groups: int = 160
    settings: Settings = field(default_factory=Settings)

    @cached_property
    def feed(self) -> Path:
        """The feed."""
        real = self.shared / REAL_FEED
        if self.given or real.is_file():
            return self.given or real
        return draw_catalogue(self.folder / "catalogue", groups=self.groups).feed

    @property
    def run(self) -> Path:
        """Where the one run of the pipeline lies, or will lie."""
        return self.folder / "run"
