"""Turns a `Filter` into Elasticsearch queries.

Texts are case-folded and split into words here, both when indexing and when searching, and not by a server-side
analyser. So the index matches everything that `Catalogue.select` matches, whatever modules the cluster has. It matches
a little more in two cases: `ß` becomes `ss` when folded, and of a word with punctuation (`t-shirt`, `C++`) only the
letters are compared. Punctuation alone matches everything.
"""

from __future__ import annotations

import re
from typing import Any

from candidates.filters import Filter

_WORD = re.compile(r"\w+")
_WILD = re.compile(r"([*?\\])")

Clause = dict[str, Any]


def words_in(text: str) -> str:
    """The case-folded words of a text, separated by single spaces."""
    return " ".join(_WORD.findall(text.casefold()))


def attribute(name: str, value: str) -> str:
    """An attribute and its value as one word."""
    return f"{name}={value.casefold()}"


def clauses_of(where: Filter | None) -> list[Clause]:
    """The conditions of a filter, all of which must be met."""
    if not where:
        return []
    clauses: list[Clause] = []
    if where.category:
        escaped = _WILD.sub(r"\\\1", where.category.casefold())
        clauses.append({"wildcard": {"category": {"value": f"*{escaped}*"}}})
    if where.seller:
        clauses.append({"term": {"seller": where.seller}})
    for words in filter(None, map(words_in, where.words)):
        clauses.append({"match_phrase": {"text": words}} if " " in words else {"term": {"text": words}})
    clauses += [{"term": {"attributes": attribute(name, value)}} for name, value in where.attributes]
    return clauses
