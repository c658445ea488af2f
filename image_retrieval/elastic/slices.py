"""The rolling window: slices of time behind aliases, and several versions side by side.

| name | what it is |
|---|---|
| `images-4f0c…-2026-07` | a slice: an index of its own, so that dropping the oldest is one delete |
| `images-4f0c…-2026-07.in` | an alias through which the slice is written |
| `images-4f0c…` | an alias for all slices of one version (`Layout.version`) |
| `images` | an alias for the slices of the current version, for other programs that search |

Elasticsearch creates a missing index on the first write, but not a missing alias. So slices are written through an
alias, which disappears with its slice. Our own searches name their version, so no list mixes codes of two versions.
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

BESIDE = "Load this version beside the current one, and swap when its audit has passed"
"""The fix wherever two versions would be mixed."""


@dataclass(frozen=True)
class Standing:
    """A slice that exists on the cluster.

    Attributes:
        index: The name of its index.
        slice: Its time span.
        documents: Number of images in it, as of its last refresh.
    """

    index: str
    slice: Slice
    documents: int


@dataclass(frozen=True, eq=False)
class Window:
    """One version of a rolling window of images on a cluster.

    Attributes:
        client: The official Elasticsearch client.
        name: The alias of the current version, and prefix of all other names.
        layout: The layout of this version.
        rolling: The lengths of slices and window.
        patience: How long requests to a busy or unreachable cluster are retried.
    """

    client: Elasticsearch
    name: str
    layout: Layout
    rolling: Rolling = THREE_MONTHS
    patience: Patience = field(default_factory=Patience)

    @property
    def alias(self) -> str:
        """The alias for all slices of this version."""
        return f"{self.name}-{self.layout.version}"

    @cached_property
    def plain(self) -> Elasticsearch:
        """The client without its own retries, which would multiply ours."""
        return self.client.options(max_retries=0, retry_on_status=(), retry_on_timeout=False)

    def ask(self, what: str, question: Callable[[Elasticsearch], Answer]) -> Answer:
        """Sends a request with retries (see `Patience.ask`)."""
        return self.patience.ask(what, lambda: question(self.plain))

    def index_of(self, day: date) -> str:
        """The name of the slice that contains a day."""
        return f"{self.alias}-{self.rolling.slice_of(day).label}"

    def ensure(self, day: date) -> str:
        """Creates the slice of a day unless it exists; returns the alias to write through.

        Raises:
            VersionMismatch: An index with its name exists and has other contents.
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
                # Created by an earlier attempt whose response was lost, or long ago.
                if error.error != "resource_already_exists_exception":
                    raise refusal(f"to create the slice {index}", error) from error
                self._require_meta(self._metas(index))

        there = self._metas(inlet(index))
        self._require_meta(there)
        if not there:
            self.ask(f"creating the slice {index}", make)
        return inlet(index)

    def require(self) -> None:
        """Checks that this version exists and all its slices have the expected mapping; refreshes them.

        A search for a field that the mapping lacks returns nothing instead of an error, so this is checked first.

        Raises:
            VersionMismatch: The index with this name is of another version.
            RunFolderError: There is no index with this name.
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
            f"the cluster has no image index {self.name!r} of this version",
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
        counts = {name: index["primaries"]["docs"]["count"] for name, index in stats.get("indices", {}).items()}
        # A slice whose shards are all unavailable has no statistics, but it exists.
        slices = [Standing(name, slice_named(name[len(self.alias) + 1 :]), counts.get(name, 0)) for name in names]
        return sorted(slices, key=lambda standing: standing.slice.first)

    def count(self) -> int:
        """The number of images in all slices of this version, as of their last refresh."""
        return self._count(self.alias)

    def _count(self, names: str | Sequence[str]) -> int:
        # By a search, because a plain count silently leaves out unavailable shards.
        answer = self.ask(
            "counting images",
            lambda client: client.options(ignore_status=404).search(
                index=names, size=0, track_total_hits=True, allow_partial_search_results=False
            ),
        )
        return int(answer["hits"]["total"]["value"]) if "hits" in answer else 0

    def refresh(self) -> None:
        """Makes all writes visible to searches."""
        self.ask("a refresh", lambda client: client.options(ignore_status=404).indices.refresh(index=self.alias))

    def flush(self) -> None:
        """Writes all segments to disk; acknowledged writes are safe anyway, in the log of each shard."""
        self.ask("a flush", lambda client: client.options(ignore_status=404).indices.flush(index=self.alias))

    def roll(self, today: date) -> list[Standing]:
        """Creates today's slice and drops the slices that have left the window; returns the dropped ones."""
        self.refresh()
        self.ensure(today)
        expired = [standing for standing in self.standing() if not self.rolling.holds(standing.slice, today)]
        for standing in expired:
            self._delete(standing.index)
        return expired

    def merge(self, indices: Iterable[str] | None = None) -> None:
        """Merges slices to one segment per shard, which makes flat searches faster (docs/elasticsearch.md).

        Only for slices that are no longer written to, and at least half a minute after the last write: until then
        Elasticsearch keeps data to bring replicas up to date, and a merge would make it keep them for ever.
        """
        for index in [standing.index for standing in self.standing()] if indices is None else indices:
            self._merge(index)

    # Versions side by side

    @property
    def in_force(self) -> bool:
        """Whether this version is the current one, which the alias `name` refers to."""
        return any(meta.get("version") == self.layout.version for meta in self._metas(self.name).values())

    def versions(self) -> dict[str, str]:
        """All versions with this name: their aliases and descriptions."""
        found: dict[str, str] = {}
        for index, meta in self._metas(f"{self.name}-*").items():
            if meta.get("version") and index.startswith(f"{self.name}-{meta['version']}-"):
                found[f"{self.name}-{meta['version']}"] = described(meta)
        return found

    def foreign(self) -> int:
        """The number of images of other versions that are current under this name."""
        own = {**self.layout.meta, "version": self.layout.version}
        others = sorted(index for index, meta in self._metas(self.name).items() if meta != own)
        return self._count(others) if others else 0

    def swap(self) -> None:
        """Makes this version the current one, in one step; `check.swap_after_audit` audits it first."""
        mine = [standing.index for standing in self.standing()]
        if not mine:
            raise RunFolderError(
                f"{self.alias!r} can't become current: it has no slices",
                "Load the images first: `variants index load`",
            )
        actions: list[Mapping[str, Any]] = [{"add": {"indices": mine, "alias": self.name}}]
        old = sorted(set(self._metas(self.name)) - set(mine))
        if old:
            actions.insert(0, {"remove": {"indices": old, "alias": self.name, "must_exist": False}})
        self.ask("swapping versions", lambda client: client.indices.update_aliases(actions=actions))

    def drop_others(self) -> list[str]:
        """Deletes all slices of versions that are not current, even this one's; returns the deleted aliases."""
        current = {meta.get("version") for meta in self._metas(self.name).values()}
        if not current:
            raise VariantsError(
                f"no version of {self.name!r} is current", "Make one current with `variants index swap` first"
            )
        others = [alias for alias in self.versions() if alias.rpartition("-")[2] not in current]
        for alias in others:
            self.drop(alias)
        return others

    def drop(self, alias: str | None = None) -> None:
        """Deletes all slices of a version, by default of this one."""
        alias = alias or self.alias
        # Not by a wildcard, which some clusters forbid.
        for index in [name for name in self._metas(f"{alias}-*") if name.startswith(f"{alias}-")]:
            self._delete(index)

    def _merge(self, index: str) -> None:
        slow = self.plain.options(request_timeout=3600)
        self.ask("a merge", lambda _: slow.indices.forcemerge(index=index, max_num_segments=1))

    def _delete(self, index: str) -> None:
        self.ask(f"dropping {index}", lambda client: client.options(ignore_status=404).indices.delete(index=index))

    def _metas(self, names: str) -> dict[str, dict[str, Any]]:
        """The `_meta` of the mapping of each index with one of these names; empty if there are none."""
        found = self.ask(
            "reading mappings",
            lambda client: client.options(ignore_status=404).indices.get_mapping(
                index=names, filter_path="*.mappings._meta,*.mappings.dynamic"
            ),
        )
        if found.meta.status == 404:
            return {}
        return {index: entry.get("mappings", {}).get("_meta", {}) for index, entry in found.items()}

    def _require_meta(self, metas: Mapping[str, dict[str, Any]]) -> None:
        for index, meta in metas.items():
            if meta != {**self.layout.meta, "version": self.layout.version}:
                raise VersionMismatch(f"{index} contains {described(meta)}, not {described(self.layout.meta)}", BESIDE)


def inlet(index: str) -> str:
    """The alias through which a slice is written."""
    return f"{index}.in"
