"""Dresses: a bodice, a waist and a skirt that falls from it."""

from __future__ import annotations

from dataclasses import dataclass

from demo_catalogue.canvas import Canvas
from demo_catalogue.curves import Box, Points, bow, joined, line, mirrored, smooth, symmetric
from demo_catalogue.look import Cloth, Look
from demo_catalogue.palette import darker, lighter

_SIDES = (1.0, -1.0)
_TOP = -0.7


@dataclass(frozen=True)
class Dress:
    """The cut of a dress.

    Attributes:
        neckline: `round`, `v`, `square` or `heart`.
        sleeve: `straps`, `wide straps`, `cap`, `puff` or `long`.
        waist: Where bodice and skirt meet.
        bust: Half the width under the arms.
        slim: Half the width at the waist.
        length: Where the hem lies.
        flare: Half the width of the hem.
        skirt: `plain`, `pleated`, `tiered` or `wrap`.
        belt: `none`, `sash` or `bow`.
        buttons: Whether buttons run down the front.
    """

    neckline: str = "round"
    sleeve: str = "cap"
    waist: float = -0.1
    bust: float = 0.27
    slim: float = 0.22
    length: float = 0.8
    flare: float = 0.5
    skirt: str = "plain"
    belt: str = "none"
    buttons: bool = False

    @property
    def extent(self) -> Box:
        """The rectangle the dress covers: left, upper, right and lower edge."""
        across = max(self.flare, 0.55 if self.sleeve in ("puff", "long") else 0.45)
        return (-across, -0.82 if self.sleeve == "straps" else _TOP, across, self.length + 0.04)


def paint_dress(canvas: Canvas, dress: Dress, look: Look) -> None:
    """Draws a dress hanging."""
    cloth = Cloth(canvas, look)
    _SLEEVES[dress.sleeve](canvas, dress, cloth)
    cloth.cut(_skirt(dress))
    _SKIRTS[dress.skirt](canvas, dress, cloth)
    _bodice(canvas, dress, cloth)
    if dress.buttons:
        _buttons(canvas, dress, cloth)
    _BELTS[dress.belt](canvas, dress, cloth)


def _skirt(dress: Dress) -> Points:
    side = smooth(
        (dress.slim, dress.waist),
        (dress.slim + (dress.flare - dress.slim) * 0.5, (dress.waist + dress.length) / 2 - 0.05),
        (dress.flare, dress.length),
    )
    low = dress.length + 0.035
    hem = smooth((dress.flare, dress.length), (dress.flare * 0.5, low), (0.0, low))
    return symmetric(joined(line((0.0, dress.waist)), side, hem))


def _shoulder(dress: Dress) -> float:
    """Finds how far from the middle the bodice's upper corner lies."""
    return {"straps": 0.17, "wide straps": 0.21}.get(dress.sleeve, 0.3)


def _bodice(canvas: Canvas, dress: Dress, cloth: Cloth) -> None:
    neck = _neckline(dress)
    end = neck[-1]
    arm_y = -0.36
    shoulder = (_shoulder(dress), _TOP + 0.05)
    corner = (float(end[0]), float(end[1])) if dress.sleeve == "straps" else shoulder
    hole = bow(corner, (dress.bust, arm_y), -0.04)
    side = bow((dress.bust, arm_y), (dress.slim, dress.waist), -0.015)
    if dress.sleeve != "straps":
        _back(canvas, neck, cloth)
    cloth.cut(symmetric(joined(neck, hole, side, line((0.0, dress.waist + 0.01)))))
    canvas.stroke(symmetric(neck[::-1]), cloth.trim, 0.022)
    for sign in _SIDES:
        canvas.fold(bow((sign * (dress.bust - 0.03), -0.32), (sign * 0.1, -0.26), 0.02), 0.025, 0.18)
        canvas.stitches(bow((sign * 0.13, dress.waist), (sign * 0.12, -0.3), 0.01), cloth.seam, 0.005)


