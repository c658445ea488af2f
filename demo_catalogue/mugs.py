"""Mugs and cups from the side, a little from above."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from demo_catalogue.canvas import Canvas
from demo_catalogue.curves import Box, Points, Spot, bow, joined, line, oval, smooth
from demo_catalogue.look import Cloth, Look
from demo_catalogue.motifs import ink_for, paint_motif
from demo_catalogue.palette import RGB, darker, lighter

_TILT = 0.24  # how much of a circle's depth is seen


@dataclass(frozen=True)
class Mug:
    """The shape of a mug.

    Attributes:
        rim: Half the width at the rim.
        foot: Half the width at the foot.
        belly: How far the sides bulge.
        height: Half the height.
        handle: `round`, `ear`, `square`, `loop` or `none`.
        saucer: Whether it stands on a saucer.
        dipped: Whether the lower part is glazed in the second colour.
        inner: Whether the inside and the handle are in the second colour.
        edge: `plain`, `rimmed` or `ribbed`.
    """

    rim: float = 0.42
    foot: float = 0.4
    belly: float = 0.0
    height: float = 0.5
    handle: str = "round"
    saucer: bool = False
    dipped: bool = False
    inner: bool = False
    edge: str = "plain"

    @property
    def tilt(self) -> float:
        """Half the depth of the rim as it is seen."""
        return self.rim * _TILT

    @property
    def extent(self) -> Box:
        """The rectangle the mug covers: left, upper, right and lower edge."""
        reach = {"none": 0.0, "loop": 0.2}.get(self.handle, 0.28)
        wide = max(self.rim, self.foot) + self.belly
        plate = self.foot + 0.36 if self.saucer else 0.0
        return (-max(wide, plate), -self.height - self.tilt, max(wide + reach, plate), self.height + self.tilt)


def paint_mug(canvas: Canvas, mug: Mug, look: Look) -> None:
    """Draws a mug, its handle to the right."""
    cloth = Cloth(canvas, look)
    second = cloth.accent if mug.inner else cloth.colour
    if mug.saucer:
        _saucer(canvas, mug, cloth)
    _HANDLES[mug.handle](canvas, mug, second)
    body = _body(mug)
    cloth.cut(body, sag=mug.tilt)
    if mug.dipped:
        _dip(canvas, mug, cloth, body)
    if mug.edge == "ribbed":
        _ribs(canvas, mug, cloth, body)
    _mouth(canvas, mug, lighter(second, 0.12), cloth)
    if look.motif:
        _print(canvas, mug, cloth, look.motif)
    _shine(canvas, mug)


def _print(canvas: Canvas, mug: Mug, cloth: Cloth, motif: str) -> None:
    """Puts a motif on the side, above the second glaze where there is one."""
    size = min(0.27, mug.height * (0.34 if mug.dipped else 0.5), mug.foot * 0.75)
    spot = (-0.04, -0.13 if mug.dipped else 0.1)
    paint_motif(canvas, motif, spot, size, ink_for(cloth.colour, cloth.accent), cloth.colour)


def _side(mug: Mug, y: float) -> float:
    """Finds half the mug's width at a height."""
    share = (y + mug.height) / (2 * mug.height)
    return mug.rim + (mug.foot - mug.rim) * share + mug.belly * math.sin(math.pi * share)


def _body(mug: Mug) -> Points:
    ys = np.linspace(-mug.height, mug.height, 16)
    side = np.array([(_side(mug, float(y)), y) for y in ys])
    foot = oval((0.0, mug.height), mug.foot, mug.foot * _TILT, 40)[:21]
    return joined(side, foot, (side * line((-1.0, 1.0)))[::-1])


def _mouth(canvas: Canvas, mug: Mug, inside: RGB, cloth: Cloth) -> None:
    centre = (0.0, -mug.height)
    thick = 0.035 if mug.edge == "rimmed" else 0.02
    lip = darker(cloth.accent, 0.05) if mug.edge == "rimmed" else lighter(cloth.colour, 0.2)
    canvas.fill(oval(centre, mug.rim, mug.tilt), lip)
    opening = oval(centre, mug.rim - thick, mug.tilt - thick * 0.55)
    canvas.fill(opening, inside)
    shadow = oval((0.05, -mug.height - mug.tilt * 0.5), mug.rim, mug.tilt)
    canvas.fill(shadow, darker(inside, 0.22), within=opening, outlined=False)
    canvas.fold(oval((mug.rim * 0.3, -mug.height), mug.rim * 0.5, mug.tilt * 0.5)[25:40], 0.07, 0.25)


