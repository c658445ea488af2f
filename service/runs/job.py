"""One run: its choices, and its results so far, opened on first use."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from candidates.catalogue import Catalogue
from candidates.qrels import Qrels
from candidates.settings import FusedSettings, MergeSettings, Settings
from intake.feeds.several import FeedSource
from intake.picture_files import PicturePlaces, read_fetched
from service.runs.choices import Choices
from service.runs.model import Model
from service.runs.run_folder import RunFolder
from service.runs.truth import Purpose, truth_for
from service.runs.usable_pictures import UsablePictures

if TYPE_CHECKING:
    from fusion.pairs.classifier import PairModel

Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class Job:
    """A run in progress or finished. Its parts are opened on first use and kept.

    Attributes:
        choices: Folder, settings and feeds.
    """

    choices: Choices
    _opened: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def start(cls, root: Path, feed: Path | Sequence[FeedSource], settings: Settings, work: Path | None = None) -> Job:
        """Starts or resumes a run at `root`; see `Choices.start`."""
        return cls(Choices.start(root, feed, settings, work))

    @classmethod
    def of(cls, root: Path) -> Job:
        """The run at `root`, with the settings it was started with; see `Choices.of`."""
        return cls(Choices.of(root))

    def changed(self, sections: Mapping[str, Mapping[str, Any]]) -> Job:
        """The same run with some settings changed; see `Choices.changed`."""
        return Job(self.choices.changed(sections))

    def once(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The cached value of a key; computed by `make` on the first call.

        So a function of a job can be called from several places at the cost of one call. A key belongs to one
        function; start it with that function's name.
        """
        if key not in self._opened:
            self._opened[key] = make()
        return cast(Value, self._opened[key])

    @property
    def folder(self) -> RunFolder:
        """Where the run is."""
        return self.choices.folder

    @property
    def settings(self) -> Settings:
        """The settings it was started with."""
        return self.choices.settings

    @property
    def threads(self) -> int:
        """Threads to use."""
        return self.choices.threads

    @property
    def catalogue(self) -> Catalogue:
        """The accepted products."""
        return self.once("catalogue", lambda: Catalogue.open(self.folder.products))

    @property
    def pictures(self) -> UsablePictures:
        """The usable pictures, as the step `encode_images` wrote them."""
        return self.once("pictures", lambda: UsablePictures.open(self.folder.images, self.catalogue.axis))

    @property
    def places(self) -> PicturePlaces:
        """Where the catalogue's picture files are: in the feeds' folders, or fetched."""
        feeds = self.folder.require("ingest").counts["feeds"]
        fetched = self.folder.record("fetch_pictures")
        return PicturePlaces(
            tuple((feed["first"], Path(feed["pictures"])) for feed in feeds),
            read_fetched(self.folder.fetched) if fetched else {},
        )

    def truth(self, purpose: Purpose) -> Qrels:
        """The relevance judgements that may be used for a purpose; see `service.runs.truth`."""
        return self.once(("truth", purpose), lambda: truth_for(purpose, self.catalogue, self.choices))

    @property
    def given_model(self) -> Model | None:
        """The trained model that the settings name; None if they name none."""
        path = self.settings.learn.model
        return self.once("given model", lambda: Model.open(Path(path)) if path else None)

    @property
    def model(self) -> Model | None:
        """The model in use, given or learned by the step `learn`; None if vectors stay as encoded."""
        return self.once("model", self._model)

    def _model(self) -> Model | None:
        if self.choices.spaces == "learned":
            self.folder.require("learn")
            return Model.open(self.folder.model)
        return self.given_model

    @property
    def pair_model(self) -> PairModel | None:
        """The pair classifier in use, the given model's or the run's own; None if none could be trained."""
        return self.once("pair model", self._pair_model)

    def _pair_model(self) -> PairModel | None:
        from fusion.pairs.classifier import PairModel

        if self.given_model is not None:
            return self.given_model.pairs
        learned = self.folder.require("learn_pairs").counts["learned"]
        return PairModel.open(self.folder.pair_model) if learned else None

    @property
    def merge(self) -> MergeSettings:
        """How candidates are built: the setting, or what the step `plan` chose."""
        if not self.choices.plans:
            return self.settings.merge
        return MergeSettings.model_validate(self.folder.require("plan").counts["merge"])

    @property
    def fused(self) -> FusedSettings:
        """How lists are fused: the setting, with the weights from the step `plan` if these are learned."""
        record = self.folder.record("plan") if self.settings.fused.weights == "learned" else None
        return FusedSettings.model_validate(record.counts["fused"]) if record else self.settings.fused
