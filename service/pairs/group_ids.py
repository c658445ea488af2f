"""Group ids that stay the same from run to run: `STORE/groups.sqlite` stores which product was in which group.

Each run numbers its groups from zero. Here each group gets the id of the earlier group with which it shares most
products, so that references by id (a shop's page of variants, an expert's note) stay valid. Merges and splits of
earlier groups are recorded.

SQLite makes the assignment atomic, also for two processes: all of it is one write transaction, so a second process
waits and then reads what the first has written.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from candidates.artifacts import digest_bytes
from candidates.errors import AxisMismatch, VariantsError

I64 = NDArray[np.int64]

PREFIX = "vg"
"""Prefix of ids; the number after it increases and is never reused."""

KEPT = 30
"""Number of generations whose ids are stored, so that a retry of one of them gets the same ids."""

_LAYOUT = 1
_CREATE = (
    "CREATE TABLE members (product_id TEXT PRIMARY KEY, group_number INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE generations (sequence INTEGER PRIMARY KEY, generation TEXT NOT NULL, digest TEXT NOT NULL, "
    "ids BLOB NOT NULL, new INTEGER NOT NULL, UNIQUE (generation, digest))",
    "CREATE TABLE changes (sequence INTEGER NOT NULL, place INTEGER NOT NULL, generation TEXT NOT NULL, "
    "kind TEXT NOT NULL, old_ids TEXT NOT NULL, new_id TEXT NOT NULL, counts TEXT NOT NULL, "
    "PRIMARY KEY (sequence, place)) WITHOUT ROWID",
    "CREATE TABLE counter (next INTEGER NOT NULL)",
    "INSERT INTO counter VALUES (1)",
)


@dataclass(frozen=True)
class Change:
    """One merge or split of earlier groups in a generation.

    Attributes:
        generation: The generation.
        kind: `merge`: most products of several earlier groups are in one group now. `split`: the products of an
            earlier group are in several places now; one such change for each place.
        old_ids: The earlier groups: all that were merged, or the one that was split.
        new_id: The group they are in now; empty for products of a split group that are in no group.
        counts: How many products came from each of the earlier groups.
    """

    generation: str
    kind: Literal["merge", "split"]
    old_ids: tuple[str, ...]
    new_id: str
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Assignment:
    """The ids of one generation's groups.

    Attributes:
        ids: Id of each group, by the group's number.
        new: How many of them are new.
        changes: Merges and splits of earlier groups.
    """

    ids: tuple[str, ...]
    new: int
    changes: tuple[Change, ...]


class GroupIds:
    """The ids of a store's groups. Several processes may use them at once, on a local disk.

    Args:
        path: The file, `STORE/groups.sqlite`; created if missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def assign(self, generation: str, product_ids: Sequence[str], groups: NDArray[np.integer]) -> Assignment:
        """Assigns and stores the id of each group of a generation; the same call again returns the same ids.

        An earlier id goes to the group that shares most products with the group that had it, the largest overlap first
        (greedy matching by weight). Ties go to the larger group, then to the older id, then to the group with the first
        product id. Other groups get new ids in the order of their numbers. Products that are not in this generation
        stay stored in their earlier group.

        Args:
            generation: Its name.
            product_ids: Ids of the products, each once.
            groups: (n,): number of each product's group from 0, without gaps; −1 for a product alone.

        Raises:
            VariantsError: The file is corrupt, of another version, or can't be written.
            AxisMismatch: The numbers of products and group numbers differ.
        """
        ids, numbers = list(product_ids), np.asarray(groups, np.int64)
        if numbers.shape != (len(ids),):
            raise AxisMismatch(f"{len(ids):,} products need one group number each; there are {numbers.shape}")
        digest = digest_bytes("\n".join([json.dumps(ids), *map(str, numbers.tolist())]).encode())
        with self._transaction() as store:
            found = _remembered(store, generation, digest)
            return found or _assign(store, generation, digest, ids, numbers)

    def changes(self, generation: str | None = None) -> list[Change]:
        """All merges and splits so far, or those of one generation, oldest first."""
        if not self.path.is_file():
            return []
        where, parameters = ("", ()) if generation is None else ("WHERE generation = ?", (generation,))
        with self._transaction() as store:
            return _changes(store, where, parameters)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=120, isolation_level=None)) as store:
                store.execute("PRAGMA synchronous = FULL")
                store.execute("BEGIN IMMEDIATE")
                self._prepare(store)
                yield store
                store.execute("COMMIT")
        except OSError as error:
            raise VariantsError(
                f"{self.path}: {error.strerror or error}", "Name a store that can be written"
            ) from error
        except sqlite3.OperationalError as error:
            fix = "Wait for other runs on this store to end, and check that it can be written"
            raise VariantsError(f"{self.path}: {error}", fix) from error
        except sqlite3.DatabaseError as error:
            fix = "Move the file away; the groups of the next run then get new ids"
            raise VariantsError(f"{self.path}: {error}", fix) from error

    def _prepare(self, store: sqlite3.Connection) -> None:
        layout = store.execute("PRAGMA user_version").fetchone()[0]
        if layout == 0:
            for statement in _CREATE:
                store.execute(statement)
            store.execute(f"PRAGMA user_version = {_LAYOUT}")
        elif layout != _LAYOUT:
            raise VariantsError(f"{self.path}: was written by another version", "Use the version that wrote it")


