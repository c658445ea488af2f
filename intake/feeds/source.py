"""A feed's file as text: decompressed and decoded, with a description of what was detected.

The compression is detected by the file's signature. The encoding is the first of these that applies: the one named in
the settings; the one that a byte order mark indicates; UTF-16 if every second of the first bytes is zero (as in RFC
4627, section 3, for JSON); UTF-8 if the whole file is valid UTF-8; UTF-8 too if it has at least as many valid
non-ASCII characters as invalid bytes, which are then mistakes in a few rows; Windows-1252 otherwise.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Protocol, TextIO

from candidates.errors import FeedError, SettingsError
from candidates.settings import FeedSettings

MAX_UNPACKED = 64 * 2**30
"""Maximum decompressed size of a feed, in bytes."""

MAX_RATIO = 200
"""Maximum ratio of decompressed to compressed size, checked above `UNSUSPICIOUS` decompressed bytes."""

UNSUSPICIOUS = 64 * 2**20
"""Decompressed bytes that are allowed however small the compressed feed is."""

_BLOCK = 2**20
_HEAD = 2**16
_MEMORY = 256 * 2**20
"""Memory limit for decompressing xz, in bytes: `xz -9` needs 65 MiB."""

_SIGNATURES = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"\x28\xb5\x2f\xfd": "zstd",
}
_BZIP2_BLOCKS = (b"1AY&SY", b"\x17rE8P\x90")

_NOT_TEXT = {b"PAR1": "Parquet", b"\xd0\xcf\x11\xe0": "a spreadsheet or another office file", b"%PDF-": "PDF"}

# UTF-32 comes first, because its mark begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF8: ("utf-8-sig", "UTF-8"),
    codecs.BOM_UTF32_LE: ("utf-32", "UTF-32"),
    codecs.BOM_UTF32_BE: ("utf-32", "UTF-32"),
    codecs.BOM_UTF16_LE: ("utf-16", "UTF-16"),
    codecs.BOM_UTF16_BE: ("utf-16", "UTF-16"),
}
_ASCII = bytes(range(128))
_UNDEFINED = b"\x81\x8d\x8f\x90\x9d"
"""The bytes that Windows-1252 does not define."""

_ESCAPE = "intake.feeds.escape"
_BROKEN = (
    OSError,
    EOFError,
    ValueError,
    NotImplementedError,
    RuntimeError,
    IndexError,
    OverflowError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
)
"""What the decompressors raise on invalid data."""


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """Turns undecodable bytes into lone surrogates, in every encoding (`surrogateescape` fails for UTF-16)."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error(_ESCAPE, _escaped)


@dataclass(frozen=True)
class Source:
    """A feed's file with its compression and encoding.

    Attributes:
        path: The file.
        compression: `gzip`, `bzip2`, `xz`, `zip`, `zstd`, or empty.
        encoding: Python's name of the codec.
        detected: The detected compression and encoding in words; empty for an uncompressed file in UTF-8.
    """

    path: Path
    compression: str
    encoding: str
    detected: str

    @classmethod
    def inspect(cls, path: Path, settings: FeedSettings) -> Source:
        """Detects a file's compression and encoding; the result is cached.

        Args:
            path: The feed's file.
            settings: Settings whose `encoding` may name the encoding.

        Raises:
            FeedError: The file can't be read, is not text, is a damaged or suspiciously large archive, or an archive
                with several files.
            SettingsError: The settings name an unknown encoding.
        """
        named = _named_encoding(settings.encoding)
        try:
            about = path.stat()
            if not stat.S_ISREG(about.st_mode) and not stat.S_ISDIR(about.st_mode):
                raise FeedError(f"{path}: can't be read (it is not a regular file)", "Save the feed as a file first")
            with path.open("rb") as file:
                head = file.read(_HEAD)
        except OSError as error:
            raise _unreadable(path, error) from error
        known = _inspected(path, about.st_size, about.st_mtime_ns, _digest(head), named)
        if isinstance(known, FeedError):
            raise FeedError(known.what, known.fix)
        return known

    @property
    def encoding_name(self) -> str:
        """The usual name of the encoding."""
        for codec, name in (("utf-8", "UTF-8"), ("utf-16", "UTF-16"), ("utf-32", "UTF-32"), ("cp1252", "Windows-1252")):
            if self.encoding.startswith(codec):
                return name
        return self.encoding

    def binary(self) -> BinaryIO:
        """The decompressed bytes, as a stream.

        Raises:
            FeedError: On opening or reading: the compressed data are damaged or decompress to too many bytes.
        """
        try:
            if not self.compression:
                return self.path.open("rb")
            return io.BufferedReader(_Unpacked(self.path, self.compression), _BLOCK)
        except OSError as error:
            raise _unreadable(self.path, error) from error

    def text(self, newline: str | None = None) -> TextIO:
        """The text without a byte order mark, as a stream; undecodable bytes become lone surrogates.

        Args:
            newline: As in `open`.
        """
        return io.TextIOWrapper(self.binary(), encoding=self.encoding, errors=_ESCAPE, newline=newline)


