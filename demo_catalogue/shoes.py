"""Closed shoes from the side: sneakers, boots, loafers. The toe points to the left; the ground is at y = 0.5."""

from __future__ import annotations

from dataclasses import dataclass

from demo_catalogue.canvas import Canvas
from demo_catalogue.curves import Box, Points, Spot, between, bow, joined, line, placed, smooth
from demo_catalogue.look import Cloth, Look
from demo_catalogue.motifs import MOTIFS
from demo_catalogue.palette import RGB, darker, lighter

_GROUND = 0.5


@dataclass(frozen=True)
class Shoe:
    """The build of a closed shoe.

    Attributes:
        height: Where the collar lies above the ground line's middle: low shoes about .05, boots up to 1.2.
        shaft: Width of the collar.
        sole: Thickness of the sole.
        toe: How round the toe is, from 0 (pointed) to 1.
        heel: Height of a separate heel; 0 for a flat sole.
        closure: `laces`, `straps`, `zip`, `elastic`, `buckle` or `slip-on`.
        side: What the side shows: `none`, `bars`, `wave`, `badge`, `panel`, `stitching` or `chevrons`.
        cap: Whether it has a toe cap.
        tread: `flat`, `lugs` or `line`.
    """

    height: float = 0.1
    shaft: float = 0.48
    sole: float = 0.13
    toe: float = 0.6
    heel: float = 0.0
    closure: str = "laces"
    side: str = "none"
    cap: bool = False
    tread: str = "line"

    @property
    def floor(self) -> float:
        """Where the upper meets the sole under the toes."""
        return _GROUND - self.sole

    @property
    def seat(self) -> float:
        """Where the upper meets the sole under the heel."""
        return self.floor - self.heel * 0.25

    @property
    def throat(self) -> tuple[Spot, Spot]:
        """The two ends of the instep: low at the toe, high at the collar."""
        low = (-0.3 + 0.06 * self.toe, self.floor - 0.28)
        return low, (0.68 - self.shaft - min(0.1, max(0.0, self.height) * 0.1), -self.height - 0.02)

    @property
    def extent(self) -> Box:
        """The rectangle the shoe covers: left, upper, right and lower edge."""
        return (-0.9, min(-self.height - 0.1, -0.12), 0.82, _GROUND + 0.03)


def paint_shoe(canvas: Canvas, shoe: Shoe, look: Look) -> None:
    """Draws a closed shoe from its outer side."""
    cloth = Cloth(canvas, look)
    sole = _sole_colour(look)
    upper = _upper(shoe)
    _lining(canvas, shoe, cloth)
    cloth.cut(upper)
    canvas.glint(smooth((-0.62, shoe.floor - 0.16), (-0.45, shoe.floor - 0.26), (-0.3, shoe.floor - 0.3)), 0.06, 0.3)
    _counter(canvas, shoe, cloth, upper)
    if shoe.cap:
        _cap(canvas, shoe, cloth, upper)
    _SIDES[shoe.side](canvas, shoe, cloth, upper)
    _CLOSURES[shoe.closure](canvas, shoe, cloth, upper)
    _sole(canvas, shoe, sole)


def _sole_colour(look: Look) -> RGB:
    """Gives the sole a lighter shade of the second colour."""
    return lighter(look.accent.rgb, 0.25)


def _upper(shoe: Shoe) -> Points:
    floor, seat, top = shoe.floor, shoe.seat, -shoe.height
    (low_x, low_y), (high_x, high_y) = shoe.throat
    back_top = (0.68, top)
    rise = (seat - top) / 3
    heel = smooth((0.74, seat + 0.03), (0.75, seat - rise), (0.71, seat - 2 * rise), back_top)
    dip = 0.12 if shoe.height < 0.4 else 0.025
    collar = smooth(back_top, ((back_top[0] + high_x) / 2 + 0.03, top + dip), (high_x, high_y))
    if shoe.height > 0.35:
        ankle = (high_x - 0.015, max(high_y + 0.15, -0.08))
        instep = smooth((high_x, high_y), ankle, (low_x, low_y))
    else:
        instep = bow((high_x, high_y), (low_x, low_y), -0.015)
    tip = -0.86 + 0.03 * shoe.toe
    high = floor - 0.1 - 0.12 * shoe.toe
    toe = smooth((low_x, low_y), (-0.58, high - 0.04), (tip + 0.1 - 0.04 * shoe.toe, high + 0.06), (tip, floor + 0.03))
    return joined(heel, collar, instep, toe, line((-0.2, floor + 0.03)))


