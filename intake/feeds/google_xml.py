"""Google Merchant product feeds as XML: RSS 2.0 and Atom with Google's elements.

Shops write XML files that no XML parser accepts as a whole. So a scanner that only knows tags, comments and CDATA
sections first cuts the file into items, and each item is then parsed alone, under the namespaces of the elements around
it. A broken item therefore does not affect the others, and only one item is held in memory at a time.

Two frequent and unambiguous mistakes are fixed: `&` where no reference begins, and HTML's named references (`&nbsp;`),
which XML does not know. Document type declarations are refused, because their entities can read other files or expand
without limit.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from html import unescape
from html.entities import html5
from itertools import islice, pairwise
from pathlib import Path
from typing import NamedTuple, TextIO
from xml.sax.saxutils import quoteattr

from candidates.errors import FeedError, SettingsError
from candidates.product import Product, Refusal
from candidates.settings import FeedSettings
from intake.feeds.contract import Format, refused
from intake.feeds.delimited import encodable, plain_name
from intake.feeds.markup import plain_text
from intake.feeds.named_fields import NamedFields, printable
from intake.feeds.source import Source

LARGEST_ITEM = 4 * 2**20
"""Maximum characters of an item."""

_GOOGLE = "http://base.google.com/ns/1.0"
_ITEMS = ("item", "entry")
_ROOTS = ("rss", "feed", "rdf", "channel")
_SECTIONS = {"<!--": "-->", "<![CDATA[": "]]>", "<?": "?>"}
"""Closing marks by opening marks of sections in which tags don't count: comments, CDATA, processing instructions."""

_BLOCK = 2**16
_HEAD = 2**16
_HEAD_ITEMS = 1000
"""First items, in which every field named in the settings must occur."""

_LONGEST_TAG = 2**16
_DEEPEST = 100
_MOST_NAMESPACES = 50

