"""Compares a window with what it should contain, repairs it, and audits a version before it becomes current."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from candidates.errors import ServerUnreachable, VariantsError
from candidates.product import Refusal
from image_retrieval.elastic.documents import Document
from image_retrieval.elastic.load import PAGE, Loaded, delete, load, places_of, remove_matching
from image_retrieval.elastic.nearest import CodeSearch
from image_retrieval.elastic.slices import Window

Documents = Callable[[], Iterable[Document | Refusal]]
"""Returns what a window should contain, as a new stream at each call, in any order."""

SAMPLE = 100
"""Number of images that an audit looks up."""

_FOUND_BY_GRAPH = 0.95
"""Share of sampled images that a graph must find by their own codes; other searches must find all."""

_KEEP_ALIVE = "5m"
_ASKED = 1000
_BLOCK = 4096
_NO_KEY = -1

Answer = TypeVar("Answer")


@dataclass(frozen=True, eq=False)
class Checked:
    """How a window differs from what it should contain.

    Attributes:
        expected: Number of images that it should contain.
        found: Number of documents that it contains.
        refused: Number of images that can't be stored, for example because they have no code; they don't count as
            missing.
        missing: Keys of images that are not there.
        changed: Keys of images whose document differs: another code, other words.
        stray: Keys of images that should not be there.
        twice: Keys of images that are in more than one slice.
        foreign: Number of images of other versions that are current under the window's name.
        sample: A random sample of the documents, for an audit to look up.
    """

    expected: int
    found: int
    refused: int
    missing: NDArray[np.int64]
    changed: NDArray[np.int64]
    stray: NDArray[np.int64]
    twice: NDArray[np.int64]
    foreign: int
    sample: tuple[Document, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether the window contains exactly what it should."""
        return not any(map(len, (self.missing, self.changed, self.stray, self.twice)))

    @property
    def counts(self) -> dict[str, int]:
        """The number of images with each kind of problem."""
        return {
            "expected": self.expected,
            "found": self.found,
            "refused": self.refused,
            "missing": len(self.missing),
            "changed": len(self.changed),
            "stray": len(self.stray),
            "twice": len(self.twice),
            "wrong version": self.foreign,
        }


@dataclass(frozen=True)
class Repaired:
    """The result of a repair.

    Attributes:
        loaded: The result of loading images that were missing or changed.
        removed: Number of documents removed because they were stray or in a second slice.
    """

    loaded: Loaded
    removed: int


@dataclass(frozen=True)
class Audit:
    """Whether a version may become current.

    Attributes:
        checked: The comparison with what it should contain.
        looked_up: Number of images looked up by their own codes.
        held: Number of these that are there with that code.
        found: Number of these for which an unfiltered search begins with an equal code.
        search: The version's search method.
    """

    checked: Checked
    looked_up: int
    held: int
    found: int
    search: str

    @property
    def passed(self) -> bool:
        """Whether nothing is missing, stray or changed, and enough look-ups succeeded."""
        share = _FOUND_BY_GRAPH if self.search == "hnsw" else 1.0
        return self.checked.complete and self.held == self.looked_up and self.found >= share * self.looked_up


def check(window: Window, documents: Documents) -> Checked:
    """Compares a window with what it should contain, image by image and by the documents' contents.

    Both sides are streamed; at most about 60 bytes per image are in memory.
    """
    window.require()
    expected = _Expected.of(documents())
    there = _at_one_moment(window, lambda: _compared(window, expected))
    return Checked(
        len(expected.keys),
        there.found,
        expected.refused,
        expected.keys[there.seen == 0],
        expected.keys[there.changed],
        there.stray,
        expected.keys[there.seen > 1],
        window.foreign(),
        expected.sample,
    )


