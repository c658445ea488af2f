"""What one version of the index holds: settings and mapping of its slices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from candidates.artifacts import digest_of
from candidates.errors import SettingsError

Search = Literal["flat", "subcodes", "hnsw"]

_FORMAT = 1
"""Rises when a document comes to hold something else, so that old slices are not taken for new ones."""

_KEYWORD = {"type": "keyword", "doc_values": False}
_NUMBER = {"type": "long", "index": False}


@dataclass(frozen=True)
class Layout:
    """One version of the index: which codes it holds, and what they are searched by.

    Two layouts are of one version when what they hold is the same; number and copies of shards don't matter.

    Attributes:
        bits: Length of a code, a multiple of 8 (of 16 for subcodes).
        fingerprint: The version of the vectors that were coded.
        codes: The version of the planes that coded them.
        search: `flat` compares every code; `subcodes` those that share words with the query; `hnsw` walks a graph.
            Only the fields of this search are there: subcodes make loading ten times dearer, a graph thirty times.
        products: Whether documents say what their product is, so that a filter can be given.
        links: HNSW: links of a node (m).
        build_effort: HNSW: candidates while building (ef_construction).
        shards: Primary shards of a slice; they shorten a look-up up to the number of cores, and never cost less.
        replicas: Copies of each shard on other nodes. Without one a dead node takes its images with it.
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
            raise SettingsError(f"codes of {self.bits} bits can't be searched by {self.search}", f"Multiples of {step}")

    @cached_property
    def version(self) -> str:
        """Names what the index holds, fit for the name of an index."""
        return digest_of(self.meta)[:12]

    @property
    def meta(self) -> dict[str, Any]:
        """What each slice's mapping says about itself."""
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

        It is refreshed by whoever wrote to it, when the writing is done: nobody else writes, and a refresh every
        second would leave a heap of small segments behind a load.
        """
        return {
            "number_of_shards": self.shards,
            "number_of_replicas": self.replicas,
            "refresh_interval": "-1",
        }

    @property
    def mapping(self) -> dict[str, Any]:
        """The mapping of a slice: strict, so that a field nobody planned is an error and no guess.

        The source of documents is not kept. Nobody reads it, it would more than double the index, and without it
        Elasticsearch refuses partial updates, which on documents whose source lacks the code would lose the code.
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
            # Words are parted and folded before they are sent: `filters.words_in` says how.
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
    """What a slice's mapping says it holds, in words."""
    if "codes" not in meta:
        return "something that is no image index"
    return f"{meta.get('codes')} of {meta.get('fingerprint')}, searched by {meta.get('search')}"
