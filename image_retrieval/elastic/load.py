"""Streams documents into a window, replaces earlier ones, and removes documents.

A load has only a few chunks in memory, however long the stream. Anything can be sent again, because each document has a
fixed id. So a chunk whose response was lost is sent again, and a load that was killed is repeated, or completed by
`check.repair`, which only sends what is missing.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal, NamedTuple

from candidates.errors import ServerUnreachable, VariantsError
from candidates.product import Refusal
from image_retrieval.elastic.documents import Document
from image_retrieval.elastic.patience import BUSY
from image_retrieval.elastic.slices import Window

Replace = Literal["products", "images"]

CHUNK = 2000
"""Maximum documents per request."""

CHUNK_BYTES = 8 * 2**20
"""Maximum bytes of content per request: with long descriptions a chunk has fewer documents."""

_AWAIT_SHARD = "10s"
"""How long a bulk request waits for a shard that has lost its node; then it is sent again, so longer is pointless."""

_ASKED = 1000
"""Documents or products whose earlier images are searched for at once."""

PAGE = 10_000
"""Maximum hits per response, which is Elasticsearch's limit."""

_CHANGED = "version_conflict_engine_exception"

_SEEN = "items.*._id,items.*.status,items.*.error.type,items.*.error.reason,errors"
"""The fields of a bulk response that are returned."""


@dataclass(frozen=True)
class Loaded:
    """The result of a load.

    Attributes:
        stored: Number of documents that the cluster has acknowledged.
        replaced: Number of earlier images that were removed because their product was loaded again.
        refused: Number of documents that were not stored, by reason.
        resent: Number of documents sent again because the cluster was busy.
    """

    stored: int = 0
    replaced: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    resent: int = 0

    def __add__(self, other: Loaded) -> Loaded:
        refused = Counter(self.refused) + Counter(other.refused)
        return Loaded(
            self.stored + other.stored, self.replaced + other.replaced, dict(refused), self.resent + other.resent
        )


def new_load() -> int:
    """A random number that identifies the documents of one load."""
    return secrets.randbits(62)


