"""Patterns of cloth and glaze, painted on a sheet from which the parts of a product are cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from demo_catalogue.canvas import Canvas
from demo_catalogue.curves import Points, line, oval, turned
from demo_catalogue.palette import RGB, lighter, mix

_REACH = 1.25  # half the side of the square a pattern covers, whatever the picture's shape
_ROW = np.column_stack([np.linspace(-_REACH, _REACH, 13), np.zeros(13)])
_COLUMN = np.array([[0.0, -_REACH], [0.0, _REACH]])


@dataclass(frozen=True)
class Print:
    """One pattern in its colours.

    Attributes:
        name: A key of `PATTERNS`.
        ground: The colour beneath.
        ink: The colour of what is printed on it.
        pitch: Distance from one motif to the next, in units of half a picture's height.
        seed: What a scattered pattern is scattered by.
    """

    name: str
    ground: RGB
    ink: RGB
    pitch: float = 0.12
    seed: int = 0


Warp = Callable[[Points], Points]


class Sheet:
    """A sheet of cloth under the brush; `warp` bends what is painted, as a sleeve or a round mug does."""

    def __init__(self, canvas: Canvas, ground: RGB, warp: Warp) -> None:
        self.image = canvas.sheet(ground)
        self._draw = ImageDraw.Draw(self.image)
        self._canvas = canvas
        self._warp = warp

    def _pixels(self, points: Points) -> list[float]:
        return self._canvas.pixels(self._warp(points))

    def stamp(self, outline: Points, spots: Points, colour: RGB, angles: Points | None = None) -> None:
        """Paints a filled shape at every spot (n, 2), turned there by its angle (n, 1) in degrees."""
        for pixels in self._copies(outline, spots, angles):
            self._draw.polygon(pixels, fill=colour)

    def scratch(self, run: Points, spots: Points, colour: RGB, width: float, angles: Points | None = None) -> None:
        """Paints a line at every spot (n, 2), turned there by its angle (n, 1) in degrees."""
        broad = self._canvas.thickness(width)
        for pixels in self._copies(run, spots, angles):
            self._draw.line(pixels, fill=colour, width=broad, joint="curve" if len(pixels) > 4 else None)

    def _copies(self, outline: Points, spots: Points, angles: Points | None) -> list[list[float]]:
        """Lays all copies of a shape at once, which one by one would take most of a picture's time."""
        angle = np.radians(np.zeros((len(spots), 1)) if angles is None else angles)
        (x, y), cos, sin = outline.T, np.cos(angle), np.sin(angle)
        copies = np.stack([x * cos - y * sin, x * sin + y * cos], axis=2) + spots[:, None, :]
        flat = np.array(self._pixels(copies.reshape(-1, 2))).reshape(len(spots), -1)
        return [row for row in flat.tolist() if self._canvas.shows(row)]

    def discs(self, centres: Points, radius: float, colour: RGB) -> None:
        """Paints a disc at each centre."""
        reach = self._canvas.thickness(radius)
        for x, y in np.array(self._pixels(centres)).reshape(-1, 2).tolist():
            if self._canvas.shows([x, y]):
                self._draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=colour)


def sheet_of(canvas: Canvas, pattern: Print, *, degrees: float = 0.0, sag: float = 0.0) -> Image.Image | None:
    """Paints a pattern's sheet; none for plain cloth, which needs no sheet.

    Args:
        canvas: The board it will be cut out for.
        pattern: What to paint.
        degrees: How far the cloth is turned, as on a sleeve.
        sag: How far the middle hangs below the sides, as round a mug.
    """
    if pattern.name == "solid":
        return None

    def warp(points: Points) -> Points:
        hung = points + np.column_stack([np.zeros(len(points)), sag * (1 - np.minimum(1, np.abs(points[:, 0])) ** 2)])
        return turned(hung, degrees) if degrees else hung

    sheet = Sheet(canvas, pattern.ground, warp)
    PATTERNS[pattern.name](sheet, pattern)
    return sheet.image


def _steps(pitch: float) -> list[float]:
    """Lists positions across the sheet, a pitch apart, one of them at the centre."""
    count = int(_REACH / pitch)
    return [index * pitch for index in range(-count, count + 1)]


def _levels(pitch: float) -> Points:
    """Lists the starting points of rows, a pitch apart."""
    return line(*((0.0, y) for y in _steps(pitch)))


def _columns(pitch: float) -> Points:
    """Lists the starting points of columns, a pitch apart."""
    return line(*((x, 0.0) for x in _steps(pitch)))


def _grid(across: float, down: float, shift: float = 0.0) -> Points:
    """Lists the spots of a grid whose every second row is moved by a share of its pitch."""
    rows = enumerate(_steps(down))
    return line(*((x + shift * across * (row % 2), y) for row, y in rows for x in _steps(across)))


def _scattered(pattern: Print) -> tuple[Points, Points]:
    """Shakes the spots of a grid; each comes with an angle."""
    rng = np.random.default_rng(pattern.seed)
    grid = _grid(pattern.pitch * 1.25, pattern.pitch, 0.5)
    loose = pattern.pitch * 0.22
    return grid + rng.uniform(-loose, loose, grid.shape), rng.uniform(0, 360, (len(grid), 1))


def _stripes(sheet: Sheet, pattern: Print) -> None:
    sheet.scratch(_ROW, _levels(pattern.pitch), pattern.ink, pattern.pitch * 0.5)


def _breton(sheet: Sheet, pattern: Print) -> None:
    sheet.scratch(_ROW, _levels(pattern.pitch * 0.75), pattern.ink, pattern.pitch * 0.2)


