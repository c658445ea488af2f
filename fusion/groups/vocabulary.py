"""What products say of their attributes: in columns, and in words whose meaning the columns themselves teach.

No list of colours or materials is written down here. A word names a value where some products have the value in a
column and others have the word in their text; how far it can be trusted is counted on the products that have both.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from candidates.catalogue import Catalogue

FIELDS = ("title", "description")
"""Texts in which words are looked for."""

ANYWHERE, WITHIN_A_SELLER, UNLIKE_SELLERS = COMPARED = ("anywhere", "within a seller", "unlike sellers")
"""Where values are compared: among all members of a group; within each seller, where each seller has values of its
own; or among all, unless the values part the members just as the sellers do."""

_ABSENT = frozenset({"n a", "na", "none", "null", "unknown", "unspecified", "not specified", "not applicable"})
"""Values, as words, that say that there is no value."""

_LEAST_PRODUCTS = 3
"""Products whose column must hold a value before its words are looked for in texts."""

_MOST_WORDS = 4
"""Words of a value that is looked for; a longer one is a sentence, not a name."""

_LONGEST_VALUE = 60
"""Letters of a value that can be shown as one of several; longer ones are texts."""

_SAMPLE = 100_000
"""Products outside the groups asked for from which the meaning of words is counted, at most."""

_PRIOR = 5.0
"""A word's trust begins as that of all words together, which weighs like so many products."""

_START = {"title": (3.0, 5.0), "description": (1.0, 5.0)}
"""Products with a word, and those of them whose column agrees, before anything is counted. Titles name the product
itself; descriptions also name linings, stitching and what to wear with it."""

_LEAST_KIN = 5
"""Products that must show what an abbreviation stands for."""

_KIN_CERTAIN = 0.7
"""Lower end of the 95 % interval of the share of products in which an abbreviation stands for one value."""

_MARK_SHARE, _MARK_OWN, _MARK_PRODUCTS = 0.5, 0.9, 20
"""A word marks a seller when it stands in more than this share of the seller's titles, or when more than this share
of its titles are the seller's; sellers with fewer titles are not judged."""

_PROOF = 0.3
"""By how much more often the column must hold a value where the seller's title has the word than where it lacks it."""

_BOUND, _BOUND_PRODUCTS = 0.95, 30
"""A column is bound to sellers when so great a share of its products hold values of one seller alone."""

_MEASURE_TRUST = 0.8
"""Trust in a quantity that a title states: the number is sure, that it is the product's own is not counted."""

_WORD = re.compile(r"[^\W_]+")

_NUMBER = r"\d+(?:[.,]\d+)?"
_UNITS: dict[str, dict[str, float]] = {
    "volume": {"ml": 0.001, "ML": 0.001, "cl": 0.01, "CL": 0.01, "l": 1, "L": 1},
    "weight": {"mg": 0.001, "g": 1, "kg": 1000, "KG": 1000, "Kg": 1000, "oz": 28.3495, "lb": 453.592},
    "length": {"mm": 0.001, "cm": 0.01, "CM": 0.01, "m": 1},
    "power": {"W": 1, "kW": 1000},
    "storage": {"GB": 1, "TB": 1024},
}
"""Units as their standards write them (SI, IEC), by what they measure. A capital `M` is a size and no metre."""

_USUAL = ("ml", "l", "mg", "g", "kg", "mm", "cm", "m", "W", "kW", "GB", "TB")
"""Units in which measures are shown."""

_IMPERIAL = ("oz", "lb")
"""Units that are shown as they are written: in metric ones nobody would know them again."""

_MEASURE = re.compile(
    rf"(?<![\w.,])({_NUMBER}(?:\s*[x×]\s*{_NUMBER}){{0,2}})\s*"
    rf"({'|'.join(sorted((unit for units in _UNITS.values() for unit in units), key=len, reverse=True))})(?!\w)"
)
_PACK = re.compile(
    r"(?<![\w.,])(\d{1,2})\s*-?\s*(?:pack|pk|pcs|pieces|pairs|stück|stk|er)(?:[ -]?(?:pack|set))?(?!\w)"
    r"|\b(?:pack|set|box) of (\d{1,2})(?!\w)",
    re.IGNORECASE,
)
_LETTER_SIZE = re.compile(r"(?<![\w'’.&-])(?:X{0,4}S|M|X{0,4}L|[2-6]X[SL])(?![\w'’.&])")
_NAMED_SIZE = re.compile(
    r"(?<!\w)(?:size|größe|gr\.?|maat|taille|talla|EU|UK|US)\s*(\d{1,3}(?:[.,]5)?)(?!\w)", re.IGNORECASE
)