def _neckline(dress: Dress) -> Points:
    """Runs the neckline from its middle to where it ends on the right."""
    if dress.sleeve == "straps":
        x, y = 0.2, -0.48
    else:
        x, y = _shoulder(dress) - 0.13, _TOP
    if dress.neckline == "v":
        return line((0.0, y + (0.13 if dress.sleeve == "straps" else 0.34)), (x, y))
    if dress.neckline == "square":
        low = y + (0.03 if dress.sleeve == "straps" else 0.22)
        return line((0.0, low), (x - 0.01, low), (x, y))
    if dress.neckline == "heart":
        low = y + (0.07 if dress.sleeve == "straps" else 0.26)
        return joined(smooth((0.0, low), (0.06, low - 0.06), (0.13, low - 0.06), (x, low - 0.03)), line((x, y)))
    depth = 0.05 if dress.sleeve == "straps" else 0.14
    return smooth((0.0, y + depth), (x * 0.6, y + depth * 0.75), (x, y))


def _back(canvas: Canvas, neck: Points, cloth: Cloth) -> None:
    """Draws the inside of the back, seen through the neckline."""
    x, y = float(neck[-1][0]), float(neck[-1][1])
    back = smooth((0.0, y + 0.04), (x * 0.6, y + 0.03), (x, y))
    canvas.fill(joined(symmetric(neck[::-1]), symmetric(back)), cloth.inside)


def _straps(canvas: Canvas, dress: Dress, cloth: Cloth) -> None:
    for side in _SIDES:
        canvas.band(bow((side * 0.19, -0.47), (side * 0.13, -0.8), side * -0.01), cloth.colour, 0.024)
        canvas.band(bow((side * 0.13, -0.8), (side * 0.16, -0.45), side * -0.01), cloth.inside, 0.018)


def _wide_straps(canvas: Canvas, dress: Dress, cloth: Cloth) -> None:
    """Leaves the arms free; the bodice itself reaches the shoulders."""


def _cap(canvas: Canvas, dress: Dress, cloth: Cloth) -> None:
    for side in _SIDES:
        shape = joined(bow((0.26, _TOP + 0.04), (0.46, -0.46), 0.05), line((0.43, -0.4), (dress.bust - 0.02, -0.36)))
        cloth.cut(shape if side > 0 else mirrored(shape), degrees=side * 42.0)


def _puff(canvas: Canvas, dress: Dress, cloth: Cloth) -> None:
    for side in _SIDES:
        shape = smooth((0.25, _TOP + 0.04), (0.4, _TOP + 0.02), (0.53, -0.48), (0.48, -0.32), (0.28, -0.3))
        cloth.cut(shape if side > 0 else mirrored(shape), degrees=side * 38.0)
        band = line((0.49, -0.335), (0.47, -0.28), (0.27, -0.26), (0.28, -0.31))
        canvas.fill(band if side > 0 else mirrored(band), cloth.trim)
        for x in (0.31, 0.37, 0.43):
            canvas.stroke(bow((side * x, -0.32), (side * (x + 0.03), -0.45), 0.01), cloth.seam, 0.006)


def _long(canvas: Canvas, dress: Dress, cloth: Cloth) -> None:
    for side in _SIDES:
        outer = smooth((0.27, _TOP + 0.04), (0.4, -0.5), (0.5, -0.1), (0.53, 0.2))
        shape = joined(outer, line((0.42, 0.21)), bow((0.42, 0.21), (dress.bust - 0.03, -0.34), -0.02))
        cloth.cut(shape if side > 0 else mirrored(shape), degrees=side * 15.0)
        canvas.stitches(line((side * 0.425, 0.16), (side * 0.525, 0.15)), cloth.seam)


def _plain(canvas: Canvas, dress: Dress, cloth: Cloth) -> None:
    """Lets the skirt fall in a few soft folds."""
    for share in (-0.6, -0.2, 0.25, 0.65):
        start = (dress.slim * share * 0.8, dress.waist + 0.08)
        end = (dress.flare * share, dress.length - 0.02)
        canvas.fold(bow(start, end, 0.02 * share), 0.035, 0.2)
    half = smooth((0.0, dress.length), (dress.flare * 0.5, dress.length), (dress.flare - 0.02, dress.length - 0.035))
    canvas.stitches(symmetric(half[::-1]), cloth.seam)


