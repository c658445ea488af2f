"""Fetches the pictures of a feed politely, each URL once; an interrupted run can be resumed."""

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
"""After this many failures in a row a host is given up for the rest of the run."""

LONGEST_WAIT = 60.0
"""A host that asks us to wait longer than this, in seconds, is given up for the rest of the run."""

_DAY = 86_400.0
_IN_MEMORY = 2**20
_LONGEST_BACKOFF = 30.0
_DIGITS = 32  # as candidates.artifacts.digest_bytes


@dataclass(frozen=True)
class Fetched:
    """A picture that was fetched, now or earlier.

    Attributes:
        url: The URL as in the feed.
        path: The file with its bytes.
        digest: Digest of its bytes, as of `candidates.artifacts.digest_bytes`.
        bytes: Its size in bytes.
    """

    url: str
    path: Path
    digest: str
    bytes: int


Outcome = Fetched | PictureError


def fetch_pictures(
    urls: Sequence[str], cache: Path, limits: FetchSettings, progress: Callable[[int], None] | None = None
) -> dict[str, Outcome]:
    """Fetches pictures, each URL once; pictures in the cache are not fetched again.

    A run that was killed resumes where it stopped, because each picture is cached as soon as it has arrived. A
    picture older than `limits.expires_days` is requested again, and the cached copy is used if its server does not
    respond. A URL that failed permanently (no such picture, not a picture) is not requested again for a day.

    Args:
        urls: URLs as in the feed.
        cache: A folder for pictures, kept between runs.
        limits: Limits on requests and replies.
        progress: Called with the number of URLs settled since the last call.

    Returns:
        For each URL, in the order of `urls`, its picture or the error.

    Raises:
        VariantsError: The cache can't be used.
    """
    return Fetcher(cache, limits).fetch(urls, progress)


@dataclass(frozen=True)
class Fetcher:
    """Fetches pictures into a cache; usually called through `fetch_pictures`.

    Attributes:
        cache: A folder for pictures.
        limits: Limits on requests and replies.
        resolver: Resolves host names to IP addresses.
        tls: Trusted certificates; by default the system's authorities.
        backoff: Mean seconds before the second attempt; each further wait is twice as long.
        now: Returns the time in seconds since 1970.
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
    """One URL to fetch."""

    address: Address
    known: Entry | None = None
    attempts: int = 0


@dataclass(frozen=True)
class _Arrived:
    """The result of a job; without a digest the cached picture is still current."""

    source: str
    etag: str
    modified: str
    digest: str = ""
    size: int = 0


@dataclass(eq=False)
class _Run:
    """One call of `fetch`. Only `_attempt` runs in other threads, so turns, index and results need no locks."""

    fetcher: Fetcher
    cache: Cache
    client: Client
    progress: Callable[[int], None] | None
    urls_of: dict[str, list[str]] = field(default_factory=dict)
    settled: dict[str, Outcome] = field(default_factory=dict)
    failures_in_a_row: dict[str, int] = field(default_factory=dict)
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
        """The distinct addresses; a URL that can't be parsed is settled at once."""
        addresses: dict[str, Address] = {}
        for url in urls:
            try:
                address = parse_address(url)
            except Failure as failure:
                self._settle(url, failure.about(url))
            else:
                addresses[address.url] = address
                self.urls_of.setdefault(address.url, []).append(url)
        return addresses.values()

    def _look_up(self, address: Address) -> None:
        """Settles an address from the cache, or queues it."""
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
            failure = Failure(Kind.PASSING, "not in the cache, and offline", "Run once without --offline")
            self._fail(address, failure)
        else:
            self.turns.add(address.host, _Job(address, known))

    def _work(self) -> None:
        """Runs as many attempts at once as limits and politeness allow, until none is left."""
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
        """Makes one attempt in a worker thread, and stores the picture's bytes."""
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
        """Handles the result of an attempt."""
        host = job.address.host
        self.turns.finish(host)
        job.attempts += 1
        try:
            arrived = future.result()
        except Failure as failure:
            self._after_failure(job, failure)
        except OSError as error:  # Network errors are failures by now, so this one is about the disk.
            raise VariantsError(
                f"{self.cache.folder}: {error.strerror or error}",
                "Free some disk space, or use another folder for the cache",
            ) from error
        else:
            self.failures_in_a_row[host] = 0
            entry = Entry(
                job.address.url, self.fetcher.now(), arrived.digest, arrived.size, arrived.source, arrived.etag,
                arrived.modified,
            )  # fmt: skip
            if not arrived.digest:
                assert job.known is not None, "only a cached picture can be unchanged"
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
            self._give_up(job, self.given_up[host])
        elif job.attempts >= self.limits.attempts:
            self._give_up(job, failure)
        else:
            self._retry_later(job, failure)

    def _count(self, host: str, failure: Failure) -> None:
        """Gives up a host that failed too often in a row, or that asks for too long a wait."""
        if failure.kind not in AGAINST_HOST:
            self.failures_in_a_row[host] = 0
            return
        self.failures_in_a_row[host] = self.failures_in_a_row.get(host, 0) + 1
        if failure.wait is not None and failure.wait > LONGEST_WAIT:
            what = f"the host {host} asks us to wait {failure.wait:.0f} seconds"
        elif self.failures_in_a_row[host] >= PATIENCE:
            what = f"the host {host} was given up after {PATIENCE} failures in a row, the last: {failure.what}"
        else:
            return
        self.given_up[host] = Failure(failure.kind, what, "Run again later; pictures fetched so far are kept")
        for job in self.turns.drop(host):
            self._give_up(job, self.given_up[host])

    def _retry_later(self, job: _Job, failure: Failure) -> None:
        """Schedules a retry with exponential backoff and jitter, so that jobs that failed together spread out."""
        backoff = min(self.fetcher.backoff * 2 ** (job.attempts - 1), _LONGEST_BACKOFF) * random.uniform(0.5, 1.5)
        due = time.monotonic() + max(backoff, failure.wait or 0.0)
        if failure.kind is Kind.BUSY:
            self.turns.hold(job.address.host, due)
        self.turns.later(job.address.host, job, due)

    def _give_up(self, job: _Job, failure: Failure) -> None:
        """Makes no further attempt; uses the cached picture if there is one."""
        if job.known:
            self._serve(job.known)
        else:
            self._fail(job.address, failure)

    def _serve(self, entry: Entry) -> None:
        for url in self.urls_of[entry.url]:
            self._settle(url, Fetched(url, self.cache.path_of(entry.digest), entry.digest, entry.size))

    def _fail(self, address: Address, failure: Failure) -> None:
        for url in self.urls_of[address.url]:
            self._settle(url, failure.about(url))

    def _settle(self, url: str, outcome: Outcome) -> None:
        self.settled[url] = outcome
        if self.progress:
            self.progress(1)
