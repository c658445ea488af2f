"""Everything worn below the waist: trousers, jeans, shorts, skirts."""

from __future__ import annotations

from dataclasses import dataclass

from demo_catalogue.canvas import Canvas
from demo_catalogue.curves import Box, Points, bow, joined, line, mirrored, smooth, symmetric
from demo_catalogue.look import Cloth, Look
from demo_catalogue.palette import darker, lighter

_SIDES = (1.0, -1.0)
_TOP = -0.84
_BAND = 0.085


@dataclass(frozen=True)
class Bottoms:
    """The cut of trousers, shorts or a skirt.

    Attributes:
        waist: Half the width of the waistband.
        hip: Half the width at the hip.
        length: Where the hem lies.
        hem: Width of a leg at its end; of a skirt, half its width.
        legs: Whether it has two of them.
        band: `tailored`, `elastic` or `jeans`.
        pockets: `none`, `slant`, `jeans` or `cargo`.
        crease: `none`, `pressed` or `pleats`.
        cuff: `plain`, `turned`, `ribbed` or `raw`.
    """

    waist: float = 0.25
    hip: float = 0.33
    length: float = 0.88
    hem: float = 0.22
    legs: bool = True
    band: str = "tailored"
    pockets: str = "slant"
    crease: str = "none"
    cuff: str = "plain"

    @property
    def extent(self) -> Box:
        """The rectangle it covers: left, upper, right and lower edge."""
        across = max(self.hip, self.hip * 0.62 + self.hem / 2 if self.legs else self.hem)
        return (-across, _TOP - 0.03, across, self.length + 0.03)


def paint_bottoms(canvas: Canvas, cut: Bottoms, look: Look) -> None:
    """Draws trousers, shorts or a skirt lying flat."""
    cloth = Cloth(canvas, look)
    if cut.legs:
        for side in _SIDES:
            _leg(canvas, cut, cloth, side)
        _fly(canvas, cut, cloth)
    else:
        _skirt(canvas, cut, cloth)
    _POCKETS[cut.pockets](canvas, cut, cloth)
    _BANDS[cut.band](canvas, cut, cloth)


def _crotch(cut: Bottoms) -> float:
    """Finds where the legs part."""
    return min(-0.2, cut.length - 0.3)


def _leg(canvas: Canvas, cut: Bottoms, cloth: Cloth, side: float) -> None:
    middle = cut.hip * 0.62
    outer = (middle + cut.hem / 2 + 0.02, cut.length)
    inner = (max(0.025, middle - cut.hem / 2 + 0.02), cut.length + 0.012)
    knee = (cut.hip + outer[0]) / 2 - 0.02
    long = smooth((cut.waist, _TOP), (cut.hip, -0.5), (knee, (cut.length - 0.4) / 2), outer)
    shape = joined(long, line(inner), bow(inner, (0.0, _crotch(cut)), 0.01), line((0.0, _TOP)))
    cloth.cut(shape if side > 0 else mirrored(shape), degrees=side * -3.0)
    _cuff(canvas, cut, cloth, line(inner, outer), side)
    _crease(canvas, cut, cloth, (inner[0] + outer[0]) / 2, side)
    for start, end in (((0.02, _crotch(cut) + 0.02), (0.2, _crotch(cut) - 0.1)), ((0.04, -0.12), (0.18, -0.05))):
        canvas.fold(bow((side * start[0], start[1]), (side * end[0], end[1]), 0.02), 0.025, 0.22)


def _cuff(canvas: Canvas, cut: Bottoms, cloth: Cloth, end: Points, side: float) -> None:
    way = end if side > 0 else mirrored(end)
    high = {"turned": 0.09, "ribbed": 0.1}.get(cut.cuff, 0.0)
    if cut.cuff == "raw":
        for share in (0.0, 0.02, 0.035):
            canvas.stitches(way - line((0.0, share)), lighter(cloth.colour, 0.5))
    elif high:
        tone = cloth.trim if cut.cuff == "ribbed" else lighter(cloth.colour, 0.2)
        canvas.fill(joined(way, way[::-1] - line((0.0, high))), tone)
    else:
        canvas.stitches(way - line((0.0, 0.03)), cloth.seam)


