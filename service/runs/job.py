"""What every step gets: where to work, what was chosen, and how many threads there are."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from candidates.artifacts import write_json
from candidates.catalogue import Catalogue
from candidates.errors import RunFolderError
from candidates.qrels import Qrels
from candidates.settings import FusedSettings, MergeSettings, Settings
from intake.feeds.several import FeedSource, feed_sources
from intake.picture_files import PicturePlaces, read_fetched
from service.runs.run_folder import FORMAT, RunFolder
from service.runs.usable_pictures import UsablePictures

if TYPE_CHECKING:
    from fusion.pairs.classifier import PairModel
    from service.learning.held_out import HeldOut
    from service.runs.model import Model

_PACKAGES = ("numpy", "pyarrow", "torch", "sentence-transformers", "nmslib", "faiss-cpu", "scikit-image", "onnxruntime")


@dataclass(frozen=True, eq=False)
class Job:
    """One run being made or read.

    Attributes:
        folder: Where it lies.
        settings: What was chosen.
    """

    folder: RunFolder
    settings: Settings

    @classmethod
    def start(cls, root: Path, feed: Path | Sequence[FeedSource], settings: Settings, work: Path | None = None) -> Job:
        """A run to be made, or gone on with, at `root`."""
        folder = RunFolder.at(root, work)
        choices = {
            "feeds": [{"path": str(one.path.resolve()), "seller": one.seller} for one in feed_sources(feed)],
            "work": str(folder.work.resolve()),
            "settings": settings.model_dump(mode="json"),
        }
        write_json(folder.choices, choices)
        return cls(folder, settings)

    @classmethod
    def of(cls, root: Path) -> Job:
        """A run that is there, with the settings it was made with."""
        folder = RunFolder.existing(root)
        choices = json.loads(folder.choices.read_text("utf-8"))
        if "feeds" not in choices:
            raise RunFolderError(f"{root}: was made by an earlier version", "Make it anew with `variants run`")
        settings = Settings.check(choices["settings"], str(folder.choices))
        return cls(RunFolder(root, Path(choices["work"])), settings)

    def choose(self, sections: Mapping[str, Mapping[str, Any]]) -> Job:
        """The same run with some other settings, which are written down for the steps to come."""
        made = self.settings.model_dump(mode="json")
        made = made | {name: made[name] | dict(values) for name, values in sections.items()}
        settings = Settings.check(made, "the command line")
        choices = json.loads(self.folder.choices.read_text("utf-8"))
        write_json(self.folder.choices, choices | {"settings": settings.model_dump(mode="json")})
        return Job(self.folder, settings)

    @property
    def feeds(self) -> tuple[FeedSource, ...]:
        """The feeds that the run was started on."""
        named = json.loads(self.folder.choices.read_text("utf-8"))["feeds"]
        return tuple(FeedSource(Path(one["path"]), one["seller"]) for one in named)

    @property
    def threads(self) -> int:
        """Threads to use: as set, else one a core that this process may use."""
        return self.settings.run.threads or len(os.sched_getaffinity(0))

    @cached_property
    def catalogue(self) -> Catalogue:
        """The accepted products."""
        return Catalogue.open(self.folder.products)

    @cached_property
    def pictures(self) -> UsablePictures:
        """The pictures that can be used, as the step `encode_images` wrote them."""
        return UsablePictures.open(self.folder.images, self.catalogue.axis)

    @cached_property
    def qrels(self) -> Qrels:
        """What the feed's own groups say about pairs."""
        return Qrels.from_catalogue(self.catalogue, groups_are_global=self.settings.feed.groups_are_global)

    @cached_property
    def judged(self) -> Qrels:
        """Judgements of single pairs, and nothing of the feed's groups."""
        from service.files.judgements import read_judgements

        path = self.settings.pairs.judgements
        return read_judgements(Path(path), self._nothing) if path else self._nothing

    @cached_property
    def given_model(self) -> Model | None:
        """The learned model that the settings name; None where none is named."""
        from service.runs.model import Model

        return Model.open(Path(self.settings.learn.model)) if self.settings.learn.model else None

    @property
    def teaches(self) -> bool:
        """Whether the feed's own groups may be learned from; otherwise they touch nothing but the evaluation."""
        hidden = self.settings.groups.known == "hide"
        return self.settings.learn.train and not self.settings.learn.model and not hidden

    @cached_property
    def lessons(self) -> Qrels:
        """What may be learned from: all that the feed says about pairs, or nothing."""
        return self.qrels if self.teaches else self._nothing

    @cached_property
    def kept(self) -> Qrels:
        """What suggestions and groups may look at: the feed's groups, unless they are hidden, and the judgements."""
        hidden = self.settings.groups.known == "hide" or not self.settings.learn.train
        return self._with_judgements(self._nothing if hidden else self.qrels)

    @property
    def _nothing(self) -> Qrels:
        nothing = np.full(len(self.catalogue), -1, np.int32)
        return Qrels(self.catalogue.axis, nothing, np.zeros_like(nothing))

    @cached_property
    def lessons_and_judgements(self) -> Qrels:
        """What a classifier may be taught: the groups that may be learned from, and judgements, which come before."""
        return self._with_judgements(self.lessons)

    def _with_judgements(self, known: Qrels) -> Qrels:
        return replace(known, keys=self.judged.keys, values=self.judged.values, sources=self.judged.sources)

    @cached_property
    def pair_model(self) -> PairModel | None:
        """The classifier in use: the given model's, or the run's own; None where none could be learned."""
        from fusion.pairs.classifier import PairModel

        if self.given_model is not None:
            return self.given_model.pairs
        learned = self.folder.require("learn_pairs").counts["learned"]
        return PairModel.open(self.folder.pair_model) if learned else None

    @property
    def spaces(self) -> Literal["model", "learned", "encoded"]:
        """Whose spaces products are searched in: a given model's, the run's own, or the encoders'."""
        if self.settings.learn.model:
            return "model"
        # TF-IDF has no vectors that a space could be learned for.
        searched = self.settings.learn.spaces == "learned" and self.settings.text.index != "tfidf"
        return "learned" if searched else "encoded"

    @cached_property
    def model(self) -> Model | None:
        """The model in use, given or learned by this run's step `learn`; None where vectors stay as encoded."""
        from service.runs.model import Model

        if self.spaces == "learned":
            self.folder.require("learn")
            return Model.open(self.folder.model)
        return self.given_model

    @property
    def plans(self) -> bool:
        """Whether the strategy is to be planned."""
        return self.settings.merge.strategy == "planned"

    @property
    def fuses(self) -> bool:
        """Whether lists are fused, or may come to be."""
        return self.settings.merge.strategy in ("planned", "fused")

    @property
    def merge(self) -> MergeSettings:
        """How candidates are made: as set, or as the step `plan` found."""
        if not self.plans:
            return self.settings.merge
        return MergeSettings.model_validate(self.folder.require("plan").counts["merge"])

    @property
    def fused(self) -> FusedSettings:
        """How lists are fused: as set, or with the weights that the step `plan` learned."""
        record = self.folder.record("plan") if self.settings.fused.weights == "learned" else None
        return FusedSettings.model_validate(record.counts["fused"]) if record else self.settings.fused

    @cached_property
    def held_out(self) -> HeldOut:
        """Lists of the products with known variants, from spaces that had no part in their groups."""
        from service.learning.held_out import held_out

        return held_out(self)

    @property
    def places(self) -> PicturePlaces:
        """Where the catalogue's pictures lie: the feeds' folders, and what was fetched."""
        feeds = self.folder.require("ingest").counts["feeds"]
        fetched = self.folder.record("fetch_pictures")
        return PicturePlaces(
            tuple((one["first"], Path(one["pictures"])) for one in feeds),
            read_fetched(self.folder.fetched) if fetched else {},
        )

    def write_manifest(self) -> dict[str, Any]:
        """Writes (and returns) the manifest: settings, versions, axis digests, and what each step did."""
        records = self.folder.records()
        manifest = {
            "format": FORMAT,
            "feeds": [{"path": str(one.path), "seller": one.seller} for one in self.feeds],
            "settings": self.settings.model_dump(mode="json"),
            "packages": {name: version(name) for name in ("variant-candidates", *_PACKAGES)},
            "axes": {"products": self.catalogue.axis.digest},
            "steps": {
                record.name: {
                    "key": record.key,
                    "seconds": record.seconds,
                    "peak_mib": record.peak_mib,
                    "counts": record.counts,
                }
                for record in records
            },
        }
        write_json(self.folder.manifest, manifest)
        return manifest
