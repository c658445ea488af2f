import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageChops

from candidates.errors import PictureError
from image_retrieval.pictures import decode, padded
from tests.image_retrieval.drawn import saved, shirt

KINDS = ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF"]
GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, height: int, depth: int, colours: int, row: bytes, *more: bytes) -> bytes:
    """A PNG of equal rows."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress((b"\0" + row) * height))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + pixels + chunk(b"IEND", b"")


def grey_of(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("L")).astype(int)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_becomes_rgb(kind):
    image = decode(saved(shirt(), kind), "a")
    assert (image.mode, image.size) == ("RGB", (224, 336))
    assert np.abs(np.asarray(image).astype(int) - np.asarray(shirt())).mean() < 3


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("L", "PNG"),
        ("LA", "PNG"),
        ("RGBA", "PNG"),
        ("CMYK", "TIFF"),
        ("CMYK", "JPEG"),
        ("YCbCr", "TIFF"),
        ("F", "TIFF"),
    ],
)
def test_every_mode_keeps_its_shades(mode, kind):
    picture = Image.fromarray(GREY).resize((64, 64))
    image = decode(saved(picture.convert("RGB").convert(mode), kind), "a")
    assert image.mode == "RGB"
    assert np.abs(grey_of(image) - np.asarray(picture)).max() <= 8


def test_a_palette_and_a_bitmap_become_rgb():
    assert decode(saved(shirt().quantize(16), "PNG"), "a").getpixel((112, 200)) == pytest.approx((178, 34, 34), abs=12)
    assert set(grey_of(decode(saved(shirt().convert("1"), "PNG"), "a")).ravel()) <= {0, 255}


def test_sixteen_bits_are_scaled_not_cut():
    deep = Image.fromarray(GREY.astype(np.uint16) * 257)
    assert np.array_equal(grey_of(decode(saved(deep, "PNG"), "a")), GREY)


def test_sixteen_bits_of_colour_keep_the_upper_eight():
    row = struct.pack(">6H", 2560, 5120, 7680, 40_000, 50_000, 65_535)
    image = decode(png(2, 1, 16, 2, row), "a")
    assert [image.getpixel((x, 0)) for x in (0, 1)] == [(10, 20, 30), (156, 195, 255)]


@pytest.mark.parametrize(
    ("depth", "colours", "row", "clear", "others"),
    [
        (8, 0, bytes([10, 200]), struct.pack(">H", 10), (200, 200, 200)),
        (16, 0, struct.pack(">HH", 1000, 257 * 90), struct.pack(">H", 1000), (90, 90, 90)),
        (8, 2, bytes([1, 2, 3, 4, 5, 6]), struct.pack(">HHH", 1, 2, 3), (4, 5, 6)),
        (16, 2, struct.pack(">6H", 2560, 512, 768, 2560, 512, 1024), struct.pack(">HHH", 2560, 512, 768), (10, 2, 4)),
        (16, 4, struct.pack(">4H", 2560, 0, 40_000, 65_535), None, (156, 156, 156)),
        (16, 6, struct.pack(">8H", 9, 9, 9, 0, 2560, 512, 768, 65_535), None, (10, 2, 3)),
    ],
)
def test_a_transparent_colour_of_any_depth_is_white(depth, colours, row, clear, others):
    image = decode(png(2, 1, depth, colours, row, *([chunk(b"tRNS", clear)] if clear else [])), "a")
    assert [image.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), others]


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "TIFF"])
def test_a_veil_of_any_kind_lets_white_through(kind):
    clear = Image.new("RGBA", (64, 64), (200, 0, 0, 128))
    options = {"WEBP": {"lossless": True}}.get(kind, {})
    assert decode(saved(clear, kind, **options), "a").getpixel((30, 30)) == pytest.approx((227, 127, 127), abs=3)


def test_colours_that_are_already_multiplied_by_their_veil():
    content = bytearray(saved(Image.new("RGBA", (2, 2), (50, 25, 12, 128)), "TIFF"))
    extra_samples = content.index(struct.pack("<HHI", 338, 3, 1))
    content[extra_samples + 8] = 1
    assert decode(bytes(content), "a").getpixel((0, 0)) == pytest.approx((177, 152, 139), abs=1)


def test_a_tall_transparent_picture_is_brought_onto_white_band_by_band(monkeypatch):
    monkeypatch.setattr("image_retrieval.pictures._BAND", 1000)
    clear = shirt(90, 130, striped=True).convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(clear.size))
    white = Image.new("RGBA", clear.size, "white")
    expected = np.asarray(Image.alpha_composite(white, clear).convert("RGB")).astype(int)
    assert np.abs(np.asarray(decode(saved(clear, "PNG"), "a")) - expected).max() <= 1
    deep = np.asarray(clear.convert("L")).astype(np.uint16) * 257
    assert np.array_equal(grey_of(decode(saved(Image.fromarray(deep), "PNG"), "a")), deep // 257)


def in_four_inks(picture: Image.Image, adobe: bool, transform: int = 0) -> bytes:
    """A JPEG in four inks. Pillow writes them as Adobe does, the other way round and with Adobe's marker."""
    inks = picture.convert("CMYK")
    *colours, black = inks.split()
    if transform == 2:
        colours = [ImageChops.invert(band) for band in Image.merge("RGB", colours).convert("YCbCr").split()]
    inks = Image.merge("CMYK", (*colours, black))
    content = bytearray(saved(inks if adobe else ImageChops.invert(inks), "JPEG", quality=95, subsampling=0))
    marker = content.index(b"\xff\xee\x00\x0eAdobe")
    content[marker + 15] = transform
    if not adobe:
        del content[marker : marker + 16]
    return bytes(content)


