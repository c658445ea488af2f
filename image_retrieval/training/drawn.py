"""Draws random things other than clothes: mugs, shoes, furniture, lamps, bottles, bags and abstract shapes.

The photographs only show clothes. A network trained on nothing else would not learn what its teacher knows about
handles, legs and soles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

_SIDE = 320
"""Width and height of a drawn picture, in pixels."""

_LARGER = 2
"""Pictures are drawn this many times larger and then reduced, which smooths their edges."""

Draw = np.random.Generator
Colour = tuple[int, int, int]
Points = Sequence[tuple[float, float]]


class Pen:
    """Draws on a unit square; (0, 0) is the top left corner."""

    def __init__(self, image: Image, draw: Draw) -> None:
        from PIL import ImageDraw

        self.pen = ImageDraw.Draw(image)
        self.side = image.width
        self.draw = draw
        self.body, self.second = colour(draw), colour(draw)

    def polygon(self, points: Points, fill: Colour) -> None:
        """Draws a filled polygon."""
        self.pen.polygon([(x * self.side, y * self.side) for x, y in points], fill=fill)

    def box(self, left: float, top: float, right: float, bottom: float, fill: Colour, radius: float = 0.0) -> None:
        """Draws a filled rectangle, with corners of this radius."""
        edges = (min(left, right), min(top, bottom), max(left, right), max(top, bottom))
        corners = [edge * self.side for edge in edges]
        self.pen.rounded_rectangle(corners, radius * self.side, fill=fill)

    def oval(self, left: float, top: float, right: float, bottom: float, fill: Colour) -> None:
        """Draws a filled ellipse."""
        self.pen.ellipse([edge * self.side for edge in (left, top, right, bottom)], fill=fill)

    def ring(self, left: float, top: float, right: float, bottom: float, width: float, fill: Colour) -> None:
        """Draws the outline of an ellipse."""
        corners = [edge * self.side for edge in (left, top, right, bottom)]
        self.pen.ellipse(corners, outline=fill, width=max(1, round(width * self.side)))

    def line(self, points: Points, width: float, fill: Colour) -> None:
        """Draws a line through points."""
        at = [(x * self.side, y * self.side) for x, y in points]
        self.pen.line(at, fill=fill, width=max(1, round(width * self.side)), joint="curve")

    def between(self, low: float, high: float) -> float:
        """A random number from a range."""
        return float(self.draw.uniform(low, high))

    def chance(self, share: float) -> bool:
        """True with this probability."""
        return bool(self.draw.random() < share)


def drawn(draw: Draw) -> Image:
    """Draws one thing of a random kind on a plain background."""
    from PIL import Image, ImageFilter

    ground = (255, 255, 255) if draw.random() < 0.6 else tuple(int(value) for value in draw.integers(180, 250, 3))
    image = Image.new("RGB", (_SIDE * _LARGER,) * 2, ground)
    pen = Pen(image, draw)
    _KINDS[int(draw.integers(len(_KINDS)))](pen)
    image = image.rotate(float(draw.normal(0, 4)), Image.Resampling.BILINEAR, fillcolor=ground)
    image = image.resize((_SIDE, _SIDE), Image.Resampling.BOX)
    image = _lit(image, draw)
    return image.filter(ImageFilter.GaussianBlur(float(draw.uniform(0, 0.8))))


def colour(draw: Draw) -> Colour:
    """A random colour; greys and dark colours are as likely as bright ones."""
    import colorsys

    red, green, blue = colorsys.hsv_to_rgb(draw.random(), draw.random() ** 1.5, 0.1 + 0.9 * draw.random())
    return round(red * 255), round(green * 255), round(blue * 255)


def _lit(image: Image, draw: Draw) -> Image:
    """Adds light from one side and a little noise."""
    from PIL import Image as Pictures

    pixels = np.asarray(image, np.float32)
    side = np.linspace(-1, 1, len(pixels), dtype=np.float32)
    across, down = draw.uniform(-0.12, 0.12, 2).astype(np.float32)
    light = 1 + across * side[None, :, None] + down * side[:, None, None]
    grain = draw.normal(0, draw.uniform(0, 4), pixels.shape).astype(np.float32)
    thing = (pixels.min(axis=2, keepdims=True) < 250).astype(np.float32)
    lit = pixels * (1 + thing * (light - 1)) + thing * grain
    return Pictures.fromarray(lit.clip(0, 255).astype(np.uint8))


def _darker(fill: Colour, share: float = 0.7) -> Colour:
    red, green, blue = (round(value * share) for value in fill)
    return red, green, blue


def _mug(pen: Pen) -> None:
    width, height, narrow = pen.between(0.25, 0.45), pen.between(0.3, 0.6), pen.between(0, 0.08)
    left, top = pen.between(0.15, 0.3), 0.5 - height / 2
    right, bottom, rim = left + width, top + height, pen.between(0.02, 0.06)
    thick, reach = pen.between(0.025, 0.06), pen.between(0.1, 0.22)
    upper, lower = top + height * pen.between(0.05, 0.25), top + height * pen.between(0.6, 0.9)
    if pen.chance(0.3):
        pen.line([(right, upper), (right + reach, upper), (right + reach, lower), (right, lower)], thick, pen.body)
    else:
        pen.ring(right - reach, upper, right + reach, lower, thick, pen.body)
    pen.oval(left + narrow, bottom - rim, right - narrow, bottom + rim, pen.body)
    pen.polygon([(left, top), (right, top), (right - narrow, bottom), (left + narrow, bottom)], pen.body)
    pen.oval(left, top - rim, right, top + rim, _darker(pen.body, 1.0 if pen.chance(0.3) else 0.6))
    _print(pen, left + narrow, top + height * 0.2, right - narrow, bottom - height * 0.1)


def _shoe(pen: Pen) -> None:
    heel, toe, ground = pen.between(0.08, 0.15), pen.between(0.85, 0.93), pen.between(0.62, 0.75)
    shaft, sole, lift = pen.between(0.2, 0.55), pen.between(0.02, 0.08), pen.between(0, 0.15)
    ankle, instep = heel + pen.between(0.2, 0.3), pen.between(0.45, 0.6)
    top, nose = ground - shaft, ground - pen.between(0.08, 0.16)
    back = ground - lift
    pen.polygon([(heel, back), (toe, ground), (toe, ground + sole), (heel, back + sole)], _darker(pen.second))
    if lift > 0.06:
        pen.polygon(
            [(heel, back), (heel + 0.1, back), (heel + pen.between(0.02, 0.1), ground + sole), (heel, ground + sole)],
            _darker(pen.second),
        )
    upper = [(heel, back), (heel + pen.between(-0.02, 0.04), top), (ankle, top + pen.between(-0.04, 0.04))]
    pen.polygon([*upper, (instep, nose - 0.02), (toe - 0.06, nose), (toe, ground)], pen.body)
    for step in range(int(pen.draw.integers(0, 6))):
        share = step / 6
        x, y = ankle + (instep - ankle) * share, top + (nose - top) * share
        pen.line([(x - 0.06, y + 0.06), (x + 0.02, y + 0.01)], 0.012, pen.second)
    if pen.chance(0.5):
        start, high = pen.between(0.4, 0.5), pen.between(0.06, 0.12)
        bend = [(start, ground - 0.02), (start + 0.15, ground - high), (start + 0.2, ground - 0.03)]
        pen.line(bend, pen.between(0.01, 0.04), pen.second)


def _seat(pen: Pen) -> None:
    left, right = pen.between(0.15, 0.3), pen.between(0.68, 0.85)
    seat, floor, back = pen.between(0.5, 0.62), pen.between(0.84, 0.93), pen.between(0.08, 0.25)
    leg, thick = pen.between(0.015, 0.05), pen.between(0.03, 0.12)
    splay = pen.between(-0.03, 0.08)
    for x, out in ((left + 0.03, -splay), (right - 0.03, splay)):
        pen.line([(x, seat), (x + out, floor)], leg, pen.second)
    style = pen.draw.integers(4)
    if style == 0:
        for x in np.linspace(left + leg, right - leg, int(pen.draw.integers(2, 7))):
            pen.line([(x, back), (x, seat)], leg, pen.body)
    elif style == 1:
        pen.box(left, back, right, seat, pen.body, pen.between(0, 0.12))
    elif style == 2:
        for y in np.linspace(back, seat - 0.1, int(pen.draw.integers(2, 5))):
            pen.line([(left, y), (right, y)], leg * 1.5, pen.body)
        pen.line([(left, back), (left, seat)], leg, pen.second)
        pen.line([(right, back), (right, seat)], leg, pen.second)
    pen.box(left, seat, right, seat + thick, pen.body, min(thick / 2, pen.between(0, 0.05)))
    if pen.chance(0.4):
        for x in (left, right):
            pen.box(x - 0.05, seat - pen.between(0.1, 0.2), x + 0.05, seat + thick, _darker(pen.body, 0.85), 0.02)


def _shelf(pen: Pen) -> None:
    left, right = pen.between(0.12, 0.3), pen.between(0.7, 0.88)
    top, bottom = pen.between(0.1, 0.4), pen.between(0.75, 0.9)
    pen.box(left, top, right, bottom, pen.body, pen.between(0, 0.02))
    rows, columns = int(pen.draw.integers(1, 5)), int(pen.draw.integers(1, 4))
    high, wide = (bottom - top) / rows, (right - left) / columns
    gap, knob = pen.between(0.008, 0.02), pen.chance(0.6)
    for row in range(rows):
        for column in range(columns):
            x, y = left + column * wide, top + row * high
            front = _darker(pen.body, 0.85) if knob else _darker(pen.body, 0.5)
            pen.box(x + gap, y + gap, x + wide - gap, y + high - gap, front)
            if knob:
                middle_x, middle_y = x + wide / 2, y + high / 2
                pen.oval(middle_x - 0.012, middle_y - 0.012, middle_x + 0.012, middle_y + 0.012, pen.second)
    if pen.chance(0.6):
        for x in (left + 0.04, right - 0.04):
            pen.line([(x, bottom), (x, min(0.97, bottom + pen.between(0.04, 0.12)))], 0.03, pen.second)


def _lamp(pen: Pen) -> None:
    upper, lower = pen.between(0.06, 0.2), pen.between(0.15, 0.3)
    top, below, foot = pen.between(0.08, 0.2), pen.between(0.3, 0.5), pen.between(0.82, 0.92)
    pen.line([(0.5, below), (0.5, foot)], pen.between(0.012, 0.06), pen.second)
    base = pen.between(0.08, 0.2)
    pen.oval(0.5 - base, foot - 0.03, 0.5 + base, foot + 0.03, pen.second)
    if pen.chance(0.3):
        pen.oval(0.5 - lower, top, 0.5 + lower, below, pen.body)
        return
    pen.polygon([(0.5 - upper, top), (0.5 + upper, top), (0.5 + lower, below), (0.5 - lower, below)], pen.body)
    _print(pen, 0.5 - upper, top + 0.02, 0.5 + upper, below - 0.02)


def _bottle(pen: Pen) -> None:
    wide, neck = pen.between(0.1, 0.22), pen.between(0.03, 0.08)
    top, shoulder, bottom = pen.between(0.06, 0.15), pen.between(0.3, 0.5), pen.between(0.85, 0.94)
    throat = shoulder - pen.between(0.03, 0.15)
    right = [(0.5 + neck, top), (0.5 + neck, throat), (0.5 + wide, shoulder), (0.5 + wide, bottom)]
    pen.polygon([*right, *((1 - x, y) for x, y in reversed(right))], pen.body)
    pen.box(0.5 - neck - 0.01, top - 0.03, 0.5 + neck + 0.01, top + 0.03, pen.second, 0.01)
    label = shoulder + pen.between(0.02, 0.15)
    pen.box(0.5 - wide, label, 0.5 + wide, label + pen.between(0.1, 0.25), pen.second)
    _print(pen, 0.5 - wide, label, 0.5 + wide, label + 0.2)


def _bag(pen: Pen) -> None:
    left, right = pen.between(0.15, 0.28), pen.between(0.72, 0.85)
    top, bottom, slant = pen.between(0.35, 0.5), pen.between(0.78, 0.9), pen.between(-0.06, 0.08)
    strap, high = pen.between(0.012, 0.035), pen.between(0.12, 0.32)
    inset = pen.between(0.02, 0.18)
    pen.ring(left + inset, top - high, right - inset, top + high, strap, pen.second)
    pen.polygon([(left + slant, top), (right - slant, top), (right, bottom), (left, bottom)], pen.body)
    if pen.chance(0.6):
        flap = top + (bottom - top) * pen.between(0.3, 0.6)
        pen.polygon([(left + slant, top), (right - slant, top), (0.7, flap), (0.3, flap)], _darker(pen.body, 0.85))
        pen.box(0.47, flap - 0.03, 0.53, flap + 0.03, pen.second, 0.01)
    else:
        _print(pen, left + 0.05, top + 0.05, right - 0.05, bottom - 0.05)


def _nameless(pen: Pen) -> None:
    """A closed, symmetric outline of a few harmonics."""
    turns = np.linspace(-np.pi / 2, np.pi / 2, 40)
    waves = [pen.between(-0.06, 0.06) * np.cos(step * (turns + np.pi / 2)) for step in range(1, 7)]
    reach = 0.25 + sum(waves[1:], waves[0])
    right = [
        (0.5 + float(r * np.cos(t)) * 1.1, 0.5 + float(r * np.sin(t)) * 1.5) for r, t in zip(reach, turns, strict=True)
    ]
    pen.polygon([*right, *((1 - x, y) for x, y in reversed(right))], pen.body)
    for _ in range(int(pen.draw.integers(0, 4))):
        size, x, y = pen.between(0.02, 0.1), pen.between(0.35, 0.5), pen.between(0.3, 0.7)
        for middle in (x, 1 - x):
            pen.oval(middle - size, y - size, middle + size, y + size, colour(pen.draw))
    if pen.chance(0.5):
        _print(pen, 0.4, 0.4, 0.6, 0.6)


def _print(pen: Pen, left: float, top: float, right: float, bottom: float) -> None:
    """Draws stripes, dots, a patch or nothing within a box."""
    style, fill = pen.draw.integers(5), colour(pen.draw)
    count = int(pen.draw.integers(2, 7))
    if style == 0:
        step = (bottom - top) / count
        for place in range(count):
            pen.box(left, top + place * step, right, top + (place + 0.5) * step, fill)
    elif style == 1:
        step = (right - left) / count
        for place in range(count):
            pen.box(left + place * step, top, left + (place + 0.5) * step, bottom, fill)
    elif style == 2:
        size = min(right - left, bottom - top) / count / 3
        for x in np.linspace(left + size, right - size, count):
            for y in np.linspace(top + size, bottom - size, count):
                pen.oval(x - size, y - size, x + size, y + size, fill)
    elif style == 3:
        across, down = (right - left) * pen.between(0.15, 0.35), (bottom - top) * pen.between(0.15, 0.35)
        shape = pen.oval if pen.chance(0.5) else pen.box
        shape(left + across, top + down, right - across, bottom - down, fill)


_KINDS: tuple[Callable[[Pen], None], ...] = (_mug, _shoe, _seat, _shelf, _lamp, _bottle, _bag, _nameless)
