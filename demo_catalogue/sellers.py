"""The demo's shops: how each writes, what each leaves out, and how each takes its pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from demo_catalogue import titles
from demo_catalogue.canvas import Framing
from demo_catalogue.palette import RGB
from demo_catalogue.titles import Facts, Text


@dataclass(frozen=True)
class Seller:
    """A shop with its habits.

    Attributes:
        name: The shop's name.
        style: How it writes.
        silent: How often each text column is left empty, by column.
        wall: The background of its pictures.
        suffix: The format of its pictures.
        loose: How carelessly it frames them, from 0 to 1.
        mirrored: How often a picture is mirrored.
        second: How often there is a second picture.
        numbered: How often it gives a trade item number.
    """

    name: str
    style: Callable[[Facts, Random], Text]
    silent: dict[str, float]
    wall: RGB
    suffix: str = "jpg"
    loose: float = 0.5
    mirrored: float = 0.0
    second: float = 0.0
    numbered: float = 0.5

    def write(self, facts: Facts, rng: Random) -> Text:
        """Writes about a product and leaves out what this shop tends to leave out."""
        left_out = {column: "" for column, share in self.silent.items() if rng.random() < share}
        return replace(self.style(facts, rng), **left_out)

    def frame(self, rng: Random) -> Framing:
        """Frames a picture as this shop does."""
        return Framing(
            scale=1.0 - rng.uniform(0.0, 0.15) * self.loose,
            shift=(rng.uniform(-0.05, 0.05) * self.loose, rng.uniform(-0.05, 0.05) * self.loose),
            degrees=rng.gauss(0.0, 2.0) * self.loose,
            mirrored=rng.random() < self.mirrored,
            background=self.wall,
        )

    def second_frame(self, first: Framing) -> Framing:
        """Frames the second picture: the product from its other side, a little further away."""
        return replace(first, scale=first.scale * 0.86, mirrored=not first.mirrored, degrees=first.degrees + 4.0)


SELLERS: tuple[Seller, ...] = (
    Seller(
        "Tidewick", titles.model_first, {"pattern": 0.2, "product_type": 0.1}, (255, 255, 255), "png", 0.3, second=0.5
    ),
    Seller(
        "Pellworth",
        titles.paraphrased,
        {"color": 0.3, "product_type": 0.4, "brand": 0.5},
        (247, 244, 239),
        loose=0.8,
        second=0.3,
    ),
    Seller(
        "Kavodeal",
        titles.stuffed,
        {"color": 0.4, "product_type": 0.5, "brand": 0.6},
        (255, 255, 255),
        loose=1.0,
        mirrored=0.15,
    ),
    Seller("Fennelane", titles.attributes_only, {"color": 0.2, "material": 0.5}, (240, 241, 243), loose=0.5),
    Seller(
        "Zollbeck",
        titles.abbreviated,
        {"description": 0.4, "color": 0.3, "product_type": 0.3},
        (236, 236, 234),
        loose=0.7,
        mirrored=0.05,
        numbered=0.9,
    ),
    Seller(
        "Brackenby",
        titles.coded,
        {"description": 0.2, "color": 0.3, "pattern": 0.5},
        (250, 250, 250),
        loose=0.6,
        mirrored=0.1,
        second=0.2,
    ),
)
"""Six shops; none of them exists."""
