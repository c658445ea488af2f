"""`Kind`: one kind of goods, between which limits it is cut, and what people call it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from demo_catalogue.studio import Design

Choices = Mapping[str, tuple[Any, ...]]
Ranges = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Kind:
    """One kind of goods.

    Attributes:
        name: What most sellers call it.
        short: A warehouse abbreviation.
        fancy: What others call it.
        path: The category path of a tidy shop.
        weight: How many of a hundred and sixty groups are of this kind, about.
        form: The class of its designs.
        choices: For each named part of the form, what it may be.
        ranges: For each measure of the form, its limits.
        sizes: The sizes it is made in.
        materials: What it is made of.
        prints: Patterns it comes in, besides plain.
        motifs: Whether it may carry a single print.
        price: Lowest and highest price in euro.
    """

    name: str
    short: str
    fancy: tuple[str, ...]
    path: str
    weight: int
    form: type[Design]
    choices: Choices
    ranges: Ranges
    sizes: tuple[str, ...]
    materials: tuple[str, ...]
    prints: tuple[str, ...] = ()
    motifs: bool = False
    price: tuple[int, int] = (15, 60)

    def draw(self, rng: Random) -> Design:
        """Draws a design between the kind's limits."""
        parts: dict[str, Any] = {name: rng.choice(options) for name, options in self.choices.items()}
        parts |= {name: rng.uniform(*limits) for name, limits in self.ranges.items()}
        return self.form(**parts)

    def resemble(self, design: Design, rng: Random) -> Design:
        """Draws a look-alike: every measure a little off, and one part drawn again."""
        parts: dict[str, Any] = {}
        for name, (low, high) in self.ranges.items():
            moved = getattr(design, name) + rng.choice((-1, 1)) * rng.uniform(0.08, 0.2) * (high - low)
            parts[name] = min(high, max(low, moved))
        name = rng.choice(sorted(self.choices))
        parts[name] = rng.choice(self.choices[name])
        return dataclasses.replace(design, **parts)
