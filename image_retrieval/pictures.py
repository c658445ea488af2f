"""Decodes picture files, whatever a feed names as a picture, to RGB on white.

Shops publish pictures that are damaged in every possible way, and some may be malicious. Every refusal is a
`PictureError` that names the picture; memory and time are bounded for any input (see `decode`).
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
"""Pictures whose header states more pixels are refused."""

MAX_BYTES = 64 * 2**20
"""Larger files are refused before they are read."""

MAX_RATIO = 100
"""Pictures whose longer side is more than this many times the shorter one are lines and spacers."""

BYTES_PER_PIXEL = 16
"""Maximum memory for decoding, beyond the file, in bytes per pixel: a gigabyte for the largest picture."""

_WHITE = (255, 255, 255)
_BAND = 2**20
"""Pixels that are put on white at a time, so that no second and third copy of the whole picture is needed."""

_MOST_PARTS = 65_536
"""Maximum chunks of a PNG. Programs write 8 KB or more per chunk; Pillow spends microseconds on each."""
_MOST_SEGMENTS = 1_000
"""Maximum segments of a JPEG. A colour profile has at most 255."""
_MOST_FILLING = 4_096
"""Maximum bytes between two segments of a JPEG, where there should be none. Pillow reads them one by one."""
_FILLING = b"\xff" * _MOST_FILLING
_MOST_NOTES = 16 * 2**20
"""Maximum bytes before a JPEG's first scan. Pillow copies all metadata again for every further metadata segment."""
_MOST_SCANS = 64
"""Maximum scans of a JPEG. Progressive ones have about ten; each covers the whole picture, however short it is."""
_MOST_TAG_VALUES = 500_000
"""Maximum numbers in one tag of a TIFF, each of which becomes an object. One strip per row needs fewer."""
_MOST_TILE = 2**24
"""Maximum pixels of a TIFF's tile, which is decompressed as a whole even if the picture is smaller."""
_MOST_RLE = 4 * 2**20
"""Maximum bytes and pixels of a run-length encoded BMP, which Pillow decompresses in Python."""
_MOST_AVIF = 16 * 2**20
"""Maximum bytes of an AVIF: its metadata become objects as soon as it is opened."""

_HTML_OR_SVG = re.compile(rb"<(?:!doctype\s+)?(html|head|body|title|meta|script|div|p|h1|svg)\b")
_JSON = re.compile(rb"\{\s*[\"}]|\[\s*[\[{\"\]\d-]")
_JPEG_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_WITHOUT_LENGTH = frozenset([*range(0x01, 0xC0), 0xC8, 0xD8, 0xD9, *range(0xF0, 0xFE)])

_AS_JPEG = "Export it as JPEG, PNG or WebP"
_SMALLER = "Export a smaller picture"
_AGAIN = "Download or export the picture again"
_OTHER_FILES = (
    (b"%PDF", "a PDF document, not a picture", "Export its page as JPEG or PNG"),
    (b"%!PS", "a PostScript file, which is not supported", _AS_JPEG),
    (b"8BPS", "a Photoshop file, which is not supported", _AS_JPEG),
    (b"PK\x03\x04", "a ZIP archive, not a picture", "Unpack it and name the picture inside"),
    (b"\x1f\x8b", "a gzip archive, not a picture", "Unpack it"),
    (b"\x00\x00\x01\x00", "an icon (ICO), which is not supported", _AS_JPEG),
    (b"\xff\x0a", "a JPEG XL picture, which is not supported", _AS_JPEG),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture, which is not supported", _AS_JPEG),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture, which is not supported", _AS_JPEG),
)
_PILLOW = r"PIL\."
_QUIET = ("ignore", None, Warning, re.compile(_PILLOW), 0)
"""The filter that silences Pillow, in the form in which `warnings` stores it."""

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
"""The tags that describe a TIFF's pixels: size, bits, compression, colours, strips and tiles."""
_TIFF_COMPRESSIONS = frozenset({"raw", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "packbits", "zstd", "jpeg"})
_TIFF_FAX = frozenset({"tiff_ccitt", "group3", "group4"})
"""Leaves out LZMA, whose dictionary may have any size, and the compressions of scanners and film."""