@dataclass(frozen=True, eq=False)
class Column:
    """One attribute as the columns have it.

    Attributes:
        name: The attribute.
        values: Its values, each in the spelling that most products have.
        codes: Which value each product has, int32 (n,); −1 where it has none.
        compared: Where two values may be taken for two things, of `COMPARED`.
        trust: How often a value is right.
    """

    name: str
    values: tuple[str, ...]
    codes: NDArray[np.int32]
    compared: str = ANYWHERE
    trust: float = 1.0


@dataclass(frozen=True, eq=False)
class Said:
    """Values that words name, one row for each product and value.

    Attributes:
        products: int32 (w,), ascending.
        values: int32 (w,): numbers of `Column.values`.
        trust: float32 (w,): how often the column holds the value where a text has the words.
    """

    products: NDArray[np.int32]
    values: NDArray[np.int32]
    trust: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class _Form:
    """Words that stand for a value of one attribute."""

    words: tuple[str, ...]
    attribute: int
    value: int

    @property
    def weak(self) -> bool:
        """Whether the words are so short, or so numeric, that they mean nothing unless the data prove it."""
        return len(self.words) == 1 and (len(self.words[0]) <= 2 or self.words[0].isdecimal())


def words_of(text: str) -> list[str]:
    """The words of a text, folded: letters and digits in one case, without marks of direction and punctuation."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def describers(catalogue: Catalogue) -> NDArray[np.int32]:
    """Who words each product: its seller, or its brand where the catalogue names no seller; int32 (n,), −1 unknown."""
    sellers = catalogue.codes("seller")
    return sellers if (sellers >= 0).any() else catalogue.codes("brand")


def columns_of(catalogue: Catalogue) -> dict[str, Column]:
    """All attribute columns whose values can be told apart and shown, by name.

    Left out are columns of long texts, and columns in which nearly every product has a value of its own (an article
    number, an address), unless their attribute is one that feeds have a name for.
    """
    from candidates.product import ATTRIBUTES

    products, names, texts = _entries(catalogue)
    sellers = describers(catalogue)
    columns = {}
    for name in sorted(set(names.tolist())):
        at = names == name
        column = _column(name, products[at], texts[at], len(catalogue), sellers)
        held = int((column.codes >= 0).sum())
        if held and (name in ATTRIBUTES or held >= 2 * len(column.values)):
            columns[name] = column
    return columns


def _entries(catalogue: Catalogue) -> tuple[NDArray[np.int64], NDArray[np.object_], NDArray[np.object_]]:
    """Every attribute of every product: its row, the attribute's name, and the value."""
    column = catalogue.table["attributes"].combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks else pa.array([], column.type)
    offsets = column.offsets.to_numpy()
    products = np.repeat(np.arange(len(column)), np.diff(offsets))
    inside = slice(int(offsets[0]), int(offsets[-1])) if len(offsets) else slice(0, 0)
    names, texts = (part[inside].to_numpy(zero_copy_only=False) for part in (column.keys, column.items))
    return products, names, texts