@pytest.mark.parametrize(("adobe", "transform"), [(True, 0), (True, 2), (False, 0)])
def test_four_inks_are_read_as_their_writer_meant_them(adobe, transform):
    image = decode(in_four_inks(shirt(), adobe, transform), "a")
    assert np.abs(np.asarray(image).astype(int) - np.asarray(shirt())).mean() < 3
    assert image.getpixel((5, 5)) == pytest.approx((255, 255, 255), abs=4)


def test_transparent_parts_are_white():
    clear = Image.new("RGBA", (2, 1), (10, 20, 30, 0))
    clear.putpixel((1, 0), (0, 0, 0, 128))
    image = decode(saved(clear, "PNG"), "a")
    assert image.getpixel((0, 0)) == (255, 255, 255)
    assert image.getpixel((1, 0)) == pytest.approx((127, 127, 127), abs=1)


def test_a_transparent_palette_colour_is_white():
    palette = Image.new("P", (2, 1))
    palette.putpalette([200, 0, 0, 0, 0, 200])
    palette.putpixel((1, 0), 1)
    image = decode(saved(palette, "PNG", transparency=0), "a")
    assert [image.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), (0, 0, 200)]


TURNED = {
    1: [],
    2: [Image.Transpose.FLIP_LEFT_RIGHT],
    3: [Image.Transpose.ROTATE_180],
    4: [Image.Transpose.FLIP_TOP_BOTTOM],
    5: [Image.Transpose.TRANSPOSE],
    6: [Image.Transpose.ROTATE_90],
    7: [Image.Transpose.TRANSVERSE],
    8: [Image.Transpose.ROTATE_270],
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
@pytest.mark.parametrize("orientation", TURNED)
def test_however_a_camera_was_held_the_picture_stands_upright(kind, orientation):
    upright = lying = shirt(80, 120)
    for turn in TURNED[orientation]:
        lying = lying.transpose(turn)
    notes = Image.Exif()
    notes[0x010F], notes[0x0112] = "a camera", orientation
    image = decode(saved(lying, kind, exif=notes, **({} if kind in ("PNG", "TIFF") else {"quality": 95})), "a")
    assert image.size == upright.size
    assert np.abs(grey_of(image) - grey_of(upright)).mean() < 2


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("value", "size"),
    [
        (struct.pack("HHII", 0x0112, 3, 1, 6), (336, 224)),
        (struct.pack("HHII", 0x0112, 4, 1, 6), (336, 224)),
        (struct.pack("HHII", 0x0112, 3, 1, 99), (224, 336)),
        (struct.pack("HHII", 0x0113, 3, 1, 6), (224, 336)),
        (b"", (224, 336)),
    ],
)
def test_where_up_is_in_either_order_of_bytes(order, value, size):
    fields = list(struct.unpack("HHII", value)) if value else []
    if fields and order == ">" and fields[1] == 3:
        fields[3] <<= 16
    entry = struct.pack(order + "HHII", *fields) if fields else b""
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HIH", 42, 8, 65_000)
    assert decode(saved(shirt(), "JPEG", exif=b"Exif\0\0" + head + entry), "a").size == size