def _pleated(canvas: Canvas, dress: Dress, cloth: Cloth) -> None:
    for step in range(-5, 6):
        share = step / 5.5
        start, end = (dress.slim * share, dress.waist + 0.02), (dress.flare * share, dress.length + 0.01)
        canvas.stroke(line(start, end), cloth.seam, 0.008)
        canvas.fold(line((start[0] + 0.02, start[1]), (end[0] + 0.035, end[1])), 0.03, 0.26)


def _tiered(canvas: Canvas, dress: Dress, cloth: Cloth) -> None:
    for share in (0.36, 0.7):
        y = dress.waist + (dress.length - dress.waist) * share
        x = dress.slim + (dress.flare - dress.slim) * (share + 0.08)
        seam = bow((-x, y), (x, y), -0.03)
        canvas.stroke(seam, cloth.seam, 0.012)
        canvas.fold(seam + line((0.0, 0.03)), 0.04, 0.3)
        for step in range(-6, 7):
            at = x * step / 6.6
            canvas.stroke(line((at, y + 0.03), (at * 1.04, y + 0.1)), cloth.seam, 0.005)


def _wrapped(canvas: Canvas, dress: Dress, cloth: Cloth) -> None:
    edge = smooth((-0.1, dress.waist), (0.12, (dress.waist + dress.length) / 2), (0.16, dress.length + 0.03))
    canvas.stroke(edge, cloth.seam, 0.014)
    canvas.fold(edge + line((0.035, 0.0)), 0.06, 0.34)
    _plain(canvas, dress, cloth)


def _buttons(canvas: Canvas, dress: Dress, cloth: Cloth) -> None:
    start = float(_neckline(dress)[0][1])
    low = dress.length + 0.03
    canvas.stitches(line((-0.035, start), (-0.035, low)), cloth.seam, 0.005)
    count = round((low - start) / 0.13)
    spots = [(0.0, start + 0.05 + index * 0.13) for index in range(count)]
    canvas.dots(line(*spots), 0.016, lighter(cloth.accent, 0.4), rimmed=True)


def _no_belt(canvas: Canvas, dress: Dress, cloth: Cloth) -> None:
    x, y = dress.slim, dress.waist
    canvas.stroke(line((-x, y), (x, y)), cloth.seam, 0.01)


def _sash(canvas: Canvas, dress: Dress, cloth: Cloth) -> None:
    x, y = dress.slim + 0.005, dress.waist
    canvas.fill(line((-x, y - 0.035), (x, y - 0.035), (x, y + 0.035), (-x, y + 0.035)), darker(cloth.colour, 0.35))
    buckle = line((-0.04, y - 0.045), (0.04, y - 0.045), (0.04, y + 0.045), (-0.04, y + 0.045))
    canvas.fill(buckle, (206, 178, 110))


def _bow_belt(canvas: Canvas, dress: Dress, cloth: Cloth) -> None:
    x, y = dress.slim + 0.005, dress.waist
    canvas.fill(line((-x, y - 0.025), (x, y - 0.025), (x, y + 0.025), (-x, y + 0.025)), cloth.trim)
    for side in _SIDES:
        tail = line((0.08, y), (0.11, y + 0.01), (0.08 + side * 0.05, y + 0.3), (0.05 + side * 0.05, y + 0.29))
        canvas.fill(tail, cloth.trim)
        loop = smooth((0.1, y), (0.1 + side * 0.1, y - 0.07), (0.1 + side * 0.12, y + 0.04), (0.1, y))
        canvas.fill(loop, cloth.trim)


_SLEEVES = {"straps": _straps, "wide straps": _wide_straps, "cap": _cap, "puff": _puff, "long": _long}
_SKIRTS = {"plain": _plain, "pleated": _pleated, "tiered": _tiered, "wrap": _wrapped}
_BELTS = {"none": _no_belt, "sash": _sash, "bow": _bow_belt}
