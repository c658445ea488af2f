import bz2
import codecs
import gzip
import io
import lzma
import os
import random
import tracemalloc
import zipfile
from contextlib import suppress
from functools import partial

import pyarrow
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from candidates.errors import FeedError, SettingsError
from candidates.settings import FeedSettings
from intake.feeds import source as module
from intake.feeds.source import Source

TEXT = "id\ttitle\n" + "".join(f"{number}\tCafé № {number}\n" for number in range(300))

NOISE = b"id\n" + random.Random(4).randbytes(200_000)  # as large packed as unpacked


def zipped(*files, method=zipfile.ZIP_DEFLATED):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return packed.getvalue()


def zstd(content):
    packed = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(packed, "zstd") as file:
        file.write(content)
    return packed.getvalue().to_pybytes()


PACKERS = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": partial(lzma.compress, preset=0),
    "zip": lambda content: zipped(("feed.tsv", content)),
    "zstd": zstd,
}


def inspected(folder, content, encoding="auto", name="feed.tsv"):
    path = folder / name
    path.write_bytes(content)
    return Source.inspect(path, FeedSettings(encoding=encoding))


def read(source, **how):
    with source.text(newline="", **how) as file:
        return file.read()


def unpacked(source):
    with source.binary() as file:
        return file.read()


@pytest.mark.parametrize("compression", PACKERS)
def test_packed_files_are_told_by_their_signature(tmp_path, compression):
    source = inspected(tmp_path, PACKERS[compression](TEXT.encode()), name="feed.csv")
    assert (source.compression, source.encoding, source.detected) == (compression, "utf-8", compression)
    assert unpacked(source).decode() == read(source) == TEXT


@pytest.mark.parametrize("compression", [name for name in PACKERS if name != "zip"])
def test_streams_one_behind_the_other(tmp_path, monkeypatch, compression):
    monkeypatch.setattr(module, "_BLOCK", 2**16)
    pack = PACKERS[compression]
    parts = [NOISE, b"", b"the end"]
    source = inspected(tmp_path, b"".join(map(pack, parts)))
    assert unpacked(source) == b"".join(parts)


def test_zeros_between_and_behind_streams_of_xz(tmp_path):
    packed = lzma.compress(b"one ") + bytes(8) + lzma.compress(b"two") + bytes(2**20)
    assert unpacked(inspected(tmp_path, packed)) == b"one two"


@pytest.mark.parametrize("compression", PACKERS)
@pytest.mark.parametrize("size", [1, 2**14, 2**16 + 1, 500_000])
def test_reading_in_pieces(tmp_path, monkeypatch, compression, size):
    monkeypatch.setattr(module, "_BLOCK", 2**16)
    with inspected(tmp_path, PACKERS[compression](NOISE)).binary() as file:
        start = file.read(size)
        assert start == NOISE[:size]
        assert start + file.read() == NOISE


