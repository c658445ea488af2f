"""The feed's rows: each seller writes about what it offers and takes its pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

from demo_catalogue.assortment import Group, Offer
from demo_catalogue.studio import photograph

Row = dict[str, str]
"""One line of the feed, by column."""


def write_rows(offered: list[Group], folder: Path, rng: Random) -> Iterator[Row]:
    """Writes each offer's pictures and yields a row for each of its sizes."""
    marks = _marks(rng)
    for group in offered:
        mark = f"g{next(marks)}" if sum(len(offer.sizes) for offer in group) > 1 else ""
        for offer in group:
            shared = _pictures(offer, folder, f"images/{next(marks)}", rng) | {"item_group_id": mark}
            mood = rng.getrandbits(32)
            for size in offer.sizes:
                row = _row(offer, size, f"v{next(marks)}", Random(mood))
                yield row | shared | {"gtin": _gtin(rng) if rng.random() < offer.seller.numbered else ""}


def _marks(rng: Random) -> Iterator[str]:
    """Yields short marks that tell nothing and never repeat."""
    taken: set[str] = set()
    while True:
        mark = f"{rng.randrange(16**6):06x}"
        if mark not in taken:
            taken.add(mark)
            yield mark


def _pictures(offer: Offer, folder: Path, stem: str, rng: Random) -> Row:
    """Takes an offer's one or two pictures and names the columns that show them."""
    seller = offer.seller
    framing = seller.frame(rng)
    shots = {f"{stem}.{seller.suffix}": framing}
    if rng.random() < seller.second:
        shots[f"{stem}-2.{seller.suffix}"] = seller.second_frame(framing)
    for name, shot in shots.items():
        photograph(offer.model.design, offer.look, shot).save(folder / name, quality=88)
    first, second = (*shots, "")[:2]
    return {"image_link": first, "additional_image_link": second}


def _row(offer: Offer, size: str, identity: str, rng: Random) -> Row:
    """Lets the seller write one size's row; a generator in the same state writes the same for every size."""
    text = offer.seller.write(offer.facts(size), rng)
    price = round(offer.model.price * rng.uniform(0.9, 1.15)) + 0.95
    return {
        "id": identity,
        "title": text.title,
        "description": text.description,
        "brand": text.brand,
        "product_type": text.product_type,
        "color": text.color,
        "size": size,
        "pattern": text.pattern,
        "material": text.material,
        "price": f"{price:.2f} EUR",
        "link": f"https://{offer.seller.name.lower()}.example/{identity}",
        "mpn": text.mpn,
        "seller": offer.seller.name,
    }


def _gtin(rng: Random) -> str:
    """Makes up a trade item number from the range kept for use inside a company, with its check digit."""
    digits = [2, *(rng.randrange(10) for _ in range(11))]
    weighted = sum(digit * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return "".join(map(str, [*digits, -weighted % 10]))