def _shine(canvas: Canvas, mug: Mug) -> None:
    x, y = _side(mug, 0.0), mug.height
    canvas.glint(line((-x * 0.66, -y * 0.6), (-x * 0.62, y * 0.75)), 0.09, 0.5)
    canvas.fold(line((x * 0.82, -y * 0.8), (x * 0.8, y)), 0.16, 0.22)
    canvas.fold(line((-x * 0.98, -y * 0.8), (-x * 0.95, y)), 0.05, 0.2)


def _dip(canvas: Canvas, mug: Mug, cloth: Cloth, body: Points) -> None:
    x = mug.rim + 0.3
    edge = bow((-x, 0.16), (x, 0.16), -0.09, 20)
    canvas.fill(joined(edge, line((x, 1.0), (-x, 1.0))), cloth.accent, within=body)


def _ribs(canvas: Canvas, mug: Mug, cloth: Cloth, body: Points) -> None:
    for angle in range(-75, 90, 15):
        share = math.sin(math.radians(angle))
        run = line(
            *(
                (share * _side(mug, y), y + mug.tilt * math.cos(math.radians(angle)))
                for y in (-0.4 * mug.height, 0.0, mug.height * 0.96)
            )
        )
        canvas.stroke(run, cloth.seam, 0.01)


def _loop(canvas: Canvas, points: Points, colour: RGB, width: float) -> None:
    canvas.band(points, colour, width)
    canvas.glint(points[: len(points) // 2] + line((-0.012, -0.012)), width * 0.4, 0.4)


def _ends(mug: Mug) -> tuple[Spot, Spot]:
    """Finds where a handle meets the body, above and below."""
    high, low = -mug.height * 0.55, mug.height * 0.6
    return (_side(mug, high) - 0.02, high), (_side(mug, low) - 0.02, low)


def _round(canvas: Canvas, mug: Mug, colour: RGB) -> None:
    (x0, y0), (x1, y1) = _ends(mug)
    reach = max(x0, x1) + 0.27
    points = smooth((x0, y0), (reach - 0.08, y0 - 0.01), (reach, (y0 + y1) / 2), (reach - 0.1, y1 + 0.01), (x1, y1))
    _loop(canvas, points, colour, 0.085)


def _ear(canvas: Canvas, mug: Mug, colour: RGB) -> None:
    (x0, y0), (x1, y1) = _ends(mug)
    reach = max(x0, x1) + 0.29
    points = smooth(
        (x0, y0 + 0.02), (reach - 0.1, y0 - 0.08), (reach, y0 + 0.1), (reach - 0.13, y1 - 0.12), (x1, y1 + 0.02)
    )
    _loop(canvas, points, colour, 0.075)


def _square(canvas: Canvas, mug: Mug, colour: RGB) -> None:
    (x0, y0), (x1, y1) = _ends(mug)
    reach = max(x0, x1) + 0.24
    _loop(canvas, line((x0, y0), (reach, y0), (reach, y1 - 0.04), (x1, y1 - 0.04)), colour, 0.085)


def _small_loop(canvas: Canvas, mug: Mug, colour: RGB) -> None:
    (x0, y0), _ = _ends(mug)
    x0 -= 0.01
    points = smooth((x0, y0 + 0.03), (x0 + 0.17, y0), (x0 + 0.21, y0 + 0.15), (x0 + 0.12, y0 + 0.29), (x0, y0 + 0.28))
    _loop(canvas, points, colour, 0.06)


def _no_handle(canvas: Canvas, mug: Mug, colour: RGB) -> None:
    """Leaves the mug a tumbler."""


def _saucer(canvas: Canvas, mug: Mug, cloth: Cloth) -> None:
    wide = mug.foot + 0.36
    y = mug.height + 0.05
    canvas.fill(oval((0.0, y + 0.03), wide, wide * 0.2), darker(cloth.colour, 0.15))
    canvas.fill(oval((0.0, y), wide, wide * 0.2), cloth.colour)
    canvas.fill(oval((0.0, y), wide * 0.66, wide * 0.12), darker(cloth.colour, 0.06))


_HANDLES = {"round": _round, "ear": _ear, "square": _square, "loop": _small_loop, "none": _no_handle}
