"""A feed's file as text: unpacked and decoded, and what was told about it in words.

The compression is told by the file's signature. The encoding is, in this order: the one that the settings name; the
one that a byte order mark names; UTF-16 where every second of the first bytes is zero (as RFC 4627, section 3, has it
for JSON); UTF-8 where the whole file is UTF-8; UTF-8 still where at least as many letters outside ASCII are UTF-8 as
bytes are not (such bytes are the mistakes of a few rows); Windows-1252 otherwise.
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
"""Bytes that may come out of a packed feed, at most."""

MAX_RATIO = 200
"""Times its own size that a packed feed may unpack to, once more than `UNSUSPICIOUS` bytes have come out."""

UNSUSPICIOUS = 64 * 2**20
"""Bytes that may come out of however small a packed feed."""

_BLOCK = 2**20
_HEAD = 2**16
_MEMORY = 256 * 2**20
"""Bytes that unpacking xz may take: `xz -9` needs 65 MiB."""

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

# The mark of UTF-32 begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF8: ("utf-8-sig", "UTF-8"),
    codecs.BOM_UTF32_LE: ("utf-32", "UTF-32"),
    codecs.BOM_UTF32_BE: ("utf-32", "UTF-32"),
    codecs.BOM_UTF16_LE: ("utf-16", "UTF-16"),
    codecs.BOM_UTF16_BE: ("utf-16", "UTF-16"),
}
_ASCII = bytes(range(128))
_UNDEFINED = b"\x81\x8d\x8f\x90\x9d"
"""The bytes that Windows-1252 gives no letter."""

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
"""What the unpackers raise on data that are not as they should be."""


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """Bytes that don't decode become lone surrogates, in every encoding (`surrogateescape` fails in UTF-16)."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error(_ESCAPE, _escaped)


@dataclass(frozen=True)
class Source:
    """A feed's file, how it is packed and how its letters are written.

    Attributes:
        path: The file.
        compression: `gzip`, `bzip2`, `xz`, `zip`, `zstd`, or empty.
        encoding: Python's name of the codec.
        said: What was told of compression and encoding, in words; empty for a plain file in UTF-8.
    """

    path: Path
    compression: str
    encoding: str
    said: str

    @classmethod
    def inspect(cls, path: Path, settings: FeedSettings) -> Source:
        """Tells how a file is packed and encoded; to ask again about the same file costs nothing.

        Args:
            path: The feed's file.
            settings: Whose `encoding` may name one outright.

        Raises:
            FeedError: The file can't be read, is no text, its packed data are broken or unpack without end, or
                several files are packed into it.
            SettingsError: There is no such encoding as the settings name.
        """
        named = _named_encoding(settings.encoding)
        try:
            about = path.stat()
            if not stat.S_ISREG(about.st_mode) and not stat.S_ISDIR(about.st_mode):
                raise FeedError(f"{path}: can't be read (it is no regular file)", "Save the feed as a file first")
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
        """What people call the encoding."""
        for codec, name in (("utf-8", "UTF-8"), ("utf-16", "UTF-16"), ("utf-32", "UTF-32"), ("cp1252", "Windows-1252")):
            if self.encoding.startswith(codec):
                return name
        return self.encoding

    def binary(self) -> BinaryIO:
        """The bytes as they were before they were packed, streamed.

        Raises:
            FeedError: On opening or on reading: the packed data are broken or unpack without end.
        """
        try:
            if not self.compression:
                return self.path.open("rb")
            return io.BufferedReader(_Unpacked(self.path, self.compression), _BLOCK)
        except OSError as error:
            raise _unreadable(self.path, error) from error

    def text(self, newline: str | None = None) -> TextIO:
        """The text without a byte order mark, streamed; bytes that don't decode come as lone surrogates.

        Args:
            newline: As in `open`.
        """
        return io.TextIOWrapper(self.binary(), encoding=self.encoding, errors=_ESCAPE, newline=newline)


def _unreadable(path: Path, error: OSError) -> FeedError:
    return FeedError(f"{path}: can't be read ({error.strerror})", "Give the path of the feed's file")


