"""Picture bytes to RGB on white, whatever a feed's owner calls a picture.

What shops publish is broken in every way, and a stranger may have meant it so. Every refusal is a `PictureError` that
names the picture; memory and time stay bounded whatever the bytes say (see `decode`).
"""

from __future__ import annotations

import ctypes
import io
import logging
import os
import re
import stat
import struct
import warnings
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from candidates.errors import PictureError

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 64_000_000
"""Pictures with more pixels are refused by their header."""

MAX_BYTES = 64 * 2**20
"""Larger files are refused before they are read."""

MAX_RATIO = 100
"""Pictures longer than so many times their width, or the other way round, are rules and spacers."""

BYTES_PER_PIXEL = 16
"""Peak memory of decoding, beyond the file: so many bytes a pixel at most, a gigabyte for the largest picture."""

_WHITE = (255, 255, 255)
_BAND = 2**20
"""Pixels that are brought onto white at a time, so that no second and third whole picture is held for it."""

_MOST_PARTS = 65_536
"""Chunks of a PNG. Writers put 8 KB and more into each; Pillow spends microseconds on every one."""
_MOST_SEGMENTS = 1_000
"""Segments of a JPEG. A colour profile fills 255 at most."""
_MOST_FILLING = 4_096
"""Bytes between two segments of a JPEG, where none should be. Pillow reads them one by one."""
_FILLING = b"\xff" * _MOST_FILLING
_MOST_NOTES = 16 * 2**20
"""Bytes before a JPEG's first scan. Pillow copies all of the notes it has for every further segment of notes."""
_MOST_SCANS = 64
"""Scans of a JPEG. Progressive ones have about ten; each goes over the whole picture, however few bytes it has."""
_MOST_TAG_VALUES = 500_000
"""Numbers in one tag of a TIFF, each of which becomes an object. A strip a row of the longest picture needs fewer."""
_MOST_TILE = 2**24
"""Pixels of a TIFF's tile, which is unpacked whole however little of it the picture shows."""
_MOST_RLE = 4 * 2**20
"""Bytes and pixels of a run-length coded BMP, which Pillow unpacks in Python."""
_MOST_AVIF = 16 * 2**20
"""Bytes of an AVIF: its notes become objects as soon as it is opened."""

_HTML_OR_SVG = re.compile(rb"<(?:!doctype\s+)?(html|head|body|title|meta|script|div|p|h1|svg)\b")
_JSON = re.compile(rb"\{\s*[\"}]|\[\s*[\[{\"\]\d-]")
_JPEG_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_WITHOUT_LENGTH = frozenset([*range(0x01, 0xC0), 0xC8, 0xD8, 0xD9, *range(0xF0, 0xFE)])

_AS_JPEG = "Export it as JPEG, PNG or WebP"
_AGAIN = "Fetch or export the picture again"
_STRANGERS = (
    (b"%PDF", "a PDF document, not a picture", "Export its page as JPEG or PNG"),
    (b"%!PS", "a PostScript file, no picture of a known kind", _AS_JPEG),
    (b"8BPS", "a Photoshop file, no picture of a known kind", _AS_JPEG),
    (b"PK\x03\x04", "a ZIP archive, not a picture", "Unpack it and name the picture inside"),
    (b"\x1f\x8b", "a gzip archive, not a picture", "Unpack it"),
    (b"\x00\x00\x01\x00", "an icon (ICO), no picture of a known kind", _AS_JPEG),
    (b"\xff\x0a", "a JPEG XL picture, which can't be read", _AS_JPEG),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture, which can't be read", _AS_JPEG),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture, which can't be read", _AS_JPEG),
)
_PILLOW = r"PIL\."
_QUIET = ("ignore", None, Warning, re.compile(_PILLOW), 0)
"""How `warnings` keeps the filter that silences Pillow."""

_TIFF_HEADS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_TIFF_TAGS = frozenset(range(529, 533)) | frozenset(
    {
        *range(256, 260),
        262,
        266,
        273,
        274,
        *range(277, 280),
        284,
        292,
        293,
        317,
        320,
        *range(322, 326),
        332,
        338,
        339,
        347,
    }
)
"""The tags that say how a TIFF's pixels lie: size, bits, compression, colours, strips and tiles."""
_TIFF_COMPRESSIONS = frozenset({"raw", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "packbits", "zstd", "jpeg"})
_TIFF_FAX = frozenset({"tiff_ccitt", "group3", "group4"})
"""Not LZMA, whose dictionary may be of any size, nor those of scanners and film."""


