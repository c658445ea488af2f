"""Turns images into documents and checks them before they are sent; streams the images of a catalogue.

A document's id is derived from the image's id alone, so a document that is sent again replaces itself.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from candidates.axis import Axis
from candidates.catalogue import Catalogue
from candidates.errors import VariantsError
from candidates.product import Product, Refusal
from candidates.vectors import Vectors
from image_retrieval.elastic.filters import attribute, words_in
from image_retrieval.elastic.mapping import Layout
from image_retrieval.lsh import Hyperplanes
from image_retrieval.subcodes import subcodes_of, tokens_of

_BLOCK = 2048
"""Images whose products are held as Python objects at once."""

_LONGEST = 32_766 // 3
"""Maximum bytes of a keyword: a third of Lucene's limit for a term, because case folding may triple the length."""


class Image(NamedTuple):
    """One image with its product's fields.

    Attributes:
        id: The image's id.
        product: The id of the product that it shows.
        position: Its position among the product's images, from 0.
        code: Its packed code; None if its vector is all zeros or has a number that is not finite.
        added: The day on which it arrived, which determines its slice.
        category: The product's category path.
        brand: The product's brand.
        seller: The product's seller.
        title: The product's title.
        description: The product's description.
        attributes: The product's attributes as (name, value) pairs.
    """

    id: str
    product: str
    position: int
    code: bytes | None
    added: date
    category: str = ""
    brand: str = ""
    seller: str = ""
    title: str = ""
    description: str = ""
    attributes: tuple[tuple[str, str], ...] = ()


class Document(NamedTuple):
    """An image as it is sent to the cluster.

    Attributes:
        id: The document's `_id`, derived from the image's id.
        key: A number that identifies the image in responses, also derived from the image's id.
        digest: Digest of the document's contents except its day, so that a changed title is noticed.
        image: The image's id.
        product: The product's id.
        added: Day of its slice.
        content: The document without `key`, `digest` and `added`: a JSON object in UTF-8.
    """

    id: str
    key: int
    digest: int
    image: str
    product: str
    added: date
    content: bytes

    def source(self, load: int) -> bytes:
        """The whole document as one line of JSON, with the number of the load that sends it."""
        # Appended as text, because the content was already turned into JSON for the digest.
        tail = b',"key":%d,"digest":%d,"load":%d,"added":"%s"}'
        return self.content[:-1] + tail % (self.key, self.digest, load, self.added.isoformat().encode())


def identifier_of(image: str) -> tuple[str, int]:
    """The `_id` (128 bits) and the key (63 bits) of an image.

    Numbers are parsed from responses much faster than strings. A 63-bit key stays the same from run to run, unlike a
    row number.
    """
    digest = hashlib.sha256(image.encode()).digest()
    return base64.urlsafe_b64encode(digest[:16])[:22].decode(), int.from_bytes(digest[:8], "big") >> 1


def keys_of(images: Axis) -> NDArray[np.int64]:
    """The key of each image, int64 (n,); raises `VariantsError` if two images have the same key."""
    keys = np.fromiter((identifier_of(image)[1] for image in images), np.int64, len(images))
    if len(np.unique(keys)) != len(keys):
        order = np.argsort(keys, kind="stable")
        first = int(np.flatnonzero(np.diff(keys[order]) == 0)[0])
        left, right = (images[int(order[first + i])] for i in (0, 1))
        raise VariantsError(f"the image ids {left!r} and {right!r} have the same key", "Rename one of the two products")
    return keys


