"""A `Filter` in the words of Elasticsearch.

What a product says is folded and parted into words here, on both sides, and not by an analyser of the server's: so
the index admits all that `Catalogue.select` admits, whatever modules the cluster has. It admits a little more in
two cases, which only the products themselves can tell: `ß` is `ss` once folded, and of a word with signs within it
(`t-shirt`, `C++`) the letters count, side by side, but not the signs. Signs alone admit everything.
"""

from __future__ import annotations

import re
from typing import Any

from candidates.filters import Filter

_WORD = re.compile(r"\w+")
_WILD = re.compile(r"([*?\\])")

Clause = dict[str, Any]


def words_in(text: str) -> str:
    """The words of a text, folded, with one blank between."""
    return " ".join(_WORD.findall(text.casefold()))


def attribute(name: str, value: str) -> str:
    """An attribute and its value as one word."""
    return f"{name}={value.casefold()}"


def clauses_of(where: Filter | None) -> list[Clause]:
    """The conditions that all must hold."""
    if not where:
        return []
    clauses: list[Clause] = []
    if where.category:
        held = _WILD.sub(r"\\\1", where.category.casefold())
        clauses.append({"wildcard": {"category": {"value": f"*{held}*"}}})
    if where.seller:
        clauses.append({"term": {"seller": where.seller}})
    for words in filter(None, map(words_in, where.words)):
        clauses.append({"match_phrase": {"text": words}} if " " in words else {"term": {"text": words}})
    clauses += [{"term": {"attributes": attribute(name, value)}} for name, value in where.attributes]
    return clauses