def read_picture(path: Path, name: str) -> bytes:
    """Reads a picture file, unless it is none or far too large.

    Args:
        path: Where it lies.
        name: How the feed names the picture, for the error.

    Raises:
        PictureError: The file is missing, can't be read, is larger than `MAX_BYTES`, or is a folder, a pipe or a
            device (which are not even opened: a pipe nobody writes to would wait for ever).
    """
    try:
        _refuse_irregular(os.stat(path).st_mode, name)
        # What lies there may change between the two calls; opened without blocking, a pipe does no harm.
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb") as file:
            status = os.fstat(file.fileno())
            _refuse_irregular(status.st_mode, name)
            content = b"" if status.st_size > MAX_BYTES else file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise PictureError(f"{name[:200]}: {reason}", "Put the picture there and make it readable") from error
    if status.st_size > MAX_BYTES or len(content) > MAX_BYTES:
        raise PictureError(
            f"{name[:200]}: the file is larger than {MAX_BYTES // 2**20} MiB", "Export the picture smaller"
        )
    return content


def _refuse_irregular(mode: int, name: str) -> None:
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "a pipe, socket or device"
        raise PictureError(f"{name[:200]}: {what}, not a file", "Name a picture file")


def decode(content: bytes, name: str, size: tuple[int, int] | None = None) -> Image.Image:
    """Decodes a picture to RGB, upright, its transparent parts white.

    Memory: beside five times the file, at most `BYTES_PER_PIXEL` for each pixel of the picture that is decoded, hence
    about 1 GB for one of `MAX_PIXELS`. One exception is AVIF: a file whose coded frame is larger than it says is
    bounded by libavif alone, at 268 million pixels.

    Args:
        content: The file's bytes.
        name: How the feed names the picture, for the error.
        size: Width and height into which the picture will be fitted. A much larger JPEG is then decoded
            smaller, still at least twice that size, which saves most of the time and no detail that counts.

    Returns:
        A picture of mode RGB; of an animation its first frame.

    Raises:
        PictureError: The bytes are empty, no picture, cut short, broken, a single pixel or a line, hold too many
            pixels, or are made so that unpacking them takes far more time or memory than a picture does.
    """
    name = name[:200]
    kind = _kind(content, name)
    _settle_pillow()
    try:
        # Turned at last, when WebP's two canvases are no longer held.
        return _upright(*_flat(_screened(content, kind, name), kind, name, size))
    except PictureError:
        raise
    except Exception as error:  # Pillow's readers raise whatever broken bytes make them stumble over.
        raise _problem(name, error) from error


def _flat(content: bytes, kind: str, name: str, size: tuple[int, int] | None) -> tuple[Image.Image, bytes]:
    """The picture on white as it lies, and the camera's notes, which say where up is."""
    from PIL import Image

    with Image.open(io.BytesIO(content), formats=(kind,)) as image:
        _refuse_shape(*image.size, name)
        _refuse_costly(image, len(content), name)
        if size:
            image.draft(None, (2 * max(size), 2 * max(size)))
        image.load()
        image.fp = None  # WebP and AVIF keep a copy of all pixels there.
        _match_depth(image, content)
        return _on_white(_right_inks(image)), image.info.get("exif", b"")


def _settle_pillow() -> None:
    """Makes Pillow refuse what is cut short, and keep its warnings to itself.

    Both are settings of the whole process that anybody may have changed, so they are looked at every time. The filter
    stays: `warnings.catch_warnings` is not for threads, and pictures are decoded in several.
    """
    from PIL import ImageFile

    ImageFile.LOAD_TRUNCATED_IMAGES = False
    if tuple(warnings.filters[:1]) != (_QUIET,):
        warnings.filterwarnings("ignore", module=_PILLOW)
    _silence_readers()


@cache
def _silence_readers() -> None:
    """Keeps Pillow's log, and libtiff's errors, off the terminal: the refusal says what there is to say."""
    import PIL

    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    for library in Path(PIL.__file__).parent.parent.glob("pillow.libs/libtiff*"):
        try:
            ctypes.CDLL(str(library)).TIFFSetErrorHandler(None)
        except (OSError, AttributeError):  # Another build of Pillow: a line on the terminal does no harm.
            continue