def test_unpacking_xz_takes_no_more_memory_than_it_may(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_MEMORY", 2**20)
    with pytest.raises(FeedError, match="Memory usage limit"):
        inspected(tmp_path, lzma.compress(b"id\n", preset=6))


@pytest.mark.parametrize("compression", PACKERS)
def test_a_packed_file_cut_off_anywhere_is_an_error(tmp_path, compression):
    packed = PACKERS[compression](TEXT[:1000].encode())
    first = next(size for size in range(len(packed)) if module._compression(packed[:size]))
    for size in {first, *range(first, len(packed), 37), len(packed) - 1}:
        with pytest.raises(
            FeedError, match=rf"feed\.tsv: its {compression} data are damaged or truncated \(.+\)\. Export"
        ):
            inspected(tmp_path, packed[:size])


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    compression=st.sampled_from(sorted(PACKERS)),
    changes=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_broken_bytes_of_a_packed_file_are_an_error_or_harmless(tmp_path_factory, compression, changes):
    packed = bytearray(PACKERS[compression](TEXT[:1000].encode()))
    for place, value in changes:
        packed[place % len(packed)] = value
    with suppress(FeedError):
        read(inspected(tmp_path_factory.getbasetemp(), bytes(packed)))


@pytest.mark.parametrize("compression", ["gzip", "bzip2", "xz", "zstd"])
def test_rubbish_behind_the_packed_data_is_not_passed_over(tmp_path, compression):
    with pytest.raises(FeedError, match="damaged"):
        inspected(tmp_path, PACKERS[compression](b"id\n") + b"rubbish" * 100)


@pytest.mark.parametrize("compression", ["gzip", "zip"])
def test_a_bomb_is_refused_by_name_in_little_memory(tmp_path, compression):
    bomb = PACKERS[compression](bytes(80 * 2**20))
    assert len(bomb) < 100_000
    tracemalloc.start()
    with pytest.raises(
        FeedError, match=rf"feed\.tsv: unpacks to more than 67,108,864 bytes, suspiciously many for a {compression}"
    ):
        inspected(tmp_path, bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 * 2**20


@pytest.mark.parametrize("compression", PACKERS)
def test_what_may_come_out_of_a_packed_file(tmp_path, monkeypatch, compression):
    packed = PACKERS[compression](bytes(4 * 2**20))
    monkeypatch.setattr(module, "UNSUSPICIOUS", 3 * 2**20)
    monkeypatch.setattr(module, "MAX_RATIO", 4 * 2**20 // len(packed))
    with pytest.raises(FeedError, match="unpacks to more than"):
        inspected(tmp_path, packed, name="rather too much")
    monkeypatch.setattr(module, "MAX_RATIO", 4 * 2**20 // len(packed) + 1)
    assert inspected(tmp_path, packed, name="just enough").compression == compression
    monkeypatch.setattr(module, "MAX_UNPACKED", 4 * 2**20 - 1)
    with pytest.raises(FeedError, match="unpacks to more than 4,194,303 bytes"):
        inspected(tmp_path, packed, name="over the greatest size")
    monkeypatch.setattr(module, "MAX_UNPACKED", 2**30)
    monkeypatch.setattr(module, "MAX_RATIO", 1)
    monkeypatch.setattr(module, "UNSUSPICIOUS", 4 * 2**20)
    assert inspected(tmp_path, packed, name="too small to matter").compression == compression


def test_a_bomb_that_inspecting_does_not_unpack_ends_the_reading(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "UNSUSPICIOUS", 2**20)
    source = inspected(tmp_path, gzip.compress(codecs.BOM_UTF16_LE + bytes(2 * 2**20)))
    with pytest.raises(FeedError, match="unpacks to more than 1,048,576"):
        read(source)


def test_what_is_wrong_is_found_once(tmp_path, monkeypatch):
    content = gzip.compress(b"id\n")[:-1]
    with pytest.raises(FeedError) as first:
        inspected(tmp_path, content)
    monkeypatch.setattr(module, "_UNPACKERS", {})
    with pytest.raises(FeedError) as again:
        Source.inspect(tmp_path / "feed.tsv", FeedSettings())
    assert str(again.value) == str(first.value)
    assert again.value is not first.value


def test_a_file_that_was_written_anew_is_inspected_anew(tmp_path):
    assert inspected(tmp_path, "é".encode()).encoding == "utf-8"
    about = (tmp_path / "feed.tsv").stat()
    (tmp_path / "feed.tsv").write_bytes(b"\xe9\xe9")
    os.utime(tmp_path / "feed.tsv", ns=(about.st_atime_ns, about.st_mtime_ns))
    assert Source.inspect(tmp_path / "feed.tsv", FeedSettings()).encoding == "cp1252"


@pytest.mark.parametrize("beside", ["__MACOSX/._feed.tsv", ".DS_Store", "feeds/.hidden", "feeds/"])
def test_files_beside_the_one_in_a_zip(tmp_path, beside):
    source = inspected(tmp_path, zipped((beside, b""), ("feeds/feed.tsv", b"id\n1\n")))
    assert unpacked(source) == b"id\n1\n"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["a.csv", "b\x1b[31m.csv"], r"is a zip file with 2 files \(a\.csv, b\[31m\.csv\)\. Put exactly one feed"),
        ([f"{letter}.csv" for letter in "abcdefg"], r"with 7 files \(a\.csv, .*, e\.csv and 2 more\)"),
        ([".hidden"], "is a zip file with no file"),
        ([], "is a zip file with no file"),
        (["[Content_Types].xml", "xl/workbook.xml"], "is a spreadsheet or another office file. Save it as CSV"),
        (["mimetype"], "is a spreadsheet"),
    ],
)
def test_zips_that_hold_no_feed(tmp_path, files, message):
    with pytest.raises(FeedError, match=message):
        inspected(tmp_path, zipped(*((name, b"id\n") for name in files)))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zips_that_can_only_be_unpacked_at_once(tmp_path, method):
    with pytest.raises(FeedError, match=f"unsupported compression method {method}"):
        inspected(tmp_path, zipped(("feed.tsv", b"id\n"), method=method))


def test_a_stored_zip(tmp_path):
    assert unpacked(inspected(tmp_path, zipped(("a", NOISE), method=zipfile.ZIP_STORED))) == NOISE


def test_a_zip_with_a_password(tmp_path):
    packed = bytearray(zipped(("feed.tsv", b"id\n")))
    packed[6] |= 1
    packed[packed.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(FeedError, match="a zip file with a password"):
        inspected(tmp_path, bytes(packed))


def test_a_zip_with_a_huge_directory(tmp_path, monkeypatch):
    monkeypatch.setattr(module._Packed, "_LARGEST", 4096)
    with pytest.raises(FeedError, match="far too many files"):
        inspected(tmp_path, zipped(*((f".{number:060}", b"") for number in range(50))))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"PAR1", "is Parquet"),
        (b"%PDF-1.7", "is PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is a spreadsheet"),
        (b"x" * 257 + b"ustar\x0000", "is a tar archive"),
        (zstd(gzip.compress(b"id\n", mtime=0)), r"is compressed twice \(gzip within zstd\)"),
    ],
)
@pytest.mark.parametrize("encoding", ["auto", "latin-1"])
def test_files_that_are_no_text(tmp_path, content, kind, encoding):
    with pytest.raises(FeedError, match=kind):
        inspected(tmp_path, content, encoding)


