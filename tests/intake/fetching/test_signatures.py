"""First bytes, against what Pillow writes."""

import io

import pytest
from PIL import Image

from intake.fetching.signatures import HEAD, is_picture


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF"])
def test_knows_what_shops_publish(form):
    written = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(written, form)
    assert is_picture(written.getvalue()[:HEAD])


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\x89PN",
        b"RIFF\0\0\0\0WAVE",
        b"\0\0\0\x1cftypisom\0\0\0\0isomiso2mp41" + bytes(60),
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"avif" * 10,
        b"<!doctype html>",
        b"\0\0\0\0ftyp",
    ],
)
def test_knows_nothing_else(head):
    assert not is_picture(head[:HEAD])