def _kind(content: bytes, name: str) -> str:
    """Pillow's name of the format, told by the first bytes alone: a file's extension says nothing.

    What shops publish is told apart; formats whose readers start other programs (EPS) are not among them.
    """
    head = content[:32]
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp" and (b"avif" in content[8:256] or b"avis" in content[8:256]):
        return "AVIF"
    if head.startswith(_TIFF_HEADS):
        return "TIFF"
    if head.startswith(b"BM"):
        return "BMP"
    raise _no_picture(content, name)


def _no_picture(content: bytes, name: str) -> PictureError:
    """Says what it is instead, as far as its first bytes tell."""
    if not content:
        return PictureError(f"{name}: the file is empty", _AGAIN)
    # Two bytes a letter (UTF-16) read as one; a byte-order mark is no letter.
    text = content[:2048].replace(b"\0", b"").removeprefix(b"\xef\xbb\xbf").lstrip(b"\xff\xfe \t\r\n").lower()
    if text.startswith(b"<"):
        tag = _HTML_OR_SVG.search(text)
        if tag and tag[1] != b"svg":
            return PictureError(f"{name}: a web page, not a picture", "Check the address; the shop sent a page instead")
        what = "an SVG drawing, not a photograph" if tag else "an XML file, not a picture"
        return PictureError(f"{name}: {what}", _AS_JPEG)
    if _JSON.match(text):
        return PictureError(
            f"{name}: a JSON answer, not a picture", "Check the address; the shop sent a message instead"
        )
    for begin, what, fix in _STRANGERS:
        if content.startswith(begin):
            return PictureError(f"{name}: {what}", fix)
    if content[4:8] == b"ftyp":
        return PictureError(f"{name}: a HEIC picture or a film, no picture of a known kind", _AS_JPEG)
    return PictureError(f"{name}: no picture of a known kind, or only its first bytes", _AS_JPEG)


def _screened(content: bytes, kind: str, name: str) -> bytes:
    """The bytes that Pillow may see, once what would cost it far more than a picture does is refused or left out."""
    if kind == "JPEG":
        _screen_jpeg(content, name)
    elif kind == "PNG":
        _screen_png(content, name)
    elif kind == "WEBP":
        _screen_webp(content, name)
    elif kind == "AVIF" and len(content) > _MOST_AVIF:
        raise PictureError(f"{name}: an AVIF of more than {_MOST_AVIF // 2**20} MiB", "Export the picture smaller")
    elif kind == "TIFF":
        return _trimmed_tiff(content, name)
    return content


def _screen_jpeg(content: bytes, name: str) -> None:
    """Refuses a JPEG with more notes, segments or scans than any camera or program writes (ISO/IEC 10918-1, B.1)."""
    at, segments, scans = 2, 0, 0
    while found := _JPEG_MARKER.search(content, at):
        # Pixels lie between the parts once the scans have begun, but no long rows of filling bytes.
        filled = scans and content.find(_FILLING, at, found.end()) >= 0
        if filled or (not scans and found.end() - at > _MOST_FILLING):
            raise PictureError(f"{name}: cut short or broken (its parts lie far apart)", _AGAIN)
        at, marker = found.end(), content[found.end() - 1]
        if scans and marker == 0xD9:
            return
        segments += 1
        scans += marker == 0xDA
        if marker not in _WITHOUT_LENGTH:
            at += int.from_bytes(content[at : at + 2], "big")
        if segments > _MOST_SEGMENTS or (at > _MOST_NOTES and not scans):
            raise PictureError(f"{name}: far more notes than picture", "Export it without metadata")
        if scans > _MOST_SCANS:
            raise PictureError(f"{name}: more than {_MOST_SCANS} scans, made to take long", _AS_JPEG)


def _screen_png(content: bytes, name: str) -> None:
    """Refuses a PNG that is damaged, cut short or in too many pieces (ISO/IEC 15948, 5.3).

    Pillow does not look at the check sums of the pixels' chunks.
    """
    view, at = memoryview(content), 8
    _refuse_shape(int.from_bytes(view[16:20], "big"), int.from_bytes(view[20:24], "big"), name)
    for _ in range(_MOST_PARTS):
        end = at + 12 + int.from_bytes(view[at : at + 4], "big")
        if end > len(content):
            raise PictureError(f"{name}: cut short or broken (a chunk ends after the file)", _AGAIN)
        if zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
            raise PictureError(f"{name}: cut short or broken (a check sum is wrong)", _AGAIN)
        if bytes(view[at + 4 : at + 8]) == b"IEND":
            return
        at = end
    raise PictureError(f"{name}: more than {_MOST_PARTS:,} chunks, made to take long", _AS_JPEG)


