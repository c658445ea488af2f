"""Columns that hold one text each, in every format with our own names."""

TEXTS = (
    "id",
    "title",
    "description",
    "brand",
    "product_type",
    "price",
    "link",
    "availability",
    "gtin",
    "mpn",
    "seller",
)
