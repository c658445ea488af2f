"""The columns of each table, and the error raised when one is missing."""

from __future__ import annotations

import pyarrow as pa

from candidates.errors import SchemaError

_ID = pa.dictionary(pa.int32(), pa.string())

PRODUCTS = pa.schema(
    [
        ("id", pa.large_string()),
        ("seller", pa.string()),
        ("title", pa.string()),
        ("description", pa.string()),
        ("brand", pa.string()),
        ("product_type", pa.string()),
        ("price", pa.string()),
        ("link", pa.string()),
        ("availability", pa.string()),
        ("gtin", pa.string()),
        ("mpn", pa.string()),
        ("attributes", pa.map_(pa.string(), pa.string())),
        ("pictures", pa.list_(pa.string())),
        ("group", pa.string()),
        ("line", pa.int64()),
        ("digest", pa.string()),
    ]
)
"""`products.parquet`: one row per product, key `id`; `digest` covers all columns except `line`."""

IMAGES = pa.schema(
    [
        ("image_id", pa.large_string()),
        ("product_row", pa.int32()),
        ("position", pa.int32()),
        ("path", pa.string()),
        ("digest", pa.string()),
    ]
)
"""`image/images.parquet`: one row per usable picture, key `image_id`; `digest` covers the file's bytes."""

FETCHED = pa.schema([("url", pa.string()), ("path", pa.string()), ("what", pa.string()), ("fix", pa.string())])
"""`image/fetched.parquet`: one row per picture URL in the feed, key `url`."""

STAMPS = pa.schema([("path", pa.string()), ("bytes", pa.int64()), ("changed", pa.int64()), ("digest", pa.string())])
"""`work/image/stamps.parquet`: digests of picture files, key (`path`, `bytes`, `changed`); `changed` is in
nanoseconds."""

CANDIDATES = pa.schema(
    [
        ("query_id", _ID),
        ("candidate_id", _ID),
        ("rank", pa.int32()),
        ("score", pa.float32()),
        ("text_rank", pa.int32()),
        ("text_score", pa.float32()),
        ("image_rank", pa.int32()),
        ("image_score", pa.float32()),
        ("via_id", _ID),
    ]
)
"""`candidates/part-*.parquet`: one row per candidate, key (`query_id`, `candidate_id`); ranks and scores are null for
lists that do not contain the candidate."""

REFUSED = ("where", "id", "reason", "fix")
"""`refused.csv`: one row per refused feed row or picture."""

REFUSED_BEFORE = ("where", "id", "reason", "mend")
"""`refused.csv` as earlier versions wrote it, with `fix` under its former name."""

GROUPS = ("id", "item_group_id", "varies")
"""`groups.csv`: one row per product in a group; shops can import it as a supplemental feed."""


def require(table: pa.Table, schema: pa.Schema, what: str) -> pa.Table:
    """The schema's columns of `table`, in the schema's types; raises `SchemaError` if a column is missing."""
    missing = [name for name in schema.names if name not in table.column_names]
    if missing:
        raise SchemaError(
            f"{what} lacks the column {', '.join(missing)}", "Another version wrote it; run again to replace it"
        )
    return table.select(schema.names).cast(schema)
