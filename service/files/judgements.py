"""Judgements of single pairs from a file: what an expert accepted and rejected."""

from __future__ import annotations

import csv
from pathlib import Path

from candidates.errors import UnknownId, VariantsError
from candidates.qrels import NOT_A_VARIANT, VARIANT, Qrels, Source

_COLUMNS = ("left_id", "right_id", "verdict")
_VERDICTS = {"accept": VARIANT, "accepted": VARIANT, "yes": VARIANT, "1": VARIANT}
_VERDICTS |= {"reject": NOT_A_VARIANT, "rejected": NOT_A_VARIANT, "no": NOT_A_VARIANT, "0": NOT_A_VARIANT}


def read_judgements(path: Path, qrels: Qrels) -> Qrels:
    """Adds the judgements of a CSV file to the qrels; the last judgement of a pair counts.

    Pairs with products that are no longer in the catalogue are skipped: judgements outlive products.

    Raises:
        VariantsError: The file can't be read, a column is missing, or a verdict is invalid.
    """
    pairs = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            missing = [name for name in _COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                raise VariantsError(f"{path} lacks the column {', '.join(missing)}", f"Name its columns {_COLUMNS}")
            for number, row in enumerate(rows, start=2):
                value = _VERDICTS.get((row["verdict"] or "").strip().lower())
                if value is None:
                    fix = "Write accept or reject"
                    raise VariantsError(f"{path}, line {number}: {row['verdict']!r} is not a verdict", fix)
                pairs.append((row["left_id"] or "", row["right_id"] or "", value))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise VariantsError(f"{path}: judgements can't be read ({error})", "Name a CSV file in UTF-8") from error
    return qrels.with_pairs((pair for pair in pairs if _both_exist(qrels, pair)), Source.JUDGEMENT)


def _both_exist(qrels: Qrels, pair: tuple[str, str, int]) -> bool:
    try:
        return qrels.items.row_of(pair[0]) != qrels.items.row_of(pair[1])
    except UnknownId:
        return False
