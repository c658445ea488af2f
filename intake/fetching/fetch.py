"""Fetches the pictures of a feed: each URL once, politely, resumable."""

from __future__ import annotations

import hashlib
import random
import ssl
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from candidates.errors import PictureError, VariantsError
from candidates.settings import FetchSettings
from intake.fetching.addresses import Address, parse_address
from intake.fetching.cache import Cache, Entry
from intake.fetching.failures import AGAINST_HOST, PASSES, Failure, Kind
from intake.fetching.gatekeeper import Gatekeeper, Resolver, resolve
from intake.fetching.politeness import Turns

if TYPE_CHECKING:
    from intake.fetching.client import Client

PATIENCE = 10
"""A host that fails to answer so many requests in a row is given up for the run."""

LONGEST_WAIT = 60.0
"""A host that asks for a longer wait than so many seconds is not asked again in the run."""

_DAY = 86_400.0
_IN_MEMORY = 2**20
_LONGEST_BACKOFF = 30.0
_DIGITS = 32  # as candidates.artifacts.digest_bytes


@dataclass(frozen=True)
class Fetched:
    """A picture that was fetched, now or before.

    Attributes:
        url: As the feed gives it.
        path: Where its bytes lie.
        digest: Of its bytes, as `candidates.artifacts.digest_bytes` makes it.
        bytes: How many there are.
    """

    url: str
    path: Path
    digest: str
    bytes: int


Outcome = Fetched | PictureError


def fetch_pictures(
    urls: Sequence[str], cache: Path, limits: FetchSettings, progress: Callable[[int], None] | None = None
) -> dict[str, Outcome]:
    """Fetches pictures, each URL once; what the cache holds is not fetched again.

    A run that was killed goes on where it was: a picture is in the cache as soon as it has arrived. A picture
    older than `limits.expires_days` is asked for again, and serves on where its server does not answer. What
    failed for good (no such picture, not a picture) is not asked for again for a day.

    Args:
        urls: As the feed gives them.
        cache: A folder for pictures, kept between runs.
        limits: How much is asked and taken.
        progress: Called with the number of URLs settled since the last call.

    Returns:
        For each URL, in the order given, its picture or why there is none.

    Raises:
        VariantsError: The cache can't be used.
    """
    return Fetcher(cache, limits).fetch(urls, progress)


@dataclass(frozen=True)
class Fetcher:
    """Fetches pictures into a cache; `fetch_pictures` is its usual form.

    Attributes:
        cache: A folder for pictures.
        limits: How much is asked and taken.
        resolver: How names become IP addresses.
        tls: Whose certificates are trusted; the system's authorities where not given.
        backoff: Seconds before the second attempt, on average; each further wait is twice as long.
        now: Seconds since 1970.
    """

    cache: Path
    limits: FetchSettings
    resolver: Resolver = resolve
    tls: ssl.SSLContext | None = None
    backoff: float = 1.0
    now: Callable[[], float] = time.time

    def fetch(self, urls: Iterable[str], progress: Callable[[int], None] | None = None) -> dict[str, Outcome]:
        """As `fetch_pictures`."""
        from intake.fetching.client import Client

        cache = Cache(self.cache)
        client = Client(self.limits, Gatekeeper(self.limits.allow_private, self.resolver), self.tls)
        try:
            return _Run(self, cache, client, progress).outcomes(urls)
        finally:
            client.close()
            cache.close()


@dataclass(eq=False)
class _Job:
    """One URL on its way."""

    address: Address
    known: Entry | None = None
    attempts: int = 0


@dataclass(frozen=True)
class _Arrived:
    """What a job brought; no digest: the picture that we have is still the one."""

    source: str
    etag: str
    modified: str
    digest: str = ""
    size: int = 0


