"""Images made for tests, and what a slow comparison of all their codes says."""

from __future__ import annotations

from datetime import date

import numpy as np

from image_retrieval.elastic.documents import Image, documents_of, identifier_of
from image_retrieval.elastic.load import load

JULY = date(2026, 7, 15)


def codes(n, bits=64, seed=0, centres=12, noise=0.15):
    """n packed codes around a few centres, some of them equal."""
    rng = np.random.default_rng(seed)
    kinds = np.random.default_rng(99).integers(0, 256, (centres, bits // 8), dtype=np.uint8)
    flips = rng.random((n, bits)) < noise * rng.integers(0, 3, (n, 1)) / 2
    return kinds[rng.integers(centres, size=n)] ^ np.packbits(flips, axis=1)


def image(number, code, added=JULY, of=None, **said):
    """An image of a product of its own, or of `of`."""
    return Image(f"i{number}", of or f"p{number}", 0, None if code is None else bytes(code), added, **said)


def images(made, added=JULY):
    return [image(number, code, added) for number, code in enumerate(made)]


def documents(made, window):
    return list(documents_of(made, window.layout))


def filled(window, made, **options):
    """A window with images loaded into it."""
    load(window, documents_of(made, window.layout), **options)
    return window


def keys(n):
    return [identifier_of(f"i{number}")[1] for number in range(n)]


def distances(stored, code):
    """Differing bits of one code and all others, counted one by one."""
    return (np.unpackbits(stored, axis=1) != np.unpackbits(np.asarray(code, np.uint8))).sum(axis=1)


def agrees(hits, stored, code, depth, admitted=None):
    """Checks hits against all codes; returns how many ids, tied with the last distance, are not those of least row."""
    true = distances(stored, code)
    rows = np.arange(len(stored)) if admitted is None else np.flatnonzero(admitted)
    order = rows[np.argsort(true[rows], kind="stable")][:depth]
    assert hits.distances.tolist() == true[order].tolist()
    row_of = dict(zip(keys(len(stored)), range(len(stored)), strict=True))
    found = np.array([row_of[key] for key in hits.keys.tolist()], int)
    assert len(set(found.tolist())) == len(found)
    assert true[found].tolist() == hits.distances.tolist()
    if not len(order):
        return 0
    last = true[order[-1]]
    sure = order[true[order] < last]
    assert set(sure.tolist()) == set(found[true[found] < last].tolist())
    return len(set(order.tolist()) - set(found.tolist()))
