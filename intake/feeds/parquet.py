"""Parquet tables with our column names or Google's, including our own `products.parquet`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from candidates.errors import FeedError
from candidates.product import Product, Refusal
from candidates.settings import FeedSettings
from intake.feeds.contract import Format, refused
from intake.feeds.delimited import plain_name, shown_columns
from intake.feeds.named_fields import NamedFields, printable

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

MAX_RATIO = 200
"""Maximum ratio of decompressed to compressed size, checked above `UNSUSPICIOUS` decompressed bytes."""

UNSUSPICIOUS = 64 * 2**20
LARGEST_ROW = 4 * 2**20
"""Maximum characters of a row."""

_MAGIC = b"PAR1"
_BATCH_ROWS = 4096
_BATCH_BYTES = 32 * 2**20
_BUFFER = 2**20

_EXPECTS = "a table with the columns id and title or image_link"


def _recognise(path: Path, settings: FeedSettings) -> str:
    try:
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
    except OSError as error:
        raise FeedError(f"{path}: can't be read ({error.strerror})", "Check the path of the feed") from error
    return "its first four bytes, PAR1" if head == _MAGIC else ""


def _read(path: Path, settings: FeedSettings) -> Iterator[Product | Refusal]:
    import pyarrow.parquet as pq

    fields = NamedFields.of(settings)
    line = 0
    with (
        _broken(path),
        path.open("rb") as opened,
        pq.ParquetFile(opened, buffer_size=_BUFFER, pre_buffer=False) as file,
    ):
        columns = _columns(path, file.schema_arrow, fields)
        for batch in _batches(path, file, columns):
            for row in _rows(batch, fields):
                line += 1
                yield _row(row, line, fields)


def _row(row: dict[str, object], line: int, fields: NamedFields) -> Product | Refusal:
    product = fields.product(row, line)
    if isinstance(product, Product):
        texts = (value for value in vars(product).values() if isinstance(value, str))
        if sum(map(len, (*texts, *product.pictures, *product.attributes.values()))) > LARGEST_ROW:
            reason = f"a row of more than {LARGEST_ROW // 2**20} MiB"
            return refused(line, product.id, reason, "Shorten its texts")
    return product


@contextmanager
def _broken(path: Path) -> Iterator[None]:
    """Turns Arrow's errors about a file that is damaged or not Parquet into a `FeedError`."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, MemoryError, OverflowError, ValueError, LookupError) as error:
        detail = getattr(error, "strerror", None) or next(iter(str(error).split("\n")))[:200].rstrip(".")
        raise FeedError(f"{path}: can't be read as Parquet ({detail})", "Write or download it again") from error


def _columns(path: Path, schema: pa.Schema, fields: NamedFields) -> list[str]:
    """The columns that are read; raises `FeedError` if one is missing or of a type that can't be used."""
    names = tuple(plain_name(name) for name in schema.names)
    fields.require(path, names)
    if not _usable(names, fields):
        raise FeedError(
            f"{path}: a Parquet feed must be {_EXPECTS}; this one has {shown_columns(names)}",
            "Map its column names with --map title=naam",
        )
    wanted = [field for field, name in zip(schema, names, strict=True) if name in fields.known]
    for field in wanted:
        flaw = _flaw(field.type, plain_name(field.name), fields)
        if flaw:
            raise FeedError(
                f"{path}: the column {printable(field.name)} is {printable(str(field.type), 100)}, {flaw}",
                "Write the column as text",
            )
    return [field.name for field in wanted]


def _usable(columns: tuple[str, ...], fields: NamedFields) -> bool:
    def has(ours: str) -> bool:
        return any(name in columns for name in fields.names[ours])

    return has("id") and (has("title") or has("pictures"))


def _flaw(kind: pa.DataType, name: str, fields: NamedFields) -> str:
    """Why a column of this type can't be used; empty if it can."""
    if name in fields.names["attributes"]:
        fit = bool(parts := _parts(kind)) and all(map(_is_text, parts))
        return "" if fit else "not a map or struct of texts"
    if name in fields.listed:
        return "" if _is_text(kind.value_type if _is_list(kind) else kind) else "not a text or a list of texts"
    return "" if _is_text(kind) else "not text"


