"""The strongest reasons for and against a pair, in words a catalogue expert uses and as numbers.

The classifier's log-odds are a sum of contributions of features. Many features measure the same thing (five of them
the shape in the pictures), so contributions are added up by *room*, and the wording of one feature represents the
room. The terms of an unsupervised score are used in the same way.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from candidates.suggestion import Reason
from fusion.groups.varying import AttributeValues, attribute_shown, in_sentence
from fusion.groups.vocabulary import words_of
from fusion.pairs.relation import AGREE, DIFFER, Relations

MOST_FOR, MOST_AGAINST = 3, 2
"""Largest numbers of reasons for and against."""

LEAST = 0.1
"""Smallest contribution to the log-odds that counts as a reason; it moves a probability by at most 0.025."""

NEARLY, SIMILAR = 0.95, 0.60
"""Values beyond these quantiles of all candidate pairs count as nearly the same and as similar, others as different."""

_LEVELS_FOR = ("nearly the same", "similar", "somewhat similar")
_LEVELS_AGAINST = ("only similar", "only similar", "different")
_LEVELS_OF_VALUE = ("nearly the same", "similar", "different")
_NONE = -1

_MOST_WORDS, _BEGINNING = 3, 5
"""Most shared words that are quoted, and number of title words by which a product is referred to."""

_COMMON, _FILLER, _FEW_TITLES = 0.05, 0.5, 20
"""A word in more than these shares of all titles, or of one seller's, is not worth quoting. With no more titles than
the third number, no word is left out."""

_LONGEST_WORD = 30
"""Longest quoted word, in letters; longer ones are cut."""

_WORD = re.compile(r"[^\W_]+")


class Wording(NamedTuple):
    """The wording of one feature.

    Attributes:
        room: What the feature is about; the features of a room form one reason.
        words_for: Used when the contribution is positive; `{level}` becomes `nearly the same`, `similar` or `somewhat
            similar`.
        words_against: Used when it is negative; `{level}` becomes `only similar` or `different`. In both, `{value}`
            becomes `nearly the same`, `similar` or `different`, whatever the sign.
        falling: Whether smaller values mean more similar (a distance, a rank).
        cut: If set, the value decides the wording instead of the sign: `words_for` from `cut` on, else
            `words_against`. A difference can count for a pair (variants differ in colour) but is still a difference.
    """

    room: str
    words_for: str
    words_against: str
    falling: bool = False
    cut: float | None = None


@dataclass(frozen=True, eq=False)
class Levels:
    """Thresholds from which a feature's values count as similar and as nearly the same.

    Attributes:
        similar: float (f,): threshold for similar, after multiplication with `sign`.
        nearly: float (f,): threshold for nearly the same, likewise.
        sign: float (f,): 1, or −1 where smaller values mean more similar.
    """

    similar: NDArray[np.float64]
    nearly: NDArray[np.float64]
    sign: NDArray[np.float64]

    @classmethod
    def of(cls, values: NDArray[np.floating], names: Sequence[str], wordings: Mapping[str, Sequence[object]]) -> Levels:
        """Computes them from all candidate pairs, or a sample of them.

        Args:
            values: (pairs, f): the features; NaN where a feature is absent.
            names: Names of the features.
            wordings: `Wording`, or its parts, by name of feature.
        """
        sign = np.array([-1.0 if _wording(wordings, name).falling else 1.0 for name in names])
        shares = np.full((2, len(names)), np.nan)
        for place in range(len(names)):
            column = values[:, place].astype(np.float64) * sign[place]
            present = column[np.isfinite(column)]
            if len(present):
                shares[:, place] = np.quantile(present, (SIMILAR, NEARLY))
        return cls(shares[0], shares[1], sign)

    def level(self, values: NDArray[np.floating]) -> NDArray[np.int8]:
        """The level of each value, int8 (m, f): 0 nearly the same, 1 similar, 2 different, −1 absent."""
        signed = values * self.sign
        with np.errstate(invalid="ignore"):
            found = np.where(signed >= self.nearly, 0, np.where(signed >= self.similar, 1, 2))
        return np.where(np.isfinite(signed), found, _NONE).astype(np.int8)


@dataclass(frozen=True, eq=False)
class Strongest:
    """The rooms with the largest contributions to each pair.

    Attributes:
        rooms: Names of all rooms.
        weights: float32 (m, rooms): sum of each room's contributions.
        speaker: int32 (m, rooms): the feature that represents each room: the one with the largest contribution in the
            direction of the sum.
        chosen: int32 (m, `MOST_FOR` + `MOST_AGAINST`): rooms to name, in order; −1 for none.
    """

    rooms: tuple[str, ...]
    weights: NDArray[np.float32]
    speaker: NDArray[np.int32]
    chosen: NDArray[np.int32]


def strongest(
    contributions: NDArray[np.floating],
    names: Sequence[str],
    wordings: Mapping[str, Sequence[object]],
    absent: NDArray[np.bool_] | None = None,
) -> Strongest:
    """Adds contributions up by room and finds the rooms with the largest sums.

    Args:
        contributions: (m, f): contribution of each feature to the log-odds.
        names: Names of the features.
        wordings: `Wording`, or its parts (room, words for, words against), by name of feature; a feature without
            one is a room of its own.
        absent: bool (m, f): which features have no value. A room represented by an absent feature is never a reason
            for a pair: that two products both lack a description is not something they share.
    """
    of_feature = [_wording(wordings, name).room for name in names]
    rooms = tuple(dict.fromkeys(of_feature))
    weights = np.zeros((len(contributions), len(rooms)), np.float32)
    speaker = np.zeros((len(contributions), len(rooms)), np.int32)
    for place, room in enumerate(rooms):
        columns = np.flatnonzero([own == room for own in of_feature])
        part = np.nan_to_num(contributions[:, columns])
        weights[:, place] = part.sum(axis=1)
        speaker[:, place] = columns[np.argmax(part * np.sign(weights[:, place : place + 1]), axis=1)]
    if absent is None:
        return Strongest(rooms, weights, speaker, _chosen(weights))
    silent = np.take_along_axis(absent, speaker, axis=1) & (weights > 0)
    return Strongest(rooms, weights, speaker, _chosen(np.where(silent, np.float32(0), weights)))


def _chosen(weights: NDArray[np.float32]) -> NDArray[np.int32]:
    order = np.argsort(-weights, axis=1, kind="stable").astype(np.int32)
    sides = []
    for ranked, most, sign in ((order, MOST_FOR, 1), (order[:, ::-1], MOST_AGAINST, -1)):
        side = ranked[:, :most]
        enough = np.take_along_axis(weights, side, axis=1) * sign >= LEAST
        side = np.where(enough, side, _NONE)
        missing = np.full((len(side), most - side.shape[1]), _NONE, np.int32)
        sides.append(np.concatenate([side, missing], axis=1))
    return np.concatenate(sides, axis=1).astype(np.int32)


@dataclass(frozen=True)
class Details:
    """Texts that replace the wording of a room, one per pair; empty where there is none.

    Attributes:
        speaking_for: By room, used if the room counts for the pair (`titles share 'Maja tee'`).
        speaking_against: By room, used if it counts against the pair (`colours differ: black, navy`).
    """

    speaking_for: Mapping[str, Sequence[str]]
    speaking_against: Mapping[str, Sequence[str]]


def reasons(
    contributions: NDArray[np.floating],
    values: NDArray[np.floating],
    names: Sequence[str],
    wordings: Mapping[str, Sequence[object]],
    levels: Levels,
    details: Details | None = None,
) -> list[tuple[Reason, ...]]:
    """The strongest reasons of each pair: at most three for it, then at most two against it.

    Args:
        contributions: (m, f): contribution of each feature to the log-odds.
        values: (m, f): the features.
        names: Names of the features.
        wordings: `Wording`, or its parts, by name of feature.
        levels: Thresholds of similar and nearly the same.
        details: Texts that replace the wording of a room.
    """
    top = strongest(contributions, names, wordings, ~np.isfinite(values))
    level = levels.level(values)
    feature_wordings = [_wording(wordings, name) for name in names]
    chosen_details = details or Details({}, {})
    every = []
    for pair, chosen in enumerate(top.chosen.tolist()):
        own = []
        for room in (room for room in chosen if room != _NONE):
            feature, weight = int(top.speaker[pair, room]), float(top.weights[pair, room])
            side = chosen_details.speaking_for if weight > 0 else chosen_details.speaking_against
            detail = side[top.rooms[room]][pair] if top.rooms[room] in side else ""
            words = detail or _words(
                feature_wordings[feature], weight > 0, int(level[pair, feature]), float(values[pair, feature])
            )
            own.append(Reason(top.rooms[room], words, round(weight, 4)))
        every.append(tuple(own))
    return every


def _wording(wordings: Mapping[str, Sequence[object]], name: str) -> Wording:
    wording = wordings.get(name)
    if wording is None:
        plain = name.replace("_", " ")
        return Wording(plain, f"{plain}: {{level}}", f"{plain}: {{level}}")
    return wording if isinstance(wording, Wording) else Wording(*wording)  # type: ignore[arg-type]


def _words(wording: Wording, speaks_for: bool, level: int, value: float) -> str:
    if level == _NONE:
        return f"{wording.room}: nothing to compare"
    use_words_for = speaks_for if wording.cut is None else value >= wording.cut
    words = wording.words_for if use_words_for else wording.words_against
    level_words = (_LEVELS_FOR if speaks_for else _LEVELS_AGAINST)[level]
    return words.replace("{level}", level_words).replace("{value}", _LEVELS_OF_VALUE[level])


def differences(
    relations: Relations, attributes: Sequence[AttributeValues], left: NDArray[np.integer], right: NDArray[np.integer]
) -> list[tuple[str, ...]]:
    """The attributes in which each pair differs: `colours differ: black, navy`, the left product's value first.

    Args:
        relations: The compared pairs.
        attributes: The attributes they were compared by, in the same order.
        left: Rows of the first products.
        right: Rows of the second.
    """
    return _compared(relations, attributes, left, right, DIFFER)


def agreements(
    relations: Relations, attributes: Sequence[AttributeValues], left: NDArray[np.integer], right: NDArray[np.integer]
) -> list[tuple[str, ...]]:
    """The attributes in which each pair agrees: `same colour: black`; arguments as for `differences`."""
    return _compared(relations, attributes, left, right, AGREE)


def _compared(
    relations: Relations,
    attributes: Sequence[AttributeValues],
    left: NDArray[np.integer],
    right: NDArray[np.integer],
    which: int,
) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = [()] * len(left)
    for place, attr in enumerate(attributes):
        name = attribute_shown(attr.attribute)
        for pair in np.flatnonzero(relations.compared[:, place] == which).tolist():
            first, second = attr.values[attr.codes[left[pair]]], attr.values[attr.codes[right[pair]]]
            same = f"same {name}: {in_sentence(first)}"
            different = f"{_plural(name)} differ: {in_sentence(first)}, {in_sentence(second)}"
            found[pair] = (*found[pair], same if which == AGREE else different)
    return found


def _plural(name: str) -> str:
    if name.endswith("s"):
        return name
    return f"{name[:-1]}ies" if re.search("[^aeiou]y$", name) else f"{name}s"


class TitleWords:
    """Quotes the rarest words that two titles, or two other texts, share; single letters are ignored.

    Args:
        titles: Texts of all products.
        sellers: int (n,): who wrote each text, negative where unknown. Words in more than half of a seller's titles
            are filler and never quoted.
        left_out: Folded words that are never quoted, such as `attribute_words`: variants differ in these, so they are
            weak evidence.
        what: Name of the texts in the plural.
    """

    def __init__(
        self,
        titles: Sequence[str],
        sellers: NDArray[np.integer] | None = None,
        left_out: Collection[str] = (),
        what: str = "titles",
    ) -> None:
        self._titles, self._what = titles, what
        self._times = Counter(word for title in titles for word in set(words_of(title)))
        self._most = _COMMON * len(titles) if len(titles) > _FEW_TITLES else float(len(titles))
        self._silent = {*left_out, *(_fillers(titles, sellers) if sellers is not None else ())}

    def beginning(self, row: int) -> str:
        """The first words of a title in quotation marks, without punctuation; empty if it has none."""
        words = [word for _, word in _placed(self._titles[row])[:_BEGINNING]]
        return _quoted(words) if words else ""

    def shared(self, left: int, right: int) -> str:
        """`titles share 'Maja tee'`: at most three words in the left title's order and spelling; empty if none."""
        first, second = _placed(self._titles[left]), _placed(self._titles[right])
        places: dict[str, list[int]] = {}
        for place, (key, _) in enumerate(second):
            places.setdefault(key, []).append(place)
        common = {key for key, _ in first if key in places and len(key) > 1 and self._times[key] <= self._most}
        common -= self._silent
        telling = sorted(common, key=lambda key: (self._times[key], key))[:_MOST_WORDS]
        quoted: list[list[str]] = []
        before, left_open = "", set(telling)
        for key, word in first:
            if key in left_open:
                left_open.discard(key)
                if before and any(place + 1 in places[key] for place in places[before]):
                    quoted[-1].append(word)
                else:
                    quoted.append([word])
                before = key
            else:
                before = ""
        return f"{self._what} share {', '.join(_quoted(words) for words in quoted)}" if quoted else ""


def attribute_words(attributes: Sequence[AttributeValues]) -> frozenset[str]:
    """The case-folded words of all attribute values."""
    return frozenset(word for attr in attributes for value in attr.values for word in words_of(value))


def _fillers(titles: Sequence[str], sellers: NDArray[np.integer]) -> set[str]:
    times: dict[int, Counter[str]] = {}
    for title, seller in zip(titles, sellers.tolist(), strict=True):
        times.setdefault(seller, Counter()).update(set(words_of(title)))
    size = Counter(sellers.tolist())
    return {
        word
        for seller, counted in times.items()
        if seller >= 0 and size[seller] > _FEW_TITLES
        for word, often in counted.items()
        if often > _FILLER * size[seller]
    }


def _quoted(words: Sequence[str]) -> str:
    """Words in quotation marks, long ones cut."""
    short = (word if len(word) <= _LONGEST_WORD else f"{word[:_LONGEST_WORD]}…" for word in words)
    return f"'{' '.join(short)}'"


def _placed(title: str) -> list[tuple[str, str]]:
    """The words of a title, folded and as written."""
    normal = unicodedata.normalize("NFKC", title)
    return [(match[0].casefold(), match[0]) for match in _WORD.finditer(normal)]
