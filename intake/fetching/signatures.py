"""Detects a file's type by its first bytes."""

from __future__ import annotations

HEAD = 64
"""Number of first bytes that suffice."""

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
    """Whether a file with these first bytes is a picture of a format that shops publish."""
    if head.startswith(_PICTURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return True
    brands = head[8 : min(int.from_bytes(head[:4], "big"), HEAD)]
    return head[4:8] == b"ftyp" and any(brands[at : at + 4] in _AVIF for at in range(0, len(brands), 4))


def looks_like(head: bytes) -> str:
    """The type of a file that is not a picture, in words."""
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
