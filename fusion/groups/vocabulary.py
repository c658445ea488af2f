"""Attribute values of products, from columns and from words whose meaning is learned from the columns.

There is no built-in list of colours or materials. A word counts as a value if some products have that value in a
column. How reliable the word is, is measured on the products that have both the column and the word.
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
"""Fields that are searched for words."""

ANYWHERE, WITHIN_A_SELLER, UNLIKE_SELLERS = "anywhere", "within a seller", "unlike sellers"
"""Between which members of a group values are comparable: all of them; only those of one seller, if each seller has
its own values; or all of them, unless the values split the members exactly as the sellers do."""

_ABSENT = frozenset({"n a", "na", "none", "null", "unknown", "unspecified", "not specified", "not applicable"})
"""Values that mean "no value", as words."""

_LEAST_PRODUCTS = 3
"""Fewest products whose column must have a value before its words are searched for in texts."""

_MOST_WORDS = 4
"""Most words in a value that is searched for; a longer one is a sentence, not a name."""

_LONGEST_VALUE = 60
"""Most letters of a value that can be listed beside others; longer ones are texts."""

_SAMPLE = 100_000
"""Most products outside the requested groups from which the meaning of words is learned."""

_PRIOR = 5.0
"""A word's accuracy starts at the average of all words; this average weighs like this many products."""

_START = {"title": (3.0, 5.0), "description": (1.0, 5.0)}
"""Prior counts for the average: products whose column agrees, and products with a word. Titles describe the product
itself; descriptions also mention linings, stitching and what to wear with it."""

_LEAST_KIN = 5
"""Fewest products that must show what an abbreviation stands for."""

_KIN_CERTAIN = 0.7
"""Smallest lower end of the 95% interval of the share of products in which an abbreviation stands for one value."""

_MARK_SHARE, _MARK_OWN, _MARK_PRODUCTS = 0.5, 0.9, 20
"""A word is a seller's own if more than the first share of the seller's titles contain it, or if more than the second
share of the titles with it are the seller's. Sellers with fewer titles than the third number are not checked."""

_PROOF = 0.3
"""How much more often the column must have the value among the seller's titles with the word than among the others."""

_BOUND, _BOUND_PRODUCTS = 0.95, 30
"""A column is specific to sellers if this share of its products, and at least this many, have one seller's values."""

_MEASURE_TRUST = 0.8
"""Confidence in a quantity in a title: the number is certain, but it may not be the product's own."""

_WORD = re.compile(r"[^\W_]+")

_NUMBER = r"\d+(?:[.,]\d+)?"
_UNITS: dict[str, dict[str, float]] = {
    "volume": {"ml": 0.001, "ML": 0.001, "cl": 0.01, "CL": 0.01, "l": 1, "L": 1},
    "weight": {"mg": 0.001, "g": 1, "kg": 1000, "KG": 1000, "Kg": 1000, "oz": 28.3495, "lb": 453.592},
    "length": {"mm": 0.001, "cm": 0.01, "CM": 0.01, "m": 1},
    "power": {"W": 1, "kW": 1000},
    "storage": {"GB": 1, "TB": 1024},
}
"""Units as their standards write them (SI, IEC), by what they measure. A capital `M` is a size, not a metre."""

_USUAL = ("ml", "l", "mg", "g", "kg", "mm", "cm", "m", "W", "kW", "GB", "TB")
"""Units in which measures are shown."""

_IMPERIAL = ("oz", "lb")
"""Units that are shown as written, because readers would not recognise the metric amount."""

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
    """The values of one attribute, from columns.

    Attributes:
        name: The attribute.
        values: Its values, each in its most frequent spelling.
        codes: int32 (n,): position of each product's value in `values`; −1 where it has none.
        compared: Between which products values are comparable: `ANYWHERE`, `WITHIN_A_SELLER` or `UNLIKE_SELLERS`.
        trust: How often a value is right.
    """

    name: str
    values: tuple[str, ...]
    codes: NDArray[np.int32]
    compared: str = ANYWHERE
    trust: float = 1.0


@dataclass(frozen=True, eq=False)
class WordValues:
    """Values found in texts, one row for each product and value.

    Attributes:
        products: int32 (w,): rows of products, ascending.
        values: int32 (w,): positions in `Column.values`.
        trust: float32 (w,): how often the column has the value where a text has the words.
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
        """Whether it is a single short word or a number, which means nothing unless the data proves it."""
        return len(self.words) == 1 and (len(self.words[0]) <= 2 or self.words[0].isdecimal())


def words_of(text: str) -> list[str]:
    """The words of a text, case-folded, without punctuation and direction marks."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def describers(catalogue: Catalogue) -> NDArray[np.int32]:
    """Who wrote each product's text: its seller, or its brand if there are no sellers; int32 (n,), −1 unknown."""
    sellers = catalogue.codes("seller")
    return sellers if (sellers >= 0).any() else catalogue.codes("brand")


