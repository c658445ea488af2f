"""Colours, what people call them, and the arithmetic of shades."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

RGB = tuple[int, int, int]

WHITE: RGB = (255, 255, 255)
BLACK: RGB = (0, 0, 0)


@dataclass(frozen=True)
class Colour:
    """A colour with its names.

    Attributes:
        name: The plain name.
        rgb: What is drawn.
        short: A warehouse abbreviation.
        fancy: Names a seller with imagination gives it.
    """

    name: str
    rgb: RGB
    short: str
    fancy: tuple[str, ...]


COLOURS: tuple[Colour, ...] = (
    Colour("white", (246, 246, 243), "WHT", ("snow", "chalk")),
    Colour("cream", (240, 230, 208), "CRM", ("ivory", "oat milk")),
    Colour("beige", (216, 198, 168), "BGE", ("sand", "dune")),
    Colour("camel", (190, 146, 94), "CML", ("caramel", "biscuit")),
    Colour("brown", (120, 82, 56), "BRN", ("hazelnut", "cocoa")),
    Colour("black", (44, 44, 48), "BLK", ("ink", "midnight")),
    Colour("charcoal", (84, 88, 94), "CHR", ("slate", "graphite")),
    Colour("grey", (164, 167, 170), "GRY", ("stone", "silver mist")),
    Colour("navy", (38, 52, 92), "NVY", ("deep blue", "marine")),
    Colour("blue", (52, 104, 176), "BLU", ("cobalt", "ocean")),
    Colour("light blue", (158, 194, 224), "LBL", ("sky", "ice water")),
    Colour("teal", (36, 122, 126), "TEA", ("petrol", "lagoon")),
    Colour("mint", (172, 214, 192), "MNT", ("pistachio", "seafoam")),
    Colour("green", (62, 136, 84), "GRN", ("emerald", "meadow")),
    Colour("olive", (112, 114, 66), "OLV", ("moss", "khaki")),
    Colour("dark green", (34, 76, 58), "DGR", ("bottle green", "pine")),
    Colour("yellow", (244, 208, 84), "YEL", ("lemon", "sunshine")),
    Colour("mustard", (206, 156, 44), "MUS", ("ochre", "saffron")),
    Colour("orange", (230, 126, 56), "ORG", ("apricot", "tangerine")),
    Colour("coral", (236, 122, 106), "COR", ("salmon", "melon")),
    Colour("red", (198, 44, 50), "RED", ("scarlet", "poppy")),
    Colour("burgundy", (118, 34, 52), "BUR", ("wine", "bordeaux")),
    Colour("pink", (222, 110, 150), "PNK", ("raspberry", "fuchsia")),
    Colour("light pink", (244, 200, 208), "LPK", ("blush", "rose petal")),
    Colour("lilac", (192, 172, 218), "LIL", ("lavender", "orchid")),
    Colour("purple", (104, 70, 140), "PUR", ("plum", "aubergine")),
)


def mix(first: RGB, second: RGB, share: float) -> RGB:
    """Mixes two colours; a share of 0 is all the first, 1 all the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def darker(colour: RGB, share: float = 0.3) -> RGB:
    """Mixes a colour towards black."""
    return mix(colour, BLACK, share)


def lighter(colour: RGB, share: float = 0.3) -> RGB:
    """Mixes a colour towards white."""
    return mix(colour, WHITE, share)


def lightness(colour: RGB) -> float:
    """Says how light a colour looks, between 0 and 1."""
    red, green, blue = colour
    return (0.30 * red + 0.59 * green + 0.11 * blue) / 255


def line_on(colour: RGB) -> RGB:
    """Chooses the colour of seams and outlines: darker, except on what is nearly black already."""
    return darker(colour, 0.32) if lightness(colour) > 0.25 else lighter(colour, 0.22)


def accent_for(main: Colour, rng: Random) -> Colour:
    """Draws a second colour that stands out from the main one."""
    apart = [c for c in COLOURS if abs(lightness(c.rgb) - lightness(main.rgb)) > 0.28]
    return rng.choice(apart)