def _crease(canvas: Canvas, cut: Bottoms, cloth: Cloth, low: float, side: float) -> None:
    high = cut.waist * 0.52
    if cut.crease == "pressed":
        canvas.stroke(line((side * high, -0.5), (side * low, cut.length - 0.02)), cloth.seam, 0.007)
        canvas.fold(line((side * (high + 0.02), -0.4), (side * (low + 0.02), cut.length - 0.02)), 0.03, 0.22)
    if cut.crease == "pleats":
        for step in (0.4, 0.62):
            x = cut.waist * step
            canvas.stroke(line((side * x, _TOP + _BAND), (side * (x + 0.015), _TOP + 0.34)), cloth.seam, 0.009)
            canvas.fold(line((side * (x + 0.02), _TOP + _BAND), (side * (x + 0.03), _TOP + 0.34)), 0.03, 0.25)


def _fly(canvas: Canvas, cut: Bottoms, cloth: Cloth) -> None:
    low = _crotch(cut)
    canvas.stroke(line((0.0, _TOP), (0.0, low)), cloth.seam, 0.009)
    if cut.band != "elastic":
        end = min(low - 0.08, _TOP + 0.42)
        canvas.stitches(smooth((0.06, _TOP + _BAND), (0.06, end - 0.08), (0.0, end)), cloth.seam)


def _skirt(canvas: Canvas, cut: Bottoms, cloth: Cloth) -> None:
    hip_y = min(-0.5, cut.length - 0.3)
    side = smooth((cut.waist, _TOP), (cut.hip, hip_y), (cut.hem, cut.length))
    low = cut.length + 0.03
    hem = smooth((cut.hem, cut.length), (cut.hem * 0.5, low), (0.0, low))
    cloth.cut(symmetric(joined(line((0.0, _TOP)), side, hem)))
    if cut.crease == "pleats":
        _pleats(canvas, cut, cloth)
        return
    for share in (-0.55, -0.15, 0.3, 0.7):
        canvas.fold(line((cut.waist * share, _TOP + 0.2), (cut.hem * share, cut.length)), 0.035, 0.2)
    half = smooth((0.0, cut.length), (cut.hem * 0.5, cut.length), (cut.hem - 0.015, cut.length - 0.03))
    canvas.stitches(symmetric(half[::-1]), cloth.seam)
    if cut.crease == "pressed":
        canvas.stroke(line((0.1, cut.length - 0.35), (0.12, cut.length + 0.03)), cloth.seam, 0.016)


def _pleats(canvas: Canvas, cut: Bottoms, cloth: Cloth) -> None:
    for step in range(-6, 7):
        share = step / 6.4
        start, end = (cut.waist * share, _TOP + _BAND), (cut.hem * share, cut.length + 0.01)
        canvas.stroke(line(start, end), cloth.seam, 0.008)
        canvas.fold(line((start[0] + 0.015, start[1]), (end[0] + 0.03, end[1])), 0.025, 0.26)


def _no_pockets(canvas: Canvas, cut: Bottoms, cloth: Cloth) -> None:
    """Leaves the sides closed."""


def _slant_pockets(canvas: Canvas, cut: Bottoms, cloth: Cloth) -> None:
    for side in _SIDES:
        start, end = (side * cut.waist * 0.72, _TOP + _BAND), (side * (cut.hip - 0.012), _TOP + 0.32)
        canvas.stroke(line(start, end), cloth.seam, 0.012)
        canvas.stitches(line(start, end) - line((side * 0.022, 0.0)), cloth.seam, 0.006)


