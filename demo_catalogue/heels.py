"""Open shoes from the side: pumps, sandals, ballerinas. The toe points to the left; the ground is at y = 0.5."""

from __future__ import annotations

from dataclasses import dataclass

from demo_catalogue.canvas import Canvas
from demo_catalogue.curves import Box, Points, Spot, bow, joined, line, oval, smooth
from demo_catalogue.look import Cloth, Look
from demo_catalogue.palette import darker, lighter

_GROUND = 0.5
_BALL = -0.3
_GOLD = (206, 178, 110)


@dataclass(frozen=True)
class OpenShoe:
    """The build of an open shoe.

    Attributes:
        rise: How high the heel lifts the foot.
        heel: `none`, `stiletto`, `block`, `kitten` or `wedge`.
        platform: Thickness of the sole under the toes.
        toe: `pointed`, `round` or `open`.
        straps: Number of straps over the forefoot, where the toe is open.
        ankle: `none`, `strap`, `back` or `tie`.
        ornament: `none`, `bow`, `buckle` or `stone`.
    """

    rise: float = 0.5
    heel: str = "stiletto"
    platform: float = 0.04
    toe: str = "pointed"
    straps: int = 0
    ankle: str = "none"
    ornament: str = "none"

    @property
    def tip(self) -> float:
        """How far the toe reaches."""
        return {"pointed": -0.95, "round": -0.87}.get(self.toe, -0.84)

    @property
    def ball(self) -> Spot:
        """Where the foot's ball rests."""
        return (_BALL, _GROUND - self.platform)

    @property
    def seat(self) -> Spot:
        """Where the foot's heel rests."""
        return (0.62, _GROUND - self.platform - self.rise)

    @property
    def extent(self) -> Box:
        """The rectangle the shoe covers: left, upper, right and lower edge."""
        above = {"tie": 0.75, "strap": 0.44}.get(self.ankle, 0.32)
        return (-0.93, self.seat[1] - above, 0.8, _GROUND)


def paint_open_shoe(canvas: Canvas, shoe: OpenShoe, look: Look) -> None:
    """Draws an open shoe from its outer side."""
    cloth = Cloth(canvas, look)
    _HEELS[shoe.heel](canvas, shoe, cloth)
    _far_side(canvas, shoe, cloth)
    _sole(canvas, shoe, cloth)
    if shoe.toe == "open":
        _open_front(canvas, shoe, cloth)
    else:
        _vamp(canvas, shoe, cloth)
    _ANKLES[shoe.ankle](canvas, shoe, cloth)
    _ORNAMENTS[shoe.ornament](canvas, shoe, cloth)


def _footbed(shoe: OpenShoe) -> Points:
    """Runs the foot's line from the toe to the heel."""
    ball, seat = shoe.ball, shoe.seat
    lift = 0.03 if shoe.toe == "open" else -0.005
    middle = ((ball[0] + seat[0]) / 2 + 0.03, (ball[1] + seat[1]) / 2 + 0.02)
    return joined(
        smooth((shoe.tip, ball[1] - lift), (-0.6, ball[1]), ball),
        smooth(ball, middle, (0.45, seat[1] + 0.015), (0.72, seat[1])),
    )


def _sole(canvas: Canvas, shoe: OpenShoe, cloth: Cloth) -> None:
    bed = _footbed(shoe)
    thick = max(0.035, shoe.platform)
    under = bed + line((0.0, thick))
    if shoe.platform > 0.08:  # a platform stays thick below the toes and thins out towards the heel
        under[:, 1] = bed[:, 1] + thick * (1 - 0.55 * (bed[:, 0] > _BALL) * (bed[:, 0] - _BALL))
    canvas.fill(joined(bed, under[::-1]), darker(cloth.accent, 0.12))


def _stiletto(canvas: Canvas, shoe: OpenShoe, cloth: Cloth) -> None:
    x, y = shoe.seat
    front = smooth((x - 0.2, y + 0.02), (x - 0.03, y + 0.14), (x + 0.02, _GROUND))
    back = bow((x + 0.06, _GROUND), (x + 0.11, y), 0.012)
    canvas.fill(joined(front, back), darker(cloth.colour, 0.2))


