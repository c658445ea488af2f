"""Single prints: the picture on a T-shirt's chest or a mug's side."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from demo_catalogue.canvas import Canvas
from demo_catalogue.curves import Points, Spot, bow, joined, line, mirrored, oval, placed, smooth, symmetric, turned
from demo_catalogue.palette import RGB, lighter, mix

Shapes = list[tuple[Points, float]]
"""Outlines about the origin, each with its tone: 0 is the ink, 1 the ground showing through."""


def paint_motif(canvas: Canvas, name: str, centre: Spot, size: float, ink: RGB, ground: RGB) -> None:
    """Paints a motif; `size` is half its height."""
    for shape, tone in MOTIFS[name]():
        canvas.fill(placed(shape, centre, size), mix(ink, ground, tone), outlined=False)


def _heart() -> Shapes:
    half = joined(smooth((0.0, -0.45), (0.42, -0.88), (0.92, -0.5), (0.62, 0.2)), line((0.0, 0.95)))
    return [(symmetric(half), 0.0)]


def _star() -> Shapes:
    angle = np.linspace(0, 2 * math.pi, 10, endpoint=False) - math.pi / 2
    reach = np.where(np.arange(10) % 2, 0.42, 1.0)
    return [(np.column_stack([reach * np.cos(angle), reach * np.sin(angle)]), 0.0)]


def _sun() -> Shapes:
    ray = line((-0.09, -0.68), (0.0, -1.0), (0.09, -0.68))
    return [(turned(ray, 30.0 * index), 0.0) for index in range(12)] + [(oval((0.0, 0.0), 0.55, 0.55), 0.0)]


def _mountain() -> Shapes:
    back = line((-1.0, 0.6), (-0.35, -0.45), (0.3, 0.6))
    front = line((-0.45, 0.6), (0.3, -0.75), (1.05, 0.6))
    snow = line((0.04, -0.28), (0.3, -0.75), (0.56, -0.28), (0.42, -0.36), (0.3, -0.2), (0.17, -0.36))
    return [(back, 0.45), (front, 0.0), (snow, 1.0), (oval((-0.62, -0.62), 0.2, 0.2), 0.25)]


def _cat() -> Shapes:
    ear = line((0.28, -0.55), (0.62, -1.0), (0.78, -0.3))
    eye = oval((0.3, -0.02), 0.1, 0.15, 14)
    nose = line((-0.1, 0.22), (0.1, 0.22), (0.0, 0.34))
    whiskers = [line((0.3, y), (0.95, y - 0.06), (0.95, y - 0.02)) for y in (0.26, 0.4)]
    white = [eye, mirrored(eye), nose, *whiskers, *(mirrored(whisker) for whisker in whiskers)]
    head: Shapes = [(ear, 0.0), (mirrored(ear), 0.0), (oval((0.0, 0.1), 0.82, 0.72), 0.0)]
    return head + [(shape, 1.0) for shape in white]


def _leaf() -> Shapes:
    shapes: Shapes = [(line((-0.04, -0.9), (0.04, -0.9), (0.04, 1.0), (-0.04, 1.0)), 0.0)]
    for y, reach in ((-0.62, 0.42), (-0.2, 0.62), (0.22, 0.66), (0.62, 0.5)):
        blade = joined(bow((0.0, y + 0.2), (reach, y - 0.22), 0.13), bow((reach, y - 0.22), (0.0, y + 0.2), 0.13))
        shapes += [(blade, 0.0), (mirrored(blade), 0.0)]
    return shapes


def _wave() -> Shapes:
    shapes: Shapes = [(oval((0.0, -0.45), 0.42, 0.42), 0.35)]
    for y in (-0.2, 0.2, 0.6):
        crest = smooth((-1.0, y + 0.1), (-0.5, y - 0.16), (0.0, y + 0.1), (0.5, y - 0.16), (1.0, y + 0.1))
        shapes.append((joined(crest, crest[::-1] + np.array([[0.0, 0.18]])), 0.0))
    return shapes


def _moon() -> Shapes:
    outer, inner = (np.radians(np.linspace(*ends, 30)) for ends in ((50.4, 309.6), (285.7, 74.3)))
    crescent = joined(
        np.column_stack([np.cos(outer), np.sin(outer)]) * 0.9,
        np.column_stack([np.cos(inner), np.sin(inner)]) * 0.72 + np.array([[0.38, 0.0]]),
    )
    craters: Shapes = [(oval((x, y), size, size, 14), 0.4) for x, y, size in ((-0.55, -0.25, 0.1), (-0.5, 0.3, 0.13))]
    return [(crescent, 0.0), *craters]


def _anchor() -> Shapes:
    arms = joined(
        bow((-0.8, 0.35), (0.8, 0.35), -0.55, 20), line((0.62, 0.3)), bow((0.62, 0.36), (-0.62, 0.36), 0.38, 20)
    )
    stem = line((-0.09, -0.5), (0.09, -0.5), (0.09, 0.85), (-0.09, 0.85))
    bar = line((-0.45, -0.32), (0.45, -0.32), (0.45, -0.16), (-0.45, -0.16))
    ring = [(oval((0.0, -0.7), 0.26, 0.26), 0.0), (oval((0.0, -0.7), 0.12, 0.12), 1.0)]
    return [(arms, 0.0), (stem, 0.0), (bar, 0.0), *ring]


def _flower() -> Shapes:
    petal = oval((0.0, -0.58), 0.3, 0.42, 20)
    petals: Shapes = [(turned(petal, 60.0 * index), 0.0) for index in range(6)]
    return [*petals, (oval((0.0, 0.0), 0.28, 0.28), 0.8)]


def _bolt() -> Shapes:
    return [(line((0.2, -1.0), (-0.55, 0.12), (-0.05, 0.12), (-0.25, 1.0), (0.55, -0.2), (0.05, -0.2)), 0.0)]


def _bird() -> Shapes:
    body = smooth((-1.0, 0.5), (-0.4, 0.15), (0.1, -0.35), (0.55, -0.5), (0.8, -0.25), (0.6, 0.3), (0.0, 0.6))
    wing = joined(bow((-0.35, -0.55), (0.45, 0.1), 0.25), bow((0.45, 0.1), (-0.35, -0.55), 0.12))
    beak = line((0.78, -0.34), (1.08, -0.2), (0.76, -0.14))
    return [(body, 0.0), (beak, 0.3), (wing, 0.45), (oval((0.6, -0.28), 0.06, 0.06, 12), 1.0)]


def _rainbow() -> Shapes:
    shapes: Shapes = []
    for reach, tone in ((1.0, 0.0), (0.78, 0.4), (0.56, 0.0), (0.34, 1.0)):
        angle = np.linspace(math.pi, 2 * math.pi, 24)
        arch = np.column_stack([np.cos(angle) * reach, np.sin(angle) * reach + 0.45])
        shapes.append((arch, tone))
    return shapes


def _words() -> Shapes:
    """Stands for a slogan: rows of bars, as unreadable lettering looks."""
    rows = ((-0.45, (0.3, 0.5, 0.2)), (0.0, (0.55, 0.25, 0.4)), (0.45, (0.25, 0.45)))
    shapes: Shapes = []
    for y, widths in rows:
        x = -(sum(widths) + 0.12 * (len(widths) - 1)) / 2
        for width in widths:
            shapes.append((line((x, y - 0.13), (x + width, y - 0.13), (x + width, y + 0.13), (x, y + 0.13)), 0.0))
            x += width + 0.12
    return shapes


MOTIFS: dict[str, Callable[[], Shapes]] = {
    "heart": _heart,
    "star": _star,
    "sun": _sun,
    "mountain": _mountain,
    "cat": _cat,
    "fern": _leaf,
    "wave": _wave,
    "moon": _moon,
    "anchor": _anchor,
    "daisy": _flower,
    "lightning": _bolt,
    "bird": _bird,
    "rainbow": _rainbow,
    "slogan": _words,
}
"""Each motif by its name."""


def ink_for(ground: RGB, ink: RGB) -> RGB:
    """Lightens an ink that would drown in a dark ground."""
    near = sum(abs(a - b) for a, b in zip(ground, ink, strict=True)) < 110
    return lighter(ink, 0.6) if near else ink
