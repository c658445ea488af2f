"""Pictures for the fuzzers: one input decoded and fitted, small pictures of every kind to begin with, and mutations.

A mutation is made from its number alone. Where it breaks a PNG's check sums they are put right again half of the time,
since what is behind them would hardly ever be reached otherwise.
"""

from __future__ import annotations

import io
import random
import re
import struct
import zlib
from collections.abc import Callable
from functools import cache

import numpy as np
from PIL import Image, ImageDraw

from candidates.errors import PictureError
from image_retrieval.pictures import decode, padded

FITTED = (48, 64)
"""Width and height into which each picture is fitted."""

LONGEST = 2**18
"""Bytes of a mutated picture, at most."""

_NUMBERS = (0, 1, 2, 3, 7, 8, 100, 255, 256, 4000, 8000, 16_383, 32_767, 65_535, 65_536, 2**24, 2**31 - 1, 2**32 - 1)


def one_input(data: bytes) -> None:
    """Decodes one input; raises whatever a person should never meet."""
    outcome(data)


def outcome(data: bytes) -> str:
    """Decodes one input and says whether it is a picture."""
    try:
        image = decode(data, "fuzzed.jpg", FITTED if len(data) % 2 else None)
    except PictureError as problem:
        if not (problem.what.startswith("fuzzed.jpg: ") and problem.fix):
            raise AssertionError("a refusal without the picture's name or the fix") from problem
        return "refused"
    fitted = padded(image, *FITTED)
    assert (image.mode, fitted.shape, fitted.dtype) == ("RGB", (FITTED[1], FITTED[0], 3), np.uint8)
    return "decoded"


@cache
def _seeds() -> tuple[bytes, ...]:
    picture = _drawn()
    notes = Image.Exif()
    notes[0x0112], notes[0x010E] = 6, "a shirt"
    clear = picture.convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(picture.size))
    deep = np.asarray(picture.convert("L")).astype(np.uint16) * 257
    frames = {"save_all": True, "append_images": [picture.rotate(90), picture.rotate(180)]}
    made: list[tuple[Image.Image, str, dict[str, object]]] = [
        *((picture, "JPEG", options) for options in ({}, {"progressive": True}, {"exif": notes, "subsampling": 0})),
        *((picture.convert(mode), "JPEG", {}) for mode in ("L", "CMYK")),
        *((picture.convert(mode), "PNG", {}) for mode in ("1", "L", "P", "RGB", "LA")),
        *((image, "PNG", {}) for image in (clear, clear.quantize(9), Image.fromarray(deep))),
        (picture, "PNG", {"exif": notes, "icc_profile": bytes(500)}),
        *((picture, kind, frames) for kind in ("GIF", "PNG", "WEBP", "TIFF", "AVIF")),
        *((picture.convert(mode), "BMP", {}) for mode in ("1", "L", "P", "RGB")),
        *((picture, "TIFF", {"compression": name}) for name in ("raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg")),
        *((picture.convert("1"), "TIFF", {"compression": name}) for name in ("group3", "group4", "packbits")),
        *((image, "TIFF", {"exif": notes}) for image in (clear, Image.fromarray(deep), picture.convert("CMYK"))),
        *((image, "WEBP", {"lossless": whole, "exif": notes}) for image in (picture, clear) for whole in (False, True)),
        *((image, "AVIF", {"speed": 10, "exif": notes}) for image in (picture, clear, picture.convert("L"))),
        (picture.rotate(45), "GIF", {"interlace": 1}),
    ]
    return *(_saved(*one) for one in made), _run_length_bmp(), b"<!doctype html><html>", b'{"error": 404}'


def _drawn() -> Image.Image:
    image = Image.new("RGB", (40, 60), "white")
    pen = ImageDraw.Draw(image)
    pen.polygon([(10, 12), (30, 12), (38, 28), (29, 27), (29, 52), (11, 52), (11, 27), (2, 28)], fill="firebrick")
    pen.line([(11, 40), (29, 36)], fill="navy", width=2)
    return image


def _saved(image: Image.Image, kind: str, options: dict[str, object]) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _run_length_bmp() -> bytes:
    """Pillow reads run-length coding, but does not write it."""
    rows = b"".join(bytes([20, row % 4, 20, 7, 0, 0]) for row in range(60)) + b"\0\1"
    start = 14 + 40 + 1024
    header = struct.pack("<2sIHHI", b"BM", start + len(rows), 0, 0, start)
    header += struct.pack("<IiiHHIIiiII", 40, 40, 60, 1, 8, 1, len(rows), 0, 0, 256, 0)
    return header + bytes(range(256)) * 4 + rows


