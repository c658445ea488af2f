"""What the first bytes of a file say it is."""

from __future__ import annotations

HEAD = 64
"""So many first bytes are enough to tell."""

_PICTURES = (
    b"\xff\xd8\xff",  # JPEG
    b"\x89PNG\r\n\x1a\n",
    b"GIF87a",
    b"GIF89a",
    b"BM",
    b"II*\0",  # TIFF, and BigTIFF
    b"MM\0*",
    b"II+\0",
    b"MM\0+",
)
_AVIF = (b"avif", b"avis")


def is_picture(head: bytes) -> bool:
    """Whether a file that begins so is a picture of a kind that shops publish."""
    if head.startswith(_PICTURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return True
    brands = head[8 : min(int.from_bytes(head[:4], "big"), HEAD)]
    return head[4:8] == b"ftyp" and any(brands[at : at + 4] in _AVIF for at in range(0, len(brands), 4))


def looks_like(head: bytes) -> str:
    """What a file is that is no picture, in words."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "a web page"
    if b"<svg" in start:
        return "a drawing (SVG)"
    if start.startswith(b"%pdf"):
        return "a PDF"
    if start.startswith((b"<?xml", b"{", b"[")):
        return "a data file"
    return "something else"
