import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from candidates.errors import PictureError
from image_retrieval.pictures import MAX_PIXELS, decode, padded
from tests.image_retrieval.drawn import saved, shirt

KINDS = ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"]
GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)


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


def test_a_camera_held_sideways_is_turned_upright():
    upright = shirt()
    notes = Image.Exif()
    notes[0x0112] = 6
    sideways = saved(upright.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=notes, quality=95)
    image = decode(sideways, "a")
    assert image.size == upright.size
    assert np.abs(grey_of(image) - grey_of(upright)).mean() < 2


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_camera_notes_spoil_no_picture():
    content = saved(shirt(), "JPEG", exif=b"Exif\x00\x00MM\x00*\x00\x00\xff\xff\x00\x09garbage")
    assert decode(content, "a").size == (224, 336)


def test_of_an_animation_the_first_frame():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    assert decode(saved(frames[0], "GIF", save_all=True, append_images=frames[1:]), "a").getpixel((3, 3)) == (255, 0, 0)


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


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_cut_short_is_refused_wherever_it_is_cut(kind):
    content = saved(shirt(60, 90, striped=True), kind)
    decode(content, "whole")
    for length in range(0, len(content) * 9 // 10, max(1, len(content) // 40)):
        with pytest.raises(PictureError, match=r"^photo\.jpg: "):
            decode(content[:length], "photo.jpg")


def test_pixels_that_cannot_be_unpacked_are_refused():
    content = bytearray(saved(shirt(), "PNG"))
    begin = content.index(b"IDAT") + 4
    content[begin : begin + 20] = bytes(20)
    with pytest.raises(PictureError, match="a: cut short or broken"):
        decode(bytes(content), "a")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"\n <!DOCTYPE html><html><body>Not found", "web page"),
        (b"<html lang=en>", "web page"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"id\ttitle\n1\tshirt\n", "no picture"),
        (bytes(1000), "no picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no picture"),
    ],
)
def test_what_is_no_picture_is_refused_with_its_reason(content, reason):
    with pytest.raises(PictureError, match=reason) as caught:
        decode(content, "shoes/17.jpg")
    assert caught.value.what.startswith("shoes/17.jpg: ")
    assert caught.value.mend


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [9_000, 12_000, 60_000])
def test_a_decompression_bomb_is_refused_by_its_header(side):
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    bomb += struct.pack(">I", 100) + b"IDAT" + bytes(100)
    assert side * side > MAX_PIXELS
    with pytest.raises(PictureError, match="pixels"):
        decode(bomb, "bomb.png")


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