def corpus() -> list[bytes]:
    """Small pictures in every format and mode, and two answers of shops that are none."""
    return list(_seeds())


def mutated(seed: int) -> bytes:
    """A picture of the corpus, broken in one to four ways that follow from `seed`."""
    chance = random.Random(seed)
    data = bytearray(chance.choice(_seeds()))
    for _ in range(chance.choice((1, 1, 2, 3, 4))):
        chance.choice(_MUTATIONS)(data, chance)
    if data.startswith(b"\x89PNG") and chance.random() < 0.5:
        _seal(data)
    return bytes(data[:LONGEST])


def _cut(data: bytearray, chance: random.Random) -> None:
    del data[chance.randint(0, len(data)) :]


def _flip(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 2, 10, 50))):
        if data:
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _splice(data: bytearray, chance: random.Random) -> None:
    other = chance.choice(_seeds())
    data[chance.randint(0, len(data)) :] = other[chance.randint(0, len(other)) :]


def _blank(data: bytearray, chance: random.Random) -> None:
    start = chance.randint(0, len(data))
    length = min(len(data) - start, chance.choice((1, 4, 30, 300)))
    data[start : start + length] = bytes([chance.choice((0, 255, 32))]) * length


def _number(data: bytearray, chance: random.Random, within: int | None = None) -> None:
    """Writes a number that readers stumble over, in either order of bytes."""
    width = chance.choice((1, 2, 4))
    value = chance.choice(_NUMBERS) % 256**width
    place = chance.randint(0, max(0, min(len(data), within or len(data)) - width))
    data[place : place + width] = value.to_bytes(width, chance.choice(("little", "big")))


def _header(data: bytearray, chance: random.Random) -> None:
    """Writes a number where most formats keep their size."""
    _number(data, chance, 64)


def _sizes(data: bytearray, chance: random.Random) -> None:
    """Writes another width, height or both where this format keeps it."""
    value = chance.choice(_NUMBERS)
    places = {
        b"\x89PNG": (16, 4, "big"),
        b"BM": (18, 4, "little"),
        b"GIF8": (6, 2, "little"),
        b"RIFF": (24, 3, "little"),
    }
    start, width, order = next((place for head, place in places.items() if data.startswith(head)), (0, 0, "big"))
    for mark, offset in ((b"\xff\xc0", 5), (b"\xff\xc2", 5), (b"ispe", 8)):
        if not width and mark in data:
            start, width = data.index(mark) + offset, 4 if mark == b"ispe" else 2
    written = (value % 256**width).to_bytes(width, "little" if order == "little" else "big")
    for place in chance.choice(((start,), (start + width,), (start, start + width))):
        data[place : place + width] = written


def _entry(data: bytearray, chance: random.Random) -> None:
    """Changes one number of a TIFF's directory, also of one among a camera's notes."""
    marks = [match.start() for match in re.finditer(rb"II\*\0", data)]
    if not marks:
        return
    begin = chance.choice(marks)
    start = begin + int.from_bytes(data[begin + 4 : begin + 8], "little")
    entries = int.from_bytes(data[start : start + 2], "little")
    place = start + 2 + 12 * chance.randint(0, min(entries, 40)) + chance.choice((0, 2, 4, 8))
    width = 2 if place % 4 == 0 else 4
    data[place : place + width] = (chance.choice(_NUMBERS) % 256**width).to_bytes(width, "little")


def _double(data: bytearray, chance: random.Random) -> None:
    """Repeats a chunk, segment or any other stretch, once or very often."""
    marks = [match.start() for match in re.finditer(rb"\xff[\xc0-\xfe]|[A-Za-z]{4}|!\xf9|,", data)]
    first, last = sorted(chance.choice(marks or [0]) for _ in range(2))
    if data.startswith(b"\x89PNG"):
        first, last = max(8, first - 4), max(8, last - 4)
    stretch = bytes(data[first:last])
    times = chance.choice((1, 1, 2, 20, 3000))
    data[last:last] = stretch * min(times, LONGEST // max(1, len(stretch)))


def _move(data: bytearray, chance: random.Random) -> None:
    first, last = sorted(chance.randint(0, len(data)) for _ in range(2))
    stretch = bytes(data[first:last])
    del data[first:last]
    place = chance.randint(0, len(data))
    data[place:place] = stretch


_MUTATIONS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    *(_cut, _flip, _splice, _blank, _number, _header, _sizes, _entry, _double, _move),
)


def _seal(data: bytearray) -> None:
    """Puts a PNG's check sums right, as far as its chunks can be followed."""
    at = 8
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            return
        data[end - 4 : end] = struct.pack(">I", zlib.crc32(data[at + 4 : end - 4]))
        at = end
