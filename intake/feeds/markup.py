"""Extracts text from HTML descriptions."""

from __future__ import annotations

import html
import re
from functools import lru_cache
from html.parser import HTMLParser

_INLINE = re.compile("a|abbr|b|bdi|bdo|cite|code|del|em|font|i|ins|kbd|mark|q|s|small|span|strong|sub|sup|u|var|wbr")
"""Elements that may occur within a word; all others, including unknown ones, separate words."""

_UNSEEN = frozenset(("script", "style"))


@lru_cache(maxsize=1024)
def plain_text(markup: str) -> str:
    """The text of some HTML: entities resolved, scripts and styles removed, single spaces between words.

    Results are cached because the variants of a product are usually adjacent in a feed and share a description.
    """
    if "<" not in markup and "&" not in markup:
        return " ".join(markup.split())
    reader = _Reader()
    try:
        reader.feed(markup)
        reader.close()
        text = "".join(reader.pieces)
    except AssertionError:  # html.parser raises it on a broken `<![…` declaration
        text = html.unescape(re.sub("<[^>]*>?", " ", markup))
    return " ".join(text.split())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unseen += tag in _UNSEEN
        self._part(tag)

    def handle_endtag(self, tag: str) -> None:
        self._unseen -= tag in _UNSEEN and self._unseen > 0
        self._part(tag)

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.pieces.append(data)

    def _part(self, tag: str) -> None:
        if not _INLINE.fullmatch(tag):
            self.pieces.append(" ")