def _jeans_pockets(canvas: Canvas, cut: Bottoms, cloth: Cloth) -> None:
    thread = lighter(cloth.colour, 0.45)
    for side in _SIDES:
        scoop = smooth(
            (side * cut.waist * 0.5, _TOP + _BAND),
            (side * cut.waist * 0.6, _TOP + 0.19),
            (side * (cut.hip - 0.03), _TOP + 0.23),
        )
        canvas.stroke(scoop, cloth.seam, 0.012)
        canvas.stitches(scoop + line((side * -0.01, 0.022)), thread, 0.007)
        canvas.dots(scoop[[0, -1]], 0.01, (196, 150, 92))


def _cargo_pockets(canvas: Canvas, cut: Bottoms, cloth: Cloth) -> None:
    _slant_pockets(canvas, cut, cloth)
    y = min(-0.02, cut.length - 0.42)
    for side in _SIDES:
        x = cut.hip * 0.8
        for shape in (
            line((x - 0.1, y), (x + 0.08, y), (x + 0.08, y + 0.24), (x - 0.1, y + 0.24)),
            line((x - 0.11, y - 0.02), (x + 0.09, y - 0.02), (x + 0.09, y + 0.06), (x - 0.11, y + 0.06)),
        ):
            cloth.cut(shape if side > 0 else mirrored(shape))
        canvas.dots(line((side * x, y + 0.035)), 0.012, lighter(cloth.seam, 0.4))


def _band(canvas: Canvas, cut: Bottoms, cloth: Cloth) -> None:
    """Draws the waistband and the dark inside of its back."""
    x = cut.waist
    canvas.fill(joined(bow((-x, _TOP), (x, _TOP), 0.03), bow((x, _TOP), (-x, _TOP), 0.02)), cloth.inside)
    front = joined(bow((-x, _TOP), (x, _TOP), -0.02), bow((x + 0.012, _TOP + _BAND), (-x - 0.012, _TOP + _BAND), 0.02))
    cloth.cut(front)


def _tailored_band(canvas: Canvas, cut: Bottoms, cloth: Cloth) -> None:
    _band(canvas, cut, cloth)
    canvas.dots(line((0.025, _TOP + _BAND * 0.75)), 0.016, lighter(cloth.accent, 0.3), rimmed=True)
    _loops(canvas, cut, cloth)


def _loops(canvas: Canvas, cut: Bottoms, cloth: Cloth) -> None:
    for share in (-0.8, -0.38, 0.38, 0.8):
        x = cut.waist * share
        loop = line((x - 0.013, _TOP), (x + 0.013, _TOP), (x + 0.013, _TOP + 0.11), (x - 0.013, _TOP + 0.11))
        canvas.fill(loop, cloth.trim)


def _elastic_band(canvas: Canvas, cut: Bottoms, cloth: Cloth) -> None:
    _band(canvas, cut, cloth)
    for step in range(-9, 10):
        x = cut.waist * step / 9.6
        canvas.stroke(line((x, _TOP + 0.015), (x, _TOP + _BAND + 0.01)), darker(cloth.trim, 0.12), 0.007)
    for side in _SIDES:
        cord = smooth((side * 0.02, _TOP + _BAND), (side * 0.05, _TOP + 0.17), (side * 0.035, _TOP + 0.3))
        canvas.stroke(cord, darker(cloth.seam, 0.2), 0.022)
        canvas.stroke(cord, lighter(cloth.accent, 0.5), 0.013)


def _jeans_band(canvas: Canvas, cut: Bottoms, cloth: Cloth) -> None:
    _band(canvas, cut, cloth)
    thread = lighter(cloth.colour, 0.45)
    canvas.stitches(bow((-cut.waist, _TOP + _BAND - 0.015), (cut.waist, _TOP + _BAND - 0.015), -0.02), thread, 0.006)
    canvas.dots(line((0.0, _TOP + _BAND * 0.75)), 0.02, (196, 150, 92), rimmed=True)
    _loops(canvas, cut, cloth)


_POCKETS = {"none": _no_pockets, "slant": _slant_pockets, "jeans": _jeans_pockets, "cargo": _cargo_pockets}
_BANDS = {"tailored": _tailored_band, "elastic": _elastic_band, "jeans": _jeans_band}