def _pinstripes(sheet: Sheet, pattern: Print) -> None:
    sheet.scratch(_COLUMN, _columns(pattern.pitch * 0.8), pattern.ink, pattern.pitch * 0.14)


def _dots(sheet: Sheet, pattern: Print) -> None:
    sheet.discs(_grid(pattern.pitch, pattern.pitch * 0.8, 0.5), pattern.pitch * 0.2, pattern.ink)


def _checks(sheet: Sheet, pattern: Print) -> None:
    """Paints gingham: bands of the half tone, and the full ink where two of them cross."""
    half = mix(pattern.ground, pattern.ink, 0.5)
    broad = pattern.pitch * 0.5
    sheet.scratch(_COLUMN, _columns(pattern.pitch), half, broad)
    sheet.scratch(_ROW, _levels(pattern.pitch), half, broad)
    square = line((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)) * broad
    sheet.stamp(square, _grid(pattern.pitch, pattern.pitch), pattern.ink)


def _tartan(sheet: Sheet, pattern: Print) -> None:
    light, half = lighter(pattern.ground, 0.55), mix(pattern.ground, pattern.ink, 0.55)
    pitch = pattern.pitch * 2
    for colour, width, shift in ((half, 0.35, 0.0), (light, 0.06, 0.5), (pattern.ink, 0.1, 0.0)):
        sheet.scratch(_COLUMN, _columns(pitch) + shift * pitch, colour, width * pitch)
        sheet.scratch(_ROW, _levels(pitch) + shift * pitch, colour, width * pitch)


def _argyle(sheet: Sheet, pattern: Print) -> None:
    pitch = pattern.pitch * 1.5
    lozenge = line((0.0, -0.8), (0.5, 0.0), (0.0, 0.8), (-0.5, 0.0)) * pitch
    sheet.stamp(lozenge, _grid(pitch, pitch * 1.6), pattern.ink)
    for lean in (-1.0, 1.0):
        slant = line((-lean * _REACH / 1.6, -_REACH), (lean * _REACH / 1.6, _REACH))
        sheet.scratch(slant, _columns(pitch), lighter(pattern.ink, 0.55), 0.006)


def _chevron(sheet: Sheet, pattern: Print) -> None:
    xs = np.array(_steps(pattern.pitch * 0.7))
    zigzag = np.where(np.arange(len(xs)) % 2, 0.3, -0.3) * pattern.pitch
    sheet.scratch(np.column_stack([xs, zigzag]), _levels(pattern.pitch), pattern.ink, pattern.pitch * 0.32)


def _floral(sheet: Sheet, pattern: Print) -> None:
    """Scatters five-petalled flowers, each with a leaf."""
    size = pattern.pitch * 0.24
    spots, angles = _scattered(pattern)
    leaf = oval((0.0, size * 2.2), size * 0.4, size * 0.9, 8)
    sheet.stamp(leaf, spots, mix(pattern.ink, (70, 120, 80), 0.7), angles)
    petal = oval((0.0, -size * 0.95), size * 0.62, size * 0.8, 8)
    for turn in range(0, 360, 72):
        sheet.stamp(petal, spots, pattern.ink, angles + turn)
    sheet.discs(spots, size * 0.5, lighter(pattern.ink, 0.7))


def _leaves(sheet: Sheet, pattern: Print) -> None:
    size = pattern.pitch
    spots, angles = _scattered(pattern)
    sheet.stamp(oval((0.0, 0.0), size * 0.17, size * 0.46, 10), spots, pattern.ink, angles)
    rib = line((0.0, -size * 0.4), (0.0, size * 0.55))
    sheet.scratch(rib, spots, mix(pattern.ink, pattern.ground, 0.45), 0.008, angles)


def _leopard(sheet: Sheet, pattern: Print) -> None:
    """Scatters broken rings."""
    size = pattern.pitch * 0.36
    ring = oval((0.0, 0.0), size, size * 0.75, 12)
    spots, angles = _scattered(pattern)
    sheet.stamp(ring, spots, mix(pattern.ground, pattern.ink, 0.45), angles)
    sheet.scratch(ring[:9], spots, pattern.ink, size * 0.5, angles)


def _speckle(sheet: Sheet, pattern: Print) -> None:
    spots, angles = _scattered(pattern)
    for radius in (0.06, 0.1, 0.08):
        spots = spots[::-1] + pattern.pitch * np.column_stack([np.cos(angles), np.sin(angles)])
        sheet.discs(spots, pattern.pitch * radius, pattern.ink)


def _blocks(sheet: Sheet, pattern: Print) -> None:
    low = line((-_REACH, 0.0), (_REACH, 0.0), (_REACH, _REACH), (-_REACH, _REACH))
    spot = line((0.0, 0.05))
    sheet.stamp(low, spot, pattern.ink)
    sheet.scratch(_ROW, spot, lighter(pattern.ink, 0.75), pattern.pitch * 0.35)


PATTERNS: dict[str, Callable[[Sheet, Print], None]] = {
    "striped": _stripes,
    "breton": _breton,
    "pinstripe": _pinstripes,
    "dotted": _dots,
    "checked": _checks,
    "tartan": _tartan,
    "argyle": _argyle,
    "chevron": _chevron,
    "floral": _floral,
    "leaf": _leaves,
    "leopard": _leopard,
    "speckled": _speckle,
    "colour block": _blocks,
}
"""Each pattern by its name; `solid` is not among them, it needs no painting."""
