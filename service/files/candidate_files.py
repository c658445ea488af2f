"""`candidates/part-*.parquet`: the public list of candidates, written and read in parts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from candidates import schema
from candidates.artifacts import write_parquet
from candidates.axis import Axis
from candidates.errors import RunFolderError
from candidates.provenance import NO_VIA, NOT_LISTED, CandidatePart, Candidates

_KEY = b"made_of"


def part_path(folder: Path, start: int, stop: int) -> Path:
    """Path of the candidates of products `start` up to, but not including, `stop`."""
    return folder / f"part-{start:09d}-{stop:09d}.parquet"


def is_built_from(path: Path, key: str) -> bool:
    """Whether a part exists and was built from the inputs with digest `key`."""
    return path.is_file() and (pq.read_schema(path).metadata or {}).get(_KEY) == key.encode()


def write_part(path: Path, candidates: Candidates, start: int, axis: Axis, key: str) -> None:
    """Writes the candidates of some products, the first of which is row `start` of the axis."""
    table = pa.concat_tables(_table(part, start, axis) for part in candidates.parts)
    write_parquet(path, table.replace_schema_metadata({_KEY: key.encode()}))


def _table(part: CandidatePart, start: int, axis: Axis) -> pa.Table:
    ids = axis.ids.cast(pa.string())

    def named(rows: NDArray[np.integer]) -> pa.Array:
        indices = pa.array(rows.astype(np.int32), mask=rows == NO_VIA)
        return pa.DictionaryArray.from_arrays(indices, ids)

    in_text, in_image = part.text_rank == NOT_LISTED, part.image_rank == NOT_LISTED
    columns = {
        "query_id": named(part.query_rows + start),
        "candidate_id": named(part.rows),
        "rank": part.ranks,
        "score": part.scores,
        "text_rank": pa.array(part.text_rank, mask=in_text),
        "text_score": pa.array(part.text_score, mask=in_text),
        "image_rank": pa.array(part.image_rank, mask=in_image),
        "image_score": pa.array(part.image_score, mask=in_image),
        "via_id": named(part.via),
    }
    return pa.table(columns, schema=schema.CANDIDATES)


def read_candidates(folder: Path, axis: Axis) -> Candidates:
    """Reads all parts back; raises `RunFolderError` if there are none."""
    paths = sorted(folder.glob("part-*.parquet"))
    if not paths:
        raise RunFolderError(f"{folder} holds no candidates", "Run `variants expand` first")
    return Candidates("candidates", axis, axis, tuple(_parts(paths, axis)))


def _parts(paths: list[Path], axis: Axis) -> Iterator[CandidatePart]:
    for path in paths:
        start, stop = (int(number) for number in path.stem.split("-")[1:])
        yield _part(schema.require(pq.read_table(path), schema.CANDIDATES, str(path)), start, stop, axis)


def _part(table: pa.Table, start: int, stop: int, axis: Axis) -> CandidatePart:
    queries = _rows(table["query_id"], axis) - start
    offsets = np.concatenate([[0], np.cumsum(np.bincount(queries, minlength=stop - start))]).astype(np.int64)

    def filled(name: str, empty: float) -> Any:
        return table[name].fill_null(empty).to_numpy()

    return CandidatePart(
        start=start,
        offsets=offsets,
        rows=_rows(table["candidate_id"], axis),
        scores=table["score"].to_numpy(),
        text_rank=filled("text_rank", NOT_LISTED),
        text_score=filled("text_score", np.nan),
        image_rank=filled("image_rank", NOT_LISTED),
        image_score=filled("image_score", np.nan),
        via=_rows(table["via_id"], axis),
    )


def _rows(column: pa.ChunkedArray, axis: Axis) -> NDArray[np.int32]:
    encoded = column.unify_dictionaries().combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0) if encoded.num_chunks else pa.array([], schema.CANDIDATES.field("via_id").type)
    rows_of_ids = np.append(axis.rows_of(encoded.dictionary), NO_VIA)
    indices = encoded.indices.fill_null(len(encoded.dictionary)).to_numpy()
    rows: NDArray[np.int32] = rows_of_ids[indices].astype(np.int32)
    return rows
