"""The rolling window: slices of time behind aliases, and versions side by side.

| name | what it is |
|---|---|
| `images-4f0c…-2026-07` | a slice: an index of its own, so that dropping the oldest is one delete |
| `images-4f0c…-2026-07.in` | an alias through which the slice is written to |
| `images-4f0c…` | an alias: all slices of one version, `Layout.version` |
| `images` | an alias: the slices of the version in force, for whoever else searches |

Elasticsearch makes up an index where one is missing, but no alias: hence the alias to write through, gone with its
slice. Our own searches ask for their version by name, so codes of two versions never meet in one list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from candidates.errors import RunFolderError, VariantsError, VersionMismatch
from image_retrieval.elastic.mapping import Layout, described
from image_retrieval.elastic.patience import Patience, refusal
from image_retrieval.rolling import THREE_MONTHS, Rolling, Slice, slice_named

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

Answer = TypeVar("Answer")

BESIDE = "Fill this version beside the one in force, and swap once its audit has passed"
"""The fix wherever two versions would meet."""


@dataclass(frozen=True)
class Standing:
    """A slice that stands in the cluster.

    Attributes:
        index: Its name.
        slice: The time that it spans.
        documents: Images in it, as of its last refresh.
    """

    index: str
    slice: Slice
    documents: int


@dataclass(frozen=True, eq=False)
class Window:
    """One version of a rolling window of images on a cluster.

    Attributes:
        client: The official client.
        name: The alias of the version in force; other names begin with it.
        layout: What this version holds.
        rolling: Length of slices and window.
        patience: How long a busy or absent cluster is asked again.
    """

    client: Elasticsearch
    name: str
    layout: Layout
    rolling: Rolling = THREE_MONTHS
    patience: Patience = field(default_factory=Patience)

    @property
    def alias(self) -> str:
        """All slices of this version."""
        return f"{self.name}-{self.layout.version}"

    @cached_property
    def plain(self) -> Elasticsearch:
        """The client without a patience of its own: it would multiply ours."""
        return self.client.options(max_retries=0, retry_on_status=(), retry_on_timeout=False)

    def ask(self, what: str, question: Callable[[Elasticsearch], Answer]) -> Answer:
        """Asks the cluster with patience (see `Patience.ask`)."""
        return self.patience.ask(what, lambda: question(self.plain))

    def index_of(self, day: date) -> str:
        """The name of the slice in which a day lies."""
        return f"{self.alias}-{self.rolling.slice_of(day).label}"

    def ensure(self, day: date) -> str:
        """Makes the slice of a day where it is not there yet; returns the alias to write through.

        Raises:
            VersionMismatch: An index of its name is there and holds something else.
        """
        from elasticsearch import BadRequestError

        index = self.index_of(day)
        aliases: dict[str, Any] = {self.alias: {}, inlet(index): {}}
        if self.in_force:
            aliases[self.name] = {}

        def make(client: Elasticsearch) -> None:
            try:
                client.indices.create(
                    index=index, settings=self.layout.settings, mappings=self.layout.mapping, aliases=aliases
                )
            except BadRequestError as error:
                # Made by a first attempt whose answer was lost, or long before.
                if error.error != "resource_already_exists_exception":
                    raise refusal(f"to make the slice {index}", error) from error
                self._require_meta(self._metas(index))

        there = self._metas(inlet(index))
        self._require_meta(there)
        if not there:
            self.ask(f"making the slice {index}", make)
        return inlet(index)

    def require(self) -> None:
        """Checks that this version is there, and that all its slices hold what they should; refreshes them.

        A field that a mapping lacks makes no error in a search but an empty answer, so this is asked first.

        Raises:
            VersionMismatch: What stands under this name is of another version.
            RunFolderError: Nothing stands there.
        """
        metas = self._metas(self.alias)
        if metas:
            self._require_meta(metas)
            self.refresh()
            return
        others = self._metas(self.name)
        if others:
            self._require_meta(others)
        raise RunFolderError(
            f"the cluster holds no image index {self.name!r} of this version",
            "Load the images first: `variants index load`",
        )

    def standing(self) -> list[Standing]:
        """The slices of this version, oldest first."""
        names = list(self._metas(self.alias))
        stats = self.ask(
            "counting images",
            lambda client: client.options(ignore_status=404).indices.stats(
                index=self.alias, metric="docs", filter_path="indices.*.primaries.docs.count"
            ),
        )
        counts = {name: one["primaries"]["docs"]["count"] for name, one in stats.get("indices", {}).items()}
        # A slice whose shards are all away has no statistics, but it stands.
        slices = [Standing(name, slice_named(name[len(self.alias) + 1 :]), counts.get(name, 0)) for name in names]
        return sorted(slices, key=lambda one: one.slice.first)

    def count(self) -> int:
        """Images in all slices of this version, as of their last refresh."""
        return self._count(self.alias)

    def _count(self, names: str | Sequence[str]) -> int:
        # By a search: a plain count would leave out a shard that is away, without a word.
        answer = self.ask(
            "counting images",
            lambda client: client.options(ignore_status=404).search(
                index=names, size=0, track_total_hits=True, allow_partial_search_results=False
            ),
        )
        return int(answer["hits"]["total"]["value"]) if "hits" in answer else 0

    def refresh(self) -> None:
        """Makes searches see all that was written."""
        self.ask("a refresh", lambda client: client.options(ignore_status=404).indices.refresh(index=self.alias))

    def flush(self) -> None:
        """Writes all segments to disk; what was acknowledged is safe in any case, in the log of each shard."""
        self.ask("a flush", lambda client: client.options(ignore_status=404).indices.flush(index=self.alias))

    def roll(self, today: date) -> list[Standing]:
        """Makes today's slice and drops those that have left the window; returns these."""
        self.refresh()
        self.ensure(today)
        gone = [one for one in self.standing() if not self.rolling.holds(one.slice, today)]
        for one in gone:
            self._delete(one.index)
        return gone

    def merge(self, indices: Iterable[str] | None = None) -> None:
        """Merges slices to one segment a shard, which halves the time of a flat scan.

        Only for slices that nobody writes to any more, and best half a minute after the last write: until then
        Elasticsearch keeps what it needs to bring a copy up to date, and a merge would make it keep that for ever.
        """
        for index in [one.index for one in self.standing()] if indices is None else indices:
            self._merge(index)

    # Versions side by side

    @property
    def in_force(self) -> bool:
        """Whether this version is the one that the alias `name` stands for."""
        return any(meta.get("version") == self.layout.version for meta in self._metas(self.name).values())

    def versions(self) -> dict[str, str]:
        """All versions that stand under this name: their alias, and what they hold."""
        found: dict[str, str] = {}
        for index, meta in self._metas(f"{self.name}-*").items():
            if meta.get("version") and index.startswith(f"{self.name}-{meta['version']}-"):
                found[f"{self.name}-{meta['version']}"] = described(meta)
        return found

    def foreign(self) -> int:
        """Images of other versions that are in force under this name."""
        own = {**self.layout.meta, "version": self.layout.version}
        others = sorted(index for index, meta in self._metas(self.name).items() if meta != own)
        return self._count(others) if others else 0

    def swap(self) -> None:
        """Brings this version into force, in one step; `check.swap_after_audit` does so once all is well."""
        mine = [one.index for one in self.standing()]
        if not mine:
            raise RunFolderError(
                f"no slices of {self.alias!r} could come into force", "Load the images first: `variants index load`"
            )
        actions: list[Mapping[str, Any]] = [{"add": {"indices": mine, "alias": self.name}}]
        old = sorted(set(self._metas(self.name)) - set(mine))
        if old:
            actions.insert(0, {"remove": {"indices": old, "alias": self.name, "must_exist": False}})
        self.ask("swapping versions", lambda client: client.indices.update_aliases(actions=actions))

    def drop_others(self) -> list[str]:
        """Deletes all slices of versions that are not in force, this one's too; returns the aliases that are gone."""
        serving = {meta.get("version") for meta in self._metas(self.name).values()}
        if not serving:
            raise VariantsError(f"no version of {self.name!r} is in force", "Swap one in before others are dropped")
        gone = [alias for alias in self.versions() if alias.rpartition("-")[2] not in serving]
        for alias in gone:
            self.drop(alias)
        return gone

    def drop(self, alias: str | None = None) -> None:
        """Deletes all slices of a version, without `alias` this one's."""
        alias = alias or self.alias
        # Not by a pattern, which careful clusters refuse.
        for index in [name for name in self._metas(f"{alias}-*") if name.startswith(f"{alias}-")]:
            self._delete(index)

    def _merge(self, index: str) -> None:
        slow = self.plain.options(request_timeout=3600)
        self.ask("a merge", lambda _: slow.indices.forcemerge(index=index, max_num_segments=1))

    def _delete(self, index: str) -> None:
        self.ask(f"dropping {index}", lambda client: client.options(ignore_status=404).indices.delete(index=index))

    def _metas(self, names: str) -> dict[str, dict[str, Any]]:
        """What the mapping of each index behind some names says about itself; none where there is none."""
        found = self.ask(
            "reading mappings",
            lambda client: client.options(ignore_status=404).indices.get_mapping(
                index=names, filter_path="*.mappings._meta,*.mappings.dynamic"
            ),
        )
        if found.meta.status == 404:
            return {}
        return {index: one.get("mappings", {}).get("_meta", {}) for index, one in found.items()}

    def _require_meta(self, metas: Mapping[str, dict[str, Any]]) -> None:
        for index, meta in metas.items():
            if meta != {**self.layout.meta, "version": self.layout.version}:
                raise VersionMismatch(f"{index} holds {described(meta)}, not {described(self.layout.meta)}", BESIDE)


def inlet(index: str) -> str:
    """The alias through which a slice is written to."""
    return f"{index}.in"