def columns_of(catalogue: Catalogue) -> dict[str, Column]:
    """All attribute columns with values that can be compared and shown, by name.

    Columns of long texts are left out, and so are columns in which nearly every product has its own value (an article
    number, an address), unless it is a standard feed attribute.
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
    """Rows of products, names and values of all attributes of all products."""
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
    # Ties between spellings go to the alphabetically first, so the order of the feed doesn't matter.
    values = tuple(min(own, key=lambda shown: (-own[shown], shown)) for own in spelled)
    return Column(name, values, codes, WITHIN_A_SELLER if _is_bound(codes, sellers) else ANYWHERE)


def _key(shown: str) -> str:
    """A key that is equal for spellings of one value: `Off-White` and `off white`, but not `-2` and `+2`."""
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
    """Quantities in titles, as columns: packs, volumes, weights, lengths, and sizes if there is no size column.

    A title with two quantities of one kind counts as having none. A quantity in more than half of a seller's titles is
    ignored as filler. No column proves what these words mean, so they count as varying only if they split a group's
    members differently from its sellers.

    Args:
        catalogue: The products.
        wanted: bool (n,): the products whose titles are read.
        known: Attributes that have columns; they are left out.
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
    """The quantities in a title, by what they measure: `pack`, `volume`, `weight`, `length`, …, `size`."""
    found: dict[str, set[str]] = {}
    for match in _MEASURE.finditer(title):
        kind = next(kind for kind, units in _UNITS.items() if match[2] in units)
        found.setdefault(kind, set()).add(_measure(match[1], match[2], _UNITS[kind]))
    title = _MEASURE.sub(" ", title)  # The `L` of `0,5 L` is not a size.
    for match in _PACK.finditer(title):
        if (pieces := int(match[1] or match[2])) > 0:
            found.setdefault("pack", set()).add(f"{pieces}-pack")
    sizes = {match[0] for match in _LETTER_SIZE.finditer(title)} or {m[1] for m in _NAMED_SIZE.finditer(title)}
    if sizes:
        found["size"] = sizes
    return {kind: values.pop() for kind, values in found.items() if len(values) == 1}


def _measure(numbers: str, unit: str, units: dict[str, float]) -> str:
    """A measure in its standard spelling: `0,5 L` becomes `500 ml`."""
    written = [float(number.replace(",", ".")) for number in re.findall(_NUMBER, numbers)]
    if unit in _IMPERIAL:
        return f"{' × '.join(f'{number:.6g}' for number in written)} {unit}"
    amounts = [number * units[unit] for number in written]
    metric = {factor: name for name, factor in reversed(units.items()) if name in _USUAL}
    usual = max((factor for factor in metric if factor <= max(amounts)), default=min(metric))
    return f"{' × '.join(f'{amount / usual:.6g}' for amount in amounts)} {metric[usual]}"


def values_in_words(catalogue: Catalogue, columns: Sequence[Column], wanted: NDArray[np.bool_]) -> list[WordValues]:
    """Attribute values in titles and descriptions, and how often they are right.

    The accuracy of a word is the share of products whose column agrees with it, counted for each seller, field and
    word. Where there are few products it is shrunk towards the word's and then the field's average. A word that is a
    seller's own (it is in most of the seller's titles, or in nobody else's) only counts if the seller's own columns
    prove that it names the value: the value is much more frequent with the word than without it. A value that is part
    of a product's brand or seller name is not taken from the product's words.

    Args:
        catalogue: The products.
        columns: The attributes to look for.
        wanted: bool (n,): the products to return values for; meanings are learned from a sample of the others, too.

    Returns:
        For each column the values in the wanted products' texts, whatever their columns say.
    """
    if not columns or not wanted.any():
        return [_nothing() for _ in columns]
    rows = _rows(wanted)
    texts = {field: _Texts.of(catalogue, field, rows) for field in FIELDS}
    forms = _forms(columns, texts["title"], rows)
    found = _Found.of(forms, texts, describers(catalogue)[rows])
    names = _NameCheck(catalogue, rows)
    return [_values_from_words(at, column, forms, found, rows, wanted, names) for at, column in enumerate(columns)]


def _nothing() -> WordValues:
    return WordValues(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.float32))


def _rows(wanted: NDArray[np.bool_]) -> NDArray[np.int64]:
    others = np.flatnonzero(~wanted)
    if len(others) > _SAMPLE:
        others = np.random.default_rng(7).choice(others, _SAMPLE, replace=False)
    return np.sort(np.concatenate([np.flatnonzero(wanted), others]))