def test_a_text_that_begins_like_bzip2(tmp_path):
    assert inspected(tmp_path, b"BZh9\ttitle\n").compression == ""


@pytest.mark.parametrize("name", ["missing.tsv", "."])
def test_files_that_cannot_be_read(tmp_path, name):
    with pytest.raises(FeedError, match=r"can't be read \(.+\)\. Check the path"):
        Source.inspect(tmp_path / name, FeedSettings())


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FeedError, match="not a regular file"):
        Source.inspect(tmp_path / "pipe", FeedSettings())


def test_a_file_that_goes_away(tmp_path):
    plain, packed = (
        inspected(tmp_path, b"id\n", name="plain"),
        inspected(tmp_path, gzip.compress(b"id\n"), name="packed"),
    )
    for source in (plain, packed):
        source.path.unlink()
        with pytest.raises(FeedError, match="can't be read"):
            source.text()


@pytest.mark.parametrize(
    ("content", "encoding", "detected"),
    [
        (b"", "utf-8", ""),
        (b"id", "utf-8", ""),
        ("Café".encode(), "utf-8", ""),
        ("Café".encode("utf-8-sig"), "utf-8-sig", "UTF-8 with a byte order mark"),
        (codecs.BOM_UTF16_LE + "Café".encode("utf-16-le"), "utf-16", "UTF-16 with a byte order mark"),
        (codecs.BOM_UTF16_BE + "Café".encode("utf-16-be"), "utf-16", "UTF-16 with a byte order mark"),
        (codecs.BOM_UTF32_LE + "Café".encode("utf-32-le"), "utf-32", "UTF-32 with a byte order mark"),
        (codecs.BOM_UTF32_BE + "Café".encode("utf-32-be"), "utf-32", "UTF-32 with a byte order mark"),
        ("Café 日本".encode("utf-16-le"), "utf-16-le", "UTF-16 without a byte order mark"),
        ("Café 日本".encode("utf-16-be"), "utf-16-be", "UTF-16 without a byte order mark"),
        ("Café “naïve”".encode("cp1252"), "cp1252", "Windows-1252: 4 letters outside ASCII"),
        (b"caf\xe9", "cp1252", "Windows-1252: 1 letter outside ASCII"),
        (b"caf\xe9\x81", "cp1252", "Windows-1252: 1 letter outside ASCII"),
        ("Café naïve".encode() + b"\xe9", "utf-8", "UTF-8 with 1 invalid byte"),
        ("Café naïve".encode() + b"\xe9\xff", "utf-8", "UTF-8 with 2 invalid bytes"),
        ("CAFÉ®".encode("cp1252") + b"\xe9\xe8", "cp1252", "Windows-1252: 4 letters outside ASCII"),
        (b"a\0b\tc\0", "utf-8", ""),
        (b"a\0b", "utf-8", ""),
    ],
    ids=repr,
)
def test_encodings_are_told_and_said(tmp_path, content, encoding, detected):
    source = inspected(tmp_path, content)
    assert (source.encoding, source.detected) == (encoding, detected)
    if "invalid" not in detected and not content.endswith(b"\x81"):
        assert read(source) == content.decode(encoding)


@pytest.mark.parametrize("place", [2**16 - 1, 2**16, 2**20 - 1, 2**20, 3_000_000])
def test_one_letter_far_behind_decides(tmp_path, place):
    for encoding in ("utf-8", "cp1252"):
        assert inspected(tmp_path, b"a" * place + "é".encode(encoding) + b"a").encoding == encoding


