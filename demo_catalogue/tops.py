"""Everything worn above the waist: T-shirts, shirts, hoodies, jumpers, jackets."""

from __future__ import annotations

import math
from dataclasses import dataclass

from demo_catalogue.canvas import Canvas
from demo_catalogue.curves import Box, Points, Spot, between, bow, joined, line, mirrored, smooth, symmetric
from demo_catalogue.look import Cloth, Look
from demo_catalogue.motifs import ink_for, paint_motif
from demo_catalogue.palette import darker, lighter

_NECK_Y = -0.68
_SIDES = (1.0, -1.0)


@dataclass(frozen=True)
class Top:
    """The cut of a top.

    Attributes:
        neckline: `crew`, `v`, `scoop`, `boat`, `collar`, `hood`, `roll` or `straps`.
        sleeve: Length of the sleeve; 0 for none.
        sleeve_width: Width of the sleeve at its end.
        width: Half the width at the chest.
        taper: How much narrower (or, below 0, wider) the hem is.
        length: Where the hem lies.
        front: `plain`, `buttons`, `zip` or `placket`.
        pocket: `none`, `chest`, `kangaroo`, `patch` or `flap`.
        hem: `straight`, `curved` or `ribbed`.
        drop: How far the shoulder seam falls over the arm.
    """

    neckline: str = "crew"
    sleeve: float = 0.3
    sleeve_width: float = 0.22
    width: float = 0.41
    taper: float = 0.0
    length: float = 0.56
    front: str = "plain"
    pocket: str = "none"
    hem: str = "straight"
    drop: float = 0.0

    @property
    def neck(self) -> Spot:
        """Where neck and shoulder meet, on the right."""
        wide = {"boat": 0.23, "scoop": 0.2, "straps": 0.2, "roll": 0.13, "hood": 0.16}
        return (wide.get(self.neckline, 0.16), _NECK_Y)

    @property
    def shoulder(self) -> Spot:
        """The end of the right shoulder."""
        inset = 0.1 if self.neckline == "straps" else 0.0
        return (self.width + self.drop - 0.035 - inset, -0.57 + self.drop * 0.7)

    @property
    def armpit(self) -> Spot:
        """Where the right sleeve meets the side."""
        return (self.width - 0.015, -0.24 + self.drop * 0.5)

    @property
    def hip(self) -> Spot:
        """The right end of the hem."""
        return (self.width - self.taper, self.length)

    @property
    def extent(self) -> Box:
        """The rectangle the top covers: left, upper, right and lower edge."""
        upper = {"hood": -0.98, "roll": -0.85}.get(self.neckline, _NECK_Y - 0.05)
        across = self.width + self.drop + self.sleeve * (0.66 - 0.35 * min(1.0, self.sleeve))
        lower = max(self.length + 0.05, -0.55 + 0.97 * self.sleeve)
        return (-across, upper, across, lower)


def paint_top(canvas: Canvas, top: Top, look: Look) -> None:
    """Draws a top lying flat."""
    cloth = Cloth(canvas, look)
    body = _body(top)
    _behind_the_neck(canvas, top, cloth)
    if top.sleeve > 0:
        for side in _SIDES:
            _sleeve(canvas, top, cloth, side)
    cloth.cut(body)
    _hem(canvas, top, cloth, body)
    _creases(canvas, top)
    _POCKETS[top.pocket](canvas, top, cloth)
    _FRONTS[top.front](canvas, top, cloth)
    _NECKLINES[top.neckline](canvas, top, cloth)
    if look.motif:
        paint_motif(canvas, look.motif, (0.0, -0.1), 0.2, ink_for(cloth.colour, cloth.accent), cloth.colour)


def _front_neck(top: Top) -> Points:
    """Runs the front edge of the neckline from its middle to the right shoulder."""
    depth = {"crew": 0.1, "scoop": 0.24, "boat": 0.05, "straps": 0.26, "roll": 0.03}.get(top.neckline, 0.1)
    x, y = top.neck
    if top.neckline in ("v", "collar"):
        return line((0.0, y + (0.3 if top.neckline == "v" else 0.16)), (x, y))
    return smooth((0.0, y + depth), (x * 0.62, y + depth * 0.74), (x, y))


