"""Files that are no pictures, are none of a product, or were made to do harm: each refused by name, at bounded cost."""

import io
import json
import logging
import os
import random
import struct
import subprocess
import sys
import threading
import time
import tracemalloc
import warnings
import zlib
from pathlib import Path

import pytest
from PIL import Image, ImageFile

from candidates.errors import PictureError
from image_retrieval import pictures
from image_retrieval.pictures import BYTES_PER_PIXEL, MAX_BYTES, MAX_PIXELS, decode, read_picture
from tests.conftest import ROOT
from tests.image_retrieval.drawn import saved, shirt

MIB = 2**20
SLACK = 18 * MIB
"""What a process takes whatever the picture."""


def refused(content: bytes, match: str) -> PictureError:
    """The refusal, which names the picture and says how to fix it."""
    with pytest.raises(PictureError, match=match) as caught:
        decode(content, "shoes/17.jpg")
    assert caught.value.what.startswith("shoes/17.jpg: ")
    assert caught.value.fix
    return caught.value


# What is no picture -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"\n <!DOCTYPE html><html><body>Not found", "web page"),
        (b"<html lang=en>", "web page"),
        (b"\xef\xbb\xbf<!-- cached --><HTML>", "web page"),
        ("\ufeff<html>".encode("utf-16-le"), "web page"),
        (b'<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0//EN">', "web page"),
        (b"<p>Not found</p>", "web page"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN"><svg><title>a</title>', "SVG"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "XML file"),
        (b'{"error": "no such key"}', "JSON, not a picture"),
        (b'\n[{"id": 1}]', "JSON, not a picture"),
        (b"{}", "JSON, not a picture"),
        (b"%PDF-1.7\n", "PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "PostScript"),
        (b"8BPS\x00\x01", "Photoshop"),
        (b"PK\x03\x04", "ZIP"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"\x00\x00\x01\x00\x01\x00", "icon"),
        (b"\xff\x0a\xfa", "JPEG XL"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "HEIC"),
        (b"id\ttitle\n1\tshirt\n", "not a picture of a supported format"),
        (b"[error] not found", "not a picture of a supported format"),
        (bytes(1000), "not a picture of a supported format"),
        (b"P3\n2 2\n255\n" + b"1 " * 12, "not a picture of a supported format"),
        (b"\xff\xd8\xff", "truncated"),
        (b"BM", "truncated"),
        (b"II*\x00\xff\xff\xff\xff", "truncated"),
    ],
)
def test_what_is_no_picture_is_refused_with_its_reason(content, reason):
    refused(content, reason)


def test_a_wrong_extension_does_no_harm():
    assert decode(saved(shirt(), "WEBP"), "shirt.jpg").size == (224, 336)
    assert decode(saved(shirt(), "JPEG"), "shirt.svg").size == (224, 336)


def test_a_long_name_is_cut():
    with pytest.raises(PictureError) as caught:
        decode(b"", "x" * 10_000)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("kind", ["PNG", "GIF", "JPEG", "WEBP", "TIFF", "BMP"])
def test_one_pixel_is_a_tracking_dot(kind):
    refused(saved(Image.new("RGB", (1, 1)), kind), "one pixel, a tracking pixel or a placeholder")


@pytest.mark.parametrize(
    ("width", "height", "is_line"), [(101, 1, True), (2, 203, True), (100, 1, False), (2, 200, False)]
)
def test_a_line_is_no_picture(width, height, is_line):
    content = saved(Image.new("RGB", (width, height)), "PNG")
    if is_line:
        refused(content, f"{width} × {height} pixels, a line or a spacer")
    else:
        assert decode(content, "a").size == (width, height)


# What others may have set, and what must not be seen ----------------------------------------------------------------