@dataclass(eq=False)
class _Run:
    """One call of `fetch`. Only `_attempt` runs in other threads; turns, index and results need no locks."""

    fetcher: Fetcher
    cache: Cache
    client: Client
    progress: Callable[[int], None] | None
    given: dict[str, list[str]] = field(default_factory=dict)
    settled: dict[str, Outcome] = field(default_factory=dict)
    in_a_row: dict[str, int] = field(default_factory=dict)
    given_up: dict[str, Failure] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.limits = self.fetcher.limits
        self.terms = f"{self.limits.max_bytes} {self.limits.redirects} {self.limits.allow_private}"
        self.turns: Turns[_Job] = Turns(self.limits.per_host, self.limits.pause)

    def outcomes(self, urls: Iterable[str]) -> dict[str, Outcome]:
        """Settles every URL."""
        wanted = list(dict.fromkeys(urls))
        addresses = self._parsed(wanted)
        for address in addresses:
            self._look_up(address)
        self._work()
        return {url: self.settled[url] for url in wanted}

    def _parsed(self, urls: Iterable[str]) -> Iterable[Address]:
        """The distinct addresses; what is none is settled at once."""
        addresses: dict[str, Address] = {}
        for url in urls:
            try:
                address = parse_address(url)
            except Failure as failure:
                self._settle(url, failure.about(url))
            else:
                addresses[address.url] = address
                self.given.setdefault(address.url, []).append(url)
        return addresses.values()

    def _look_up(self, address: Address) -> None:
        """Settles an address from the cache, or gives it a turn."""
        known = self.cache.find(address.url)
        age = self.fetcher.now() - known.asked if known else 0.0
        if known and known.what:
            if 0 <= age < _DAY and known.terms == self.terms:
                self._fail(address, Failure(Kind.LASTING, known.what, known.fix))
                return
            known = None
        if known and (self.limits.offline or age < self.limits.expires_days * _DAY):
            self._serve(known)
        elif self.limits.offline:
            self._fail(address, Failure(Kind.PASSING, "not fetched yet, and offline", "Run once without fetch.offline"))
        else:
            self.turns.add(address.host, _Job(address, known))

    def _work(self) -> None:
        """Keeps as many attempts under way as limits and politeness allow, until none is left."""
        running: dict[Future[_Arrived], _Job] = {}
        with ThreadPoolExecutor(self.limits.concurrency, thread_name_prefix="fetch") as threads:
            while True:
                now = time.monotonic()
                while len(running) < self.limits.concurrency and (job := self.turns.take(now)):
                    running[threads.submit(self._attempt, job)] = job
                rest = self.turns.rest(now)
                if running:
                    timeout = rest if len(running) < self.limits.concurrency else None
                    for future in wait(running, timeout, FIRST_COMPLETED).done:
                        self._finish(running.pop(future), future)
                elif rest is None:
                    return
                else:
                    time.sleep(rest)

    def _attempt(self, job: _Job) -> _Arrived:
        """Asks once, in a thread of its own, and keeps the picture's bytes."""
        from intake.fetching.client import Validators

        entry = job.known
        known = Validators(entry.source, entry.etag, entry.modified) if entry else None
        with tempfile.SpooledTemporaryFile(_IN_MEMORY, "w+b", dir=str(self.cache.objects)) as spool:
            reply = self.client.fetch(job.address, known, spool)
            source, etag, modified = reply.validators.url, reply.validators.etag, reply.validators.modified
            if reply.unchanged:
                return _Arrived(source, etag, modified)
            size = spool.tell()
            spool.seek(0)
            digest = hashlib.file_digest(spool, "sha256").hexdigest()[:_DIGITS]
            spool.seek(0)
            self.cache.keep(digest, size, spool)
        return _Arrived(source, etag, modified, digest, size)

    def _finish(self, job: _Job, future: Future[_Arrived]) -> None:
        """Draws the consequences of an attempt."""
        host = job.address.host
        self.turns.finish(host)
        job.attempts += 1
        try:
            arrived = future.result()
        except Failure as failure:
            self._after_failure(job, failure)
        except OSError as error:  # The wire's errors are failures by now; this one is the disk's.
            raise VariantsError(
                f"{self.cache.folder}: {error.strerror or error}", "Make room, or name another folder for the cache"
            ) from error
        else:
            self.in_a_row[host] = 0
            entry = Entry(
                job.address.url, self.fetcher.now(), arrived.digest, arrived.size, arrived.source, arrived.etag,
                arrived.modified,
            )  # fmt: skip
            if not arrived.digest:
                assert job.known is not None, "unchanged is only what was known"
                entry = replace(entry, digest=job.known.digest, size=job.known.size)
            self.cache.note(entry)
            self._serve(entry)

    def _after_failure(self, job: _Job, failure: Failure) -> None:
        host = job.address.host
        self._count(host, failure)
        if failure.kind is Kind.LASTING:
            self.cache.note(
                Entry(job.address.url, self.fetcher.now(), what=failure.what, fix=failure.fix, terms=self.terms)
            )
        if failure.kind not in PASSES:
            self._fail(job.address, failure)
        elif host in self.given_up:
            self._let_go(job, self.given_up[host])
        elif job.attempts >= self.limits.attempts:
            self._let_go(job, failure)
        else:
            self._ask_later(job, failure)

    def _count(self, host: str, failure: Failure) -> None:
        """Gives a host up that has failed too often in a row, or asks for a longer wait than there is time."""
        if failure.kind not in AGAINST_HOST:
            self.in_a_row[host] = 0
            return
        self.in_a_row[host] = self.in_a_row.get(host, 0) + 1
        if failure.wait is not None and failure.wait > LONGEST_WAIT:
            what = f"the host {host} asks us to come back in {failure.wait:.0f} seconds"
        elif self.in_a_row[host] >= PATIENCE:
            what = f"the host {host} was given up after {PATIENCE} failures in a row, the last: {failure.what}"
        else:
            return
        self.given_up[host] = Failure(failure.kind, what, "Run again later; what was fetched is kept")
        for job in self.turns.drop(host):
            self._let_go(job, self.given_up[host])

    def _ask_later(self, job: _Job, failure: Failure) -> None:
        """Exponential backoff with jitter, so that many that failed together don't come back together."""
        backoff = min(self.fetcher.backoff * 2 ** (job.attempts - 1), _LONGEST_BACKOFF) * random.uniform(0.5, 1.5)
        due = time.monotonic() + max(backoff, failure.wait or 0.0)
        if failure.kind is Kind.BUSY:
            self.turns.hold(job.address.host, due)
        self.turns.later(job.address.host, job, due)

    def _let_go(self, job: _Job, failure: Failure) -> None:
        """No further attempt: the picture that we had serves on, where there is one."""
        if job.known:
            self._serve(job.known)
        else:
            self._fail(job.address, failure)

    def _serve(self, entry: Entry) -> None:
        for url in self.given[entry.url]:
            self._settle(url, Fetched(url, self.cache.path_of(entry.digest), entry.digest, entry.size))

    def _fail(self, address: Address, failure: Failure) -> None:
        for url in self.given[address.url]:
            self._settle(url, failure.about(url))

    def _settle(self, url: str, outcome: Outcome) -> None:
        self.settled[url] = outcome
        if self.progress:
            self.progress(1)