def _unreadable(path: Path, error: OSError) -> FeedError:
    return FeedError(f"{path}: can't be read ({error.strerror})", "Check the path of the feed")


def _digest(head: bytes) -> bytes:
    # Two files written within one clock tick can have the same size and time.
    return blake2b(head, digest_size=16).digest()


@lru_cache(maxsize=256)
def _inspected(path: Path, size: int, modified: int, head: bytes, named: str) -> Source | FeedError:
    """A file's compression and encoding, or what is wrong with it; errors are cached too."""
    try:
        with path.open("rb") as file:
            compression = _compression(file.read(_HEAD))
        packed = Source(path, compression, "", "")
        with packed.binary() as unpacked:
            start = unpacked.read(_HEAD)
        _require_text(packed, start)
        encoding, detected = _as_named(named, start) if named else _detected(packed, start)
    except FeedError as error:
        return FeedError(error.what, error.fix)
    except OSError as error:
        return _unreadable(path, error)
    return Source(path, compression, encoding, ", ".join(filter(None, (compression, detected))))


def _compression(head: bytes) -> str:
    found = next((name for signature, name in _SIGNATURES.items() if head.startswith(signature)), "")
    # A text may begin with these three letters, so check that a first block follows.
    return "" if found == "bzip2" and head[4:10] not in _BZIP2_BLOCKS else found


def _require_text(packed: Source, start: bytes) -> None:
    kind = next((kind for signature, kind in _NOT_TEXT.items() if start.startswith(signature)), "")
    if start[257:262] == b"ustar":
        kind = "a tar archive"
    if kind:
        raise FeedError(f"{packed.path}: is {kind}", "Save it as plain UTF-8 text")
    again = _compression(start) if packed.compression else ""
    if again:
        raise FeedError(
            f"{packed.path}: is compressed twice ({again} within {packed.compression})", "Decompress it once"
        )


def _named_encoding(name: str) -> str:
    """The codec named in the settings, empty for `auto`; raises `SettingsError` unless it can decode any bytes."""
    if name.strip().lower() in ("", "auto"):
        return ""
    try:
        bytes(range(256)).decode(name, _ESCAPE)
        codecs.getincrementaldecoder(name)
        codec = codecs.lookup(name).name
        if codec.startswith("iso2022"):
            raise LookupError("its decoder fails on bytes of other encodings without reporting where")
    except (LookupError, ValueError) as error:
        raise SettingsError(
            f"feed.encoding: no encoding {name!r}", "Use utf-8, utf-16, cp1252, latin-1 and so on, or auto"
        ) from error
    return codec


def _as_named(named: str, start: bytes) -> tuple[str, str]:
    """The codec that reads the named encoding with or without a byte order mark."""
    marked = next((codec for mark, (codec, _) in _MARKS.items() if start.startswith(mark)), "")
    codec = named
    if named == "utf-8":
        codec = "utf-8-sig"
    elif marked and named.startswith(marked):
        codec = marked
    elif named in ("utf-16", "utf-32"):  # these two codecs need a mark
        codec = _wide(start) if named == "utf-16" and _wide(start) else f"{named}-le"
    return codec, f"{named} as named in the settings"