def read_picture(path: Path, name: str) -> bytes:
    """Reads a picture file, unless it is not a regular file or far too large.

    Args:
        path: The file.
        name: The picture's name in the feed, for the error.

    Raises:
        PictureError: The file is missing, can't be read, is larger than `MAX_BYTES`, or is a folder, a pipe or a
            device (which are not even opened, because opening a pipe without a writer would block for ever).
    """
    try:
        _refuse_irregular(os.stat(path).st_mode, name)
        # The file may be replaced between the two calls; opened without blocking, a pipe is harmless.
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb") as file:
            status = os.fstat(file.fileno())
            _refuse_irregular(status.st_mode, name)
            content = b"" if status.st_size > MAX_BYTES else file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise PictureError(f"{name[:200]}: {reason}", "Put the picture there and make it readable") from error
    if status.st_size > MAX_BYTES or len(content) > MAX_BYTES:
        raise PictureError(f"{name[:200]}: the file is larger than {MAX_BYTES // 2**20} MiB", _SMALLER)
    return content


def _refuse_irregular(mode: int, name: str) -> None:
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "a pipe, socket or device"
        raise PictureError(f"{name[:200]}: {what}, not a file", "Name a picture file")


def decode(content: bytes, name: str, size: tuple[int, int] | None = None) -> Image.Image:
    """Decodes a picture to RGB, upright, with transparent parts in white.

    Memory: five times the file plus at most `BYTES_PER_PIXEL` for each decoded pixel, so about 1 GB for a picture of
    `MAX_PIXELS`. The exception is AVIF: if the encoded frame is larger than its header states, only libavif limits it,
    to 268 million pixels.

    Args:
        content: The file's bytes.
        name: The picture's name in the feed, for the error.
        size: Width and height that the picture will be fitted into. A much larger JPEG is then decoded at a reduced
            size, still at least twice this size, which saves most of the time and loses no relevant detail.

    Returns:
        A picture of mode RGB; the first frame of an animation.

    Raises:
        PictureError: The bytes are empty, not a picture, truncated, damaged, a single pixel or a line, have too many
            pixels, or would take far more time or memory to decompress than a picture does.
    """
    name = name[:200]
    kind = _kind(content, name)
    _configure_pillow()
    try:
        # Rotated last, when WebP's two canvases are no longer in memory.
        return _upright(*_on_white_with_notes(_screened(content, kind, name), kind, name, size))
    except PictureError:
        raise
    except Exception as error:  # Pillow's readers raise all kinds of errors on damaged bytes.
        raise _problem(name, error) from error


def _on_white_with_notes(
    content: bytes, kind: str, name: str, size: tuple[int, int] | None
) -> tuple[Image.Image, bytes]:
    """The picture on white, not yet rotated, and its Exif data, which have the orientation."""
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


def _configure_pillow() -> None:
    """Makes Pillow refuse truncated files and suppresses its warnings.

    Both settings are global and anybody may change them, so they are checked every time. The filter is permanent,
    because `warnings.catch_warnings` is not thread-safe and pictures are decoded in several threads.
    """
    from PIL import ImageFile

    ImageFile.LOAD_TRUNCATED_IMAGES = False
    if tuple(warnings.filters[:1]) != (_QUIET,):
        warnings.filterwarnings("ignore", module=_PILLOW)
    _silence_readers()


@cache
def _silence_readers() -> None:
    """Suppresses Pillow's log and libtiff's error output, because the refusal already reports the problem."""
    import PIL

    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    for library in Path(PIL.__file__).parent.parent.glob("pillow.libs/libtiff*"):
        try:
            ctypes.CDLL(str(library)).TIFFSetErrorHandler(None)
        except (OSError, AttributeError):  # In another build of Pillow, a line on the terminal does no harm.
            continue