def _kitten(canvas: Canvas, shoe: OpenShoe, cloth: Cloth) -> None:
    x, y = shoe.seat
    front = smooth((x - 0.18, y + 0.02), (x - 0.04, y + 0.09), (x - 0.01, _GROUND))
    back = bow((x + 0.07, _GROUND), (x + 0.11, y), 0.01)
    canvas.fill(joined(front, back), darker(cloth.colour, 0.2))


def _block(canvas: Canvas, shoe: OpenShoe, cloth: Cloth) -> None:
    x, y = shoe.seat
    shape = line((x - 0.2, y + 0.01), (x + 0.11, y), (x + 0.09, _GROUND), (x - 0.15, _GROUND))
    canvas.fill(shape, darker(cloth.colour, 0.2))
    canvas.fold(line((x - 0.15, y + 0.08), (x - 0.12, _GROUND)), 0.06, 0.3)


def _wedge(canvas: Canvas, shoe: OpenShoe, cloth: Cloth) -> None:
    bed = _footbed(shoe)
    x = shoe.seat[0]
    shape = joined(bed[9:], line((x + 0.08, _GROUND), (-0.55, _GROUND)))
    cork = (196, 160, 112)
    canvas.fill(shape, cork)
    for y in (0.44, 0.36, 0.28, 0.2, 0.12):
        if y > shoe.seat[1] + 0.08:
            canvas.fill(
                line((-0.3, y), (0.8, y - 0.01), (0.8, y + 0.005), (-0.3, y + 0.015)),
                darker(cork, 0.2),
                within=shape,
                outlined=False,
            )


def _no_heel(canvas: Canvas, shoe: OpenShoe, cloth: Cloth) -> None:
    """Leaves the shoe flat, on its sole alone."""


def _far_side(canvas: Canvas, shoe: OpenShoe, cloth: Cloth) -> None:
    """Draws what is seen of the inner side: the lining of a pump, the far ends of straps."""
    if shoe.toe == "open":
        return
    y, ball = shoe.seat[1], shoe.ball
    shape = smooth((-0.5, ball[1] - 0.18), (-0.1, ball[1] - 0.2 - shoe.rise * 0.25), (0.35, y - 0.14), (0.7, y - 0.26))
    canvas.fill(joined(shape, line((0.6, y), (ball[0], ball[1]))), cloth.inside)


def _vamp(canvas: Canvas, shoe: OpenShoe, cloth: Cloth) -> None:
    """Draws a pump's upper: closed at toe and heel, cut out between."""
    ball, (x, y) = shoe.ball, shoe.seat
    tip = shoe.tip
    high = ball[1] - (0.17 if shoe.toe == "pointed" else 0.23)
    toe = smooth((tip, ball[1] + 0.005), (-0.78, ball[1] - 0.12), (-0.55, high), (-0.42, high - 0.06))
    line_top = smooth(
        (-0.42, high - 0.06),
        (-0.2, ball[1] - 0.08 - shoe.rise * 0.16),
        (0.3, y - 0.06),
        (0.6, y - 0.24),
        (0.7, y - 0.3),
    )
    back = bow((0.7, y - 0.3), (x + 0.11, y + 0.01), 0.035)
    bed = _footbed(shoe)[::-1]
    shape = joined(toe, line_top, back, bed)
    cloth.cut(shape)
    canvas.glint(smooth((-0.75, ball[1] - 0.07), (-0.58, ball[1] - 0.13), (-0.46, ball[1] - 0.17)), 0.05, 0.4)


def _open_front(canvas: Canvas, shoe: OpenShoe, cloth: Cloth) -> None:
    """Draws the straps over the forefoot, one behind the other."""
    step = 0.5 / shoe.straps
    for index in range(shoe.straps):
        _strap(canvas, cloth, (-0.62 + index * step, shoe.ball[1]), 0.2 + 0.05 * index, min(0.17, step * 0.66))


def _strap(canvas: Canvas, cloth: Cloth, start: Spot, height: float, broad: float) -> None:
    """Draws one strap: its far half from the inside, then its near half."""
    x, y = start
    front, back = (x + 0.14, y - height - 0.08), (x + 0.14 + broad, y - height - 0.02)
    far_end = (x + 0.3 + broad * 0.7, y)
    inner = smooth(front, (x + 0.26, y - height * 0.6), (x + 0.3, y))
    canvas.fill(joined(inner, bow(far_end, back, 0.04)), cloth.inside)
    near = smooth((x - broad / 2, y + 0.02), (x + 0.02, y - height), front)
    edge = smooth(back, (x + broad, y - height * 0.5), (x + broad / 2 + 0.03, y + 0.02))
    cloth.cut(joined(near, edge))