def test_a_cut_picture_is_refused_whatever_others_allow(monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    content = saved(shirt(), "JPEG")
    refused(content[: len(content) // 2], "truncated")
    refused(png_header(9000, 9000), "pixels are more than")


CORRUPT_NOTES = b"Exif\x00\x00MM\x00*\x00\x00\xff\xff\x00\x09garbage"


def noisy() -> list[bytes]:
    """Files over which Pillow warns, logs, or libtiff writes to the terminal."""
    broken = bytearray(saved(shirt(), "TIFF", compression="tiff_lzw"))
    broken[200:900] = bytes(range(100, 200)) * 7
    many_samples = tiff(samples=65_000)
    return [saved(shirt(), "JPEG", exif=CORRUPT_NOTES), bytes(broken), many_samples, png_header(9_500, 9_500)]


def test_pillow_keeps_its_warnings_and_complaints_to_itself(capfd, caplog):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        logging.lastResort.handle(logging.LogRecord("PIL", logging.ERROR, "", 1, "so it would look", (), None))
        for content in noisy():
            with pytest.raises(PictureError) if content[:3] != b"\xff\xd8\xff" else warnings.catch_warnings():
                decode(content, "a")
        warnings.warn("others may still warn", stacklevel=1)
    assert [str(warning.message) for warning in seen] == ["others may still warn"]
    assert capfd.readouterr().err == "so it would look\n"
    assert not caplog.records


def test_pictures_are_decoded_in_many_threads_at_once():
    contents = [saved(shirt(), "JPEG"), *noisy()[1:]] * 6
    results = []
    threads = [threading.Thread(target=lambda c=content: results.append(outcome(c))) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["decoded"] * 6 + ["refused"] * 18


def outcome(content: bytes) -> str:
    try:
        decode(content, "a")
    except PictureError:
        return "refused"
    return "decoded"


# Bombs --------------------------------------------------------------------------------------------------------------


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_header(width: int, height: int) -> bytes:
    """A PNG that ends where its pixels should begin."""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))


def png(*before: bytes, pixels: bytes = zlib.compress((b"\0" + bytes(300)) * 100)) -> bytes:
    """A PNG of 100 × 100 pixels with other chunks before them."""
    return png_header(100, 100) + b"".join(before) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def zeros(mebibytes: int) -> bytes:
    """So many MiB of nothing, packed into a thousandth."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(MIB)) for _ in range(mebibytes)) + packer.flush()


def segment(marker: int, content: bytes) -> bytes:
    """A segment of a JPEG."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def jpeg(*before: bytes, image: Image.Image | None = None, **options) -> bytes:
    """A JPEG with other segments before its own."""
    content = saved(image or shirt(64, 96), "JPEG", **options)
    return content[:2] + b"".join(before) + content[2:]


def many_scans(scans: int) -> bytes:
    """A progressive JPEG that goes over its last scan again and again."""
    content = saved(Image.new("L", (2000, 2000), 90), "JPEG", progressive=True)
    last = content.rindex(b"\xff\xda")
    return content[:-2] + content[last:-2] * scans + b"\xff\xd9"


def tiff(samples: int = 3, **tags) -> bytes:
    """A TIFF of 100 × 100 pixels; `tags` adds or replaces tags: t279=(type, count, packed values)."""
    pixels = bytes(30_000)
    long = struct.Struct("<I").pack
    entries = {256: (4, 1, long(100)), 257: (4, 1, long(100)), 258: (3, 3, struct.pack("<3H", 8, 8, 8))}
    entries |= {259: (3, 1, long(1)), 262: (3, 1, long(2)), 273: (4, 1, long(8)), 277: (3, 1, long(samples))}
    entries |= {278: (4, 1, long(100)), 279: (4, 1, long(30_000))}
    entries |= {int(name[1:]): value for name, value in tags.items()}
    start = 8 + len(pixels)
    free, values, directory = start + 2 + 12 * len(entries) + 4, b"", struct.pack("<H", len(entries))
    for tag, (kind, count, value) in sorted(entries.items()):
        place = value.ljust(4, b"\0") if len(value) <= 4 else long(free + len(values))
        values += value if len(value) > 4 else b""
        directory += struct.pack("<HHI", tag, kind, count) + place
    return b"II*\0" + long(start) + pixels + directory + long(0) + values


def webp_of(width: int, height: int) -> dict[str, bytes]:
    """WebP files of each kind that say they are so large."""
    plain, lossless = saved(shirt(20, 20), "WEBP"), saved(shirt(20, 20), "WEBP", lossless=True)
    frames = saved(shirt(20, 20), "WEBP", save_all=True, append_images=[shirt(20, 20, "navy")])
    bits = struct.unpack_from("<I", lossless, 21)[0] & ~0xFFFFFFF | (width - 1) | (height - 1) << 14
    large = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return {
        "WebP, lossy": plain[:26] + struct.pack("<HH", width, height) + plain[30:],
        "WebP, lossless": lossless[:21] + struct.pack("<I", bits) + lossless[25:],
        "WebP, animated": frames[:24] + large + frames[30:],
    }


def run_length_bmp(width: int, height: int, rows: bytes) -> bytes:
    """A BMP in runs of equal pixels."""
    header = struct.pack("<2sIHHI", b"BM", 0, 0, 0, 1078)
    header += struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(rows), 0, 0, 256, 0)
    return header + bytes(1024) + rows


def spoofed_avif(side: int) -> bytes:
    """An AVIF that says it is 500 × 500, with a coded frame of another size."""
    content = saved(Image.new("RGB", (side, side), "teal"), "AVIF", speed=10)
    place = content.index(b"ispe") + 8
    return content[:place] + struct.pack(">II", 500, 500) + content[place + 8 :]


def huge_gif_frame() -> bytes:
    """A GIF whose first frame is far larger than the picture it stands in."""
    content = saved(Image.new("P", (10, 10)), "GIF")
    frame = content.index(b",", 13)
    return content[: frame + 5] + struct.pack("<HH", 65_000, 65_000) + content[frame + 9 :]


def frames(kind: str, count: int) -> bytes:
    """Many frames, none like the one before."""
    colours = [Image.new("RGB", (400, 400), (n, 255 - n, n)) for n in range(count)]
    return saved(colours[0], kind, save_all=True, append_images=colours[1:])


def rationals(count: int) -> tuple[int, int, bytes]:
    """A tag's value of so many fractions."""
    return (5, count, b"\1\0\0\0" * (2 * count))


def notes_of(count: int) -> bytes:
    """A camera's notes with where up is among many fractions."""
    entries = struct.pack("<HHII", 0x0112, 3, 1, 6) + struct.pack("<HHII", 0x011A, 5, count, 38)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + entries + bytes(4) + b"\1\0\0\0" * (2 * count)


EXIF = b"Exif\0\0" + bytes(60_000)
ONE = struct.pack("<I", 1)
BOMBS = {
    "PNG, header": (lambda: png_header(60_000, 60_000) + bytes(100), "pixels are more than"),
    "PNG, just too large": (lambda: png_header(8001, 8000) + bytes(100), "pixels are more than"),
    "PNG, packed text": (lambda: png(chunk(b"zTXt", b"a\0\0" + zeros(120))), "metadata that decompress"),
    "PNG, packed unicode": (lambda: png(chunk(b"iTXt", b"a\0\1\0\0\0" + zeros(120))), "metadata that decompress"),
    "PNG, packed profile": (lambda: png(chunk(b"iCCP", b"a\0\0" + zeros(120))), "metadata that decompress"),
    "PNG, many packed texts": (
        lambda: png(*(chunk(b"zTXt", b"%d\0\0" % n + zlib.compress(bytes(1_000_000))) for n in range(90))),
        "metadata that decompress",
    ),
    "PNG, more than its rows": (lambda: png(pixels=zeros(120)), None),
    "PNG, crumbs": (lambda: png(*[chunk(b"teXt", b"")] * 70_000), "chunks"),
    "PNG, 60 frames": (lambda: frames("PNG", 60), None),
    "GIF, 60 frames": (lambda: frames("GIF", 60), None),
    "GIF, huge frame": (huge_gif_frame, "pixels"),
    "TIFF, 60 pages": (lambda: frames("TIFF", 60), None),
    "WebP, 60 frames": (lambda: frames("WEBP", 60), None),
    **{
        name: ((lambda content=content: content), "pixels are more than")
        for name, content in webp_of(9000, 9000).items()
    },
    "WebP, notes": (lambda: saved(shirt(64, 96), "WEBP", exif=notes_of(1_000_000)), None),
    "JPEG, header": (
        lambda: jpeg().replace(struct.pack(">HH", 96, 64), struct.pack(">HH", 65_500, 65_500)),
        "more than 64,000,000 pixels",
    ),
    "JPEG, notes": (lambda: jpeg(segment(0xE1, EXIF) * 700), "more metadata than picture"),
    "JPEG, crumbs of notes": (
        lambda: jpeg(segment(0xE1, EXIF) * 32 + segment(0xE1, b"Exif\0\0x") * 100_000),
        "more metadata than picture",
    ),
    "JPEG, notes after a false end": (
        lambda: jpeg(b"\xff\xd9" + segment(0xE1, EXIF) * 32 + segment(0xE1, b"Exif\0\0x") * 100_000),
        "more metadata than picture",
    ),
    "JPEG, crumbs behind markers that mean nothing": (
        lambda: jpeg(segment(0xE1, EXIF) * 32, (b"\xff\xf0\xff\xff" + segment(0xE1, b"Exif\0\0x") * 5957) * 20),
        "more metadata than picture",
    ),
    "JPEG, filled up": (lambda: jpeg(b"\xff" * 20 * MIB), "large gaps"),
    "JPEG, filled up inside": (lambda: jpeg()[:-2] + b"\xff" * 20 * MIB + b"\0" + b"\xff\xd9", "large gaps"),
    "JPEG, bytes between": (lambda: jpeg((segment(0xFE, b"") + b"\x01" * 5000) * 900), "large gaps"),
    "JPEG, scans": (lambda: many_scans(1000), "scans"),
    "JPEG, scans behind a false end": (
        lambda: many_scans(1000).replace(b"\xff\xda", segment(0xFE, b"\xff\xd9") + b"\xff\xda"),
        "scans",
    ),
    "TIFF, fractions": (lambda: tiff(t282=rationals(2_000_000)), None),
    "TIFF, camera's notes": (
        lambda: tiff(t34665=(4, 1, struct.pack("<I", 30_138)), t34866=rationals(1_000_000)),
        None,
    ),
    "TIFF, strips": (lambda: tiff(t273=(4, 2_000_000, bytes(8_000_000))), "values in one TIFF tag"),
    "TIFF, long strips": (lambda: tiff(t279=(4, 1, struct.pack("<I", 2**31))), "longer than the file"),
    "TIFF, tiles": (
        lambda: tiff(
            t322=(4, 1, struct.pack("<I", 20_000)),
            t323=(4, 1, struct.pack("<I", 20_000)),
            t324=(4, 1, struct.pack("<I", 8)),
            t325=(4, 1, struct.pack("<I", 30_000)),
            t259=(3, 1, struct.pack("<I", 5)),
        ),
        "tiles of more than",
    ),
    "TIFF, LZMA": (lambda: tiff(t259=(3, 1, struct.pack("<I", 34_925))), "unsupported compression lzma"),
    "BMP, ends of lines": (lambda: run_length_bmp(8000, 8000, b"\1\1\0\0" * 8000 + b"\0\1"), "run-length"),
    "BMP, jumps": (lambda: run_length_bmp(100, 100, b"\0\2\0\xff" * 2_000_000), "run-length"),
    "AVIF, large": (lambda: saved(shirt(64, 64), "AVIF") + bytes(17 * MIB), "16 MiB"),
}

MEASURE = """
import json, sys, time
import numpy
from PIL import Image
from candidates.errors import PictureError
from image_retrieval.pictures import decode

def memory(which):
    for line in open("/proc/self/status"):
        if line.startswith(which):
            return int(line.split()[1]) * 1024

def forget_the_peak():
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")

Image.preinit()
Image.init()
for path in sys.argv[1:]:
    content = open(path, "rb").read()
    forget_the_peak()
    before, start = memory("VmRSS"), time.perf_counter()
    try:
        image, reason = decode(content, "bomb"), None
    except PictureError as problem:
        image, reason = None, str(problem)
    taken = memory("VmHWM") - before
    print(json.dumps([path, reason, taken, time.perf_counter() - start, len(content)]))
    del image, content
"""


def measured(folder: Path, contents: dict[str, bytes]) -> dict[str, tuple[str | None, int, float, int]]:
    """Decodes files in a process of its own: reason, peak memory beyond what it held before, seconds, length."""
    paths = []
    for number, content in enumerate(contents.values()):
        paths.append(folder / str(number))
        paths[-1].write_bytes(content)
    command = [sys.executable, "-c", MEASURE, *map(str, paths)]
    # What is freed goes back to the system at once, at any size, as it does with the largest pictures.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=200, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {name: tuple(line[1:]) for name, line in zip(contents, lines, strict=True)}


needs_peaks = pytest.mark.skipif(
    not os.access("/proc/self/clear_refs", os.W_OK), reason="measures memory where Linux says how much was held"
)


@needs_peaks
def test_bombs_take_little_memory_and_time_and_say_what_they_are(tmp_path):
    for name, (reason, memory, seconds, length) in measured(
        tmp_path, {name: make() for name, (make, _) in BOMBS.items()}
    ).items():
        expected = BOMBS[name][1]
        assert (reason is None) == (expected is None), (name, reason)
        assert expected is None or expected in reason, (name, reason)
        assert memory < 5 * length + 64 * MIB + SLACK, (name, memory // MIB)
        assert seconds < 6, (name, seconds)


def legal(side: int) -> dict[str, bytes]:
    """Pictures of every kind, each taking about as much memory as its kind can."""
    shades = random.Random(7).randbytes(3 * 100 * 100)
    busy = Image.frombytes("RGB", (100, 100), shades).resize((side, side))
    clear = busy.convert("RGBA")
    clear.putalpha(200)
    notes = Image.Exif()
    notes[0x0112] = 6
    deep = Image.frombytes("I;16", (side, side), bytes(range(256)) * (side * side // 128))
    return {
        "JPEG, turned": saved(busy, "JPEG", exif=notes),
        "JPEG, progressive": saved(busy, "JPEG", progressive=True, subsampling=0),
        "JPEG, four inks": saved(busy.convert("CMYK"), "JPEG"),
        "PNG": saved(busy, "PNG", compress_level=1),
        "PNG, clear": saved(clear, "PNG", compress_level=1),
        "PNG, deep": saved(deep, "PNG", compress_level=1),
        "PNG, palette": saved(busy.convert("P"), "PNG", transparency=3),
        "WebP, even": saved(Image.new("RGBA", (3 * side // 2, 3 * side // 2), (9, 99, 9, 99)), "WEBP", lossless=True),
        "WebP, turned": saved(clear, "WEBP", lossless=True, method=0, exact=False, exif=notes),
        "AVIF, turned": saved(clear, "AVIF", speed=10, exif=notes),
        "AVIF, full colour": saved(busy, "AVIF", speed=10, subsampling="4:4:4"),
        "TIFF, turned": saved(clear, "TIFF", compression="tiff_lzw", exif=notes),
        "TIFF, plain": saved(busy, "TIFF"),
        "GIF": saved(busy.convert("P"), "GIF"),
        "BMP": saved(busy, "BMP"),
    }


@needs_peaks
def test_a_legal_picture_takes_no_more_than_what_is_stated_for_its_pixels(tmp_path):
    contents = legal(1600)
    for name, (reason, memory, _, length) in measured(tmp_path, contents).items():
        assert reason is None, (name, reason)
        width, height = Image.open(io.BytesIO(contents[name])).size
        assert memory <= BYTES_PER_PIXEL * width * height + 5 * length + SLACK, (name, memory // MIB)


@needs_peaks
def test_a_frame_larger_than_its_file_says_is_bounded_by_its_own_pixels(tmp_path):
    side = 4000
    (answer,) = measured(tmp_path, {"AVIF": spoofed_avif(side)}).values()
    assert answer[1] <= BYTES_PER_PIXEL * side * side


def test_the_largest_picture_takes_about_a_gigabyte():
    assert BYTES_PER_PIXEL * MAX_PIXELS <= 1024 * 10**6


def test_a_limit_of_the_system_is_a_refusal_too(monkeypatch):
    def too_much(*_):
        raise MemoryError

    monkeypatch.setattr(pictures, "_on_white", too_much)
    refused(saved(shirt(), "PNG"), "not enough memory")


@pytest.mark.parametrize("place", [40, -30, -6])
def test_a_png_whose_pixels_are_damaged_is_refused(place):
    content = bytearray(saved(shirt(), "PNG", compress_level=0))
    content[place] ^= 1
    refused(bytes(content), "a checksum is wrong")


def test_pixels_that_cannot_be_unpacked_are_refused():
    refused(png(pixels=bytes(100)), "truncated or damaged")


def test_a_bigtiff_is_read():
    def entry(tag: int, kind: str, *values: int) -> bytes:
        packed = struct.pack(f"<{len(values)}{kind}", *values).ljust(8, b"\0")
        return struct.pack("<HHQ", tag, {"H": 3, "I": 4}[kind], len(values)) + packed

    entries = [entry(256, "H", 2), entry(257, "H", 2), entry(258, "H", 8, 8, 8), entry(259, "H", 1)]
    entries += [entry(262, "H", 2), entry(273, "I", 16), entry(277, "H", 3), entry(278, "H", 2), entry(279, "I", 12)]
    entries += [struct.pack("<HHQQ", 282, 5, 2**40, 1)]
    content = struct.pack("<2sHHHQ", b"II", 43, 8, 0, 28) + bytes(range(100, 112))
    content += struct.pack("<Q", len(entries)) + b"".join(entries) + bytes(8)
    image = decode(content, "a")
    assert [image.getpixel((x, 1)) for x in (0, 1)] == [(106, 107, 108), (109, 110, 111)]


# Reading ------------------------------------------------------------------------------------------------------------


def test_a_picture_file_is_read_whole(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"picture")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "a.jpg")
    assert read_picture(tmp_path / "a.jpg", "a.jpg") == read_picture(tmp_path / "link.jpg", "a.jpg") == b"picture"


def test_what_can_not_be_read_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    cases = {
        tmp_path: "a folder, not a file",
        tmp_path / "pipe": "a pipe, socket or device, not a file",
        Path("/dev/zero"): "a pipe, socket or device, not a file",
        tmp_path / "missing": "No such file",
        tmp_path / "loop": "symbolic links",
        tmp_path / "n\0l": "null",
    }
    start = time.monotonic()
    for path, reason in cases.items():
        with pytest.raises(PictureError, match=reason) as caught:
            read_picture(path, "shoes/17.jpg")
        assert caught.value.what.startswith("shoes/17.jpg: ")
        assert caught.value.fix
    assert time.monotonic() - start < 5


def test_a_file_that_becomes_a_pipe_is_refused_without_waiting(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    honest = os.stat(tmp_path / "file")
    monkeypatch.setattr(pictures.os, "stat", lambda path: honest)
    with pytest.raises(PictureError, match="a pipe"):
        read_picture(tmp_path / "pipe", "a")


def test_a_file_far_too_large_is_not_read(tmp_path):
    with open(tmp_path / "large", "wb") as file:
        file.truncate(MAX_BYTES + 1)
    tracemalloc.start()
    try:
        with pytest.raises(PictureError, match="larger than 64 MiB"):
            read_picture(tmp_path / "large", "a")
        assert tracemalloc.get_traced_memory()[1] < MIB
    finally:
        tracemalloc.stop()


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "MAX_BYTES", 10)
    (tmp_path / "growing").write_bytes(bytes(11))
    (tmp_path / "small").write_bytes(bytes(10))
    small = os.stat(tmp_path / "small")
    monkeypatch.setattr(pictures.os, "fstat", lambda number: small)
    assert len(read_picture(tmp_path / "small", "a")) == 10
    with pytest.raises(PictureError, match="larger than"):
        read_picture(tmp_path / "growing", "a")
