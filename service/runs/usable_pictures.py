"""Reads `image/images.parquet`: which pictures a run can use, and the product of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from candidates import schema
from candidates.axis import Axis
from candidates.collapse import Owners


@dataclass(frozen=True, eq=False)
class UsablePictures:
    """The pictures that have vectors.

    Attributes:
        axis: Their ids.
        owners: The product that each belongs to.
        positions: int32 (m,): position of each among its product's pictures, 0 for the main one.
    """

    axis: Axis
    owners: Owners
    positions: NDArray[np.int32]

    @classmethod
    def open(cls, path: Path, products: Axis) -> UsablePictures:
        """Reads the pictures of some products.

        Raises:
            SchemaError: A column is missing.
        """
        table = schema.require(pq.read_table(path), schema.IMAGES, str(path))
        rows, positions = (table[name].to_numpy().astype(np.int32) for name in ("product_row", "position"))
        return cls(Axis.of(table["image_id"]), Owners(products, rows), positions)