@pytest.mark.parametrize("compression", PACKERS)
def test_compression_and_encoding_are_both_said(tmp_path, compression):
    source = inspected(tmp_path, PACKERS[compression](b"caf\xe9"))
    assert source.detected == f"{compression}, Windows-1252: 1 letter outside ASCII"
    assert read(source) == "café"


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    content=st.lists(
        st.sampled_from(
            [b"a", b"\n", "é".encode(), "日".encode(), "😀".encode(), b"\xe9", b"\x81", b"\xf0\x9f", b"\xc3"]
        )
    ).map(b"".join),
    block=st.integers(1, 7),
)
@example("é".encode() + b"\xc3", 3)
@example(b"\xf0\x9f\x98", 2)
def test_encodings_are_told_as_a_plain_reading_of_the_whole_tells_them(tmp_path_factory, content, block):
    plain = content.decode("utf-8", "surrogateescape")
    stray = sum("\udc80" <= letter <= "\udcff" for letter in plain)
    letters = sum(letter > "\x7f" for letter in plain) - stray
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", block)
        source = inspected(tmp_path_factory.getbasetemp(), content)
    assert source.encoding == ("utf-8" if stray <= letters else "cp1252")
    assert source.detected.startswith(
        "Windows" if stray > letters else f"UTF-8 with {stray} invalid b" if stray else ""
    )
    if source.encoding == "utf-8":
        assert read(source) == plain


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("utf-16", codecs.BOM_UTF16_LE + b"a\0\0\xd8b\0"),
        ("utf-16", codecs.BOM_UTF16_LE + b"a\0b\0c"),
        ("utf-16", codecs.BOM_UTF16_BE + b"\0a\xdc\0\0b"),
        ("utf-32", codecs.BOM_UTF32_LE + b"a\0\0\0" + b"\xff" * 4),
        ("cp1252", b"a\x81b"),
        ("utf-8", "aéé".encode() + b"\xff"),
        ("shift_jis", b"a\x81\x20b"),
        ("ascii", b"caf\xc3\xa9"),
        ("utf-7", b"a+\xff"),
    ],
)
def test_bytes_that_do_not_decode_come_as_lone_surrogates(tmp_path, encoding, content):
    text = read(inspected(tmp_path, content, encoding))
    assert text[0] in "ac"
    with pytest.raises(UnicodeEncodeError):
        text.encode()


@pytest.mark.parametrize(
    ("named", "content", "text"),
    [
        ("cp437", b"caf\x82", "café"),
        ("Latin-1", b"caf\xe9\x81", "café\x81"),
        ("latin-1", "é".encode(), "Ã©"),
        ("utf-8", "é".encode(), "é"),
        ("UTF8", "é".encode("utf-8-sig"), "é"),
        ("utf-16", "Ид\n".encode("utf-16-le"), "Ид\n"),
        ("utf-16", "Ид\n".encode("utf-16"), "Ид\n"),
        ("utf-16", "id\n".encode("utf-16-be"), "id\n"),
        ("utf-16-le", "Ид\n".encode("utf-16"), "Ид\n"),
        ("utf-16-be", "Ид\n".encode("utf-16-be"), "Ид\n"),
        ("utf-16-be", codecs.BOM_UTF16_BE + "Ид\n".encode("utf-16-be"), "Ид\n"),
        ("utf-32", "Ид\n".encode("utf-32-le"), "Ид\n"),
        ("utf-32-le", codecs.BOM_UTF32_LE + "Ид\n".encode("utf-32-le"), "Ид\n"),
        ("gb18030", "日本".encode("gb18030"), "日本"),
    ],
)
def test_an_encoding_that_the_settings_name(tmp_path, named, content, text):
    source = inspected(tmp_path, content, named)
    assert read(source) == text
    assert source.detected == f"{codecs.lookup(named).name} as named in the settings"


@pytest.mark.parametrize("named", ["klingon", "hex", "rot13", "idna", "undefined", "iso2022-jp", "a\0b"])
def test_an_encoding_that_does_not_exist(tmp_path, named):
    with pytest.raises(SettingsError, match=r"feed\.encoding: no encoding .*Use utf-8"):
        inspected(tmp_path, b"id\n", named)


def test_names_of_encodings_for_people(tmp_path):
    def name(content, encoding="auto"):
        return inspected(tmp_path, content, encoding).encoding_name

    assert name(b"id") == name("id".encode("utf-8-sig")) == "UTF-8"
    assert name("id".encode("utf-16")) == name("id\n".encode("utf-16-be")) == "UTF-16"
    assert name("id".encode("utf-32")) == "UTF-32"
    assert name(b"\xe9") == "Windows-1252"
    assert name(b"\xe9", "cp437") == "cp437"


def test_a_large_file_is_inspected_in_little_memory(tmp_path):
    path = tmp_path / "feed.tsv"
    with path.open("wb") as file:
        file.write(b"id\ttitle\n\xe9")
        file.truncate(64 * 2**20)
    tracemalloc.start()
    assert Source.inspect(path, FeedSettings()).encoding == "cp1252"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 * 2**20