def _lining(canvas: Canvas, shoe: Shoe, cloth: Cloth) -> None:
    """Draws the far edge of the collar, and the tongue where there are laces."""
    _, (x, y) = shoe.throat
    edge = bow((0.68, -shoe.height), (x, y), -0.045)
    far = joined(edge, line((x + 0.06, y + 0.14), (0.62, -shoe.height + 0.16)))
    canvas.fill(far, cloth.inside)
    if shoe.closure in ("laces", "straps"):
        rise = 0.12 if shoe.height < 0.4 else 0.07
        tongue = smooth((x + 0.09, y + 0.06), (x + 0.07, y - rise), (x - 0.02, y - rise - 0.01), (x - 0.04, y + 0.1))
        cloth.cut(tongue)


def _counter(canvas: Canvas, shoe: Shoe, cloth: Cloth, upper: Points) -> None:
    """Sews the heel's stiffener on."""
    floor = shoe.seat
    high = max(-shoe.height, -0.12)
    patch = smooth((0.8, floor + 0.05), (0.42, floor + 0.05), (0.46, floor - 0.14), (0.62, high + 0.05), (0.8, high))
    canvas.fill(patch, darker(cloth.colour, 0.16), within=upper, outlined=False)
    canvas.stitches(patch[9:-9], cloth.seam)


def _cap(canvas: Canvas, shoe: Shoe, cloth: Cloth, upper: Points) -> None:
    floor = shoe.floor
    patch = smooth(
        (-0.95, floor + 0.06), (-0.52, floor + 0.06), (-0.52, floor - 0.12), (-0.62, floor - 0.34), (-0.95, -0.2)
    )
    canvas.fill(patch, lighter(cloth.accent, 0.3), within=upper, outlined=False)
    canvas.stroke(patch[9:-14], cloth.seam, 0.012)


def _sole(canvas: Canvas, shoe: Shoe, colour: RGB) -> None:
    floor, ground = shoe.floor, _GROUND
    if shoe.heel > 0:
        _heeled_sole(canvas, shoe, colour)
        return
    top = smooth((-0.89, floor + 0.015), (-0.4, floor + 0.04), (0.2, floor + 0.03), (0.8, floor - 0.01))
    end = smooth((0.8, floor - 0.01), (0.82, (floor + ground) / 2), (0.76, ground))
    front = smooth((-0.6, ground), (-0.82, ground - 0.03), (-0.9, floor + 0.05), (-0.89, floor + 0.015))
    shape = joined(top, end, front)
    canvas.fill(shape, colour)
    if shoe.tread == "line":
        run = smooth((-0.86, floor + 0.07), (-0.4, floor + 0.085), (0.2, floor + 0.08), (0.79, floor + 0.05))
        canvas.stroke(run, darker(colour, 0.3), 0.014)
    if shoe.tread == "lugs":
        for step in range(17):
            x = -0.78 + step * 0.09
            lug = line(
                (x, ground - 0.01), (x + 0.055, ground - 0.01), (x + 0.05, ground + 0.035), (x + 0.005, ground + 0.035)
            )
            canvas.fill(lug, darker(colour, 0.25))


def _heeled_sole(canvas: Canvas, shoe: Shoe, colour: RGB) -> None:
    """Draws a sole that rises behind the ball, with a block under the heel."""
    floor, seat, ground = shoe.floor, shoe.seat, _GROUND
    block = joined(
        line((0.36, seat + 0.01), (0.8, seat)), bow((0.8, seat), (0.76, ground), 0.015), line((0.42, ground))
    )
    canvas.fill(block, darker(colour, 0.12))
    thin = shoe.sole * 0.6
    top = smooth((-0.88, floor + 0.02), (-0.35, floor + 0.03), (0.3, seat + 0.02), (0.79, seat - 0.005))
    back = smooth((0.79, seat + thin), (0.36, seat + thin + 0.01), (0.0, (seat + floor) / 2 + shoe.sole))
    front = smooth((-0.3, ground), (-0.66, ground), (-0.86, ground - 0.02), (-0.88, floor + 0.02))
    canvas.fill(joined(top, back, front), colour)