def _body(top: Top) -> Points:
    armhole = bow(top.shoulder, top.armpit, 0.015 if top.sleeve > 0 else -0.05)
    waist = (top.width - 0.4 * top.taper - 0.012, 0.15)
    side = smooth(top.armpit, waist, top.hip)
    low = top.length + (0.07 if top.hem == "curved" else 0.015)
    hem = smooth(top.hip, (top.hip[0] * 0.5, low), (0.0, low))
    return symmetric(joined(_front_neck(top), armhole, side, hem))


def _behind_the_neck(canvas: Canvas, top: Top, cloth: Cloth) -> None:
    """Draws the inside of the back, seen through the neckline, and the hood where there is one."""
    if top.neckline == "hood":
        half = smooth((0.0, -0.98), (0.2, -0.93), (0.27, -0.72), (0.24, -0.56), (0.0, -0.5))
        cloth.cut(symmetric(half))
    x, y = top.neck
    front = _front_neck(top)
    back = smooth((0.0, y + 0.035), (x * 0.6, y + 0.025), (x, y))
    canvas.fill(joined(symmetric(front[::-1]), symmetric(back)), cloth.inside)
    if top.neckline not in ("hood", "straps"):
        canvas.fill(line((-0.03, y + 0.05), (0.03, y + 0.05), (0.03, y + 0.075), (-0.03, y + 0.075)), (235, 235, 235))


def _sleeve(canvas: Canvas, top: Top, cloth: Cloth, side: float) -> None:
    lean = 50.0 + 24.0 * min(1.0, top.sleeve / 0.8)
    along = (math.cos(math.radians(lean)), math.sin(math.radians(lean)))
    shoulder, armpit = top.shoulder, top.armpit
    outer = (shoulder[0] + along[0] * top.sleeve, shoulder[1] + along[1] * top.sleeve)
    inner = (outer[0] - along[1] * top.sleeve_width, outer[1] + along[0] * top.sleeve_width)
    upper = bow((shoulder[0] - 0.03, shoulder[1] - 0.012), outer, 0.02)
    under = bow(inner, (armpit[0] - 0.03, armpit[1] + 0.02), -0.012)
    shape = joined(upper, bow(outer, inner, 0.008), under)
    turn = side * (lean - 90.0) * -1.0
    cloth.cut(shape if side > 0 else mirrored(shape), degrees=turn)
    _cuff(canvas, top, cloth, (outer, inner, (-along[0], -along[1])), side)
    crease = line(between(shoulder, outer, 0.55), between(inner, armpit, 0.45))
    canvas.fold(crease if side > 0 else mirrored(crease), 0.03, 0.18)


def _cuff(canvas: Canvas, top: Top, cloth: Cloth, end: tuple[Spot, Spot, Spot], side: float) -> None:
    """Draws a ribbed band on knitted things and on shirts, a stitched hem on the others."""
    outer, inner, back = end
    broad = 0.07 if top.hem == "ribbed" or top.neckline == "collar" else 0.03
    lifted = [(spot[0] + back[0] * broad, spot[1] + back[1] * broad) for spot in (inner, outer)]
    band = line(outer, inner, *lifted)
    seam = line(*lifted)
    if top.hem == "ribbed":
        canvas.fill(band if side > 0 else mirrored(band), cloth.trim)
    else:
        canvas.stitches(seam if side > 0 else mirrored(seam), cloth.seam)


def _hem(canvas: Canvas, top: Top, cloth: Cloth, body: Points) -> None:
    x, y = top.hip
    if top.hem == "ribbed":
        half = joined(line((0.0, y - 0.09), (x + 0.01, y - 0.09)), line((x - 0.02, y + 0.01), (0.0, y + 0.02)))
        canvas.fill(symmetric(half), cloth.trim)
        for step in range(-9, 10):
            at = step * x / 10
            canvas.stroke(line((at, y - 0.08), (at * 0.97, y)), darker(cloth.trim, 0.1), 0.006)
    else:
        low = y + (0.04 if top.hem == "curved" else -0.02)
        half = smooth((0.0, low), (x * 0.5, low), (x - 0.01, y - 0.03))
        canvas.stitches(symmetric(half[::-1]), cloth.seam)