def _column(
    name: str, products: NDArray[np.int64], texts: NDArray[np.object_], n: int, sellers: NDArray[np.int32]
) -> Column:
    numbers: dict[str, int] = {}
    spelled: list[Counter[str]] = []
    of_text: dict[str | None, int] = {}
    counts = Counter(texts.tolist())
    for text, times in counts.items():
        shown = " ".join("".join(letter if letter.isprintable() else " " for letter in text or "").split())
        key = _key(shown)
        if not key or len(shown) > _LONGEST_VALUE:
            of_text[text] = -1
            continue
        of_text[text] = numbers.setdefault(key, len(numbers))
        if of_text[text] == len(spelled):
            spelled.append(Counter())
        spelled[of_text[text]][shown] += times
    codes = np.full(n, -1, np.int32)
    codes[products] = [of_text[text] for text in texts.tolist()]
    # Of two spellings as frequent the first in the alphabet, so that the order of the feed decides nothing.
    values = tuple(min(own, key=lambda shown: (-own[shown], shown)) for own in spelled)
    return Column(name, values, codes, WITHIN_A_SELLER if _is_bound(codes, sellers) else ANYWHERE)


def _key(shown: str) -> str:
    """What two spellings of a value have in common; `Off-White` and `off white` are one, `-2` and `+2` are two."""
    words = " ".join(words_of(shown))
    if not words or words in _ABSENT:
        return ""
    return words if not any(letter.isdecimal() for letter in words) else " ".join(shown.casefold().split())


def _is_bound(codes: NDArray[np.int32], sellers: NDArray[np.int32]) -> bool:
    known = (codes >= 0) & (sellers >= 0)
    held, by = codes[known], sellers[known]
    if not len(held) or len(np.unique(by)) < 2:
        return False
    pairs, times = np.unique(held.astype(np.int64) << 32 | by, return_counts=True)
    value = pairs >> 32
    total, most = np.bincount(value, times), np.zeros(int(value.max()) + 1)
    np.maximum.at(most, value, times)
    often = total >= _LEAST_PRODUCTS
    return bool(total[often].sum() >= _BOUND_PRODUCTS and most[often].sum() >= _BOUND * total[often].sum())


def columns_of_titles(catalogue: Catalogue, wanted: NDArray[np.bool_], known: Iterable[str]) -> list[Column]:
    """Quantities that titles state, as columns: packs, volumes, weights, lengths; sizes where no column has any.

    A title that states two of a kind states none. A quantity in more than half of a seller's titles is the seller's
    filler. Since no column proves what these words mean, they count as varying only where they part a group's
    members otherwise than its sellers do.

    Args:
        catalogue: The products.
        wanted: The products whose titles are read, bool (n,).
        known: Attributes that have columns: these are not made again.
    """
    rows = np.flatnonzero(wanted)
    titles = catalogue.table["title"].take(pa.array(rows)).to_pylist()
    stated: dict[str, tuple[list[int], list[str]]] = {}
    there = set(known)
    for row, title in zip(rows.tolist(), titles, strict=True):
        for name, value in quantities(unicodedata.normalize("NFKC", title or "")).items():
            if name not in there:
                products, values = stated.setdefault(name, ([], []))
                products.append(row)
                values.append(value)
    sellers = describers(catalogue)
    return [_stated(name, *stated[name], len(catalogue), sellers) for name in sorted(stated)]


def _stated(name: str, products: Sequence[int], texts: Sequence[str], n: int, sellers: NDArray[np.int32]) -> Column:
    values = tuple(sorted(set(texts)))
    number = {value: place for place, value in enumerate(values)}
    codes = np.full(n, -1, np.int32)
    codes[np.array(products)] = [number[text] for text in texts]
    has = np.flatnonzero((codes >= 0) & (sellers >= 0))
    _, which, times = np.unique(
        sellers[has].astype(np.int64) << 32 | codes[has], return_inverse=True, return_counts=True
    )
    size = np.bincount(sellers[sellers >= 0], minlength=1)[sellers[has]]
    codes[has[(size >= _MARK_PRODUCTS) & (times[which] > _MARK_SHARE * size)]] = -1
    return Column(name, values, codes, UNLIKE_SELLERS, _MEASURE_TRUST)