def load(
    window: Window,
    documents: Iterable[Document | Refusal],
    *,
    number: int | None = None,
    replace: Replace = "products",
    threads: int = 2,
    chunk: int = CHUNK,
    track: Callable[[int], object] | None = None,
    refused: Callable[[Refusal], object] | None = None,
) -> Loaded:
    """Streams documents into the slices of their days.

    A product that is loaded again is replaced: once its new images are acknowledged, all its images that are not part
    of this load are removed from every slice. For a moment a reader may see both, but never neither. The images of a
    product may come in any order, but all of them must be in one load. If none of a product's new images can be
    stored, the product keeps its earlier ones.

    Args:
        window: The window to load into.
        documents: A stream of any length, of which a few chunks are held at once. Refusals in it are passed on and
            counted.
        number: Identifies this load; a load that resumes after a failure can be given its earlier number.
        replace: `products`: as above; `images`: each image only replaces its own earlier document, in any slice,
            for loads that have only some of a product's images.
        threads: Number of chunks sent at once.
        chunk: Maximum documents per chunk.
        track: Called after each chunk with the number of its documents.
        refused: Called with the refusal of each image that was not stored.

    Returns:
        The result. On return everything is stored safely and visible to searches.

    Raises:
        ServerUnreachable: The cluster was unreachable or busy for too long. What was acknowledged until then is
            stored; the load can be repeated.
    """
    number = new_load() if number is None else number
    window.refresh()
    # In an empty window there is nothing to replace, and most first loads go into an empty one.
    sender = _Sender(window, number, replace if window.count() else None)
    total = Loaded()
    pending: deque[Future[_Sent]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for piece in _pieces(documents, chunk):
                sender.prepare(piece)
                pending.append(pool.submit(sender.send, piece))
                # One more than there are threads, so that no thread waits for the next piece.
                while len(pending) > threads or (pending and pending[0].done()):
                    total += _finished(pending, track, refused)
            while pending:
                total += _finished(pending, track, refused)
        finally:
            for future in pending:
                future.cancel()
    window.refresh()
    return total


class _Sent(NamedTuple):
    """The result of sending a piece: what was stored, and what was refused."""

    loaded: Loaded
    refused: list[Refusal]


def _finished(
    pending: deque[Future[_Sent]],
    track: Callable[[int], object] | None,
    refused: Callable[[Refusal], object] | None,
) -> Loaded:
    sent = pending.popleft().result()
    if track:
        track(sent.loaded.stored + len(sent.refused))
    if refused:
        for refusal in sent.refused:
            refused(refusal)
    return sent.loaded


def _pieces(documents: Iterable[Document | Refusal], chunk: int) -> Iterator[list[Document | Refusal]]:
    """Splits the stream into pieces of `chunk` documents, or fewer if they are long.

    Adjacent images of a product stay in one piece, up to twice the length: otherwise the first piece would remove, as
    old, images that the second one is about to write.
    """
    piece: list[Document | Refusal] = []
    size, product = 0, ""
    for document in documents:
        full = len(piece) >= chunk or size >= CHUNK_BYTES
        if full and (_product_of(document) != product or len(piece) >= 2 * chunk):
            yield piece
            piece, size = [], 0
        piece.append(document)
        product = _product_of(document)
        size += len(document.content) if isinstance(document, Document) else 0
    if piece:
        yield piece


def _product_of(document: Document | Refusal) -> str:
    return document.product if isinstance(document, Document) else document.id


@dataclass(frozen=True, eq=False)
class _Sender:
    """Sends one piece at a time, from any thread."""

    window: Window
    number: int
    replace: Replace | None
    inlets: dict[str, str] = field(default_factory=dict)

    def prepare(self, piece: Sequence[Document | Refusal]) -> None:
        """Creates the slices that a piece needs."""
        for day in sorted({document.added for document in piece if isinstance(document, Document)}):
            index = self.window.index_of(day)
            if index not in self.inlets:
                self.inlets[index] = self.window.ensure(day)

    def send(self, piece: Sequence[Document | Refusal]) -> _Sent:
        """Stores a piece."""
        refused = [refusal for refusal in piece if isinstance(refusal, Refusal)]
        lines = [(self._line(document), document) for document in piece if isinstance(document, Document)]
        faults, resent = _bulk(self.window, "loading images", lines)
        fix = "Fix the feed; if it looks right, report this as a bug"
        refused += [Refusal(document.image, document.product, reason, fix) for document, reason in faults]
        faulty = {document.id for document, _ in faults}
        stored = [document for _, document in lines if document.id not in faulty]
        replaced = self._replace_earlier(stored) if self.replace else 0
        kinds = Counter(refusal.reason.partition(":")[0] for refusal in refused)
        return _Sent(Loaded(len(stored), replaced, dict(kinds), resent), refused)

    def _line(self, document: Document) -> bytes:
        inlet = self.inlets[self.window.index_of(document.added)]
        head = b'{"index":{"_index":"%s","_id":"%s"}}\n' % (inlet.encode(), document.id.encode())
        return head + document.source(self.number) + b"\n"

    def _replace_earlier(self, documents: Sequence[Document]) -> int:
        """Removes what the documents replace; returns the number of documents removed."""
        return sum(
            remove_matching(self.window, self._earlier(documents[at : at + _ASKED]), self._places(documents))
            for at in range(0, len(documents), _ASKED)
        )

    def _earlier(self, documents: Sequence[Document]) -> dict[str, Any]:
        """The query for earlier loads' documents of the same products or images."""
        same: list[dict[str, Any]] = [{"ids": {"values": [document.id for document in documents]}}]
        if self.replace == "products":
            same.append(_any_of(document.product for document in documents))
        return {"bool": {"should": same, "minimum_should_match": 1, "must_not": {"term": {"load": self.number}}}}

    def _places(self, documents: Sequence[Document]) -> set[tuple[str, str]]:
        return {(self.window.index_of(document.added), document.id) for document in documents}


def remove(window: Window, products: Iterable[str]) -> int:
    """Removes all images of some products; returns the number of images removed."""
    window.refresh()
    wanted = list(dict.fromkeys(products))
    removed = sum(
        remove_matching(window, {"bool": {"filter": _any_of(wanted[at : at + _ASKED])}})
        for at in range(0, len(wanted), _ASKED)
    )
    window.refresh()
    return removed


def _any_of(products: Iterable[str]) -> dict[str, Any]:
    return {"terms": {"product": list(dict.fromkeys(products))}}


class Place(NamedTuple):
    """Where a document is, and which version of it.

    Attributes:
        slice: The index of its slice.
        id: Its `_id`.
        sequence: Sequence number of its last write.
        term: Term of the primary shard that wrote it.
    """

    slice: str
    id: str
    sequence: int
    term: int


def remove_matching(window: Window, query: Mapping[str, Any], taken: Collection[tuple[str, str]] = ()) -> int:
    """Removes what a query finds, page by page, because a bare node has no delete by query.

    Args:
        window: The window to remove from.
        query: What to remove, as of the last refresh.
        taken: Places (index and `_id`) to leave alone, because they have new documents.

    Returns:
        The number of documents removed.
    """
    return delete(window, (place for place in places_of(window, query) if place[:2] not in taken))


def places_of(window: Window, query: Mapping[str, Any]) -> Iterator[Place]:
    """The places of all documents that a query finds, page by page."""
    after: list[Any] | None = None
    while True:
        hits = _page_of(window, query, after)
        yield from (Place(hit["_index"], hit["_id"], hit["_seq_no"], hit["_primary_term"]) for hit in hits)
        if len(hits) < PAGE:
            return
        after = hits[-1]["sort"]


def _page_of(window: Window, query: Mapping[str, Any], after: list[Any] | None) -> list[Any]:
    found = window.ask(
        "looking for images",
        lambda client: client.options(ignore_status=404).search(
            index=window.alias,
            query=query,
            size=PAGE,
            source=False,
            # An image that is in two slices has two days.
            sort=["key", "added"],
            search_after=after,
            seq_no_primary_term=True,
            track_total_hits=False,
            allow_partial_search_results=False,
        ),
    )
    # Before the first load there is no index to search.
    hits: list[Any] = found.get("hits", {}).get("hits", [])
    return hits


def delete(window: Window, places: Iterable[Place]) -> int:
    """Removes documents that have not changed since they were found; returns the number removed."""
    removed = 0
    source = iter(places)
    while chunk := [(_deletion(place), place) for place in islice(source, CHUNK)]:
        refused, _ = _bulk(window, "removing images", chunk)
        # Documents that were rewritten in the meantime are no longer to be removed; others may be gone already.
        others = [reason for _, reason in refused if not reason.startswith(_CHANGED)]
        if others:
            raise VariantsError(f"Elasticsearch refuses to remove {len(others)} images: {others[0]}")
        removed += len(chunk) - len(refused)
    return removed


def _deletion(place: Place) -> bytes:
    line = {"_index": place.slice, "_id": place.id, "if_seq_no": place.sequence, "if_primary_term": place.term}
    return json.dumps({"delete": line}).encode() + b"\n"


class _Answer(NamedTuple):
    status: int
    reason: str


def _bulk(window: Window, what: str, lines: Sequence[tuple[bytes, Any]]) -> tuple[list[tuple[Any, str]], int]:
    """Sends lines until none is left that the cluster was too busy for.

    Returns:
        Those that it refuses, each with the reason, and how many were sent again.
    """
    if not lines:
        return [], 0
    waiting, resent = list(lines), 0
    refused: list[tuple[Any, str]] = []
    for _ in window.patience.tries():
        answers = _answers(window, what, [line for line, _ in waiting])
        if answers is None:
            return refused, resent
        again = []
        for (line, one), answer in zip(waiting, answers, strict=True):
            if answer.status in BUSY:
                again.append((line, one))
            elif "index_not_found" in answer.reason:
                raise VariantsError(f"a slice of {window.alias!r} was dropped while {what}", "Load again")
            elif answer.reason:
                refused.append((one, answer.reason))
        if not again:
            return refused, resent
        waiting, resent = again, resent + len(again)
    raise ServerUnreachable(f"Elasticsearch stays too busy at {what}", "Give it more room, then load again")


def _answers(window: Window, what: str, lines: Sequence[bytes]) -> list[_Answer] | None:
    """Sends lines once; returns the answer to each, or None if all succeeded."""
    body = b"".join(lines)
    deleting = lines[0].startswith(b'{"delete"')
    answer = window.ask(
        what,
        lambda client: client.bulk(
            operations=body,  # type: ignore[arg-type]
            require_alias=not deleting,
            timeout=_AWAIT_SHARD,
            filter_path=_SEEN,
        ),
    )
    if not answer["errors"]:
        return None
    items = [next(iter(item.values())) for item in answer["items"]]
    return [_Answer(item["status"], _why(item.get("error"))) for item in items]


def _why(error: Mapping[str, Any] | None) -> str:
    return f"{error['type']}: {error['reason']}" if error else ""