def _digest(head: bytes) -> bytes:
    # Two files written within one tick of the clock may be alike in size and time.
    return blake2b(head, digest_size=16).digest()


@lru_cache(maxsize=256)
def _inspected(path: Path, size: int, modified: int, head: bytes, named: str) -> Source | FeedError:
    """How a file is packed and encoded, or what is wrong with it: that, too, is found once."""
    try:
        with path.open("rb") as file:
            compression = _compression(file.read(_HEAD))
        packed = Source(path, compression, "", "")
        with packed.binary() as unpacked:
            start = unpacked.read(_HEAD)
        _require_text(packed, start)
        encoding, said = _as_named(named, start) if named else _detected(packed, start)
    except FeedError as error:
        return FeedError(error.what, error.fix)
    except OSError as error:
        return _unreadable(path, error)
    return Source(path, compression, encoding, ", ".join(filter(None, (compression, said))))


def _compression(head: bytes) -> str:
    found = next((name for signature, name in _SIGNATURES.items() if head.startswith(signature)), "")
    # A text may begin with the three letters, so the first block must follow.
    return "" if found == "bzip2" and head[4:10] not in _BZIP2_BLOCKS else found


def _require_text(packed: Source, start: bytes) -> None:
    kind = next((kind for signature, kind in _NOT_TEXT.items() if start.startswith(signature)), "")
    if start[257:262] == b"ustar":
        kind = "a tar archive"
    if kind:
        raise FeedError(f"{packed.path}: is {kind}", "Save it as plain UTF-8 text")
    again = _compression(start) if packed.compression else ""
    if again:
        raise FeedError(f"{packed.path}: is compressed twice ({again} within {packed.compression})", "Unpack it once")


def _named_encoding(name: str) -> str:
    """The codec that the settings name, empty for `auto`; raises unless it turns any bytes into text."""
    if name.strip().lower() in ("", "auto"):
        return ""
    try:
        bytes(range(256)).decode(name, _ESCAPE)
        codecs.getincrementaldecoder(name)
        codec = codecs.lookup(name).name
        if codec.startswith("iso2022"):
            raise LookupError("its decoder fails, and does not say where, on bytes of other encodings")
    except (LookupError, ValueError) as error:
        raise SettingsError(
            f"feed.encoding: no encoding {name!r}", "There are utf-8, utf-16, cp1252, latin-1 and so on, or auto"
        ) from error
    return codec


def _as_named(named: str, start: bytes) -> tuple[str, str]:
    """The codec that reads the named encoding whether or not a byte order mark stands before it."""
    marked = next((codec for mark, (codec, _) in _MARKS.items() if start.startswith(mark)), "")
    codec = named
    if named == "utf-8":
        codec = "utf-8-sig"
    elif marked and named.startswith(marked):
        codec = marked
    elif named in ("utf-16", "utf-32"):  # these two codecs insist on a mark
        codec = _wide(start) if named == "utf-16" and _wide(start) else f"{named}-le"
    return codec, f"{named} as the settings have it"


def _wide(start: bytes) -> str:
    """UTF-16 that says so by no mark: the first letters of a feed are ASCII, so one byte of each is zero."""
    first, second = start[:8:2], start[1:8:2]
    if len(second) < 2 or len(first) != len(second):
        return ""
    if all(first) and not any(second):
        return "utf-16-le"
    return "utf-16-be" if all(second) and not any(first) else ""


def _detected(packed: Source, start: bytes) -> tuple[str, str]:
    """The codec of a file's text, and how it was told."""
    for mark, (codec, name) in _MARKS.items():
        if start.startswith(mark):
            return codec, f"{name} with a byte order mark"
    wide = _wide(start)
    if wide:
        return wide, "UTF-16 without a byte order mark"
    if _is_utf8(packed):
        return "utf-8", ""
    letters, stray, windows = _counted(packed)
    if stray <= letters:
        return "utf-8", f"UTF-8 with {_counted_words(stray, 'byte')} that {'is' if stray == 1 else 'are'} not"
    return "cp1252", f"Windows-1252: {_counted_words(windows, 'letter')} outside ASCII"