def _creases(canvas: Canvas, top: Top) -> None:
    """Lays the folds every worn cloth has: under the arms and down the sides."""
    x, y = top.armpit
    for side in _SIDES:
        for start, end in (((x - 0.02, y + 0.03), (x - 0.18, y + 0.2)), ((x - 0.06, 0.2), (x - 0.1, top.length - 0.1))):
            canvas.fold(bow((side * start[0], start[1]), (side * end[0], end[1]), 0.02), 0.03, 0.2)
    canvas.glint(bow((-0.13, -0.4), (-0.16, top.length - 0.2), 0.03), 0.1, 0.08)


def _no_pocket(canvas: Canvas, top: Top, cloth: Cloth) -> None:
    """Leaves the front without pockets."""


def _chest_pocket(canvas: Canvas, top: Top, cloth: Cloth) -> None:
    x = top.width * 0.5
    shape = line((x - 0.08, -0.3), (x + 0.08, -0.3), (x + 0.08, -0.14), (x, -0.1), (x - 0.08, -0.14))
    cloth.cut(shape)
    canvas.stitches(line((x - 0.08, -0.275), (x + 0.08, -0.275)), cloth.seam)


def _kangaroo_pocket(canvas: Canvas, top: Top, cloth: Cloth) -> None:
    low, wide = top.length - 0.1, top.width * 0.66
    half = line((0.0, low - 0.3), (wide * 0.6, low - 0.3), (wide, low - 0.1), (wide, low), (0.0, low))
    cloth.cut(symmetric(half))
    for side in _SIDES:
        canvas.stitches(line((side * (wide * 0.6 - 0.02), low - 0.28), (side * (wide - 0.03), low - 0.09)), cloth.seam)


def _patch_pockets(canvas: Canvas, top: Top, cloth: Cloth) -> None:
    wide, low = top.width * 0.54, top.length - 0.12
    for side in _SIDES:
        shape = line((wide - 0.11, low - 0.24), (wide + 0.11, low - 0.24), (wide + 0.1, low), (wide - 0.1, low))
        cloth.cut(shape if side > 0 else mirrored(shape))


def _flap_pockets(canvas: Canvas, top: Top, cloth: Cloth) -> None:
    for side in _SIDES:
        x = top.width * 0.52
        flap = line((x - 0.1, -0.28), (x + 0.1, -0.28), (x + 0.1, -0.21), (x, -0.17), (x - 0.1, -0.21))
        box = line((x - 0.09, -0.22), (x + 0.09, -0.22), (x + 0.09, -0.03), (x - 0.09, -0.03))
        for shape in (box, flap):
            cloth.cut(shape if side > 0 else mirrored(shape))
        canvas.dots(line((side * x, -0.2)), 0.014, lighter(cloth.seam, 0.4), rimmed=True)


def _plain_front(canvas: Canvas, top: Top, cloth: Cloth) -> None:
    """Leaves the front closed."""


def _opening(top: Top) -> float:
    """Finds where the neckline's lowest point lies, at which a front opens."""
    return float(_front_neck(top)[0][1])


def _button_front(canvas: Canvas, top: Top, cloth: Cloth) -> None:
    start, low = _opening(top), top.length + 0.01
    cloth.cut(line((-0.035, start), (0.035, start), (0.035, low), (-0.035, low)))
    count = max(4, round((low - start) / 0.19))
    spots = [(0.0, start + (low - start) * (index + 0.4) / count) for index in range(count)]
    canvas.dots(line(*spots), 0.017, lighter(cloth.accent, 0.5), rimmed=True)


