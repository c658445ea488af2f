"""`Suggestion`: a pair that a classifier stands behind, with the reasons; and the files that suggestions go into."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from candidates import schema
from candidates.artifacts import atomic, write_parquet
from candidates.spreadsheet import guarded

SAME_ITEM, VARIANT = "same item", "variant"
"""What two products can be to each other: one thing listed twice, or two variants of one model."""

_ID = pa.dictionary(pa.int32(), pa.string())
_REASON = pa.struct([("room", pa.string()), ("words", pa.string()), ("weight", pa.float32())])

SUGGESTIONS = pa.schema(
    [
        ("left_id", _ID),
        ("right_id", _ID),
        ("probability", pa.float32()),
        ("score", pa.float32()),
        ("relation", pa.string()),
        ("varies_in", pa.list_(pa.string())),
        ("reasons", pa.list_(_REASON)),
    ]
)
"""`suggestions.parquet`: one row a pair, key (`left_id`, `right_id`); one of `probability` and `score` is null."""

COLUMNS = (
    *("left_id", "right_id", "left_title", "right_title", "probability", "score", "relation", "varies_in"),
    *("reasons_for", "reasons_against"),
)
"""`suggestions.csv`: the same for people, with titles."""

_BLOCK = 65_536
"""Suggestions held as Python objects at once while a table is made."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_REORDERING = re.compile(r"[\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Reason:
    """One thing that speaks for or against a suggestion.

    Attributes:
        room: What it is about: `picture shape`, `title words`, `attributes`, …
        words: The same in words an expert uses.
        weight: By how much it moves the log-odds (or the score, where nothing was learned); positive speaks for it.
    """

    room: str
    words: str
    weight: float


@dataclass(frozen=True)
class Suggestion:
    """Two products that are variants of one model, or the same item, as far as the classifier can tell.

    Attributes:
        left: The id of the product that stands first in the catalogue.
        right: The id of the other.
        probability: That they belong together; None where nothing was learned.
        relation: `SAME_ITEM` or `VARIANT`.
        varies_in: In what they differ, each as people are told it: `colours differ: black, navy`.
        reasons: The strongest for it, then the strongest against it.
        score: Where nothing was learned, how well they fit; it orders pairs and is no probability.
    """

    left: str
    right: str
    probability: float | None
    relation: str
    varies_in: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()
    score: float | None = None

    @property
    def speaking_for(self) -> tuple[Reason, ...]:
        """The reasons for it."""
        return tuple(reason for reason in self.reasons if reason.weight > 0)

    @property
    def speaking_against(self) -> tuple[Reason, ...]:
        """The reasons against it."""
        return tuple(reason for reason in self.reasons if reason.weight <= 0)

    @property
    def sentence(self) -> str:
        """Why, in one line: reasons for it, in what they differ, and what speaks against it."""
        told = [reason.words for reason in self.speaking_for]
        told += [one for one in self.varies_in if one not in told]
        against = [one.words for one in self.speaking_against if not set(one.words.split("; ")) <= set(told)]
        return "; ".join([*told, *(f"but {words}" for words in against)])


def write_suggestions(path: Path, suggestions: Iterable[Suggestion]) -> int:
    """Writes `suggestions.parquet`, atomically; returns how many there are."""
    table = pa.Table.from_batches(_batches(suggestions), schema=SUGGESTIONS)
    write_parquet(path, table.unify_dictionaries())
    return int(table.num_rows)


def read_suggestions(path: Path) -> Iterator[Suggestion]:
    """Reads `suggestions.parquet`; raises `SchemaError` where a column is missing."""
    import pyarrow.parquet as pq

    table = schema.require(pq.read_table(path), SUGGESTIONS, str(path))
    for batch in table.to_batches(max_chunksize=_BLOCK):
        for row in batch.to_pylist():
            reasons = tuple(Reason(**reason) for reason in row["reasons"])
            varies_in = tuple(row["varies_in"])
            yield Suggestion(
                row["left_id"], row["right_id"], row["probability"], row["relation"], varies_in, reasons, row["score"]
            )


def write_suggestions_csv(path: Path, suggestions: Iterable[Suggestion], titles: Mapping[str, str]) -> int:
    """Writes `suggestions.csv`, safe to open in a spreadsheet, atomically; returns how many suggestions there are.

    Every suggestion is one line. Line breaks and letters that turn the direction of writing are taken out of
    titles; an apostrophe stands before a cell that a spreadsheet would calculate.

    Args:
        path: The file.
        suggestions: In the order in which they are to stand.
        titles: Titles by id; a product without one has an empty cell.
    """
    count = 0
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for suggestion in suggestions:
            writer.writerow(_cells(suggestion, titles))
            count += 1
    return count


def harmless(cell: str) -> str:
    """A cell that a spreadsheet shows and does not calculate, in one line."""
    return guarded(_REORDERING.sub("", _CONTROL.sub(" ", cell)))


def _cells(suggestion: Suggestion, titles: Mapping[str, str]) -> Sequence[str]:
    ids = (suggestion.left, suggestion.right)
    named = (titles.get(identifier, "") for identifier in ids)
    numbers = (_number(suggestion.probability), _number(suggestion.score))
    reasons = (
        "; ".join(f"{reason.words} ({reason.weight:+.2f})" for reason in side)
        for side in (suggestion.speaking_for, suggestion.speaking_against)
    )
    told = (suggestion.relation, "; ".join(suggestion.varies_in), *reasons)
    # Numbers are our own: an apostrophe before a negative one would make it text.
    return (*map(harmless, (*ids, *named)), *numbers, *map(harmless, told))


def _number(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.4f}"


def _batches(suggestions: Iterable[Suggestion]) -> Iterator[pa.RecordBatch]:
    from itertools import islice

    source = iter(suggestions)
    while block := list(islice(source, _BLOCK)):
        yield pa.record_batch([pa.array(column, field.type) for column, field in _columns(block)], schema=SUGGESTIONS)


def _columns(block: Sequence[Suggestion]) -> Iterator[tuple[list[object], pa.Field]]:
    values: dict[str, list[object]] = {
        "left_id": [one.left for one in block],
        "right_id": [one.right for one in block],
        "probability": [one.probability for one in block],
        "score": [one.score for one in block],
        "relation": [one.relation for one in block],
        "varies_in": [list(one.varies_in) for one in block],
        "reasons": [[vars(reason) for reason in one.reasons] for one in block],
    }
    return ((values[field.name], field) for field in SUGGESTIONS)