def _counted_words(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _blocks(packed: Source) -> Iterator[bytes]:
    with packed.binary() as file:
        yield from iter(partial(file.read, _BLOCK), b"")


def _is_utf8(packed: Source) -> bool:
    """Whether a whole file is UTF-8: one look at each of its bytes, a block at a time."""
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


def _counted(packed: Source) -> tuple[int, int, int]:
    """Letters outside ASCII that are UTF-8, bytes that are not, and letters outside ASCII were it Windows-1252."""
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
    """What `bz2` and `lzma` have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Unpacked(io.RawIOBase):
    """What comes out of a packed file, counted; too much of it, or broken data, ends in a `FeedError`."""

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
                f"{self._path}: unpacks to more than {self._limit:,} bytes, too much for a {self._compression} file of "
                f"{os.fstat(self._file.fileno()).st_size:,}",
                "Look at what is in it; a feed that is truly so large can be given unpacked",
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
            f"{self._path}: its {self._compression} data are broken or cut off ({detail})", "Export or fetch it again"
        )


class _Packed(io.FileIO):
    """A packed file; a zip's directory, which is read as a whole, must not be huge."""

    _LARGEST = 2 * _BLOCK

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = self._LARGEST + 1 if size is None or size < 0 else size
        data = super().read(min(wanted, self._LARGEST + 1)) or b""
        if len(data) > self._LARGEST:
            raise _Unusable("is a zip with far too many files", "Pack one feed into a zip")
        return data


class _Unusable(ValueError):
    """A packed file that is sound, yet holds no feed."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.fix = fix


class _Streams:
    """Streams of bzip2 or xz, one behind the other, unpacked no faster than they are read."""

    _PIECE = 2**14  # what is left of it is copied at the end of each stream, and a stream may be 14 bytes long

    def __init__(self, decompressor: Callable[[], _Decompressor], file: io.RawIOBase) -> None:
        self._new = decompressor
        self._one = decompressor()
        self._file = file

    def read(self, size: int, /) -> bytes:
        while True:
            packed = b""
            if self._one.eof:
                packed = self._next()
                if not packed:
                    return b""
                self._one = self._new()
            elif self._one.needs_input:
                packed = self._file.read(self._PIECE) or b""
                if not packed:
                    raise EOFError("it ends in the middle")
            data = self._one.decompress(packed, size)
            if data:
                return data

    def _next(self) -> bytes:
        """The beginning of the stream behind the one that has ended; xz allows zeros in between."""
        packed = self._one.unused_data.lstrip(b"\0")
        while not packed and (block := self._file.read(self._PIECE)):
            packed = block.lstrip(b"\0")
        return packed

    def close(self) -> None:
        """Nothing is held open."""


def _gzip(file: io.RawIOBase) -> _Readable:
    return gzip.GzipFile(fileobj=file, mode="rb")


def _xz() -> _Decompressor:
    return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_MEMORY)


class _Zstd:
    """A zstd stream through pyarrow, whose own `read` keeps its buffer for good where the data are broken."""

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
    """The one file in a zip; what macOS puts beside it does not count."""
    archive = zipfile.ZipFile(file)
    names = archive.namelist()
    if "[Content_Types].xml" in names or "mimetype" in names:
        raise _Unusable("is a spreadsheet or another office file", "Save it as CSV or as tab-separated text")
    members = [one for one in archive.infolist() if not one.is_dir() and not _hidden(one.filename)]
    if len(members) != 1:
        shown = ", ".join("".join(filter(str.isprintable, one.filename[:100])) for one in members[:5])
        more = f" and {len(members) - 5:,} more" if len(members) > 5 else ""
        what = f"holds {len(members):,} files ({shown}{more})" if members else "holds no file"
        raise _Unusable(f"is a zip that {what}", "Pack one feed into a zip, or give the feeds one by one")
    # Python unpacks the other methods a whole block at once, however much comes out of it.
    if members[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _Unusable(f"is a zip of an unusual kind (method {members[0].compress_type})", "Pack it with Deflate")
    if members[0].flag_bits & 1:
        raise _Unusable("is a zip with a password", "Unpack it first")
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