def quantities(title: str) -> dict[str, str]:
    """The quantities that a title states, by what they measure: `pack`, `volume`, `weight`, `length`, …, `size`."""
    found: dict[str, set[str]] = {}
    for match in _MEASURE.finditer(title):
        kind = next(kind for kind, units in _UNITS.items() if match[2] in units)
        found.setdefault(kind, set()).add(_measure(match[1], match[2], _UNITS[kind]))
    title = _MEASURE.sub(" ", title)  # The `L` of `0,5 L` is no size.
    for match in _PACK.finditer(title):
        if (pieces := int(match[1] or match[2])) > 0:
            found.setdefault("pack", set()).add(f"{pieces}-pack")
    sizes = {match[0] for match in _LETTER_SIZE.finditer(title)} or {m[1] for m in _NAMED_SIZE.finditer(title)}
    if sizes:
        found["size"] = sizes
    return {kind: values.pop() for kind, values in found.items() if len(values) == 1}


def _measure(numbers: str, unit: str, units: dict[str, float]) -> str:
    """A measure in one spelling: `0,5 L` and `500 ml` are one."""
    said = [float(number.replace(",", ".")) for number in re.findall(_NUMBER, numbers)]
    if unit in _IMPERIAL:
        return f"{' × '.join(f'{number:.6g}' for number in said)} {unit}"
    amounts = [number * units[unit] for number in said]
    metric = {factor: name for name, factor in reversed(units.items()) if name in _USUAL}
    usual = max((factor for factor in metric if factor <= max(amounts)), default=min(metric))
    return f"{' × '.join(f'{amount / usual:.6g}' for amount in amounts)} {metric[usual]}"


def said_in_words(catalogue: Catalogue, columns: Sequence[Column], wanted: NDArray[np.bool_]) -> list[Said]:
    """What titles and descriptions say of each attribute, and how far that can be trusted.

    A word is trusted as often as the column agrees with it, counted for each seller, field and word, and drawn
    towards the word's and then the field's average where there are few products to count. A word that marks a
    seller (it stands in most of the seller's titles, or in no one else's) is trusted only where the seller's own
    columns prove that it names the value: with the word the value is much more frequent than without it. A value
    that is part of a product's own brand or seller's name is not taken from its words.

    Args:
        catalogue: The products.
        columns: The attributes looked for.
        wanted: The products asked for, bool (n,); meanings are counted on a sample of the others, too.

    Returns:
        For each column what the wanted products' words say, whatever their columns hold.
    """
    if not columns or not wanted.any():
        return [_nothing() for _ in columns]
    rows = _rows(wanted)
    texts = {field: _Texts.of(catalogue, field, rows) for field in FIELDS}
    forms = _forms(columns, texts["title"], rows)
    found = _Found.of(forms, texts, describers(catalogue)[rows])
    names = _NameCheck(catalogue, rows)
    return [_said(at, column, forms, found, rows, wanted, names) for at, column in enumerate(columns)]


def _nothing() -> Said:
    return Said(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.float32))


def _rows(wanted: NDArray[np.bool_]) -> NDArray[np.int64]:
    others = np.flatnonzero(~wanted)
    if len(others) > _SAMPLE:
        others = np.random.default_rng(7).choice(others, _SAMPLE, replace=False)
    return np.sort(np.concatenate([np.flatnonzero(wanted), others]))


