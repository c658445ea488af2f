"""`Suggestion`: a pair that the classifier suggests, with the reasons; and the files that hold suggestions."""

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
"""How two products can be related: one item listed twice, or two variants of one model."""

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
"""`suggestions.parquet`: one row per pair, key (`left_id`, `right_id`); either `probability` or `score` is null."""

COLUMNS = (
    *("left_id", "right_id", "left_title", "right_title", "probability", "score", "relation", "varies_in"),
    *("reasons_for", "reasons_against"),
)
"""`suggestions.csv`: the same for readers, with titles."""

_BLOCK = 65_536
"""Suggestions held as Python objects at once while a table is written."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_REORDERING = re.compile(r"[\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Reason:
    """One piece of evidence for or against a suggestion.

    Attributes:
        room: The kind of evidence: `picture shape`, `title words`, `attributes`, …
        words: The evidence in an expert's words.
        weight: By how much it changes the log-odds (or the score, if nothing was learned); positive is evidence for.
    """

    room: str
    words: str
    weight: float


@dataclass(frozen=True)
class Suggestion:
    """Two products that the classifier takes for variants of one model, or for the same item.

    Attributes:
        left: The id of the product that comes first in the catalogue.
        right: The id of the other.
        probability: The probability that they belong together; None if nothing was learned.
        relation: `SAME_ITEM` or `VARIANT`.
        varies_in: What differs, as shown to readers: `colours differ: black, navy`.
        reasons: The strongest evidence for it, then the strongest against it.
        score: If nothing was learned, how well they match; it orders pairs and is not a probability.
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
        """The evidence for it."""
        return tuple(reason for reason in self.reasons if reason.weight > 0)

    @property
    def speaking_against(self) -> tuple[Reason, ...]:
        """The evidence against it."""
        return tuple(reason for reason in self.reasons if reason.weight <= 0)

    @property
    def sentence(self) -> str:
        """The explanation in one line: the evidence for it, what differs, and the evidence against it."""
        parts = [reason.words for reason in self.speaking_for]
        parts += [difference for difference in self.varies_in if difference not in parts]
        against = [reason.words for reason in self.speaking_against if not set(reason.words.split("; ")) <= set(parts)]
        return "; ".join([*parts, *(f"but {words}" for words in against)])


def write_suggestions(path: Path, suggestions: Iterable[Suggestion]) -> int:
    """Writes `suggestions.parquet` atomically; returns the number of suggestions."""
    table = pa.Table.from_batches(_batches(suggestions), schema=SUGGESTIONS)
    write_parquet(path, table.unify_dictionaries())
    return int(table.num_rows)


def read_suggestions(path: Path) -> Iterator[Suggestion]:
    """Reads `suggestions.parquet`; raises `SchemaError` if a column is missing."""
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
    """Writes `suggestions.csv` atomically, safe to open in a spreadsheet; returns the number of suggestions.

    Every suggestion is one line. Line breaks and characters that change the direction of writing are removed from
    titles, and a cell that a spreadsheet would treat as a formula gets a leading apostrophe.

    Args:
        path: The file.
        suggestions: The suggestions in the order of the file.
        titles: Titles by id; a product without a title has an empty cell.
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
    """The cell on one line, guarded so that a spreadsheet does not treat it as a formula."""
    return guarded(_REORDERING.sub("", _CONTROL.sub(" ", cell)))


def _cells(suggestion: Suggestion, titles: Mapping[str, str]) -> Sequence[str]:
    ids = (suggestion.left, suggestion.right)
    both_titles = (titles.get(identifier, "") for identifier in ids)
    numbers = (_number(suggestion.probability), _number(suggestion.score))
    reasons = (
        "; ".join(f"{reason.words} ({reason.weight:+.2f})" for reason in side)
        for side in (suggestion.speaking_for, suggestion.speaking_against)
    )
    explanation = (suggestion.relation, "; ".join(suggestion.varies_in), *reasons)
    # Numbers are our own: an apostrophe before a negative one would make it text.
    return (*map(harmless, (*ids, *both_titles)), *numbers, *map(harmless, explanation))


def _number(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.4f}"


def _batches(suggestions: Iterable[Suggestion]) -> Iterator[pa.RecordBatch]:
    from itertools import islice

    source = iter(suggestions)
    while block := list(islice(source, _BLOCK)):
        yield pa.record_batch([pa.array(column, field.type) for column, field in _columns(block)], schema=SUGGESTIONS)


def _columns(block: Sequence[Suggestion]) -> Iterator[tuple[list[object], pa.Field]]:
    values: dict[str, list[object]] = {
        "left_id": [suggestion.left for suggestion in block],
        "right_id": [suggestion.right for suggestion in block],
        "probability": [suggestion.probability for suggestion in block],
        "score": [suggestion.score for suggestion in block],
        "relation": [suggestion.relation for suggestion in block],
        "varies_in": [list(suggestion.varies_in) for suggestion in block],
        "reasons": [[vars(reason) for reason in suggestion.reasons] for suggestion in block],
    }
    return ((values[field.name], field) for field in SUGGESTIONS)