def _screen_webp(content: bytes, name: str) -> None:
    """Refuses by the header what Pillow would hold several canvases for as soon as it opens it (RFC 9649)."""

    def number(at: int, width: int) -> int:
        return int.from_bytes(content[at : at + width], "little")

    kind = content[12:16]
    if kind == b"VP8X":
        _refuse_shape(number(24, 3) + 1, number(27, 3) + 1, name)
    elif kind == b"VP8L":
        _refuse_shape((number(21, 4) & 0x3FFF) + 1, (number(21, 4) >> 14 & 0x3FFF) + 1, name)
    else:
        _refuse_shape(number(26, 2) & 0x3FFF, number(28, 2) & 0x3FFF, name)


def _trimmed_tiff(content: bytes, name: str) -> bytes:
    """The same TIFF with nothing but what its first picture's pixels need in its directory (TIFF 6.0, section 2).

    Pillow makes an object of each number in notes about the camera, the printer and the author; left out, they
    cost nothing. The other tags stay as they are, and so do all places in the file.
    """
    order, big = ("<" if content.startswith(b"II") else ">"), b"+" in content[2:4]
    count_format, entry_format, place = (
        (order + "Q", order + "HHQ8s", "Q") if big else (order + "H", order + "HHI4s", "I")
    )
    (start,) = struct.unpack_from(order + place, content, 8 if big else 4)
    (count,) = struct.unpack_from(count_format, content, start)
    first, length = start + struct.calcsize(count_format), struct.calcsize(entry_format)
    kept = []
    for entry in range(first, first + min(count, _MOST_PARTS) * length, length):
        tag, type_, values, _ = struct.unpack_from(entry_format, content, entry)
        if tag not in _TIFF_TAGS:
            continue
        if values > _MOST_TAG_VALUES and type_ not in (1, 2, 7):
            raise PictureError(f"{name}: {values:,} values in one tag, more than any picture has", _AS_JPEG)
        kept.append(content[entry : entry + length])
    directory = struct.pack(count_format, len(kept)) + b"".join(kept) + struct.pack(order + place, 0)
    return content[:start] + directory + content[start + len(directory) :]


def _refuse_shape(width: int, height: int, name: str) -> None:
    if width * height > MAX_PIXELS:
        raise PictureError(
            f"{name}: {width:,} × {height:,} pixels are more than {MAX_PIXELS:,}", "Export the picture smaller"
        )
    if width * height == 1:
        raise PictureError(f"{name}: one pixel, a tracking dot or a placeholder", "Name a picture of the product")
    if max(width, height) > MAX_RATIO * min(width, height) > 0:  # Of no width at all: broken, as Pillow will say.
        raise PictureError(
            f"{name}: {width:,} × {height:,} pixels, a line or a spacer", "Name a picture of the product"
        )


def _refuse_costly(image: Image.Image, length: int, name: str) -> None:
    """Refuses what a header that is not too large still allows."""
    if image.format == "BMP" and image.info.get("compression") in (1, 2):
        if max(length, image.width * image.height) > _MOST_RLE:
            raise PictureError(f"{name}: a large BMP with run-length coding", _AS_JPEG)
    elif image.format == "TIFF":
        tags = image.tag_v2  # type: ignore[attr-defined]
        compression = str(image.info.get("compression"))
        if compression not in _TIFF_COMPRESSIONS | _TIFF_FAX:
            raise PictureError(f"{name}: a TIFF compressed by {compression}", _AS_JPEG)
        if tags.get(322, 0) * tags.get(323, 0) > _MOST_TILE:
            raise PictureError(f"{name}: a TIFF with tiles of more than {_MOST_TILE:,} pixels", _AS_JPEG)
        if any(sum(_numbers(tags.get(lengths))) > 2 * length for lengths in (279, 325)):
            raise PictureError(f"{name}: cut short or broken (its strips are longer than the file)", _AGAIN)


def _numbers(value: object) -> tuple[int, ...]:
    """A tag's numbers, of which Pillow gives a single one without its tuple."""
    return value if isinstance(value, tuple) else (value,) if isinstance(value, int) else ()