def name_of(number: int) -> str:
    """The id with this number."""
    return f"{PREFIX}{number:06d}"


def _changes(store: sqlite3.Connection, where: str, parameters: tuple[object, ...]) -> list[Change]:
    rows = store.execute(
        f"SELECT generation, kind, old_ids, new_id, counts FROM changes {where} ORDER BY sequence, place", parameters
    )
    return [
        Change(generation, kind, tuple(json.loads(old)), new, tuple(json.loads(counts)))
        for generation, kind, old, new, counts in rows
    ]


def _remembered(store: sqlite3.Connection, generation: str, digest: str) -> Assignment | None:
    row = store.execute(
        "SELECT sequence, ids, new FROM generations WHERE generation = ? AND digest = ?", (generation, digest)
    ).fetchone()
    if row is None:
        return None
    numbers = np.frombuffer(zlib.decompress(row[1]), np.int64)
    changes = _changes(store, "WHERE sequence = ?", (row[0],))
    return Assignment(tuple(name_of(number) for number in numbers.tolist()), row[2], tuple(changes))


def _assign(store: sqlite3.Connection, generation: str, digest: str, ids: list[str], groups: I64) -> Assignment:
    before = dict(store.execute("SELECT product_id, group_number FROM members"))
    old = np.array([before.get(product, 0) for product in ids], np.int64)
    count = int(groups.max(initial=-1)) + 1
    numbers = _matched(old, groups, count, ids)
    unnamed = np.flatnonzero(numbers == 0)
    first = store.execute("SELECT next FROM counter").fetchone()[0]
    numbers[unnamed] = np.arange(first, first + len(unnamed))
    store.execute("UPDATE counter SET next = ?", (first + len(unnamed),))
    _remember_members(store, ids, old, np.where(groups >= 0, numbers[groups] if count else 0, 0))
    changes = [*_merges(generation, old, groups, numbers), *_splits(generation, old, groups, numbers)]
    row = (generation, digest, zlib.compress(numbers.tobytes()), len(unnamed))
    sequence = store.execute(
        "INSERT INTO generations (generation, digest, ids, new) VALUES (?, ?, ?, ?)", row
    ).lastrowid
    store.execute("DELETE FROM generations WHERE sequence <= ?", ((sequence or 0) - KEPT,))
    store.executemany(
        "INSERT INTO changes VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (
                *(sequence, place, change.generation, change.kind),
                *(json.dumps(change.old_ids), change.new_id, json.dumps(change.counts)),
            )
            for place, change in enumerate(changes)
        ),
    )
    return Assignment(tuple(name_of(number) for number in numbers.tolist()), len(unnamed), tuple(changes))