def repair(
    window: Window,
    documents: Documents,
    *,
    checked: Checked | None = None,
    threads: int = 2,
    track: Callable[[int], object] | None = None,
    refused: Callable[[Refusal], object] | None = None,
) -> Repaired:
    """Loads images that are missing or changed, and removes those that are stray or in two slices.

    Args:
        window: The window to repair.
        documents: What it should contain.
        checked: The result of a recent `check`; by default one is made.
        threads: See `load`.
        track: See `load`.
        refused: See `load`.
    """
    checked = checked or check(window, documents)
    wanted = np.union1d(checked.missing, checked.changed)
    loaded = Loaded()
    if len(wanted):
        chosen = _with(wanted, documents())
        loaded = load(window, chosen, replace="images", threads=threads, track=track, refused=refused)
    removed = sum(remove_matching(window, _with_keys(keys)) for keys in _batches(checked.stray))
    removed += sum(_remove_older(window, keys) for keys in _batches(checked.twice))
    window.refresh()
    return Repaired(loaded, removed)


def audit(window: Window, documents: Documents) -> Audit:
    """Checks a version and looks up a sample of its images by their own codes."""
    checked = check(window, documents)
    search = CodeSearch(window)
    held = found = 0
    for document in checked.sample:
        code = np.frombuffer(bytes.fromhex(json.loads(document.content)["code"]), np.uint8)
        own, nearest = search.nearest(code, 1, [_with_keys(np.array([document.key]))]), search.nearest(code, 10)
        held += own.distances.tolist() == [0]
        found += 0 in nearest.distances[:1]
    return Audit(checked, len(checked.sample), held, found, window.layout.search)


def swap_after_audit(window: Window, documents: Documents) -> Audit:
    """Makes a version current if its audit passes; returns the audit.

    Raises:
        VariantsError: The audit failed; the current version stays.
    """
    result = audit(window, documents)
    if not result.passed:
        wrong = ", ".join(f"{count:,} {what}" for what, count in result.checked.counts.items() if count)
        raise VariantsError(
            f"the audit of {window.alias!r} failed: {wrong}; of {result.looked_up} images looked up "
            f"{result.held} were there and {result.found} were found",
            "Run `variants index repair`, then try again",
        )
    window.swap()
    return result


def named(documents: Iterable[Document | Refusal], keys: NDArray[np.int64]) -> Iterator[str]:
    """The ids of the images with these keys, for messages."""
    return (document.image for document in _with(keys, documents))


def images_in(window: Window) -> Iterator[str]:
    """The ids of all images in a window, in no order; an id occurs twice if its image is in two slices."""

    def read() -> list[str]:
        return [hit["fields"]["image"][0] for hits in _pages(window, ["image"]) for hit in hits]

    return iter(_at_one_moment(window, read))