def _kind(content: bytes, name: str) -> str:
    """Pillow's name of the format, detected by the first bytes, because file extensions are unreliable.

    Only formats that shops publish are supported, and none whose reader starts another program (EPS).
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
    """The error for a file that is not a supported picture, with its type if the first bytes reveal it."""
    if not content:
        return PictureError(f"{name}: the file is empty", _AGAIN)
    # Reads UTF-16 as if it were ASCII, and skips a byte order mark.
    text = content[:2048].replace(b"\0", b"").removeprefix(b"\xef\xbb\xbf").lstrip(b"\xff\xfe \t\r\n").lower()
    if text.startswith(b"<"):
        tag = _HTML_OR_SVG.search(text)
        if tag and tag[1] != b"svg":
            return PictureError(f"{name}: a web page, not a picture", "Check the URL; the shop sent a page instead")
        what = "an SVG drawing, not a photograph" if tag else "an XML file, not a picture"
        return PictureError(f"{name}: {what}", _AS_JPEG)
    if _JSON.match(text):
        return PictureError(f"{name}: JSON, not a picture", "Check the URL; the shop sent a message instead")
    for begin, what, fix in _OTHER_FILES:
        if content.startswith(begin):
            return PictureError(f"{name}: {what}", fix)
    if content[4:8] == b"ftyp":
        return PictureError(f"{name}: a HEIC picture or a video, which is not supported", _AS_JPEG)
    return PictureError(f"{name}: not a picture of a supported format, or only its first bytes", _AS_JPEG)


def _screened(content: bytes, kind: str, name: str) -> bytes:
    """The bytes to pass to Pillow; refuses or removes what would take far more time or memory than a picture does."""
    if kind == "JPEG":
        _screen_jpeg(content, name)
    elif kind == "PNG":
        _screen_png(content, name)
    elif kind == "WEBP":
        _screen_webp(content, name)
    elif kind == "AVIF" and len(content) > _MOST_AVIF:
        raise PictureError(f"{name}: an AVIF of more than {_MOST_AVIF // 2**20} MiB", _SMALLER)
    elif kind == "TIFF":
        return _trimmed_tiff(content, name)
    return content


def _screen_jpeg(content: bytes, name: str) -> None:
    """Refuses a JPEG with more metadata, segments or scans than any camera or program writes (ISO/IEC 10918-1, B.1)."""
    at, segments, scans = 2, 0, 0
    while found := _JPEG_MARKER.search(content, at):
        # After the first scan, pixel data may be between the parts, but no long runs of fill bytes.
        filled = scans and content.find(_FILLING, at, found.end()) >= 0
        if filled or (not scans and found.end() - at > _MOST_FILLING):
            raise PictureError(f"{name}: truncated or damaged (large gaps between its parts)", _AGAIN)
        at, marker = found.end(), content[found.end() - 1]
        if scans and marker == 0xD9:
            return
        segments += 1
        scans += marker == 0xDA
        if marker not in _WITHOUT_LENGTH:
            at += int.from_bytes(content[at : at + 2], "big")
        if segments > _MOST_SEGMENTS or (at > _MOST_NOTES and not scans):
            raise PictureError(f"{name}: far more metadata than picture", "Export it without metadata")
        if scans > _MOST_SCANS:
            raise PictureError(f"{name}: more than {_MOST_SCANS} scans, which would take too long to decode", _AS_JPEG)


def _screen_png(content: bytes, name: str) -> None:
    """Refuses a PNG that is damaged, truncated or in too many pieces (ISO/IEC 15948, 5.3).

    Pillow does not verify the checksums of the pixels' chunks.
    """
    view, at = memoryview(content), 8
    _refuse_shape(int.from_bytes(view[16:20], "big"), int.from_bytes(view[20:24], "big"), name)
    for _ in range(_MOST_PARTS):
        end = at + 12 + int.from_bytes(view[at : at + 4], "big")
        if end > len(content):
            raise PictureError(f"{name}: truncated or damaged (a chunk is longer than the file)", _AGAIN)
        if zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
            raise PictureError(f"{name}: truncated or damaged (a checksum is wrong)", _AGAIN)
        if bytes(view[at + 4 : at + 8]) == b"IEND":
            return
        at = end
    raise PictureError(f"{name}: more than {_MOST_PARTS:,} chunks, which would take too long to decode", _AS_JPEG)


def _screen_webp(content: bytes, name: str) -> None:
    """Checks the size in the header, because Pillow allocates several canvases on opening (RFC 9649)."""

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
    """The same TIFF with a directory of only those tags that the first picture's pixels need (TIFF 6.0, section 2).

    Pillow makes an object of each number in metadata about the camera, the printer and the author, so these tags are
    removed. The other tags, and all offsets in the file, stay as they are.
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
            raise PictureError(f"{name}: {values:,} values in one TIFF tag, more than any picture has", _AS_JPEG)
        kept.append(content[entry : entry + length])
    directory = struct.pack(count_format, len(kept)) + b"".join(kept) + struct.pack(order + place, 0)
    return content[:start] + directory + content[start + len(directory) :]