def _zip_front(canvas: Canvas, top: Top, cloth: Cloth) -> None:
    start, low = _opening(top), top.length + 0.01
    canvas.stroke(line((0.0, start), (0.0, low)), cloth.seam, 0.034)
    canvas.stitches(line((0.0, start), (0.0, low)), (214, 214, 214), 0.018)
    tag = line((-0.016, start + 0.05), (0.016, start + 0.05), (0.016, start + 0.12), (-0.016, start + 0.12))
    canvas.fill(tag, (196, 196, 198))


def _placket_front(canvas: Canvas, top: Top, cloth: Cloth) -> None:
    start = _opening(top)
    cloth.cut(line((-0.035, start), (0.035, start), (0.035, start + 0.26), (-0.035, start + 0.26)))
    spots = [(0.0, start + 0.06 + 0.075 * index) for index in range(3)]
    canvas.dots(line(*spots), 0.015, lighter(cloth.accent, 0.5), rimmed=True)


def _rib(canvas: Canvas, top: Top, cloth: Cloth) -> None:
    """Runs a ribbed band along the neckline."""
    edge = symmetric(_front_neck(top)[::-1])
    canvas.stroke(edge, cloth.seam, 0.058)
    canvas.stroke(edge, cloth.trim, 0.042)


def _collar(canvas: Canvas, top: Top, cloth: Cloth) -> None:
    x, y = top.neck
    low = _opening(top)
    for side in _SIDES:
        leaf = line((0.0, low), (x, y - 0.035), (x + 0.055, y + 0.02), (0.15, low + 0.05))
        cloth.cut(leaf if side > 0 else mirrored(leaf), degrees=side * -28.0)
    band = joined(bow((-x, y - 0.035), (x, y - 0.035), 0.03), bow((x, y + 0.01), (-x, y + 0.01), -0.02))
    canvas.fill(band, cloth.inside)


def _hood(canvas: Canvas, top: Top, cloth: Cloth) -> None:
    """Lays the hood's two edges over the chest and lets its cords hang."""
    low = _opening(top)
    for side in _SIDES:
        half = joined(smooth((0.0, low + 0.05), (0.12, low - 0.03), (0.17, -0.72), (0.1, -0.9)), line((0.16, -0.94)))
        edge = joined(half, smooth((0.25, -0.78), (0.245, -0.6), (0.0, low + 0.14)))
        cloth.cut(edge if side > 0 else mirrored(edge))
        cord = smooth((side * 0.07, low + 0.06), (side * 0.08, low + 0.18), (side * 0.06, low + 0.33))
        canvas.stroke(cord, darker(cloth.seam, 0.2), 0.024)
        canvas.stroke(cord, lighter(cloth.accent, 0.45), 0.014)


def _roll(canvas: Canvas, top: Top, cloth: Cloth) -> None:
    x, y = top.neck
    half = joined(line((0.0, y - 0.16), (x, y - 0.15)), bow((x, y - 0.15), (x + 0.025, y + 0.02), 0.01))
    canvas.fill(symmetric(joined(half, line((0.0, y + 0.06)))), cloth.trim)
    for step in range(-4, 5):
        canvas.stroke(line((step * 0.03, y - 0.13), (step * 0.032, y + 0.02)), darker(cloth.trim, 0.1), 0.006)


def _straps(canvas: Canvas, top: Top, cloth: Cloth) -> None:
    canvas.stitches(symmetric(_front_neck(top)[::-1]) + line((0.0, 0.03)), cloth.seam)


_POCKETS = {
    "none": _no_pocket,
    "chest": _chest_pocket,
    "kangaroo": _kangaroo_pocket,
    "patch": _patch_pockets,
    "flap": _flap_pockets,
}
_FRONTS = {"plain": _plain_front, "buttons": _button_front, "zip": _zip_front, "placket": _placket_front}
_NECKLINES = {
    "crew": _rib,
    "v": _rib,
    "scoop": _rib,
    "boat": _rib,
    "collar": _collar,
    "hood": _hood,
    "roll": _roll,
    "straps": _straps,
}
