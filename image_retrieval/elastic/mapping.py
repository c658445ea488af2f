"""The layout of one version of the index: settings and mapping of its slices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from candidates.artifacts import digest_of
from candidates.errors import SettingsError

Search = Literal["flat", "subcodes", "hnsw"]

_FORMAT = 1
"""Increased whenever the contents of documents change, so that old slices are not mistaken for new ones."""

_KEYWORD = {"type": "keyword", "doc_values": False}
_NUMBER = {"type": "long", "index": False}


@dataclass(frozen=True)
class Layout:
    """One version of the index: its codes, and how they are searched.

    Two layouts are of the same version if their contents are the same; the number of shards and replicas does not
    matter.

    Attributes:
        bits: Length of a code, a multiple of 8 (of 16 for subcodes).
        fingerprint: The version of the vectors that were coded.
        codes: The version of the planes that coded them.
        search: `flat` compares every code; `subcodes` those that share words with the query; `hnsw` walks a graph.
            The index only has the fields for this search, because subcodes and graphs make loading much slower
            (docs/elasticsearch.md).
        products: Whether documents have their product's fields, so that searches can be filtered.
        links: HNSW: links per node (m).
        build_effort: HNSW: candidates considered while building (ef_construction).
        shards: Primary shards per slice; more shards, up to the number of cores, shorten a search but not its total
            work.
        replicas: Copies of each shard on other nodes. Without replicas the images of a lost node are lost too.
    """

    bits: int
    fingerprint: str
    codes: str
    search: Search = "flat"
    products: bool = True
    links: int = 16
    build_effort: int = 100
    shards: int = 1
    replicas: int = 1

    def __post_init__(self) -> None:
        """Checks the length of the codes."""
        step = 16 if self.search == "subcodes" else 8
        if self.bits < step or self.bits % step:
            raise SettingsError(
                f"codes of {self.bits} bits can't be searched by {self.search}", f"Use a multiple of {step} bits"
            )

    @cached_property
    def version(self) -> str:
        """A name derived from the contents; usable in the name of an index."""
        return digest_of(self.meta)[:12]

    @property
    def meta(self) -> dict[str, Any]:
        """The description of this version that each slice's mapping stores."""
        graph = {"links": self.links, "build_effort": self.build_effort} if self.search == "hnsw" else {}
        return {
            "format": _FORMAT,
            "fingerprint": self.fingerprint,
            "codes": self.codes,
            "bits": self.bits,
            "search": self.search,
            "products": self.products,
            **graph,
        }

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a slice.

        The writer refreshes it after writing. Nobody else writes, and a refresh every second would leave many small
        segments after a load.
        """
        return {
            "number_of_shards": self.shards,
            "number_of_replicas": self.replicas,
            "refresh_interval": "-1",
        }

    @property
    def mapping(self) -> dict[str, Any]:
        """The mapping of a slice; strict, so that an unknown field is an error.

        Documents' sources are not stored. Nobody reads them, they would more than double the index, and without them
        Elasticsearch refuses partial updates, which would lose the code of a document whose source lacks it.
        """
        properties: dict[str, Any] = {
            "image": {"type": "keyword", "index": False},
            "key": _NUMBER,
            "digest": _NUMBER,
            "load": _NUMBER,
            "product": _KEYWORD,
            "position": {"type": "integer", "index": False},
            "added": {"type": "date", "format": "strict_date"},
            "code": self._code,
        }
        if self.search == "subcodes":
            properties["subcodes"] = {**_KEYWORD, "index_options": "docs", "norms": False}
        if self.products:
            properties |= dict.fromkeys(("category", "brand", "seller", "attributes"), _KEYWORD)
            # `filters.words_in` splits and folds words before they are sent.
            properties["text"] = {"type": "text", "analyzer": "whitespace", "norms": False}
        return {
            "dynamic": "strict",
            "_source": {"enabled": False},
            "_meta": {**self.meta, "version": self.version},
            "properties": properties,
        }

    @property
    def _code(self) -> dict[str, Any]:
        options: dict[str, Any] = {"type": "flat"}
        if self.search == "hnsw":
            options = {"type": "hnsw", "m": self.links, "ef_construction": self.build_effort}
        return {
            "type": "dense_vector",
            "element_type": "bit",
            "dims": self.bits,
            "index": True,
            "similarity": "l2_norm",
            "index_options": options,
        }


def described(meta: dict[str, Any]) -> str:
    """A slice's contents, as stored in its mapping, in words."""
    if "codes" not in meta:
        return "something that is not an image index"
    return f"{meta.get('codes')} of {meta.get('fingerprint')}, searched by {meta.get('search')}"