@dataclass(frozen=True, eq=False)
class _Texts:
    """The distinct texts of one field as words, and which of them each row has."""

    field: str
    words: list[list[str]]
    codes: NDArray[np.int64]

    @classmethod
    def of(cls, catalogue: Catalogue, field: str, rows: NDArray[np.int64]) -> _Texts:
        column = pc.fill_null(catalogue.table[field].take(pa.array(rows)), "").combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = column.chunk(0)
        encoded = column.dictionary_encode()
        distinct = [words_of(text) for text in encoded.dictionary.to_pylist()]
        return cls(field, distinct, encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64))

    def of_rows(self, texts: NDArray[np.int64], what: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
        """Pairs (text, thing) as pairs (row, thing); no pair twice."""
        if not len(texts):
            return texts, what
        order = np.lexsort((what, texts))
        texts, what = texts[order], what[order]
        fresh = np.append(True, (np.diff(texts) != 0) | (np.diff(what) != 0))
        texts, what = texts[fresh], what[fresh]
        begin, end = (np.searchsorted(texts, self.codes, side) for side in ("left", "right"))
        lengths = end - begin
        rows = np.repeat(np.arange(len(self.codes)), lengths)
        places = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + np.repeat(begin, lengths)
        return rows, what[places]


def _forms(columns: Sequence[Column], titles: _Texts, rows: NDArray[np.int64]) -> list[_Form]:
    """The values' own words, and the abbreviations and inflections of them that titles use."""
    forms = []
    for at, column in enumerate(columns):
        times = np.bincount(column.codes[column.codes >= 0], minlength=len(column.values))
        for value, (text, held) in enumerate(zip(column.values, times.tolist(), strict=True)):
            words = tuple(words_of(text))
            if held >= _LEAST_PRODUCTS and 0 < len(words) <= _MOST_WORDS:
                forms.append(_Form(words, at, value))
    return forms + [form for at, column in enumerate(columns) for form in _kin(at, column, forms, titles, rows)]


def _kin(
    attribute: int, column: Column, forms: Sequence[_Form], titles: _Texts, rows: NDArray[np.int64]
) -> Iterable[_Form]:
    """Words that are no value but look like a part of one, and stand for just that one wherever both are known."""
    values = [form for form in forms if form.attribute == attribute]
    kin_of = _kin_words(values, titles)
    names = sorted(kin_of)
    numbers = {word: number for number, word in enumerate(names)}
    pairs = [(text, numbers[word]) for text, words in enumerate(titles.words) for word in words if word in numbers]
    at, word = titles.of_rows(*np.array(pairs, np.int64).reshape(-1, 2).T)
    value = column.codes[rows][at]
    word, value = word[value >= 0], value[value >= 0]
    width = len(column.values)
    stands = np.bincount(word, minlength=len(numbers))
    both, times = np.unique(word * width + value, return_counts=True)
    for pair, hits in zip(both.tolist(), times.tolist(), strict=True):
        number, best = divmod(pair, width)
        name, trials = names[number], int(stands[number])
        if best in kin_of[name] and trials >= _LEAST_KIN and _at_least(hits, trials) >= _KIN_CERTAIN:
            yield _Form((name,), attribute, best)


def _kin_words(values: Sequence[_Form], titles: _Texts) -> dict[str, set[int]]:
    """Title words that are no value, and the values whose words they look like."""
    own = {word for form in values for word in form.words}
    by_letter: dict[str, dict[str, set[int]]] = {}
    for form in values:
        for whole in form.words:
            by_letter.setdefault(whole[0], {}).setdefault(whole, set()).add(form.value)
    times = np.bincount(titles.codes, minlength=len(titles.words)).tolist()
    seen: Counter[str] = Counter()
    for words, often in zip(titles.words, times, strict=True):
        seen.update(dict.fromkeys(words, often))
    kin_of = {}
    for word in (word for word, often in seen.items() if often >= _LEAST_KIN and word not in own):
        related = [of for whole, of in by_letter.get(word[0], {}).items() if _related(word, whole)]
        if related:
            kin_of[word] = set().union(*related)
    return kin_of


def _related(word: str, whole: str) -> bool:
    """Whether a word abbreviates another (`blk`, `whi`) or inflects it (`striped`, `dots`)."""
    if len(word) < 2 or word[0] != whole[0] or not word.isalpha():
        return False
    if len(word) > len(whole):
        return len(whole) > 2 and word.startswith(whole) and len(word) - len(whole) <= 3
    letters = iter(whole)
    return all(letter in letters for letter in word)


def _at_least(hits: int, trials: int) -> float:
    """Lower end of Wilson's 95 % interval of a share (Wilson, JASA 1927)."""
    z = 1.96
    share = hits / trials
    spread = z * ((share * (1 - share) + z * z / (4 * trials)) / trials) ** 0.5
    return (share + z * z / (2 * trials) - spread) / (1 + z * z / trials)


@dataclass(frozen=True, eq=False)
class _Found:
    """Where forms stand: one entry for each field, row and form."""

    fields: NDArray[np.int64]
    rows: NDArray[np.int64]
    forms: NDArray[np.int64]
    sellers: NDArray[np.int32]

    @classmethod
    def of(cls, forms: Sequence[_Form], texts: dict[str, _Texts], sellers: NDArray[np.int32]) -> _Found:
        parts = []
        for number, field in enumerate(FIELDS):
            rows, found = texts[field].of_rows(*_scan(texts[field].words, forms))
            parts.append((np.full(len(rows), number), rows, found))
        fields, rows, found = (np.concatenate(part) for part in zip(*parts, strict=True))
        return cls(fields, rows, found, sellers)


def _scan(texts: Sequence[list[str]], forms: Sequence[_Form]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The longest form at each place of each text, left to right and for each attribute by itself."""
    beginning: dict[str, list[tuple[list[str], int, int]]] = {}
    for number, form in sorted(enumerate(forms), key=lambda one: -len(one[1].words)):
        beginning.setdefault(form.words[0], []).append((list(form.words), form.attribute, number))
    at, found = [], []
    for text, words in enumerate(texts):
        free: dict[int, int] = {}
        for place, word in enumerate(words):
            for whole, attribute, number in beginning.get(word, ()):
                end = place + len(whole)
                if free.get(attribute, 0) <= place and words[place:end] == whole:
                    free[attribute] = end
                    at.append(text)
                    found.append(number)
    return np.array(at, np.int64), np.array(found, np.int64)


def _said(
    attribute: int,
    column: Column,
    forms: Sequence[_Form],
    found: _Found,
    rows: NDArray[np.int64],
    wanted: NDArray[np.bool_],
    names: _NameCheck,
) -> Said:
    own = np.array([form.attribute == attribute for form in forms], bool)
    mine = own[found.forms] if len(forms) else np.zeros(0, bool)
    if not mine.any():
        return _nothing()
    fields, at, form = found.fields[mine], found.rows[mine], found.forms[mine]
    # A short word or a number in a description is seldom about the product as a whole.
    strong = (fields == 0) | ~np.array([one.weak for one in forms], bool)[form]
    fields, at, form = fields[strong], at[strong], form[strong]
    value = np.array([one.value for one in forms], np.int64)[form]
    trust = _trust(fields, at, form, value, column.codes[rows], forms, found.sellers)
    trust[names.part_of_name(at, value, column.values)] = 0
    keep = wanted[rows[at]] & (trust > 0)
    return _best_of_each(rows[at[keep]], value[keep], trust[keep])


def _best_of_each(products: NDArray[np.int64], values: NDArray[np.int64], trust: NDArray[np.float64]) -> Said:
    order = np.lexsort((-trust, values, products))
    products, values, trust = products[order], values[order], trust[order]
    first = np.append(True, (np.diff(products) != 0) | (np.diff(values) != 0))[: len(products)]
    return Said(products[first].astype(np.int32), values[first].astype(np.int32), trust[first].astype(np.float32))


def _trust(
    fields: NDArray[np.int64],
    at: NDArray[np.int64],
    form: NDArray[np.int64],
    value: NDArray[np.int64],
    codes: NDArray[np.int32],
    forms: Sequence[_Form],
    sellers: NDArray[np.int32],
) -> NDArray[np.float64]:
    """How far each entry can be trusted, float64 (entries,)."""
    known, hit = codes[at] >= 0, codes[at] == value
    average = np.zeros(len(FIELDS))
    for number, field in enumerate(FIELDS):
        inside = (fields == number) & known
        average[number] = (hit[inside].sum() + _START[field][0]) / (inside.sum() + _START[field][1])
    weak = np.array([one.weak for one in forms], bool)[form]
    prior = np.where(weak, 0.0, average[fields])
    seller = sellers[at].astype(np.int64)
    by_form = _inverse(fields, form)
    _, known_times, hits = _counted(by_form, known, hit)
    trust = (hits + _PRIOR * prior) / (known_times + _PRIOR)
    by_seller = _inverse(fields, form, seller)
    times, known_times, hits = _counted(by_seller, known, hit)
    trust = (hits + _PRIOR * trust) / (known_times + _PRIOR)
    marks = _marks(fields, seller, times, _counted(by_form, known, hit)[0], sellers)
    proven = _proven(value, seller, known_times, hits, codes, sellers)
    trust[marks & ~proven] = 0
    return trust


def _inverse(*keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same number for entries with the same keys."""
    whole = np.zeros(len(keys[0]), np.int64)
    for key in keys:
        _, number = np.unique(key, return_inverse=True)
        _, whole = np.unique(whole * (number.max(initial=0) + 1) + number, return_inverse=True)
    return whole


def _counted(
    which: NDArray[np.int64], known: NDArray[np.bool_], hit: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], ...]:
    """For each entry how many of its kind there are, how many have a column, and in how many it agrees."""
    every = np.ones(len(which), bool)
    counts = [np.bincount(which, weight).astype(np.float64) for weight in (every, known, hit & known)]
    return tuple(count[which] for count in counts)


def _marks(
    fields: NDArray[np.int64],
    seller: NDArray[np.int64],
    times: NDArray[np.float64],
    anywhere: NDArray[np.float64],
    sellers: NDArray[np.int32],
) -> NDArray[np.bool_]:
    """Which entries are words of their seller rather than of the product."""
    size = np.bincount(sellers[sellers >= 0], minlength=1)
    several = int((size > 0).sum()) > 1
    judged = np.where(seller >= 0, size[np.maximum(seller, 0)], 0)
    enough = judged >= _MARK_PRODUCTS
    of_one = (times >= _MARK_OWN * anywhere) if several else np.zeros(len(times), bool)
    return enough & ((times > _MARK_SHARE * judged) | of_one)


def _proven(
    value: NDArray[np.int64],
    seller: NDArray[np.int64],
    known_times: NDArray[np.float64],
    hits: NDArray[np.float64],
    codes: NDArray[np.int32],
    sellers: NDArray[np.int32],
) -> NDArray[np.bool_]:
    """Whether the seller's products hold the value much more often with the word than without it."""
    known = (codes >= 0) & (sellers >= 0)
    width = int(max(codes.max(initial=0), value.max(initial=0))) + 1
    pair = sellers[known].astype(np.int64) * width + codes[known]
    size = np.bincount(sellers[known], minlength=int(sellers.max(initial=0)) + 1)[np.maximum(seller, 0)]
    pairs, counts = np.unique(pair, return_counts=True)
    asked = np.maximum(seller, 0) * width + value
    place = np.minimum(np.searchsorted(pairs, asked), max(len(pairs) - 1, 0))
    held = np.where(pairs[place] == asked, counts[place], 0) if len(pairs) else np.zeros(len(asked))
    share_with = hits / np.maximum(known_times, 1)
    share_without = (held - hits) / np.maximum(size - known_times, 1)
    return (seller >= 0) & (known_times >= _LEAST_KIN) & (share_with - share_without >= _PROOF)


class _NameCheck:
    """Says whether a value is part of the name of a product's brand or seller."""

    def __init__(self, catalogue: Catalogue, rows: NDArray[np.int64]) -> None:
        self._codes = [catalogue.codes(name)[rows].astype(np.int64) for name in ("brand", "seller")]
        self._catalogue, self._rows = catalogue, rows

    @cached_property
    def _names(self) -> list[dict[int, frozenset[str]]]:
        both = []
        for name, codes in zip(("brand", "seller"), self._codes, strict=True):
            distinct, first = np.unique(codes, return_index=True)
            texts = self._catalogue.table[name].take(pa.array(self._rows[first])).to_pylist()
            both.append(
                {code: frozenset(words_of(text or "")) for code, text in zip(distinct.tolist(), texts, strict=True)}
            )
        return both

    def part_of_name(self, at: NDArray[np.int64], value: NDArray[np.int64], values: Sequence[str]) -> NDArray[np.bool_]:
        """For entries (row, value): whether all words of the value are words of the row's brand or seller."""
        hit = np.zeros(len(at), bool)
        words = [frozenset(words_of(text)) for text in values]
        for codes, names in zip(self._codes, self._names, strict=True):
            pairs, number = np.unique(codes[at] * len(values) + value, return_inverse=True)
            inside = [words[pair % len(values)] <= names[pair // len(values)] for pair in pairs.tolist()]
            hit |= np.array(inside, bool)[number]
        return hit
