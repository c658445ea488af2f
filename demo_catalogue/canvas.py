"""A small drawing board: shapes in units of half a picture's height, framed as a photographer would."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from demo_catalogue.curves import Points
from demo_catalogue.palette import BLACK, RGB, WHITE, line_on

_SUPERSAMPLING = 3
_SOFT = 12  # soft shadows are drawn this many times coarser than the board, then enlarged
_OUTLINE = 0.011


@dataclass(frozen=True)
class Framing:
    """How one picture shows its product.

    Attributes:
        scale: Size of the product, 1 as designed.
        shift: How far it lies off the centre, in units of half a height.
        degrees: How far it is turned.
        mirrored: Whether left and right are exchanged.
        background: Colour of the wall behind it.
    """

    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    degrees: float = 0.0
    mirrored: bool = False
    background: RGB = WHITE


class Canvas:
    """A board on which one product is drawn; what lies outside its silhouette stays background."""

    def __init__(self, size: tuple[int, int], framing: Framing) -> None:
        self._size = size
        self.board = (size[0] * _SUPERSAMPLING, size[1] * _SUPERSAMPLING)
        self._unit = self.board[1] / 2 * framing.scale
        angle = math.radians(framing.degrees)
        flip = -1.0 if framing.mirrored else 1.0
        turn = [[flip * math.cos(angle), math.sin(angle)], [-flip * math.sin(angle), math.cos(angle)]]
        self._turn = self._unit * np.array(turn)
        x, y = framing.shift
        self._centre = np.array([[self.board[0] / 2 + x * self._unit, self.board[1] / 2 + y * self._unit]])
        self._image = Image.new("RGB", self.board, framing.background)
        self._draw = ImageDraw.Draw(self._image)
        self._silhouette = Image.new("L", self.board, 0)
        self._cut_out = ImageDraw.Draw(self._silhouette)
        coarse = (self.board[0] // _SOFT, self.board[1] // _SOFT)
        self._dark = Image.new("L", coarse, 0)
        self._light = Image.new("L", coarse, 0)

    def pixels(self, points: Points) -> list[float]:
        """Puts points on the board: x, y, x, y, …, as Pillow takes them."""
        flat: list[float] = (points @ self._turn + self._centre).ravel().tolist()
        return flat

    def sheet(self, colour: RGB) -> Image.Image:
        """Makes an empty sheet of one colour, as large as the board, to paint a pattern on."""
        return Image.new("RGB", self.board, colour)

    def shows(self, pixels: list[float]) -> bool:
        """Says whether a shape reaches the board, to save painting what nobody sees."""
        xs, ys = pixels[::2], pixels[1::2]
        return max(xs) >= 0 and max(ys) >= 0 and min(xs) <= self.board[0] and min(ys) <= self.board[1]

    def thickness(self, width: float) -> int:
        """Turns a width into whole pixels of the board, at least one."""
        return max(1, round(width * self._unit))

    def fill(
        self,
        shape: Points,
        colour: RGB,
        sheet: Image.Image | None = None,
        *,
        within: Points | None = None,
        outlined: bool = True,
    ) -> None:
        """Fills a shape, given by its outline, and makes it part of the product.

        Args:
            shape: The outline; the last point is joined to the first.
            colour: What it is filled with; the outline is drawn in a shade that fits it.
            sheet: A pattern as large as the board, of which the shape is cut out instead.
            within: An outline drawn before, which the paint may not leave.
            outlined: Whether to draw the outline.
        """
        spots = self.pixels(shape)
        if within is None:
            self._cut_out.polygon(spots, fill=255)
        edge = self.thickness(_OUTLINE) if outlined else 0
        if sheet is None and within is None:
            self._draw.polygon(spots, fill=colour)
        else:
            self._paste(spots, sheet or colour, within)
        if within is not None and edge:
            self._paste(spots, line_on(colour), within, edge)
        elif edge:
            self._draw.line([*spots, *spots[:2]], fill=line_on(colour), width=edge, joint="curve")

    def _paste(self, spots: list[float], paint: RGB | Image.Image, within: Points | None, edge: int = 0) -> None:
        """Pastes paint through a mask no larger than the shape; of the shape's edge alone where one is asked for."""
        box = _box(spots, self.board)
        if box is None:
            return
        mask = _mask(spots, box, edge)
        if within is not None:
            mask = ImageChops.multiply(mask, _mask(self.pixels(within), box))
        self._image.paste(paint.crop(box) if isinstance(paint, Image.Image) else paint, box, mask)

    def stroke(self, points: Points, colour: RGB, width: float) -> None:
        """Draws a line through points."""
        self._draw.line(self.pixels(points), fill=colour, width=self.thickness(width), joint="curve")

    def band(self, points: Points, colour: RGB, width: float) -> None:
        """Draws a broad outlined line, round at its ends, that is part of the product: a strap, a handle."""
        for tone, extra in ((line_on(colour), _OUTLINE), (colour, -_OUTLINE)):
            self._rounded(points, tone, width + extra)

    def _rounded(self, points: Points, colour: RGB, width: float) -> None:
        """Draws a line with round ends on the picture and on the silhouette."""
        spots, broad = self.pixels(points), self.thickness(width)
        for pen, ink in ((self._draw, colour), (self._cut_out, 255)):
            pen.line(spots, fill=ink, width=broad, joint="curve")
            for x, y in (spots[:2], spots[-2:]):
                pen.ellipse((x - broad / 2, y - broad / 2, x + broad / 2, y + broad / 2), fill=ink)

    def stitches(self, points: Points, colour: RGB, width: float = 0.008) -> None:
        """Draws a dashed line, as a seam looks."""
        spots = np.array(self.pixels(points)).reshape(-1, 2)
        along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(spots, axis=0).T))])
        dash = 0.03 * self._unit
        for start in np.arange(0.0, along[-1] - dash * 0.6, dash):
            reach = np.array([start, start + dash * 0.6])
            ends = np.column_stack([np.interp(reach, along, spots[:, axis]) for axis in (0, 1)])
            self._draw.line(ends.ravel().tolist(), fill=colour, width=self.thickness(width))

    def dots(self, spots: Points, radius: float, colour: RGB, *, rimmed: bool = False) -> None:
        """Draws a disc at each spot: buttons, eyelets, studs."""
        centres = np.array(self.pixels(spots)).reshape(-1, 2).tolist()
        reach = max(1.0, radius * self._unit)
        rim = line_on(colour) if rimmed else None
        for x, y in centres:
            self._draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=colour, outline=rim, width=2)

    def fold(self, points: Points, width: float = 0.06, depth: float = 0.3) -> None:
        """Lays a soft shadow along a line, seen only on the product."""
        self._soft(self._dark, points, width, depth)

    def glint(self, points: Points, width: float = 0.06, strength: float = 0.35) -> None:
        """Lays a soft light along a line, seen only on the product."""
        self._soft(self._light, points, width, strength)

    def _soft(self, sheet: Image.Image, points: Points, width: float, strength: float) -> None:
        spots = [value / _SOFT for value in self.pixels(points)]
        broad = max(1, round(width * self._unit / _SOFT))
        ImageDraw.Draw(sheet).line(spots, fill=round(255 * strength), width=broad, joint="curve")

    def finish(self) -> Image.Image:
        """Reduces the board to the picture, then shades the product and lets its shadow fall on the wall."""
        coarse = self._silhouette.reduce(_SOFT)
        picture = self._image.reduce(_SUPERSAMPLING)
        product = self._silhouette.reduce(_SUPERSAMPLING)
        dark = Image.composite(self._grown(self._shade(coarse)), self._grown(_shadow(coarse)), product)
        picture.paste(BLACK, (0, 0), dark)
        light = self._grown(self._light.filter(ImageFilter.GaussianBlur(1.5)))
        picture.paste(WHITE, (0, 0), ImageChops.multiply(light, product))
        return picture

    def _shade(self, coarse: Image.Image) -> Image.Image:
        """Darkens the product's edges away from the light, and its folds."""
        blurred = coarse.filter(ImageFilter.GaussianBlur(3.5))
        edge = ImageChops.offset(blurred, -1, -2).point(lambda value: (255 - value) * 0.34)
        return ImageChops.add(edge, self._dark.filter(ImageFilter.GaussianBlur(1.2)))

    def _grown(self, coarse: Image.Image) -> Image.Image:
        return coarse.resize(self._size, Image.Resampling.BICUBIC)


def _shadow(coarse: Image.Image) -> Image.Image:
    """Blurs the silhouette into the shadow it throws."""
    thrown = ImageChops.offset(coarse, 1, 2).filter(ImageFilter.GaussianBlur(2.5))
    return thrown.point(lambda value: value * 0.16)


def _box(spots: list[float], board: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Finds the rectangle around spots, cut to the board; none where they lie outside."""
    left, top = max(0, math.floor(min(spots[::2]))), max(0, math.floor(min(spots[1::2])))
    right, bottom = min(board[0], math.ceil(max(spots[::2])) + 1), min(board[1], math.ceil(max(spots[1::2])) + 1)
    return (left, top, right, bottom) if left < right and top < bottom else None


def _mask(spots: list[float], box: tuple[int, int, int, int], edge: int = 0) -> Image.Image:
    """Draws a shape's mask, or that of its edge, inside a rectangle of the board."""
    mask = Image.new("L", (box[2] - box[0], box[3] - box[1]), 0)
    moved = [value - box[index % 2] for index, value in enumerate(spots)]
    if edge:
        ImageDraw.Draw(mask).line([*moved, *moved[:2]], fill=255, width=edge)
    else:
        ImageDraw.Draw(mask).polygon(moved, fill=255)
    return mask
