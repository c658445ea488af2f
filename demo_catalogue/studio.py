"""The photographer: puts a design before a wall and takes its picture."""

from __future__ import annotations

from PIL import Image

from demo_catalogue.bottoms import Bottoms, paint_bottoms
from demo_catalogue.canvas import Canvas, Framing
from demo_catalogue.curves import Box
from demo_catalogue.dresses import Dress, paint_dress
from demo_catalogue.heels import OpenShoe, paint_open_shoe
from demo_catalogue.look import Look
from demo_catalogue.mugs import Mug, paint_mug
from demo_catalogue.shoes import Shoe, paint_shoe
from demo_catalogue.tops import Top, paint_top

Design = Top | Dress | Bottoms | Shoe | OpenShoe | Mug

PORTRAIT = (240, 320)
SQUARE = (280, 280)
_ROOM = 0.86  # share of the picture a product may fill
_LARGEST = 1.25


def photograph(design: Design, look: Look, framing: Framing) -> Image.Image:
    """Draws a design in a look, centred and as large as fits; `framing` moves and turns it from there."""
    size = PORTRAIT if isinstance(design, Top | Dress | Bottoms) else SQUARE
    canvas = Canvas(size, _fitted(design.extent, size, framing))
    _paint(canvas, design, look)
    return canvas.finish()


def _fitted(extent: Box, size: tuple[int, int], framing: Framing) -> Framing:
    left, upper, right, lower = extent
    room_across = size[0] / size[1]
    fit = _ROOM * min(2 * room_across / (right - left), 2 / (lower - upper))
    middle = (-(left + right) / 2, -(upper + lower) / 2)
    if framing.mirrored:
        middle = (-middle[0], middle[1])
    x, y = framing.shift
    scale = framing.scale * min(fit, _LARGEST)
    return Framing(scale, (middle[0] + x, middle[1] + y), framing.degrees, framing.mirrored, framing.background)


def _paint(canvas: Canvas, design: Design, look: Look) -> None:
    match design:
        case Top():
            paint_top(canvas, design, look)
        case Dress():
            paint_dress(canvas, design, look)
        case Bottoms():
            paint_bottoms(canvas, design, look)
        case Shoe():
            paint_shoe(canvas, design, look)
        case OpenShoe():
            paint_open_shoe(canvas, design, look)
        case Mug():
            paint_mug(canvas, design, look)
