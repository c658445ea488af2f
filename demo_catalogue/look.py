"""What one variant wears: its colours, its pattern, its print."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from demo_catalogue.canvas import Canvas
from demo_catalogue.curves import Points
from demo_catalogue.palette import RGB, Colour, darker, lighter, lightness, line_on
from demo_catalogue.patterns import Print, sheet_of


@dataclass(frozen=True)
class Look:
    """The colours and the pattern of one variant.

    Attributes:
        main: The colour one would name.
        accent: The second colour: the pattern's ink, a sole, a print.
        pattern: A key of `patterns.PATTERNS`, or `solid`.
        motif: A key of `motifs.MOTIFS`, or empty.
        pitch: How far the pattern's motifs are apart.
        seed: What a scattered pattern is scattered by.
    """

    main: Colour
    accent: Colour
    pattern: str = "solid"
    motif: str = ""
    pitch: float = 0.12
    seed: int = 0


class Cloth:
    """A look cut for one board; its sheets are painted once and used for every part."""

    def __init__(self, canvas: Canvas, look: Look) -> None:
        self._canvas = canvas
        self._print = Print(look.pattern, look.main.rgb, look.accent.rgb, look.pitch, look.seed)
        self._sheets: dict[tuple[float, float], Image.Image | None] = {}
        self.colour: RGB = look.main.rgb
        self.accent: RGB = look.accent.rgb
        self.seam: RGB = line_on(look.main.rgb)
        self.inside: RGB = darker(look.main.rgb, 0.28)

    @property
    def trim(self) -> RGB:
        """A shade next to the cloth's own, for ribs and bands."""
        return darker(self.colour, 0.1) if lightness(self.colour) > 0.3 else lighter(self.colour, 0.1)

    def cut(self, shape: Points, *, degrees: float = 0.0, sag: float = 0.0) -> None:
        """Fills a shape with the cloth, turned or hanging as asked."""
        key = (degrees, sag)
        if key not in self._sheets:
            self._sheets[key] = sheet_of(self._canvas, self._print, degrees=degrees, sag=sag)
        self._canvas.fill(shape, self.colour, self._sheets[key])
