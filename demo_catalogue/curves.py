"""Outlines made of straight lines and curves, as arrays of points (n, 2); x grows to the right, y downwards."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Spot = tuple[float, float]
Box = tuple[float, float, float, float]

_STEPS = 9


def line(*spots: Spot) -> Points:
    """Joins spots by straight lines."""
    return np.array(spots, dtype=float)


def bow(start: Spot, end: Spot, bulge: float, steps: int = _STEPS) -> Points:
    """Draws a parabola between two spots.

    Args:
        start: Where it begins.
        end: Where it ends.
        bulge: Height of the bow over its chord; positive is to the left of the way from start to end as one
            sees it on the picture, where y grows downwards.
        steps: Number of points.
    """
    (x0, y0), (x1, y1) = start, end
    length = math.hypot(x1 - x0, y1 - y0) or 1.0
    share = np.linspace(0.0, 1.0, steps)[:, None]
    lift = 4 * bulge * share * (1 - share)
    normal = np.array([[(y1 - y0) / length, (x0 - x1) / length]])
    chord = np.array([[x0, y0]]) * (1 - share) + np.array([[x1, y1]]) * share
    return np.asarray(chord + lift * normal)


def smooth(*spots: Spot) -> Points:
    """Runs a Catmull-Rom curve through the spots, from the first to the last."""
    knots = np.array((spots[0], *spots, spots[-1]), dtype=float)
    share = np.linspace(0.0, 1.0, _STEPS)[:, None]
    pieces = []
    for before, start, end, after in zip(knots, knots[1:], knots[2:], knots[3:], strict=False):
        bend = 2 * before - 5 * start + 4 * end - after
        twist = 3 * (start - end) + after - before
        pieces.append(0.5 * (2 * start + (end - before) * share + bend * share**2 + twist * share**3))
    return np.concatenate(pieces)


def oval(centre: Spot, across: float, down: float, steps: int = 40) -> Points:
    """Draws an ellipse by its centre and its two radii."""
    angle = np.linspace(0.0, 2 * math.pi, steps, endpoint=False)
    return np.column_stack([centre[0] + across * np.cos(angle), centre[1] + down * np.sin(angle)])


def joined(*pieces: Points) -> Points:
    """Puts pieces of an outline one after the other."""
    return np.concatenate(pieces)


def mirrored(points: Points) -> Points:
    """Mirrors points at the vertical axis."""
    return np.asarray(points * np.array([[-1.0, 1.0]]))


def symmetric(half: Points) -> Points:
    """Closes the right half of an outline, running from top centre to bottom centre, by its mirror image."""
    return np.concatenate([half, mirrored(half[::-1])])


def turned(points: Points, degrees: float, about: Spot = (0.0, 0.0)) -> Points:
    """Turns points clockwise about a spot."""
    angle = math.radians(degrees)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return np.asarray((points - np.array([about])) @ turn + np.array([about]))


def placed(points: Points, centre: Spot, size: float) -> Points:
    """Scales a shape drawn about the origin and moves it to a spot."""
    return np.asarray(points * size + np.array([centre]))


def between(start: Spot, end: Spot, share: float) -> Spot:
    """Finds the spot at a share of the way from start to end."""
    return (start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share)