def _refuse_shape(width: int, height: int, name: str) -> None:
    if width * height > MAX_PIXELS:
        raise PictureError(f"{name}: {width:,} × {height:,} pixels are more than {MAX_PIXELS:,}", _SMALLER)
    if width * height == 1:
        raise PictureError(
            f"{name}: only one pixel, a tracking pixel or a placeholder", "Name a picture of the product"
        )
    if max(width, height) > MAX_RATIO * min(width, height) > 0:  # Pillow reports a width of zero as damage.
        raise PictureError(
            f"{name}: {width:,} × {height:,} pixels, a line or a spacer", "Name a picture of the product"
        )


def _refuse_costly(image: Image.Image, length: int, name: str) -> None:
    """Refuses pictures that are costly to decode although their size is acceptable."""
    if image.format == "BMP" and image.info.get("compression") in (1, 2):
        if max(length, image.width * image.height) > _MOST_RLE:
            raise PictureError(f"{name}: a large run-length encoded BMP, which would take too long to decode", _AS_JPEG)
    elif image.format == "TIFF":
        tags = image.tag_v2  # type: ignore[attr-defined]
        compression = str(image.info.get("compression"))
        if compression not in _TIFF_COMPRESSIONS | _TIFF_FAX:
            raise PictureError(f"{name}: a TIFF with the unsupported compression {compression}", _AS_JPEG)
        if tags.get(322, 0) * tags.get(323, 0) > _MOST_TILE:
            raise PictureError(f"{name}: a TIFF with tiles of more than {_MOST_TILE:,} pixels", _AS_JPEG)
        if any(sum(_numbers(tags.get(lengths))) > 2 * length for lengths in (279, 325)):
            raise PictureError(f"{name}: truncated or damaged (its strips are longer than the file)", _AGAIN)


def _numbers(value: object) -> tuple[int, ...]:
    """A tag's numbers as a tuple; Pillow returns a single one without a tuple."""
    return value if isinstance(value, tuple) else (value,) if isinstance(value, int) else ()


def _match_depth(image: Image.Image, content: bytes) -> None:
    """Scales a 16-bit PNG's transparent colour to eight bits, as Pillow did with its pixels."""
    clear = image.info.get("transparency")
    if image.format == "PNG" and content[24] == 16 and isinstance(clear, tuple):
        image.info["transparency"] = tuple(value >> 8 for value in clear)


def _right_inks(image: Image.Image) -> Image.Image:
    """Undoes the inversion that Pillow applies to every CMYK JPEG.

    Adobe's programs write inverted values, together with a marker. Without the marker the values are not inverted.
    """
    from PIL import ImageChops

    if image.format == "JPEG" and image.mode == "CMYK" and "adobe" not in image.info:
        return ImageChops.invert(image)
    return image


def _upright(image: Image.Image, notes: bytes) -> Image.Image:
    """Rotates a picture by the orientation in its Exif data. For TIFF, Pillow already did so while loading."""
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
    """The orientation in Exif data, 1 (not rotated) if they are damaged (Exif 2.32, 4.6.4).

    Pillow's own reader would make objects of all other entries too, however many there are.
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
    """Scales 16-bit grey to 8 bits; `convert` would clip everything above 255 instead."""
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
        return PictureError(f"{name}: more than {MAX_PIXELS:,} pixels", _SMALLER)
    if isinstance(error, MemoryError):
        return PictureError(f"{name}: not enough memory to decode it", _SMALLER)
    if "MAX_TEXT" in str(error):
        return PictureError(
            f"{name}: metadata that decompress to far more than a picture's", "Export it without metadata"
        )
    if isinstance(error, struct.error):
        return PictureError(f"{name}: truncated or damaged (it refers to data outside the file)", _AGAIN)
    if isinstance(error, UnidentifiedImageError):
        return PictureError(f"{name}: truncated or damaged (its header is invalid)", _AGAIN)
    return PictureError(f"{name}: truncated or damaged ({str(error)[:200]})", _AGAIN)


def padded(image: Image.Image, width: int, height: int) -> NDArray[np.uint8]:
    """Fits a picture of mode RGB or L into a white box, centred, keeping its aspect ratio (bicubic).

    Returns:
        uint8 (height, width, 3), or (height, width) for a grey picture.
    """
    from PIL import Image

    scale = min(width / image.width, height / image.height)
    inner = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    # The reducing gap first shrinks a much larger picture by a whole factor, which is faster and looks the same.
    resized = np.asarray(image.resize(inner, Image.Resampling.BICUBIC, reducing_gap=3.0))
    canvas = np.full((height, width, *resized.shape[2:]), 255, np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = resized
    return canvas