def _no_side(canvas: Canvas, shoe: Shoe, cloth: Cloth, upper: Points) -> None:
    """Leaves the side plain."""


def _bars(canvas: Canvas, shoe: Shoe, cloth: Cloth, upper: Points) -> None:
    for x in (-0.02, 0.12):
        bar = line((x, shoe.floor + 0.02), (x + 0.08, shoe.floor + 0.02), (x + 0.2, -0.05), (x + 0.12, -0.05))
        canvas.fill(bar, cloth.accent, within=upper)


def _wave(canvas: Canvas, shoe: Shoe, cloth: Cloth, upper: Points) -> None:
    y = shoe.floor - 0.08
    humps = [(-0.3 + 0.13 * step, y - 0.02 * step + (0.035 if step % 2 else -0.035)) for step in range(7)]
    crest = smooth(*humps)
    for drop in (-0.1, 0.0):
        band = joined(crest, crest[::-1] + line((0.0, 0.05))) + line((0.0, drop))
        canvas.fill(band, cloth.accent, within=upper)


def _badge(canvas: Canvas, shoe: Shoe, cloth: Cloth, upper: Points) -> None:
    x, y = 0.4, 0.08 - 0.5 * shoe.height
    patch = line((x - 0.12, y - 0.12), (x + 0.1, y - 0.12), (x + 0.1, y + 0.12), (x - 0.12, y + 0.12))
    canvas.fill(patch, lighter(cloth.accent, 0.6), within=upper)
    for shape, _ in MOTIFS["mountain"]()[:2]:
        canvas.fill(placed(shape, (x - 0.01, y), 0.09), cloth.colour, outlined=False)


def _panel(canvas: Canvas, shoe: Shoe, cloth: Cloth, upper: Points) -> None:
    y = shoe.floor
    shape = smooth((-0.3, y + 0.05), (-0.12, y - 0.2), (0.12, y - 0.3), (0.4, y - 0.24), (0.44, y + 0.05))
    canvas.fill(shape, cloth.accent, within=upper)
    canvas.stitches(shape + line((0.0, 0.025)), cloth.seam)


def _stitching(canvas: Canvas, shoe: Shoe, cloth: Cloth, upper: Points) -> None:
    y = shoe.floor
    for shift in (0.0, 0.035):
        run = smooth((-0.5, y - 0.1 + shift), (-0.15, y - 0.16 + shift), (0.15, y - 0.3), (0.3 - shift, y - 0.42))
        canvas.stitches(run, lighter(cloth.seam, 0.35))


def _chevrons(canvas: Canvas, shoe: Shoe, cloth: Cloth, upper: Points) -> None:
    y = shoe.floor - 0.18
    for x in (0.0, 0.12, 0.24):
        arrow = line(
            (x, y - 0.12), (x + 0.06, y - 0.12), (x + 0.13, y), (x + 0.06, y + 0.12), (x, y + 0.12), (x + 0.07, y)
        )
        canvas.fill(arrow, cloth.accent, within=upper)


def _laces(canvas: Canvas, shoe: Shoe, cloth: Cloth, upper: Points) -> None:
    """Threads laces up the instep, eyelets beside them."""
    low, high = shoe.throat
    count = 5 if shoe.height < 0.3 else 8
    lace = lighter(cloth.accent, 0.55)
    knots = _up_the_instep(upper, low, high, count)
    eyelets = knots + line((0.1, 0.05))
    stay = joined(knots, (eyelets + line((0.045, 0.02)))[::-1])
    canvas.fill(stay, darker(cloth.colour, 0.12), within=upper)
    canvas.dots(eyelets, 0.018, lighter(cloth.seam, 0.5), rimmed=True)
    for knot, eyelet in zip(knots.tolist(), eyelets.tolist(), strict=True):
        canvas.band(line((knot[0] - 0.025, knot[1] - 0.012), (eyelet[0], eyelet[1])), lace, 0.03)


def _up_the_instep(upper: Points, low: Spot, high: Spot, count: int) -> Points:
    """Picks spots evenly along the outline between the two ends of the instep."""
    first = int(((upper - line(high)) ** 2).sum(axis=1).argmin())
    last = int(((upper - line(low)) ** 2).sum(axis=1).argmin())
    run = upper[first : last + 1]
    shares = [(index + 0.4) / count * (len(run) - 1) for index in range(count)]
    return line(*(between(_spot(run[int(s)]), _spot(run[min(int(s) + 1, len(run) - 1)]), s % 1) for s in shares))


