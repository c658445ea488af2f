"""Finds the nearest codes on a cluster, by one of the three methods of `Layout.search`.

`flat` compares every code, so it is exact in Hamming distance and finds what the embedded index finds.

`subcodes` compares the codes that share at least m of their 16-bit words with the query, each word at its own position.
Two codes of s words that differ in r bits differ in at most r words, because each differing bit is in one word; so they
share at least s − r words. Therefore all codes within r ≤ s − m bits are compared (the pigeonhole principle).
`CodeSearch.radius` is this guaranteed radius; of the codes beyond it only some are found. The radius is short (31 of
512 bits at m = 1), and a graph finds more in less time (docs/elasticsearch.md); the method is here because it is the
paper's. M. Norouzi, A. Punjani and D. J. Fleet, "Fast Search in Hamming Space with Multi-Index Hashing", CVPR 2012;
within an index of words C. Mu, J. Zhao, G. Yang, J. Zhang and Z. Yan, "Towards Practical Visual Search Engine within
Elasticsearch", SIGIR Workshop on eCommerce 2018 (arXiv:1806.08896).

`hnsw` walks a graph of neighbours; it guarantees nothing but misses little.

Elasticsearch returns at most 10,000 hits. A deeper search is split into parts by the images' keys, which are
independent of their codes, so each part has about its share of the nearest; a part that has more is split again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from candidates.errors import ServerUnreachable
from image_retrieval.elastic.filters import Clause
from image_retrieval.elastic.load import PAGE
from image_retrieval.elastic.slices import Window
from image_retrieval.subcodes import guaranteed_radius, subcodes_of, tokens_of

_SHARE = 8000
"""In a search deeper than a page, the intended number of hits per part."""

_KEYS = 2**63
"""Upper limit of keys."""

_SEEN = "hits.hits._score,hits.hits.fields.key,_shards.failed,timed_out"
"""The fields of a response that are returned."""


class Hits(NamedTuple):
    """The nearest codes of one query, nearest first.

    Attributes:
        keys: int64 (m,): the images' keys.
        distances: int32 (m,): number of differing bits.
    """

    keys: NDArray[np.int64]
    distances: NDArray[np.int32]


@dataclass(frozen=True)
class Effort:
    """The effort of a search.

    Attributes:
        matches: `subcodes`: number of words that must be shared, at least 1.
        visited: `hnsw`: candidates considered in each shard (num_candidates), at least the depth of the search.
        clients: Number of concurrent searches.
    """

    matches: int = 1
    visited: int = 100
    clients: int = 8


USUAL = Effort()


@dataclass(frozen=True)
class CodeSearch:
    """Finds the nearest codes in a window.

    Attributes:
        window: The window to search.
        effort: The effort of a search.
    """

    window: Window
    effort: Effort = USUAL

    @property
    def bits(self) -> int:
        """The length of the codes."""
        return self.window.layout.bits

    @property
    def radius(self) -> int:
        """The Hamming distance within which nothing is missed; −1 for a graph, which guarantees nothing."""
        if self.window.layout.search == "subcodes":
            return guaranteed_radius(self.bits // 16, self.effort.matches)
        return self.bits if self.window.layout.search == "flat" else -1

    def nearest(self, code: NDArray[np.uint8], depth: int, clauses: Sequence[Clause] = ()) -> Hits:
        """The `depth` nearest images of one code, for any depth.

        Args:
            code: uint8 (bits / 8,).
            depth: Number of hits; fewer are returned if there are fewer images.
            clauses: Conditions that must all be met (`filters.clauses_of`).

        Raises:
            ServerUnreachable: The cluster does not respond, or not with all of its shards.
        """
        if depth <= PAGE:
            return self._page(code, depth, clauses)
        parts = -(-depth // _SHARE)
        edges = [_KEYS * part // parts for part in range(parts + 1)]
        pending = list(pairwise(edges))
        found: list[Hits] = []
        while pending:
            asked = [(part, self._page(code, PAGE, [*clauses, _between(*part)])) for part in pending]
            last = _last([*found, *(hits for _, hits in asked)], depth)
            # A full part that ends nearer than the whole list hides some hits, so it is split and searched again.
            hiding = [len(hits.keys) == PAGE and hits.distances[-1] < last for _, hits in asked]
            found += [hits for (_, hits), hides in zip(asked, hiding, strict=True) if not hides]
            pending = [half for (part, _), hides in zip(asked, hiding, strict=True) if hides for half in _halves(part)]
        return _nearest(found, depth)

    def _page(self, code: NDArray[np.uint8], depth: int, clauses: Sequence[Clause]) -> Hits:
        """The nearest images, at most a page."""
        answer = self.window.ask(
            "searching",
            lambda client: client.search(
                index=self.window.alias,
                knn=self._query(code, depth, clauses),
                size=depth,
                source=False,
                stored_fields="_none_",
                docvalue_fields=[{"field": "key"}],
                track_total_hits=False,
                allow_partial_search_results=False,
                filter_path=_SEEN,
            ),
        )
        if answer.get("timed_out") or answer["_shards"]["failed"]:
            raise ServerUnreachable("a search reached only a part of the index", "Check the cluster's health")
        hits = answer.get("hits", {}).get("hits", [])
        keys = np.fromiter((hit["fields"]["key"][0] for hit in hits), np.int64, len(hits))
        scores = np.fromiter((hit["_score"] for hit in hits), np.float64, len(hits))
        # The score of a bit vector is exactly the share of equal bits.
        return Hits(keys, np.rint((1 - scores) * self.bits).astype(np.int32))

    def _query(self, code: NDArray[np.uint8], depth: int, clauses: Sequence[Clause]) -> dict[str, Any]:
        condition: dict[str, Any] = {"filter": list(clauses)} if clauses else {}
        if self.window.layout.search == "subcodes":
            condition |= _sharing(code, self.effort.matches)
        visited = min(PAGE, max(depth, self.effort.visited))
        query = {"field": "code", "query_vector": code.tobytes().hex(), "k": depth, "num_candidates": visited}
        # A filter outside the knn query would only remove hits from the nearest, possibly all of them.
        return query | ({"filter": {"bool": condition}} if condition else {})


def _sharing(code: NDArray[np.uint8], matches: int) -> dict[str, Any]:
    """The condition that at least `matches` words are shared."""
    tokens = tokens_of(subcodes_of(code[None])[0])
    if matches == 1:
        return {"must": {"terms": {"subcodes": tokens}}}
    return {"should": [{"term": {"subcodes": token}} for token in tokens], "minimum_should_match": matches}


def _between(low: int, high: int) -> Clause:
    return {"range": {"key": {"gte": low, "lte": high - 1}}}


def _halves(part: tuple[int, int]) -> Iterator[tuple[int, int]]:
    low, high = part
    middle = (low + high) // 2
    yield low, middle
    yield middle, high


def _last(lists: Sequence[Hits], depth: int) -> int:
    """The distance of the last of the `depth` nearest of all lists; beyond all distances if there are fewer."""
    distances = np.concatenate([hits.distances for hits in lists])
    return int(np.partition(distances, depth - 1)[depth - 1]) if len(distances) >= depth else np.iinfo(np.int32).max


def _nearest(lists: Sequence[Hits], depth: int) -> Hits:
    keys, distances = (np.concatenate(arrays) for arrays in zip(*lists, strict=True))
    order = np.lexsort((keys, distances))[:depth]
    return Hits(keys[order], distances[order])
