"""`Product`; `Refusal`, what was not used and why; `Merged`, a feed row that became part of another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ATTRIBUTES = ("color", "size", "pattern", "material", "gender", "age_group")
"""Attributes that have a name of their own in feeds; others are kept under the name the feed gives them."""


@dataclass(frozen=True)
class Product:
    """One product as a seller describes it.

    Attributes:
        id: Unique within the catalogue.
        title: What the seller calls it.
        description: The seller's text, without mark-up.
        seller: Who offers it; empty where one seller owns the whole feed.
        brand: The brand as the feed names it.
        product_type: The category path, levels parted by ` > `.
        price: As the feed writes it (amount and currency).
        link: The product's page.
        availability: As the feed writes it.
        gtin: Global trade item number.
        mpn: Manufacturer's part number.
        attributes: Colour, size, pattern, material and so on, by name.
        pictures: Paths relative to the feed's folder (or URLs), the main picture first.
        group: The seller's own group of variants, empty where none is known.
        line: Line of the feed on which the row begins.
    """

    id: str
    title: str = ""
    description: str = ""
    seller: str = ""
    brand: str = ""
    product_type: str = ""
    price: str = ""
    link: str = ""
    availability: str = ""
    gtin: str = ""
    mpn: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    pictures: tuple[str, ...] = ()
    group: str = ""
    line: int = 0


@dataclass(frozen=True)
class Refusal:
    """A feed row or a picture that was not used.

    Attributes:
        where: The feed's line (`line 12`) or the picture's path.
        id: The product's id, empty where the row has none.
        reason: What is wrong with it.
        fix: What its owner can do.
    """

    where: str
    id: str
    reason: str
    fix: str


@dataclass(frozen=True)
class Merged:
    """A feed row that is no product of its own: what it says became part of one that is.

    Further pictures of a Shopify product and a Magento store view's overrides are such rows.

    Attributes:
        line: Line of the feed on which the row begins.
        id: The row's own id, empty where it has none.
        into: The id of the product that it became part of.
        reason: What kind of row it is.
    """

    line: int
    id: str
    into: str
    reason: str
