"""`refused.csv`: what all steps refused, in one file."""

from __future__ import annotations

from collections.abc import Sequence

from candidates.product import Refusal
from service.files.refusals import read_refusals, write_refusals
from service.runs.run_folder import RunFolder

_STEPS = ("ingest", "encode_images")


def keep_refusals(folder: RunFolder, step: str, refused: Sequence[Refusal]) -> None:
    """Writes what one step refused, and rewrites `refused.csv` from all steps."""
    write_refusals(folder.steps / f"{step}.refused.csv", refused)
    write_refusals(folder.refused, all_refusals(folder))


def all_refusals(folder: RunFolder) -> list[Refusal]:
    """What the steps have refused so far, rows before pictures."""
    paths = [folder.steps / f"{step}.refused.csv" for step in _STEPS]
    return [refusal for path in paths if path.is_file() for refusal in read_refusals(path)]