def _spot(point: Points) -> Spot:
    return float(point[0]), float(point[1])


def _straps(canvas: Canvas, shoe: Shoe, cloth: Cloth, upper: Points) -> None:
    low, high = shoe.throat
    for share in (0.25, 0.7):
        x, y = between(low, high, share)
        strap = line((x - 0.06, y - 0.02), (x + 0.08, y - 0.1), (x + 0.3, y + 0.16), (x + 0.17, y + 0.24))
        canvas.fill(strap, lighter(cloth.accent, 0.15))
        canvas.stitches(strap[[1, 2]] - line((0.02, -0.01)), cloth.seam)


def _zip(canvas: Canvas, shoe: Shoe, cloth: Cloth, upper: Points) -> None:
    x = 0.68 - shoe.shaft * 0.45
    way = smooth((x, -shoe.height + 0.04), (x, -shoe.height * 0.4), (x - 0.06, shoe.floor - 0.1))
    canvas.stroke(way, cloth.seam, 0.035)
    canvas.stitches(way, (220, 214, 190), 0.018)
    canvas.band(line(_spot(way[0]), (x + 0.01, -shoe.height + 0.12)), (206, 188, 130), 0.02)


def _elastic(canvas: Canvas, shoe: Shoe, cloth: Cloth, upper: Points) -> None:
    x, top = 0.68 - shoe.shaft * 0.5, -shoe.height
    gore = smooth(
        (x - 0.15, top - 0.05), (x - 0.1, top + 0.3), (x, top + 0.42), (x + 0.1, top + 0.3), (x + 0.15, top - 0.05)
    )
    canvas.fill(gore, darker(cloth.colour, 0.5), within=upper)
    for step in range(-3, 4):
        canvas.stroke(
            line((x + step * 0.03, top + 0.06), (x + step * 0.022, top + 0.3)), darker(cloth.colour, 0.2), 0.008
        )
    canvas.band(line((0.66, top - 0.05), (0.67, top + 0.08)), cloth.trim, 0.045)


def _buckle(canvas: Canvas, shoe: Shoe, cloth: Cloth, upper: Points) -> None:
    y = -0.06 if shoe.height > 0.3 else shoe.floor - 0.28
    strap = line((-0.4, y + 0.02), (0.8, y - 0.06), (0.8, y + 0.03), (-0.4, y + 0.11))
    canvas.fill(strap, darker(cloth.colour, 0.25), within=upper)
    ring = line((0.28, y - 0.05), (0.4, y - 0.06), (0.4, y + 0.09), (0.28, y + 0.1))
    canvas.fill(ring, (206, 188, 130))
    canvas.fill(placed(ring, (0.136, 0.008), 0.6), darker(cloth.colour, 0.25))


def _slip_on(canvas: Canvas, shoe: Shoe, cloth: Cloth, upper: Points) -> None:
    """Stitches a moccasin's apron with a band across."""
    low, _ = shoe.throat
    apron = smooth(
        (-0.72, shoe.floor - 0.1), (-0.5, shoe.floor - 0.2), (-0.24, shoe.floor - 0.2), (-0.02, shoe.floor - 0.3)
    )
    canvas.stroke(apron, cloth.seam, 0.016)
    canvas.stitches(apron + line((0.0, 0.025)), cloth.seam)
    saddle = line(
        (low[0], low[1] - 0.04),
        (low[0] + 0.16, low[1] - 0.1),
        (0.06, shoe.floor - 0.12),
        (-0.14, shoe.floor - 0.1),
    )
    canvas.fill(saddle, darker(cloth.colour, 0.2), within=upper)


_SIDES = {
    "none": _no_side,
    "bars": _bars,
    "wave": _wave,
    "badge": _badge,
    "panel": _panel,
    "stitching": _stitching,
    "chevrons": _chevrons,
}
_CLOSURES = {
    "laces": _laces,
    "straps": _straps,
    "zip": _zip,
    "elastic": _elastic,
    "buckle": _buckle,
    "slip-on": _slip_on,
}
