"""The choices of a run: its folder, settings and feeds."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from candidates.artifacts import write_json
from candidates.errors import RunFolderError
from candidates.settings import Settings
from intake.feeds.several import FeedSource, feed_sources
from service.runs.run_folder import RunFolder

Spaces = Literal["model", "learned", "encoded"]


@dataclass(frozen=True)
class Choices:
    """The choices of a run. Nothing here depends on a result of the run.

    Attributes:
        folder: Where the run is.
        settings: The settings it was started with.
    """

    folder: RunFolder
    settings: Settings

    @classmethod
    def start(
        cls, root: Path, feed: Path | Sequence[FeedSource], settings: Settings, work: Path | None = None
    ) -> Choices:
        """Starts or resumes a run at `root`, and writes the choices to `run.json`.

        Raises:
            RunFolderError: The folder holds something else.
        """
        folder = RunFolder.at(root, work)
        document = {
            "feeds": [{"path": str(source.path.resolve()), "seller": source.seller} for source in feed_sources(feed)],
            "work": str(folder.work.resolve()),
            "settings": settings.model_dump(mode="json"),
        }
        write_json(folder.choices, document)
        return cls(folder, settings)

    @classmethod
    def of(cls, root: Path) -> Choices:
        """The choices of the run at `root`.

        Raises:
            RunFolderError: There is no run, or it was written by an earlier version.
        """
        folder = RunFolder.existing(root)
        document = json.loads(folder.choices.read_text("utf-8"))
        if "feeds" not in document:
            raise RunFolderError(f"{root}: was written by an earlier version", "Run `variants run` again")
        settings = Settings.check(document["settings"], str(folder.choices))
        return cls(RunFolder(root, Path(document["work"])), settings)

    def changed(self, sections: Mapping[str, Mapping[str, Any]]) -> Choices:
        """The same run with some settings changed; later steps read them from `run.json`."""
        merged = self.settings.model_dump(mode="json")
        merged = merged | {name: merged[name] | dict(values) for name, values in sections.items()}
        settings = Settings.check(merged, "the command line")
        document = json.loads(self.folder.choices.read_text("utf-8"))
        write_json(self.folder.choices, document | {"settings": settings.model_dump(mode="json")})
        return Choices(self.folder, settings)

    @property
    def feeds(self) -> tuple[FeedSource, ...]:
        """The feeds that the run was started with."""
        sources = json.loads(self.folder.choices.read_text("utf-8"))["feeds"]
        return tuple(FeedSource(Path(source["path"]), source["seller"]) for source in sources)

    @property
    def threads(self) -> int:
        """Threads to use: the setting, or one per core available to this process."""
        return self.settings.run.threads or len(os.sched_getaffinity(0))

    @property
    def hides_groups(self) -> bool:
        """Whether known groups may be used for evaluation only."""
        return self.settings.groups.known == "hide"

    @property
    def learns_from_groups(self) -> bool:
        """Whether the feed's own groups may be learned from."""
        return self.settings.learn.train and not self.settings.learn.model and not self.hides_groups

    @property
    def spaces(self) -> Spaces:
        """The spaces in which products are searched: a given model's, the run's own, or the encoders'."""
        if self.settings.learn.model:
            return "model"
        # TF-IDF has no vectors that a space could be learned for.
        searched = self.settings.learn.spaces == "learned" and self.settings.text.index != "tfidf"
        return "learned" if searched else "encoded"

    @property
    def cross_validates(self) -> bool:
        """Whether the spaces are learned from the known groups, so that recall must be cross-validated by group."""
        return self.spaces == "learned" and self.learns_from_groups

    @property
    def plans(self) -> bool:
        """Whether the run chooses its strategy itself."""
        return self.settings.merge.strategy == "planned"

    @property
    def fuses(self) -> bool:
        """Whether the strategy fuses lists, or the planner may choose one that does."""
        return self.settings.merge.strategy in ("planned", "fused")