def _parts(kind: pa.DataType) -> list[pa.DataType]:
    """The types of a map's keys and items, or of a struct's fields."""
    if _is_map(kind):
        return [kind.key_type, kind.item_type]
    return [kind.field(place).type for place in range(kind.num_fields)] if _is_struct(kind) else []


def _is_map(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_map(kind))


def _is_struct(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_struct(kind))


def _is_list(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    if pa.types.is_interval(kind) or isinstance(kind, pa.BaseExtensionType):
        return False
    return not pa.types.is_nested(kind)


def _batches(path: Path, file: pq.ParquetFile, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """The rows in batches of a few thousand, fewer if they are long, so memory does not grow with the file."""
    # Not the metadata of single columns: Arrow aborts the whole process if that is damaged.
    groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
    unpacked, packed = sum(group.total_byte_size for group in groups), path.stat().st_size
    if unpacked > max(UNSUSPICIOUS, MAX_RATIO * packed):
        raise FeedError(
            f"{path}: decompresses to {unpacked:,} bytes, suspiciously many for a Parquet file of {packed:,}",
            "Check what the file contains; write it with less compression if the size is right",
        )
    for number, group in enumerate(groups):
        long = max(1, group.total_byte_size // max(1, group.num_rows))
        rows = max(1, min(_BATCH_ROWS, _BATCH_BYTES // long))
        count = 0
        for batch in file.iter_batches(rows, row_groups=[number], columns=columns, use_threads=False):
            count += batch.num_rows
            yield batch
        if count != group.num_rows:  # Arrow silently skips pages of a type it doesn't know
            what = f"damaged: only {count:,} of the {group.num_rows:,} rows of row group {number + 1} can be read"
            raise FeedError(f"{path}: {what}", "Write or download it again")


def _rows(batch: pa.RecordBatch, fields: NamedFields) -> Iterator[dict[str, object]]:
    """Each row's fields by their plain names; the first of columns with equal names is used."""
    columns: dict[str, list[object]] = {}
    for place, name in enumerate(batch.schema.names):
        plain = plain_name(name)
        if plain in fields.known and plain not in columns:
            columns[plain] = _values(batch.column(place))
    for row in zip(*columns.values(), strict=True):
        yield dict(zip(columns, row, strict=True))


def _values(column: pa.Array) -> list[object]:
    """A column as texts, lists of texts and mappings to texts; nulls are None."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_dictionary(kind):
        return _values(column.dictionary_decode())
    if _is_map(kind):
        pairs = column.cast(pa.list_(pa.struct([("key", kind.key_type), ("value", kind.item_type)])))
        keys, items = map(_values, pc.list_flatten(pairs).flatten())
        return [dict(entries) for entries in _split(list(zip(keys, items, strict=True)), pairs)]
    if _is_list(kind):
        return list(_split(_values(pc.list_flatten(column)), column))
    if _is_struct(kind):
        parts = [_values(part) for part in column.flatten()]
        return [dict(zip(kind.names, row, strict=True)) for row in zip(*parts, strict=True)]
    return list(_texts(column))


def _split(values: list[Any], column: pa.Array) -> Iterator[list[Any]]:
    """Splits the values of all of a column's lists into the single lists; a missing list is empty."""
    import pyarrow.compute as pc

    end = 0
    for length in pc.list_value_length(column).to_pylist():
        begin, end = end, end + (length or 0)
        yield values[begin:end]


def _texts(column: pa.Array) -> Iterator[str | None]:
    import pyarrow as pa

    kind = column.type
    if pa.types.is_floating(kind):
        return map(_number, column.cast(pa.string()).to_pylist())
    if pa.types.is_fixed_size_binary(kind):
        column = column.cast(pa.binary())
    elif not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
        column = column.cast(pa.large_string()).cast(pa.large_binary())
    return (None if value is None else value.decode("utf-8", "surrogateescape") for value in column.to_pylist())


def _number(written: str | None) -> str | None:
    """A number without an exponent, which restores a product number that pandas read as a float."""
    if written is None or written == "nan":
        return None
    if "e" not in written:
        return written
    try:
        return format(Decimal(written), "f")
    except InvalidOperation:
        return written


PARQUET = Format("Parquet", _EXPECTS, _recognise, _read, lambda path: path.parent)