def document_of(image: Image, layout: Layout) -> Document | Refusal:
    """The document of an image, or the image's refusal."""
    try:
        reason = _fault(image, layout)
        if not reason:
            content = json.dumps(_content(image, layout), ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        reason = "its id or text contains half a character"
    if reason:
        return Refusal(image.id, image.product, reason, "Fix the feed, or encode its picture again")
    identifier, key = identifier_of(image.id)
    digest = int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big") >> 1
    return Document(identifier, key, digest, image.id, image.product, image.added, content)


def documents_of(images: Iterable[Image], layout: Layout) -> Iterator[Document | Refusal]:
    """The documents of a stream of images, or the images' refusals, in order."""
    return (document_of(image, layout) for image in images)


def _fault(image: Image, layout: Layout) -> str:
    """What is wrong with an image; empty if nothing is.

    Elasticsearch would accept an image without a code and then never find it, so images are checked beforehand.
    """
    if not image.id or not image.product:
        return "it has no id or no product"
    if image.code is None:
        return "it has no code: its vector is all zeros or has a number that is not finite"
    if 8 * len(image.code) != layout.bits:
        return f"its code has {8 * len(image.code)} bits, not {layout.bits}"
    named = [image.id, image.product]
    if layout.products:
        named += [image.category, image.brand, image.seller, *(f"{name}={value}" for name, value in image.attributes)]
    if any(4 * len(text) > _LONGEST and len(text.encode()) > _LONGEST for text in named):
        return f"its id, category, brand, seller or an attribute is longer than {_LONGEST:,} bytes"
    return ""


def _content(image: Image, layout: Layout) -> dict[str, Any]:
    assert image.code is not None
    content: dict[str, Any] = {
        "image": image.id,
        "product": image.product,
        "position": image.position,
        "code": image.code.hex(),
    }
    if layout.search == "subcodes":
        content["subcodes"] = tokens_of(subcodes_of(np.frombuffer(image.code, np.uint8)[None])[0])
    if layout.products:
        content["category"] = image.category.casefold()
        content["brand"] = image.brand
        content["seller"] = image.seller
        # Two values, so that no phrase spans the end of the title and the start of the description.
        content["text"] = [words_in(image.title), words_in(image.description)]
        content["attributes"] = [attribute(name, value) for name, value in image.attributes]
    return content


def image_of(image: str, position: int, code: bytes | None, added: date, product: Product) -> Image:
    """The image of a product."""
    return Image(
        image,
        product.id,
        position,
        code,
        added,
        product.product_type,
        product.brand,
        product.seller,
        product.title,
        product.description,
        tuple(product.attributes.items()),
    )


class Coded(NamedTuple):
    """Codes of the rows of vectors.

    Attributes:
        codes: uint8 (n, bits / 8).
        there: bool (n,): which rows have a code; false if the vector is all zeros or has a number that is not finite.
    """

    codes: NDArray[np.uint8]
    there: NDArray[np.bool_]


def coded(vectors: Vectors, planes: Hyperplanes) -> Coded:
    """Computes codes as the embedded index does: equal vectors have equal codes in both."""
    there = np.empty(len(vectors), bool)
    for start in range(0, len(vectors), _BLOCK):
        tile = vectors.values[start : start + _BLOCK]
        there[start : start + _BLOCK] = np.isfinite(tile).all(axis=1) & tile.any(axis=1)
    return Coded(planes.codes(vectors.values), there)


_COLUMNS = ["id", "product_type", "brand", "seller", "title", "description", "attributes"]


def images_of(
    ids: Axis,
    coded: Coded,
    catalogue: Catalogue,
    products: NDArray[np.integer],
    positions: NDArray[np.integer],
    added: date,
    rows: NDArray[np.integer] | None = None,
) -> Iterator[Image]:
    """Streams the images of a catalogue, with one block of products in memory at a time.

    Args:
        ids: The images' ids.
        coded: Their codes.
        catalogue: The products.
        products: The row of each image's product.
        positions: Each image's position among those of its product.
        added: The day on which the images arrived.
        rows: Only these images; by default all.
    """
    table = catalogue.table.select(_COLUMNS)
    chosen = np.arange(len(ids)) if rows is None else np.asarray(rows)
    for start in range(0, len(chosen), _BLOCK):
        block = chosen[start : start + _BLOCK]
        shown, place = np.unique(products[block], return_inverse=True)
        known = table.take(pa.array(shown)).to_pylist()
        for row, image, at in zip(
            block.tolist(), ids.ids.take(pa.array(block)).to_pylist(), place.tolist(), strict=True
        ):
            code = coded.codes[row].tobytes() if coded.there[row] else None
            yield _shown(image, int(positions[row]), code, added, known[at])


def _shown(image: str, position: int, code: bytes | None, added: date, product: dict[str, Any]) -> Image:
    category, brand, seller, title, description = (product[name] or "" for name in _COLUMNS[1:-1])
    attributes = tuple(product["attributes"] or ())
    return Image(image, product["id"], position, code, added, category, brand, seller, title, description, attributes)