def _match_depth(image: Image.Image, content: bytes) -> None:
    """Brings a 16-bit PNG's transparent colour to the eight bits that Pillow brought its pixels to."""
    clear = image.info.get("transparency")
    if image.format == "PNG" and content[24] == 16 and isinstance(clear, tuple):
        image.info["transparency"] = tuple(value >> 8 for value in clear)


def _right_inks(image: Image.Image) -> Image.Image:
    """Undoes what Pillow assumes of every JPEG in four inks: that its values count paper, not ink.

    So Adobe's programs write them, together with a marker. Without the marker nothing says so, and they count ink.
    """
    from PIL import ImageChops

    if image.format == "JPEG" and image.mode == "CMYK" and "adobe" not in image.info:
        return ImageChops.invert(image)
    return image


def _upright(image: Image.Image, notes: bytes) -> Image.Image:
    """Turns a picture as the camera's notes say. TIFF's are followed by Pillow, as it loads the pixels."""
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    turn = turns.get(_orientation(notes))
    return image if turn is None else image.transpose(turn)


def _orientation(notes: bytes) -> int:
    """The orientation in a camera's notes, 1 where they are broken: it is taken as it lies (Exif 2.32, 4.6.4).

    Pillow's reader would make objects of everything else that is in them, however much that is.
    """
    notes = notes.removeprefix(b"Exif\0\0")
    order: Literal["little", "big"] = "little" if notes.startswith(b"II") else "big"

    def number(at: int, width: int) -> int:
        return int.from_bytes(notes[at : at + width], order)

    start = number(4, 4)
    for entry in range(start + 2, start + 2 + 12 * number(start, 2), 12):
        if number(entry, 2) == 0x0112:
            return number(entry + 8, 2 if number(entry + 2, 2) == 3 else 4)
    return 1


def _on_white(image: Image.Image) -> Image.Image:
    from PIL import Image

    if not image.has_transparency_data and not image.mode.startswith("I"):
        return image.convert("RGB")
    canvas = Image.new("RGB", image.size, _WHITE)
    for box in _bands(*image.size):
        band = image.crop(box)
        seen = _eight_bits(band) if image.mode.startswith("I") else band.convert("RGBA")
        canvas.paste(seen, box[:2], mask=seen.getchannel("A") if seen.mode == "RGBA" else None)
    return canvas


def _bands(width: int, height: int) -> Iterator[tuple[int, int, int, int]]:
    rows = max(1, _BAND // width)
    for top in range(0, height, rows):
        yield (0, top, width, min(height, top + rows))


def _eight_bits(image: Image.Image) -> Image.Image:
    """Sixteen bits of grey; `convert` would cut everything above 255 off instead of scaling it."""
    from PIL import Image

    shades = np.asarray(image).clip(0, 65_535)
    grey = (shades // 257).astype(np.uint8)
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        grey[shades == clear] = 255
    return Image.fromarray(grey)


def _problem(name: str, error: Exception) -> PictureError:
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, Image.DecompressionBombError):
        return PictureError(f"{name}: more than {MAX_PIXELS:,} pixels", "Export the picture smaller")
    if isinstance(error, MemoryError):
        return PictureError(f"{name}: takes more memory than there is", "Export the picture smaller")
    if "MAX_TEXT" in str(error):
        return PictureError(f"{name}: notes that unpack to far more than a picture's", "Export it without metadata")
    if isinstance(error, struct.error):
        return PictureError(f"{name}: cut short or broken (a part of it lies outside the file)", _AGAIN)
    if isinstance(error, UnidentifiedImageError):
        return PictureError(f"{name}: cut short or broken (its header makes no sense)", _AGAIN)
    return PictureError(f"{name}: cut short or broken ({str(error)[:200]})", _AGAIN)


def padded(image: Image.Image, width: int, height: int) -> NDArray[np.uint8]:
    """Fits a picture of mode RGB or L into a white box, centred, keeping its proportions (bicubic).

    Returns:
        uint8 (height, width, 3), or (height, width) for a grey picture.
    """
    from PIL import Image

    scale = min(width / image.width, height / image.height)
    inner = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    # The reducing gap halves a far larger picture by whole steps first: faster, and no different to the eye.
    resized = np.asarray(image.resize(inner, Image.Resampling.BICUBIC, reducing_gap=3.0))
    canvas = np.full((height, width, *resized.shape[2:]), 255, np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = resized
    return canvas
