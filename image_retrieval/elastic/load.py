"""Streams documents into the window, replaces what was there, removes.

A load holds a few chunks in memory, however much flows through it. Whatever was sent may be sent again, since each
document has a place of its own: so a chunk whose answer was lost is sent again, and a load that was killed is begun
anew, or finished by `check.repair`, which sends only what is not there yet.
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
"""Documents sent at once, at most."""

CHUNK_BYTES = 8 * 2**20
"""Bytes of content sent at once, at most: long descriptions make chunks of fewer documents."""

_AWAIT_SHARD = "10s"
"""How long a bulk waits for a shard that has lost its node; it is sent again then, so longer is of no use."""

_ASKED = 1000
"""Documents or products whose earlier images are looked for at once."""

PAGE = 10_000
"""Hits of one answer, at most: where Elasticsearch ends."""

_CHANGED = "version_conflict_engine_exception"

_SEEN = "items.*._id,items.*.status,items.*.error.type,items.*.error.reason,errors"
"""What of a bulk's answer is sent back."""


@dataclass(frozen=True)
class Loaded:
    """What became of a load.

    Attributes:
        stored: Documents that the cluster has acknowledged.
        replaced: Earlier images that were removed, since their product came anew.
        refused: How many were not stored, by reason.
        resent: Documents sent again since the cluster was busy.
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
    """A number that tells the documents of one load from all others."""
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

    A product that comes anew is replaced: all its images that this load does not bring are removed, in whatever
    slice they lie, after the new ones are acknowledged. A reader may for a moment see both, never neither. The
    images of a product may come in any order, so long as one load brings them all. A product of which none can be
    stored keeps what it had.

    Args:
        window: Where to.
        documents: May be endless; a few chunks of it are held at once. Refusals among them are passed on and counted.
        number: Tells this load from others; a load that goes on after a failure may be given the number it had.
        replace: `products`: as said; `images`: an image alone takes the place of its earlier self, in whatever
            slice it lies, which is right for a load that brings some images of a product.
        threads: Chunks on their way at once.
        chunk: Documents of a chunk, at most.
        track: Told how many documents are done, after each chunk.
        refused: Told of each image that was not stored, and why.

    Returns:
        What became of them; all is stored safely, and found by searches, on return.

    Raises:
        ServerUnreachable: The cluster was gone or busy for longer than our patience. What was acknowledged until
            then is stored; the load may be begun anew.
    """
    number = new_load() if number is None else number
    window.refresh()
    # Into an empty window nothing can come anew, and most first loads are into one.
    sender = _Sender(window, number, replace if window.count() else None)
    total = Loaded()
    pending: deque[Future[_Sent]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for piece in _pieces(documents, chunk):
                sender.prepare(piece)
                pending.append(pool.submit(sender.send, piece))
                # One more than there are threads, so that none waits for the next piece to be made.
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
    """What became of a piece: what was stored of it, and what was not."""

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
    """The stream in pieces of so many documents, or of fewer that are long.

    Images of a product that stand beside each other stay together, up to twice the length: otherwise the first
    piece would remove as old what the second is about to write.
    """
    piece: list[Document | Refusal] = []
    held, product = 0, ""
    for one in documents:
        full = len(piece) >= chunk or held >= CHUNK_BYTES
        if full and (_product_of(one) != product or len(piece) >= 2 * chunk):
            yield piece
            piece, held = [], 0
        piece.append(one)
        product = _product_of(one)
        held += len(one.content) if isinstance(one, Document) else 0
    if piece:
        yield piece


def _product_of(one: Document | Refusal) -> str:
    return one.product if isinstance(one, Document) else one.id


@dataclass(frozen=True, eq=False)
class _Sender:
    """Sends one piece at a time, from any thread."""

    window: Window
    number: int
    replace: Replace | None
    inlets: dict[str, str] = field(default_factory=dict)

    def prepare(self, piece: Sequence[Document | Refusal]) -> None:
        """Makes the slices that a piece needs."""
        for day in sorted({one.added for one in piece if isinstance(one, Document)}):
            index = self.window.index_of(day)
            if index not in self.inlets:
                self.inlets[index] = self.window.ensure(day)

    def send(self, piece: Sequence[Document | Refusal]) -> _Sent:
        """Stores a piece."""
        refused = [one for one in piece if isinstance(one, Refusal)]
        lines = [(self._line(one), one) for one in piece if isinstance(one, Document)]
        faults, resent = _bulk(self.window, "loading images", lines)
        refused += [Refusal(one.image, one.product, reason, "Fix the feed, or report it") for one, reason in faults]
        faulty = {one.id for one, _ in faults}
        stored = [one for _, one in lines if one.id not in faulty]
        replaced = self._replaced(stored) if self.replace else 0
        kinds = Counter(one.reason.partition(":")[0] for one in refused)
        return _Sent(Loaded(len(stored), replaced, dict(kinds), resent), refused)

    def _line(self, document: Document) -> bytes:
        inlet = self.inlets[self.window.index_of(document.added)]
        head = b'{"index":{"_index":"%s","_id":"%s"}}\n' % (inlet.encode(), document.id.encode())
        return head + document.source(self.number) + b"\n"

    def _replaced(self, documents: Sequence[Document]) -> int:
        """Removes what the documents take the place of."""
        return sum(
            remove_matching(self.window, self._earlier(documents[at : at + _ASKED]), self._places(documents))
            for at in range(0, len(documents), _ASKED)
        )

    def _earlier(self, documents: Sequence[Document]) -> dict[str, Any]:
        """The query for what earlier loads brought of the same products or images."""
        same: list[dict[str, Any]] = [{"ids": {"values": [document.id for document in documents]}}]
        if self.replace == "products":
            same.append(_any_of(document.product for document in documents))
        return {"bool": {"should": same, "minimum_should_match": 1, "must_not": {"term": {"load": self.number}}}}

    def _places(self, documents: Sequence[Document]) -> set[tuple[str, str]]:
        return {(self.window.index_of(document.added), document.id) for document in documents}


def remove(window: Window, products: Iterable[str]) -> int:
    """Removes all images of some products; returns how many that were."""
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
    """Where a document stands, and in which of its states.

    Attributes:
        slice: The index of its slice.
        id: Its `_id`.
        sequence: Number of the write that brought it.
        term: Term of the primary shard that wrote it.
    """

    slice: str
    id: str
    sequence: int
    term: int


def remove_matching(window: Window, query: Mapping[str, Any], taken: Collection[tuple[str, str]] = ()) -> int:
    """Removes what a query finds, page by page: a bare node has no delete by query.

    Args:
        window: Where.
        query: What to remove, as of the last refresh.
        taken: Places (index and `_id`) that are to be left alone: something new stands there.

    Returns:
        How many were removed.
    """
    return delete(window, (place for place in places_of(window, query) if place[:2] not in taken))


def places_of(window: Window, query: Mapping[str, Any]) -> Iterator[Place]:
    """The places of all that a query finds, page by page."""
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
            # An image that stands in two slices stands there on two days.
            sort=["key", "added"],
            search_after=after,
            seq_no_primary_term=True,
            track_total_hits=False,
            allow_partial_search_results=False,
        ),
    )
    # Before the first load there is nothing to look into.
    hits: list[Any] = found.get("hits", {}).get("hits", [])
    return hits


def delete(window: Window, places: Iterable[Place]) -> int:
    """Removes documents that are still what they were when they were found; returns how many."""
    removed = 0
    source = iter(places)
    while chunk := [(_deletion(place), place) for place in islice(source, CHUNK)]:
        refused, _ = _bulk(window, "removing images", chunk)
        # Written anew in the meantime, and so no longer what was to be removed; or gone already.
        others = [reason for _, reason in refused if not reason.startswith(_CHANGED)]
        if others:
            raise VariantsError(f"Elasticsearch refuses removing {len(others)} images: {others[0]}")
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
    """Sends lines once; the answer to each, or None where all is well."""
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