def test_broken_camera_notes_spoil_no_picture():
    content = saved(shirt(), "JPEG", exif=b"Exif\x00\x00MM\x00*\x00\x00\xff\xff\x00\x09garbage")
    assert decode(content, "a").size == (224, 336)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF", "TIFF"])
def test_of_an_animation_the_first_frame(kind):
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue", "lime")]
    image = decode(saved(frames[0], kind, save_all=True, append_images=frames[1:]), "a")
    assert image.getpixel((9, 9)) == pytest.approx((255, 0, 0), abs=6)


def test_a_large_jpeg_is_decoded_no_larger_than_needed():
    content = saved(shirt(2000, 3000, striped=True), "JPEG", quality=95)
    whole, small = decode(content, "a"), decode(content, "a", (128, 192))
    assert whole.size == (2000, 3000)
    assert 256 <= small.width <= 500
    assert small.height >= 384
    difference = padded(small, 128, 192).astype(int) - padded(whole, 128, 192)
    assert np.abs(difference).mean() < 1


def test_a_size_leaves_small_and_other_pictures_whole():
    assert decode(saved(shirt(200, 300), "JPEG"), "a", (128, 192)).size == (200, 300)
    assert decode(saved(shirt(900, 1200), "PNG"), "a", (128, 192)).size == (900, 1200)


@pytest.mark.parametrize("kind", [*KINDS, "progressive JPEG"])
def test_a_file_cut_short_anywhere_is_refused_or_lacks_no_pixel(kind):
    options = {"progressive": True} if kind.startswith("progressive") else {}
    content = saved(shirt(30, 45, striped=True), kind.split()[-1], **options)
    whole = decode(content, "whole").tobytes()
    refused = 0
    for length in range(len(content)):
        try:
            assert decode(content[:length], "photo.jpg").tobytes() == whole
        except PictureError as problem:
            refused += problem.what.startswith("photo.jpg: ")
    assert refused >= len(content) - 4


@pytest.mark.parametrize(("width", "height"), [(100, 300), (300, 100), (50, 50), (1, 4000), (4000, 1), (1, 1)])
def test_padding_keeps_proportions_on_white(width, height):
    box = padded(Image.new("RGB", (width, height), "black"), 64, 48)
    assert (box.shape, box.dtype) == ((48, 64, 3), np.uint8)
    dark = (box < 128).all(axis=2)
    scale = min(64 / width, 48 / height)
    assert dark.any(axis=0).sum() == pytest.approx(max(1, width * scale), abs=1)
    assert dark.any(axis=1).sum() == pytest.approx(max(1, height * scale), abs=1)
    assert (box[~dark] == 255).all()


def test_padding_puts_the_picture_in_the_middle():
    box = padded(Image.new("L", (10, 30), 0), 60, 60)
    assert box.shape == (60, 60)
    assert np.array_equal(box, box[:, ::-1])
    assert (box[:, 20:40] == 0).all()