@dataclass(frozen=True, eq=False)
class _Expected:
    """What should be there: the keys, ascending, the digest of each, and a random sample of documents."""

    keys: NDArray[np.int64]
    digests: NDArray[np.int64]
    refused: int
    sample: tuple[Document, ...]

    @classmethod
    def of(cls, documents: Iterable[Document | Refusal]) -> _Expected:
        keys, digests = array("q"), array("q")
        sample: list[Document] = []
        refused, random = 0, Random(0)
        for document in documents:
            if isinstance(document, Refusal):
                refused += 1
                continue
            keys.append(document.key)
            digests.append(document.digest)
            # Algorithm R keeps each document with equal probability: J. S. Vitter, "Random Sampling with a Reservoir",
            # ACM Transactions on Mathematical Software 11(1), 1985.
            at = len(keys) - 1 if len(keys) <= SAMPLE else random.randrange(len(keys))
            if at < SAMPLE:
                sample[at : at + 1] = [document]
        order = np.argsort(np.array(keys, np.int64), kind="stable")
        sorted_keys, sorted_digests = (np.array(numbers, np.int64)[order] for numbers in (keys, digests))
        if (np.diff(sorted_keys) == 0).any():
            raise VariantsError("two images have the same id or the same key", "Give every image an id of its own")
        return cls(sorted_keys, sorted_digests, refused, tuple(sample))

    def places(self, keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The position of each key, and whether the key is there at all."""
        place = np.searchsorted(self.keys, keys)
        known = place < len(self.keys)
        known[known] = self.keys[place[known]] == keys[known]
        return place, known


class _There(NamedTuple):
    """What a window contains: how often each expected image, which of them changed, and which images are stray."""

    found: int
    seen: NDArray[np.uint8]
    changed: NDArray[np.bool_]
    stray: NDArray[np.int64]


def _compared(window: Window, expected: _Expected) -> _There:
    seen = np.zeros(len(expected.keys), np.uint8)
    changed = np.zeros(len(expected.keys), bool)
    found, stray = 0, [np.zeros(0, np.int64)]
    for keys, digests in _stored(window):
        found += len(keys)
        place, known = expected.places(keys)
        stray.append(keys[~known])
        np.add.at(seen, place[known], 1)
        np.logical_or.at(changed, place[known], expected.digests[place[known]] != digests[known])
    return _There(found, seen, changed, np.unique(np.concatenate(stray)))


def _with(wanted: NDArray[np.int64], documents: Iterable[Document | Refusal]) -> Iterator[Document]:
    """The documents with these keys; an array of millions of keys takes far less memory than a set."""
    source = (document for document in documents if isinstance(document, Document))
    ordered = np.append(np.sort(wanted), _NO_KEY)
    while block := list(islice(source, _BLOCK)):
        keys = np.array([document.key for document in block], np.int64)
        held = ordered[np.searchsorted(ordered[:-1], keys)] == keys
        yield from (block[at] for at in np.flatnonzero(held).tolist())


class _MomentLost(Exception):
    """A node was lost that held the point in time being read."""


def _at_one_moment(window: Window, read: Callable[[], Answer]) -> Answer:
    """Reads a whole window, from the beginning again where a node is lost in the middle of it."""
    for _ in window.patience.tries():
        with suppress(_MomentLost):
            return read()
    raise ServerUnreachable("Elasticsearch lost nodes again and again at listing images", "Look at its health")


def _stored(window: Window) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """The keys and digests of all documents in a window, page by page."""
    for hits in _pages(window, ["key", "digest"]):
        numbers = (np.fromiter((hit["fields"][name][0] for hit in hits), np.int64) for name in ("key", "digest"))
        keys, digests = numbers
        yield keys, digests


def _pages(window: Window, fields: list[str]) -> Iterator[list[dict[str, Any]]]:
    """Some fields of all documents at one point in time, page by page."""
    opened = window.ask(
        "listing images",
        lambda client: client.options(ignore_status=404).open_point_in_time(index=window.alias, keep_alive=_KEEP_ALIVE),
    )
    if opened.meta.status == 404:
        return
    moment, after = opened["id"], None
    try:
        while True:
            found = _page_after(window, moment, after, fields)
            hits = found["hits"]["hits"]
            if hits:
                yield hits
            if len(hits) < PAGE:
                return
            moment, after = found["pit_id"], hits[-1]["sort"]
    finally:
        window.ask("listing images", lambda client: client.options(ignore_status=404).close_point_in_time(id=moment))


def _page_after(window: Window, moment: str, after: list[Any] | None, fields: list[str]) -> dict[str, Any]:
    answer = window.ask(
        "listing images",
        lambda client: client.options(ignore_status=404).search(
            pit={"id": moment, "keep_alive": _KEEP_ALIVE},
            size=PAGE,
            sort="_shard_doc",
            search_after=after,
            source=False,
            stored_fields="_none_",
            docvalue_fields=[{"field": name} for name in fields],
            track_total_hits=False,
            allow_partial_search_results=False,
        ),
    )
    if answer.meta.status == 404:
        raise _MomentLost
    return dict(answer)


def _with_keys(keys: NDArray[np.int64]) -> dict[str, Any]:
    return {"terms": {"key": keys.tolist()}}


def _batches(keys: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    return (keys[start : start + _ASKED] for start in range(0, len(keys), _ASKED))


def _remove_older(window: Window, keys: NDArray[np.int64]) -> int:
    """Removes images that are in several slices from all but the youngest."""
    window.refresh()
    places = list(places_of(window, _with_keys(keys)))
    youngest = {place.id: place.slice for place in sorted(places, key=lambda place: place.slice)}
    return delete(window, [place for place in places if place.slice != youngest[place.id]])