_TAG = re.compile(r"""<(/?)([^\s<>/"'=!?]++)((?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+)>""")
_NAMESPACE = re.compile(r"""\sxmlns(?::([^\W\d][\w.-]*))?\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_REFERENCE = re.compile(r"&(?:(?:amp|lt|gt|quot|apos|#[0-9]+|#x[0-9a-fA-F]+);|([A-Za-z][A-Za-z0-9]{1,31};)?)")
_DECLARATION = re.compile("<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_DECLARED = re.compile(rb"""\s*<\?xml\s[^>]{0,200}?\bencoding\s*=\s*["']([A-Za-z][\w.:-]{0,40})["']""")

_EXPECTS = "RSS (rss/channel/item) or Atom (feed/entry), with Google's elements id and title or image_link"
_FIX_ITEM = "Fix this item; `xmllint --noout FEED` shows where"
_FIX_PAGE = "Download the feed itself; a shop that asks for a password returns such a page"
_FIX_CUT = "Export or download the whole feed again"


class _Fragment(NamedTuple):
    """One item as it is in the file.

    Attributes:
        line: Line on which it begins.
        pieces: Its text, alternately text that may be fixed and text to leave alone (comments, CDATA sections).
        wrapper: A start tag that declares the namespaces around the item.
    """

    line: int
    pieces: tuple[str, ...]
    wrapper: str


def _recognise(path: Path, settings: FeedSettings) -> str:
    source, declared = _source(path, settings)
    with source.text() as text:
        head = text.read(_HEAD)
    if not re.match(r"\s*<[?!\w]", head):
        return ""
    scanner = _Scanner(path, _Text(io.StringIO(head)))
    seen: list[str] = []
    try:
        first = next((item for item in scanner.items() if isinstance(item, _Fragment)), None)
        found = _parsed(first, source) if first else None
        seen = NamedFields.of(settings).seen_in(found) if isinstance(found, dict) else []
    except FeedError:  # reading the feed reports what is wrong with it
        return "it begins like XML"
    reason = f"XML with the root element {printable(scanner.root)}" if scanner.root else "it begins like XML"
    if first:
        reason += f", its items with {', '.join(seen) or 'no known element'}"
    return reason + (f", in {declared} as declared" if declared else "")


def _read(path: Path, settings: FeedSettings) -> Iterator[Product | Refusal]:
    source, _ = _source(path, settings)
    fields = NamedFields.of(settings)
    if fields.named_by_settings:
        head = islice(_rows(path, source), _HEAD_ITEMS)
        names = dict.fromkeys(name for _, row in head if not isinstance(row, Refusal) for name in row)
        if names:
            fields.require(path, names)
    for line, row in _rows(path, source):
        yield row if isinstance(row, Refusal) else _product(row, line, fields)


def _rows(path: Path, source: Source) -> Iterator[tuple[int, dict[str, list[str]] | Refusal]]:
    """Every item with its line: its texts by element, or its refusal."""
    with source.text() as text:
        for item in _Scanner(path, _Text(text)).items():
            yield (0, item) if isinstance(item, Refusal) else (item.line, _parsed(item, source))


def _source(path: Path, settings: FeedSettings) -> tuple[Source, str]:
    """The file with its encoding, and the encoding in its XML declaration if that was used.

    The settings and a byte order mark override the declaration. So does the detected encoding if the declaration says
    UTF-8, because every tool writes that there.
    """
    source = Source.inspect(path, settings)
    if settings.encoding.strip().lower() not in ("", "auto") or source.encoding not in ("utf-8", "cp1252"):
        return source, ""
    with source.binary() as file:
        found = _DECLARED.match(file.read(_HEAD))
    declared = found[1].decode("ascii") if found else "utf-8"
    # As in browsers, a declaration of Latin-1 or ASCII means Windows-1252 (WHATWG Encoding Standard).
    named = "cp1252" if declared.lower() in ("iso-8859-1", "latin1", "latin-1") else declared
    if named.lower() in ("utf-8", "utf8", "us-ascii", "ascii", source.encoding):
        return source, ""
    try:
        chosen = Source.inspect(path, settings.model_copy(update={"encoding": named}))
        # The declaration was readable as ASCII, so the encoding can't be UTF-16 or the like.
        return (chosen, declared) if "<?xml".encode(chosen.encoding) == b"<?xml" else (source, "")
    except (SettingsError, UnicodeError) as error:
        if source.encoding == "utf-8":
            return source, ""
        raise FeedError(
            f"{path}: its XML declaration names an unknown encoding, {declared}", "Name the encoding with --encoding"
        ) from error


class _Text:
    """A text that is read as needed; text before the current position is dropped.

    Offsets are relative to the position, so they stay valid while more is read.
    """

    def __init__(self, file: TextIO) -> None:
        self.line = 1
        self.ended = False
        self._file = file
        self._held = ""
        self._at = 0
        self._before = 0  # characters dropped
        self._without: dict[str, tuple[int, int]] = {}  # by closing mark, a stretch of the text in which it is absent

    def __getitem__(self, offsets: slice) -> str:
        return self._held[self._at + (offsets.start or 0) : self._at + offsets.stop]

    def move(self, offset: int) -> None:
        """Moves the position forward."""
        self.line += self._held.count("\n", self._at, self._at + offset)
        self._at += offset

    def more(self) -> bool:
        """Reads more, as much again as is held; false at the end of the text."""
        block = "" if self.ended else self._file.read(max(_BLOCK, len(self._held) - self._at))
        if block:
            self._held = self._held[self._at :] + block
            self._before += self._at
            self._at = 0
        self.ended = not block
        return bool(block)

    @property
    def held(self) -> int:
        """The number of characters held after the position."""
        return len(self._held) - self._at

    def starts(self, mark: str) -> bool:
        """Whether the text at the position starts with a mark."""
        while self.held < len(mark) and self.more():
            pass
        return self._held.startswith(mark, self._at)

    def seek(self, mark: str) -> bool:
        """Moves to the next occurrence of a mark, or to the end if there is none."""
        while (found := self._held.find(mark, self._at)) < 0:
            self.move(max(0, self.held - len(mark) + 1))
            if not self.more():
                self.move(self.held)
                return False
        self.move(found - self._at)
        return True

    def tag(self) -> re.Match[str] | None:
        """The tag at the position, if there is one."""
        while not (found := _TAG.match(self._held, self._at)):
            if self.held > _LONGEST_TAG or not self.more():
                return None
        return found if len(found[0]) <= _LONGEST_TAG else None

    def find(self, marks: re.Pattern[str], offset: int, limit: int = 0) -> tuple[int, int] | None:
        """The begin and end of the next of several marks; text beyond the limit is only searched if it is held."""
        while not (found := marks.search(self._held, self._at + offset)):
            offset = max(offset, self.held - len(marks.pattern) - 20)  # longer than any of the marks
            if offset > limit or not self.more():
                return None
        return found.start() - self._at, found.end() - self._at

    def closed(self, closing: str, offset: int, limit: int) -> int | None:
        """The offset after the next closing mark, within the limit; no text is searched twice for it."""
        start = self._before + self._at + offset
        begin, end = self._without.get(closing, (start, start))
        if not begin <= start <= end:
            begin = end = start
        while (found := self._held.find(closing, end - self._before)) < 0:
            end = max(end, self._before + len(self._held) - len(closing) + 1)
            self._without[closing] = begin, end
            if end - self._before - self._at > limit or not self.more():
                return None
        self._without[closing] = begin, self._before + found
        behind = found + len(closing) - self._at
        return behind if behind <= limit else None


@dataclass
class _Scanner:
    """Cuts a feed into its items.

    Attributes:
        path: The feed's file, for messages.
        text: The rest of its text.
        root: The name of the root element, empty until it is reached.
        around: The open elements around the items, each with the namespaces it declares.
        overdue: Whether an item was refused as too large and its end tag is still to come.
    """

    path: Path
    text: _Text
    root: str = ""
    around: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    overdue: bool = False

    def items(self) -> Iterator[_Fragment | Refusal]:
        """The feed's items, or refusals of items; a truncated end is one refusal.

        Raises:
            FeedError: There is a document type declaration, or this is not an XML feed.
        """
        number = 0
        while self.text.seek("<"):
            found = self._next()
            if found:
                number += 1
                yield found
        if not number and _local(self.root).lower() not in _ROOTS:
            shown = f"its root element is {printable(self.root)}" if self.root else "it has no element"
            fix = _FIX_PAGE if self.root.lower() == "html" else "Export it as a Google Merchant feed"
            raise FeedError(f"{self.path}: Google Merchant XML must be {_EXPECTS}; {shown}", fix)
        if self.around and self.around[0][0] == self.root:
            reason = f"not well-formed XML: the file ends before </{printable(self.root)}>"
            yield refused(self.text.line, "", reason, _FIX_CUT)

    def _next(self) -> _Fragment | Refusal | None:
        """Moves past whatever is at the position; returns it if it is an item, or its refusal."""
        opening = next((mark for mark in _SECTIONS if self.text.starts(mark)), "")
        if opening:
            return self._skipped(opening)
        if self.text.starts("<!") and not self.overdue:
            raise self._declaration()
        tag = self.text.tag()
        if tag is None:
            self.text.move(1)
            return None
        ends, name, rest = tag.groups()
        if _local(name) in _ITEMS:
            return self._unpaired(tag) if ends else self._item(tag)
        self.text.move(len(tag[0]))
        self.root = self.root or name
        if ends:
            self._leave(name)
        elif not rest.endswith("/"):
            self._enter(name, rest)
        return None

    def _declaration(self) -> FeedError:
        if self.text.starts("<!DOCTYPE html") or self.text.starts("<!doctype html"):
            return FeedError(f"{self.path}: is a web page, judging by its document type declaration", _FIX_PAGE)
        return FeedError(
            f"{self.path}: has a document type declaration, which could read other files (XXE) or expand without limit",
            "Write the feed without <!DOCTYPE …> and <!ENTITY …>",
        )

    def _skipped(self, opening: str) -> Refusal | None:
        """Moves past a section outside items; returns a refusal if the section seems to have swallowed items."""
        line, closing = self.text.line, _SECTIONS[opening]
        end = self.text.closed(closing, len(opening), LARGEST_ITEM)
        if end is None:
            self.text.move(len(opening))
            self.text.seek(closing)
            return None
        inside = self.text[len(opening) : end]
        self.text.move(end)
        if opening in inside and any(f"<{name}" in inside for name in _ITEMS):
            return refused(line, "", f"not well-formed XML: {opening} is not closed before the next", _FIX_ITEM)
        return None

    def _enter(self, name: str, attributes: str) -> None:
        if len(self.around) < _DEEPEST:
            self.around.append((name, _declared(attributes)))

    def _leave(self, name: str) -> None:
        names = [element for element, _ in self.around]
        if name in names:  # elements that were never closed end with the element around them
            del self.around[len(names) - 1 - names[::-1].index(name) :]

    def _unpaired(self, tag: re.Match[str]) -> Refusal | None:
        """Handles an end tag for which no item is open."""
        line = self.text.line
        self.text.move(len(tag[0]))
        if self.overdue:
            self.overdue = False
            return None
        return refused(line, "", f"not well-formed XML: </{printable(tag[2])}> without its start tag", _FIX_ITEM)

    def _item(self, tag: re.Match[str]) -> _Fragment | Refusal:
        """The item that begins at the position, or its refusal; moves past it."""
        line, name, marks = self.text.line, tag[2], _marks(tag[2])
        offset, parts = len(tag[0]), [0]
        if tag[3].endswith("/"):
            return self._fragment(line, [0, offset])
        while found := self.text.find(marks, offset, LARGEST_ITEM):
            begin, end = found
            mark = self.text[begin:end]
            if end > LARGEST_ITEM:
                return self._endless(line, name, begin)
            if mark.startswith("</"):
                return self._fragment(line, [*parts, end])
            if mark not in _SECTIONS:
                self.text.move(begin)
                return refused(
                    line, "", f"not well-formed XML: <{printable(name)}> is not closed before the next", _FIX_ITEM
                )
            closed = self.text.closed(_SECTIONS[mark], end, LARGEST_ITEM)
            if closed is None or self._swallows(name, mark, end, closed):
                return self._unclosed(line, name, mark, begin)
            parts += [begin, closed]
            offset = closed
        return self._endless(line, name, max(offset, LARGEST_ITEM))

    def _fragment(self, line: int, parts: list[int]) -> _Fragment:
        pieces = tuple(self.text[begin:end] for begin, end in pairwise(parts))
        self.text.move(parts[-1])
        self.overdue = False
        return _Fragment(line, pieces, _wrapper(self.around))

    def _swallows(self, name: str, opening: str, begin: int, end: int) -> bool:
        """Whether a section contains an item's end tag and then its own opening mark: then it was never closed."""
        inside = self.text[begin:end]
        again = inside.rfind(opening)
        return again >= 0 and bool(_end(name).search(inside, 0, again))

    def _unclosed(self, line: int, name: str, opening: str, begin: int) -> Refusal:
        """Refuses an item with an unclosed section; the item ends at the next end tag."""
        found = self.text.find(_end(name), begin)
        if found and found[1] <= LARGEST_ITEM:
            self.text.move(found[1])
            return refused(line, "", f"not well-formed XML: {opening} is not closed", _FIX_ITEM)
        refusal = self._endless(line, name, begin + len(opening))
        self.text.seek(_SECTIONS[opening])
        return refusal

    def _endless(self, line: int, name: str, offset: int) -> Refusal:
        """Refuses an item that does not end, or is too large; moves forward within it."""
        if self.text.ended and self.text.held <= LARGEST_ITEM:
            self.text.move(self.text.held)
            self.around.clear()
            return refused(line, "", f"not well-formed XML: the file ends inside <{printable(name)}>", _FIX_CUT)
        self.overdue = True
        self.text.move(offset)
        reason = f"an item of more than {LARGEST_ITEM // 2**20} MiB"
        return refused(line, "", reason, "Shorten it, or add its missing end tag")


@lru_cache(maxsize=16)
def _marks(name: str) -> re.Pattern[str]:
    """The marks to look for within an item of this name: sections, its end tag, and the start of another item."""
    return re.compile(rf"<!--|<!\[CDATA\[|<\?|</{re.escape(name)}\s{{0,20}}>|<{re.escape(name)}(?=[\s/>])")


@lru_cache(maxsize=16)
def _end(name: str) -> re.Pattern[str]:
    return re.compile(rf"</{re.escape(name)}\s{{0,20}}>")


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _declared(attributes: str) -> dict[str, str]:
    """The namespaces that a start tag declares, by prefix, without those that a parser would reject."""
    found: dict[str, str] = {}
    for prefix, double, single in islice(_NAMESPACE.findall(attributes), _MOST_NAMESPACES):
        name = unescape(double or single)
        reserved = prefix in ("xml", "xmlns") or name.startswith(
            ("http://www.w3.org/XML/", "http://www.w3.org/2000/xmlns")
        )
        if name.isprintable() and not reserved and (name or not prefix):
            found[prefix] = name
    return found


def _wrapper(around: list[tuple[str, dict[str, str]]]) -> str:
    """A start tag that gives an item the namespaces that it has in the feed."""
    names = {"g": _GOOGLE}
    for _, declared in around:
        names |= declared
    declarations = (f" xmlns{':' if prefix else ''}{prefix}={quoteattr(name)}" for prefix, name in names.items())
    return f"<wrapper{''.join(declarations)}>"


def _fixed(reference: re.Match[str]) -> str:
    """Keeps XML's own references, replaces HTML's by the characters they mean, and escapes any other `&`."""
    name = reference[1]
    if name in html5:
        return "".join(f"&#{ord(letter)};" for letter in html5[name])
    return f"&amp;{reference[0][1:]}" if name or reference[0] == "&" else reference[0]


class _TooDeep(Exception):
    """Elements are nested too deeply."""


def _parsed(fragment: _Fragment, source: Source) -> dict[str, list[str]] | Refusal:
    """An item's elements by their plain names, each with its non-empty texts; or the item's refusal."""
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import DefusedXMLParser

    line = fragment.line
    pieces = [piece if place % 2 else _REFERENCE.sub(_fixed, piece) for place, piece in enumerate(fragment.pieces)]
    text = "".join([fragment.wrapper, *pieces, "</wrapper>"])
    if not text.isascii() and not encodable(text):
        return refused(line, "", f"bytes that are not {source.encoding_name}", "Save the feed as UTF-8")
    elements = _Elements()
    try:
        parser = DefusedXMLParser(target=elements, forbid_dtd=True)
        parser.feed(text)
        parser.close()
    except (ParseError, DefusedXmlException) as error:
        what = str(error).split(":")[0].removeprefix("not well-formed ").strip("()")
        if any(map(_DECLARATION.search, fragment.pieces[::2])):
            what = "a document type declaration"
        place = line + error.position[0] - 1 if isinstance(error, ParseError) else line
        reason = f"not well-formed XML: {what} on line {place}"
    except _TooDeep:
        reason = f"elements nested more than {_DEEPEST} deep"
    else:
        return elements.found
    return refused(line, elements.identifier, reason, _FIX_ITEM)


class _Elements:
    """A parser target that collects the texts of a wrapped item's elements; Google's override others."""

    def __init__(self) -> None:
        self._google: dict[str, list[str]] = {}
        self._plain: dict[str, list[str]] = {}
        self._depth = 0
        self._own = ""
        self._address = ""
        self._pieces: list[str] = []
        self._marked = False

    @property
    def found(self) -> dict[str, list[str]]:
        """The non-empty texts by the elements' plain names."""
        return self._plain | self._google

    @property
    def identifier(self) -> str:
        """The item's id, empty if it was not reached."""
        return self.found.get("id", [""])[0]

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Enters an element: the wrapper, the item, one of its elements, or mark-up within one of these."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _TooDeep
        space, name = _named(tag)
        if self._depth == 2:
            self._own = space
        elif self._depth == 3:
            self._pieces, self._marked, self._address = [], False, ""
            # Atom's link has its URL in an attribute; links to other pages than the product's have a `rel`.
            if name == "link" and attributes.get("rel", "alternate") == "alternate":
                self._address = attributes.get("href", "")
        elif self._depth > 3:
            self._marked = True
            self._pieces.append(f"<{name}>")

    def data(self, text: str) -> None:
        """Collects a text."""
        if self._depth >= 3:
            self._pieces.append(text)

    def end(self, tag: str) -> None:
        """Leaves an element."""
        space, name = _named(tag)
        if self._depth > 3:
            self._pieces.append(f"</{name}>")
        elif self._depth == 3 and space in (_GOOGLE, "", self._own):
            text = "".join(self._pieces)
            text = (plain_text(text) if self._marked else text.strip()) or self._address.strip()
            if text:
                kept = self._google if space == _GOOGLE else self._plain
                kept.setdefault(name, []).append(text)
        self._depth -= 1


@lru_cache(maxsize=1024)
def _named(tag: str) -> tuple[str, str]:
    """A tag's namespace (all spellings of Google's become one) and its name in plain form."""
    space, _, name = tag[1:].rpartition("}") if tag.startswith("{") else ("", "", tag)
    plain = space.replace("https://", "http://").rstrip("/")
    return _GOOGLE if plain == _GOOGLE else space, plain_name(name)


def _product(elements: Mapping[str, list[str]], line: int, fields: NamedFields) -> Product | Refusal:
    values: dict[str, object] = {
        name: texts if name in fields.listed else texts[0] for name, texts in elements.items() if name != "attributes"
    }
    if "description" not in values:  # Atom's names for it
        values["description"] = next((elements[name][0] for name in ("summary", "content") if name in elements), "")
    for name in fields.names["description"]:
        if name in values:
            values[name] = plain_text(str(values[name]))
    return fields.product(values, line)


GOOGLE_XML = Format("Google Merchant XML", _EXPECTS, _recognise, _read, lambda path: path.parent)