def _wide(start: bytes) -> str:
    """Detects UTF-16 without a mark: a feed begins with ASCII characters, so every second byte is zero."""
    first, second = start[:8:2], start[1:8:2]
    if len(second) < 2 or len(first) != len(second):
        return ""
    if all(first) and not any(second):
        return "utf-16-le"
    return "utf-16-be" if all(second) and not any(first) else ""


def _detected(packed: Source, start: bytes) -> tuple[str, str]:
    """The codec of a file's text, and how it was detected."""
    for mark, (codec, name) in _MARKS.items():
        if start.startswith(mark):
            return codec, f"{name} with a byte order mark"
    wide = _wide(start)
    if wide:
        return wide, "UTF-16 without a byte order mark"
    if _is_utf8(packed):
        return "utf-8", ""
    letters, stray, windows = _counts(packed)
    if stray <= letters:
        return "utf-8", f"UTF-8 with {_plural(stray, 'invalid byte')}"
    return "cp1252", f"Windows-1252: {_plural(windows, 'letter')} outside ASCII"


def _plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _blocks(packed: Source) -> Iterator[bytes]:
    with packed.binary() as file:
        yield from iter(partial(file.read, _BLOCK), b"")


def _is_utf8(packed: Source) -> bool:
    """Whether a whole file is valid UTF-8; reads each byte once, block by block."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    pending = False
    try:
        for block in _blocks(packed):
            if pending or not block.isascii():
                decoder.decode(block)
                pending = bool(decoder.getstate()[0])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _counts(packed: Source) -> tuple[int, int, int]:
    """Non-ASCII characters if read as UTF-8, bytes that are not UTF-8, and non-ASCII characters as Windows-1252."""
    decoder = codecs.getincrementaldecoder("utf-8")("ignore")
    letters = letter_bytes = high = windows = 0
    for block in chain(_blocks(packed), (b"",)):
        text = decoder.decode(block, final=not block)
        plain = len(text.encode("ascii", "ignore"))
        letters += len(text) - plain
        letter_bytes += len(text.encode()) - plain
        high += len(block.translate(None, _ASCII))
        windows += len(block.translate(None, _ASCII + _UNDEFINED))
    return letters, high - letter_bytes, windows


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


class _Decompressor(Protocol):
    """The interface that `bz2` and `lzma` share."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Unpacked(io.RawIOBase):
    """A compressed file's contents; raises `FeedError` if they are damaged or too large."""

    def __init__(self, path: Path, compression: str) -> None:
        super().__init__()
        self._path = path
        self._compression = compression
        self._count = 0
        self._file = _Packed(path)
        self._limit = min(MAX_UNPACKED, max(UNSUSPICIOUS, MAX_RATIO * os.fstat(self._file.fileno()).st_size))
        self._inner: _Readable | None = None
        try:
            self._inner = self._opened()
        except BaseException:
            self.close()
            raise

    def _opened(self) -> _Readable:
        try:
            return _UNPACKERS[self._compression](self._file)
        except _BROKEN as error:
            raise self._broken(error) from error

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        assert self._inner is not None
        try:
            data = self._inner.read(min(len(buffer), _BLOCK))
        except _BROKEN as error:
            raise self._broken(error) from error
        self._count += len(data)
        if self._count > self._limit:
            raise FeedError(
                f"{self._path}: unpacks to more than {self._limit:,} bytes, suspiciously many for a "
                f"{self._compression} file of {os.fstat(self._file.fileno()).st_size:,}",
                "Check what it contains; if the feed really is this large, decompress it first",
            )
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            if self._inner is not None:
                self._inner.close()
            self._file.close()
        super().close()

    def _broken(self, error: Exception) -> FeedError:
        if isinstance(error, _Unusable):
            return FeedError(f"{self._path}: {error}", error.fix)
        detail = str(error).strip().rstrip(".") or type(error).__name__
        return FeedError(
            f"{self._path}: its {self._compression} data are damaged or truncated ({detail})",
            "Export or download it again",
        )