@dataclass(frozen=True, eq=False)
class _Texts:
    """The distinct texts of one field as words, and the text of each row."""

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
        """Turns pairs (text, item) into distinct pairs (row, item)."""
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
    """The words of all values, with the abbreviations and inflections that titles use."""
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
    """Words that are not values but resemble one, and stand for just that one wherever both are known."""
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
    """Title words that are not values, and the values whose words they resemble."""
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
    """Lower end of Wilson's 95% interval of a share (Wilson, JASA 1927)."""
    z = 1.96
    share = hits / trials
    spread = z * ((share * (1 - share) + z * z / (4 * trials)) / trials) ** 0.5
    return (share + z * z / (2 * trials) - spread) / (1 + z * z / trials)


@dataclass(frozen=True, eq=False)
class _Found:
    """Occurrences of forms: one entry for each field, row and form."""

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
    """The longest form at each position of each text, from left to right, for each attribute separately."""
    beginning: dict[str, list[tuple[list[str], int, int]]] = {}
    for number, form in sorted(enumerate(forms), key=lambda numbered: -len(numbered[1].words)):
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


def _values_from_words(
    attribute: int,
    column: Column,
    forms: Sequence[_Form],
    found: _Found,
    rows: NDArray[np.int64],
    wanted: NDArray[np.bool_],
    names: _NameCheck,
) -> WordValues:
    own = np.array([form.attribute == attribute for form in forms], bool)
    mine = own[found.forms] if len(forms) else np.zeros(0, bool)
    if not mine.any():
        return _nothing()
    fields, at, form = found.fields[mine], found.rows[mine], found.forms[mine]
    # A short word or a number in a description rarely describes the product as a whole.
    strong = (fields == 0) | ~np.array([candidate.weak for candidate in forms], bool)[form]
    fields, at, form = fields[strong], at[strong], form[strong]
    value = np.array([candidate.value for candidate in forms], np.int64)[form]
    trust = _trust(fields, at, form, value, column.codes[rows], forms, found.sellers)
    trust[names.part_of_name(at, value, column.values)] = 0
    keep = wanted[rows[at]] & (trust > 0)
    return _best_of_each(rows[at[keep]], value[keep], trust[keep])


def _best_of_each(products: NDArray[np.int64], values: NDArray[np.int64], trust: NDArray[np.float64]) -> WordValues:
    order = np.lexsort((-trust, values, products))
    products, values, trust = products[order], values[order], trust[order]
    first = np.append(True, (np.diff(products) != 0) | (np.diff(values) != 0))[: len(products)]
    return WordValues(products[first].astype(np.int32), values[first].astype(np.int32), trust[first].astype(np.float32))


def _trust(
    fields: NDArray[np.int64],
    at: NDArray[np.int64],
    form: NDArray[np.int64],
    value: NDArray[np.int64],
    codes: NDArray[np.int32],
    forms: Sequence[_Form],
    sellers: NDArray[np.int32],
) -> NDArray[np.float64]:
    """How often each entry is right, float64 (entries,)."""
    known, hit = codes[at] >= 0, codes[at] == value
    average = np.zeros(len(FIELDS))
    for number, field in enumerate(FIELDS):
        inside = (fields == number) & known
        average[number] = (hit[inside].sum() + _START[field][0]) / (inside.sum() + _START[field][1])
    weak = np.array([candidate.weak for candidate in forms], bool)[form]
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
    """For each entry, how many of its kind there are, how many have a column, and in how many the column agrees."""
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
    """Which entries are words of the seller rather than of the product."""
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
    """Whether the seller's products have the value much more often with the word than without it."""
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
    """Checks whether a value is part of the name of a product's brand or seller."""

    def __init__(self, catalogue: Catalogue, rows: NDArray[np.int64]) -> None:
        self._codes = [catalogue.codes(name)[rows].astype(np.int64) for name in ("brand", "seller")]
        self._catalogue, self._rows = catalogue, rows

    @cached_property
    def _names(self) -> list[dict[int, frozenset[str]]]:
        by_field = []
        for name, codes in zip(("brand", "seller"), self._codes, strict=True):
            distinct, first = np.unique(codes, return_index=True)
            texts = self._catalogue.table[name].take(pa.array(self._rows[first])).to_pylist()
            by_field.append(
                {code: frozenset(words_of(text or "")) for code, text in zip(distinct.tolist(), texts, strict=True)}
            )
        return by_field

    def part_of_name(self, at: NDArray[np.int64], value: NDArray[np.int64], values: Sequence[str]) -> NDArray[np.bool_]:
        """For entries (row, value): whether all words of the value are words of the row's brand or seller."""
        hit = np.zeros(len(at), bool)
        words = [frozenset(words_of(text)) for text in values]
        for codes, names in zip(self._codes, self._names, strict=True):
            pairs, number = np.unique(codes[at] * len(values) + value, return_inverse=True)
            inside = [words[pair % len(values)] <= names[pair // len(values)] for pair in pairs.tolist()]
            hit |= np.array(inside, bool)[number]
        return hit
