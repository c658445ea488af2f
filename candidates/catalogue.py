"""`Catalogue`: the accepted products as columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from candidates import schema
from candidates.artifacts import digest_of, write_parquet
from candidates.axis import Axis
from candidates.filters import Filter
from candidates.product import Product

_BLOCK = 65_536
"""Products held as Python objects at once while a catalogue is built."""


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Products as columns; a product's number is its row on `axis`.

    Attributes:
        table: One row for each product, with the columns of `candidates.schema.PRODUCTS`.
    """

    table: pa.Table

    @classmethod
    def of(cls, products: Iterable[Product]) -> Catalogue:
        """Builds a catalogue from products whose ids are distinct."""
        source = iter(products)
        batches = []
        while block := list(islice(source, _BLOCK)):
            batches.append(_columns(block))
        return cls(pa.Table.from_batches(batches, schema=schema.PRODUCTS))

    @classmethod
    def open(cls, path: Path) -> Catalogue:
        """Reads `products.parquet`; raises `SchemaError` if a column is missing."""
        return cls(schema.require(pq.read_table(path), schema.PRODUCTS, str(path)))

    def save(self, path: Path) -> None:
        """Writes `products.parquet`."""
        write_parquet(path, self.table)

    def __len__(self) -> int:
        return self.table.num_rows

    @cached_property
    def axis(self) -> Axis:
        """The products' ids in feed order."""
        return Axis.of(self.table["id"])

    def column(self, name: str) -> list[str]:
        """One text column as Python strings; an unknown value is an empty string."""
        return [value or "" for value in self.table[name].to_pylist()]

    def codes(self, name: str) -> NDArray[np.int32]:
        """A text column as numbers, int32 (n,): equal texts have equal numbers, an empty text has −1."""
        column = self.table[name].combine_chunks()
        blank = pc.or_kleene(pc.is_null(column), pc.equal(column, ""))
        encoded = pc.if_else(blank, pa.scalar(None, column.type), column).dictionary_encode()
        return pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int32)

    @cached_property
    def attributes(self) -> Sequence[dict[str, str]]:
        """Each product's attributes by name."""
        return [dict(pairs or ()) for pairs in self.table["attributes"].to_pylist()]

    def product(self, row: int) -> Product:
        """One product with all its fields."""
        values = self.table.slice(row, 1).to_pylist()[0]
        values.pop("digest")
        values |= {
            "attributes": dict(values["attributes"] or ()),
            "pictures": tuple(values["pictures"] or ()),
        }
        return Product(**{name: value for name, value in values.items() if value is not None})

    def select(self, where: Filter) -> NDArray[np.bool_]:
        """Which products meet a condition, bool (n,)."""
        mask = np.ones(len(self), bool)
        for test in (self._in_category, self._of_seller, self._with_words, self._with_attributes):
            mask &= test(where)
        return mask

    def _in_category(self, where: Filter) -> NDArray[np.bool_] | bool:
        if not where.category:
            return True
        path = pc.utf8_lower(pc.fill_null(self.table["product_type"], ""))
        return pc.match_substring(path, pc.utf8_lower(pa.scalar(where.category)).as_py()).to_numpy()

    def _of_seller(self, where: Filter) -> NDArray[np.bool_] | bool:
        if not where.seller:
            return True
        return pc.equal(pc.fill_null(self.table["seller"], ""), where.seller).to_numpy()

    def _with_words(self, where: Filter) -> NDArray[np.bool_] | bool:
        mask: NDArray[np.bool_] | bool = True
        for word in where.words:
            # Not `\b`: it only knows ASCII letters, so it would never find `café`.
            pattern = rf"(?i)(?:^|[^\pL\pM\pN_]){_escaped(word)}(?:$|[^\pL\pM\pN_])"
            found = [
                pc.match_substring_regex(pc.fill_null(self.table[c], ""), pattern) for c in ("title", "description")
            ]
            mask = mask & pc.or_(*found).to_numpy()
        return mask

    def _with_attributes(self, where: Filter) -> NDArray[np.bool_] | bool:
        if not where.attributes:
            return True
        wanted = [(name, value.casefold()) for name, value in where.attributes]
        return np.array([all(own.get(n, "").casefold() == v for n, v in wanted) for own in self.attributes], bool)


def _columns(products: Sequence[Product]) -> pa.RecordBatch:
    rows = []
    for product in products:
        row = vars(product) | {"attributes": sorted(product.attributes.items())}
        row["digest"] = digest_of({name: value for name, value in row.items() if name != "line"})
        rows.append(row)
    arrays = [pa.array([row[column.name] for row in rows], column.type) for column in schema.PRODUCTS]
    return pa.record_batch(arrays, schema=schema.PRODUCTS)


def _escaped(word: str) -> str:
    return "".join(letter if letter.isalnum() or letter == "_" else rf"\x{{{ord(letter):x}}}" for letter in word)