def _remember_members(store: sqlite3.Connection, ids: list[str], old: I64, new: I64) -> None:
    gone, moved = np.flatnonzero((new == 0) & (old > 0)), np.flatnonzero((new > 0) & (new != old))
    store.executemany("DELETE FROM members WHERE product_id = ?", ((ids[row],) for row in gone.tolist()))
    store.executemany(
        "INSERT OR REPLACE INTO members VALUES (?, ?)", ((ids[row], int(new[row])) for row in moved.tolist())
    )


def _overlaps(old: I64, groups: I64) -> tuple[I64, I64, I64]:
    """Earlier group, current group (−1: none) and number of shared products, for each pair of groups that share any."""
    known = old > 0
    width = int(groups.max(initial=-1)) + 2
    keys, counts = np.unique(old[known] * width + groups[known] + 1, return_counts=True)
    earlier, now = np.divmod(keys, width)
    return earlier, now - 1, counts.astype(np.int64)


def _matched(old: I64, groups: I64, count: int, ids: list[str]) -> I64:
    """The earlier group whose id each group gets; 0 for none."""
    earlier, now, shared = _overlaps(old, groups)
    earlier, now, shared = (column[now >= 0] for column in (earlier, now, shared))
    sizes = np.bincount(groups[groups >= 0], minlength=count)
    first = _first_products(groups, count, ids)
    numbers, taken = np.zeros(count, np.int64), set()
    for place in np.lexsort((first[now], earlier, -sizes[now], -shared)).tolist():
        if numbers[now[place]] == 0 and earlier[place] not in taken:
            numbers[now[place]] = earlier[place]
            taken.add(earlier[place])
    return numbers


def _first_products(groups: I64, count: int, ids: list[str]) -> I64:
    """Position of each group's first product id in sorted order, so that the order of a feed has no influence."""
    place = np.empty(len(ids), np.int64)
    place[sorted(range(len(ids)), key=ids.__getitem__)] = np.arange(len(ids))
    first = np.full(count, len(ids), np.int64)
    np.minimum.at(first, groups[groups >= 0], place[groups >= 0])
    return first


def _merges(generation: str, old: I64, groups: I64, numbers: I64) -> Iterator[Change]:
    """Groups that contain the largest part of several earlier groups."""
    earlier, now, shared = _overlaps(old, groups)
    earlier, now, shared = (column[now >= 0] for column in (earlier, now, shared))
    # Of equally large parts the one that kept the id counts, otherwise the first.
    order = np.lexsort((now, numbers[now] != earlier, -shared, earlier))
    largest = order[np.unique(earlier[order], return_index=True)[1]]
    largest = largest[np.lexsort((earlier[largest], now[largest]))]
    starts = np.flatnonzero(np.diff(now[largest], prepend=-1))
    for part in np.split(largest, starts[1:]):
        if len(part) > 1:
            old_ids = tuple(name_of(number) for number in earlier[part].tolist())
            new_id = name_of(int(numbers[now[part[0]]]))
            yield Change(generation, "merge", old_ids, new_id, tuple(shared[part].tolist()))


def _splits(generation: str, old: I64, groups: I64, numbers: I64) -> Iterator[Change]:
    """Earlier groups whose products are in several places; each product without a group is a place of its own."""
    earlier, now, shared = _overlaps(old, groups)
    names, which = np.unique(earlier, return_inverse=True)
    places = np.bincount(which.reshape(-1), np.where(now < 0, shared, 1), minlength=len(names))
    for place in np.flatnonzero(places[which.reshape(-1)] > 1).tolist():
        new_id = name_of(int(numbers[now[place]])) if now[place] >= 0 else ""
        yield Change(generation, "split", (name_of(int(earlier[place])),), new_id, (int(shared[place]),))
