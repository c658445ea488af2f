"""`Product`; `Refusal`, a row or picture that was not used; `Merged`, a feed row that became part of a product."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ATTRIBUTES = ("color", "size", "pattern", "material", "gender", "age_group")
"""Attributes for which feeds have a standard column; others keep the name that the feed gives them."""


@dataclass(frozen=True)
class Product:
    """One product as a seller describes it.

    Attributes:
        id: Unique within the catalogue.
        title: The seller's title.
        description: The seller's description, without mark-up.
        seller: The seller's name; empty if one seller owns the whole feed.
        brand: The brand as the feed writes it.
        product_type: The category path, its levels separated by ` > `.
        price: The price as the feed writes it (amount and currency).
        link: URL of the product's page.
        availability: The availability as the feed writes it.
        gtin: Global trade item number.
        mpn: Manufacturer part number.
        attributes: Colour, size, pattern, material and so on, by name.
        pictures: Paths relative to the feed's folder (or URLs), the main picture first.
        group: The seller's own variant group, empty if unknown.
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
        id: The product's id, empty if the row has none.
        reason: What is wrong.
        fix: What the feed's owner can do about it.
    """

    where: str
    id: str
    reason: str
    fix: str


@dataclass(frozen=True)
class Merged:
    """A feed row that is not a product itself, but adds to one.

    Examples are further pictures of a Shopify product, and a Magento store view's overrides.

    Attributes:
        line: Line of the feed on which the row begins.
        id: The row's own id, empty if it has none.
        into: The id of the product that the row adds to.
        reason: The kind of row.
    """

    line: int
    id: str
    into: str
    reason: str