def _no_ankle(canvas: Canvas, shoe: OpenShoe, cloth: Cloth) -> None:
    """Leaves the heel to hold by itself."""


def _counter(canvas: Canvas, shoe: OpenShoe, cloth: Cloth) -> None:
    """Draws the cup behind the heel, which an open shoe needs to hold a strap."""
    if shoe.toe != "open":
        return
    x, y = shoe.seat
    shape = joined(
        smooth((0.36, y + 0.03), (0.46, y - 0.12), (0.62, y - 0.3), (0.7, y - 0.34)),
        bow((0.7, y - 0.34), (x + 0.11, y + 0.01), 0.03),
    )
    cloth.cut(shape)


def _ankle_strap(canvas: Canvas, shoe: OpenShoe, cloth: Cloth) -> None:
    _counter(canvas, shoe, cloth)
    y = shoe.seat[1] - 0.33
    ring = oval((0.46, y), 0.24, 0.075, 40)
    canvas.band(ring[20:], cloth.inside, 0.045)
    canvas.band(ring[:21], cloth.colour, 0.055)
    canvas.fill(line((0.4, y + 0.03), (0.5, y + 0.03), (0.5, y + 0.115), (0.4, y + 0.115)), _GOLD)


def _back_strap(canvas: Canvas, shoe: OpenShoe, cloth: Cloth) -> None:
    x, y = shoe.seat
    sling = smooth((-0.12, shoe.ball[1] - 0.16), (0.3, y - 0.17), (x + 0.07, y - 0.22), (x + 0.09, y - 0.01))
    canvas.band(sling, cloth.colour, 0.05)


def _tie(canvas: Canvas, shoe: OpenShoe, cloth: Cloth) -> None:
    _counter(canvas, shoe, cloth)
    y = shoe.seat[1] - 0.32
    for rise, wide in ((0.0, 0.23), (0.16, 0.2), (0.32, 0.19)):
        ring = oval((0.47, y - rise), wide, 0.06, 40)
        canvas.band(ring[20:], cloth.inside, 0.026)
        canvas.band(ring[:21] + line((0.0, 0.02)), cloth.colour, 0.03)
    for lean in (-0.1, 0.05):
        canvas.band(line((0.36, y - 0.27), (0.36 + lean, y - 0.08)), cloth.colour, 0.022)


def _no_ornament(canvas: Canvas, shoe: OpenShoe, cloth: Cloth) -> None:
    """Leaves the front plain."""


def _bow(canvas: Canvas, shoe: OpenShoe, cloth: Cloth) -> None:
    x, y = -0.43, shoe.ball[1] - 0.22
    for side in (-1, 1):
        loop = smooth((x, y), (x + side * 0.12, y - 0.08), (x + side * 0.15, y + 0.05), (x, y))
        canvas.fill(loop, lighter(cloth.accent, 0.1))
    canvas.fill(oval((x, y), 0.03, 0.035, 14), cloth.accent)


def _buckle(canvas: Canvas, shoe: OpenShoe, cloth: Cloth) -> None:
    x, y = -0.48, shoe.ball[1] - 0.2
    canvas.fill(line((x - 0.07, y - 0.06), (x + 0.07, y - 0.08), (x + 0.08, y + 0.05), (x - 0.06, y + 0.07)), _GOLD)
    canvas.fill(
        line((x - 0.03, y - 0.03), (x + 0.03, y - 0.04), (x + 0.04, y + 0.02), (x - 0.02, y + 0.03)), cloth.colour
    )


def _stone(canvas: Canvas, shoe: OpenShoe, cloth: Cloth) -> None:
    for step in range(4):
        spot = (-0.6 + 0.075 * step, shoe.ball[1] - 0.14 - 0.035 * step)
        canvas.dots(line(spot), 0.026, (226, 236, 244), rimmed=True)


_HEELS = {"none": _no_heel, "stiletto": _stiletto, "block": _block, "kitten": _kitten, "wedge": _wedge}
_ANKLES = {"none": _no_ankle, "strap": _ankle_strap, "back": _back_strap, "tie": _tie}
_ORNAMENTS = {"none": _no_ornament, "bow": _bow, "buckle": _buckle, "stone": _stone}