class _Packed(io.FileIO):
    """A compressed file; limits single reads, because a zip's directory is read as a whole and could be huge."""

    _LARGEST = 2 * _BLOCK

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = self._LARGEST + 1 if size is None or size < 0 else size
        data = super().read(min(wanted, self._LARGEST + 1)) or b""
        if len(data) > self._LARGEST:
            raise _Unusable("is a zip file with far too many files", "Put exactly one feed into a zip file")
        return data


class _Unusable(ValueError):
    """A valid compressed file that does not contain a feed."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.fix = fix


class _Streams:
    """Concatenated streams of bzip2 or xz, decompressed only as far as they are read."""

    _PIECE = 2**14  # small, because the rest of a piece is copied at the end of each stream, which may be 14 bytes long

    def __init__(self, decompressor: Callable[[], _Decompressor], file: io.RawIOBase) -> None:
        self._new = decompressor
        self._current = decompressor()
        self._file = file

    def read(self, size: int, /) -> bytes:
        while True:
            packed = b""
            if self._current.eof:
                packed = self._next()
                if not packed:
                    return b""
                self._current = self._new()
            elif self._current.needs_input:
                packed = self._file.read(self._PIECE) or b""
                if not packed:
                    raise EOFError("it ends in the middle")
            data = self._current.decompress(packed, size)
            if data:
                return data

    def _next(self) -> bytes:
        """The beginning of the next stream; xz allows zeros between streams."""
        packed = self._current.unused_data.lstrip(b"\0")
        while not packed and (block := self._file.read(self._PIECE)):
            packed = block.lstrip(b"\0")
        return packed

    def close(self) -> None:
        """Does nothing; no resource is held open."""


def _gzip(file: io.RawIOBase) -> _Readable:
    return gzip.GzipFile(fileobj=file, mode="rb")


def _xz() -> _Decompressor:
    return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_MEMORY)


class _Zstd:
    """A zstd stream read by pyarrow's `read_buffer`, because its `read` leaks its buffer on damaged data."""

    def __init__(self, file: io.RawIOBase) -> None:
        import pyarrow

        self._stream = pyarrow.CompressedInputStream(pyarrow.PythonFile(file, "r"), "zstd")

    def read(self, size: int, /) -> bytes:
        """The next `size` bytes, fewer at the end."""
        content: bytes = self._stream.read_buffer(size).to_pybytes()
        return content

    def close(self) -> None:
        """Closes the stream and the file beneath it."""
        self._stream.close()


def _zip(file: io.RawIOBase) -> _Readable:
    """The only file in a zip file; files added by macOS are ignored."""
    archive = zipfile.ZipFile(file)
    names = archive.namelist()
    if "[Content_Types].xml" in names or "mimetype" in names:
        raise _Unusable("is a spreadsheet or another office file", "Save it as CSV or as tab-separated text")
    members = [member for member in archive.infolist() if not member.is_dir() and not _hidden(member.filename)]
    if len(members) != 1:
        shown = ", ".join("".join(filter(str.isprintable, member.filename[:100])) for member in members[:5])
        more = f" and {len(members) - 5:,} more" if len(members) > 5 else ""
        what = f"{len(members):,} files ({shown}{more})" if members else "no file"
        raise _Unusable(f"is a zip file with {what}", "Put exactly one feed into a zip file")
    # With other methods Python decompresses a whole block at once, however large the result.
    if members[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _Unusable(
            f"is a zip file with the unsupported compression method {members[0].compress_type}",
            "Compress it with Deflate, the usual method",
        )
    if members[0].flag_bits & 1:
        raise _Unusable("is a zip file with a password", "Unpack it first")
    return archive.open(members[0])


def _hidden(name: str) -> bool:
    parts = name.split("/")
    return parts[0] == "__MACOSX" or any(part.startswith(".") and part.strip(".") for part in parts)


_UNPACKERS: dict[str, Callable[[io.RawIOBase], _Readable]] = {
    "gzip": _gzip,
    "bzip2": partial(_Streams, bz2.BZ2Decompressor),
    "xz": partial(_Streams, _xz),
    "zip": _zip,
    "zstd": _Zstd,
}
