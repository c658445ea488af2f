"""Why a pair is suggested: the strongest reasons for and against, in words an expert uses and as numbers.

A classifier's answer is a sum of what each feature contributes to the log-odds. Many features look at the same thing
(five of them at the shape in the pictures), so their contributions are added up by *room* and one of them speaks for
the room. An unsupervised score's terms serve as contributions just as well.
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
from fusion.groups.varying import Told, attribute_shown, spoken
from fusion.groups.vocabulary import words_of
from fusion.pairs.relation import AGREE, DIFFER, Relations

MOST_FOR, MOST_AGAINST = 3, 2
"""Reasons that are named, at most."""

LEAST = 0.1
"""A contribution to the log-odds below this is no reason: it moves a probability by at most one in forty."""

NEARLY, SIMILAR = 0.95, 0.60
"""What lies beyond these quantiles of all candidate pairs is nearly the same, or similar; the rest is different."""

_LEVELS_FOR = ("nearly the same", "similar", "somewhat similar")
_LEVELS_AGAINST = ("merely similar", "merely similar", "different")
_LEVELS_OF_VALUE = ("nearly the same", "similar", "different")
_NONE = -1

_MOST_WORDS, _BEGINNING = 3, 5
"""Shared words that are quoted, and words of a title that stands for its product."""

_COMMON, _FILLER, _FEW_TITLES = 0.05, 0.5, 20
"""A word in a greater share of all titles, or of one seller's, says nothing about two of them; with fewer titles every
word may."""

_LONGEST_WORD = 30
"""Letters of a quoted word; a longer one is cut."""

_WORD = re.compile(r"[^\W_]+")


class Wording(NamedTuple):
    """How one feature is spoken of.

    Attributes:
        room: What it is about; the features of a room make one reason together.
        words_for: Said when it speaks for the pair; `{level}` becomes `nearly the same`, `similar` or `somewhat
            similar`.
        words_against: Said when it speaks against it; `{level}` becomes `merely similar` or `different`. In both,
            `{value}` becomes `nearly the same`, `similar` or `different`, whichever side it speaks for.
        falling: A smaller value means more alike (a distance, a rank).
        cut: Where it is given, the value decides what is said, not the side: `words_for` from `cut` on, else
            `words_against`. A difference can speak for a pair (variants differ in colour), and stays a difference.
    """

    room: str
    words_for: str
    words_against: str
    falling: bool = False
    cut: float | None = None


@dataclass(frozen=True, eq=False)
class Levels:
    """From which value on a feature's pairs are similar, and nearly the same.

    Attributes:
        similar: Float (f,).
        nearly: Float (f,).
        sign: 1, or −1 where smaller values mean more alike, float (f,).
    """

    similar: NDArray[np.float64]
    nearly: NDArray[np.float64]
    sign: NDArray[np.float64]

    @classmethod
    def of(cls, values: NDArray[np.floating], names: Sequence[str], wordings: Mapping[str, Sequence[object]]) -> Levels:
        """Reads them off all candidate pairs, or a sample of them.

        Args:
            values: Feature columns, (pairs, f); NaN where a feature is absent.
            names: The features.
            wordings: `Wording`, or its parts, by name of feature.
        """
        sign = np.array([-1.0 if _wording(wordings, name).falling else 1.0 for name in names])
        shares = np.full((2, len(names)), np.nan)
        for at in range(len(names)):
            column = values[:, at].astype(np.float64) * sign[at]
            told = column[np.isfinite(column)]
            if len(told):
                shares[:, at] = np.quantile(told, (SIMILAR, NEARLY))
        return cls(shares[0], shares[1], sign)

    def level(self, values: NDArray[np.floating]) -> NDArray[np.int8]:
        """The level of each value, int8 (m, f): 0 nearly the same, 1 similar, 2 different; −1 where it is absent."""
        turned = values * self.sign
        with np.errstate(invalid="ignore"):
            found = np.where(turned >= self.nearly, 0, np.where(turned >= self.similar, 1, 2))
        return np.where(np.isfinite(turned), found, _NONE).astype(np.int8)


@dataclass(frozen=True, eq=False)
class Strongest:
    """The rooms that weigh most in each pair.

    Attributes:
        rooms: Their names.
        weights: Sum of each room's contributions, float32 (m, rooms).
        speaker: The feature that speaks for each room: the one with the greatest contribution in the direction of
            the sum, int32 (m, rooms).
        chosen: Rooms in the order in which they are named, int32 (m, `MOST_FOR` + `MOST_AGAINST`); −1 for none.
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
    """Adds contributions up by room, and finds the rooms that weigh most.

    Args:
        contributions: What each feature adds to the log-odds, (m, f).
        names: The features.
        wordings: `Wording`, or its parts (room, words for, words against), by name of feature; a feature without
            one is a room of its own.
        absent: Which features have no value, bool (m, f). A room for which an absent one would have to speak is not
            chosen to speak for a pair: that two products lack a description is nothing that they share.
    """
    of_feature = [_wording(wordings, name).room for name in names]
    rooms = tuple(dict.fromkeys(of_feature))
    weights = np.zeros((len(contributions), len(rooms)), np.float32)
    speaker = np.zeros((len(contributions), len(rooms)), np.int32)
    for at, room in enumerate(rooms):
        columns = np.flatnonzero([one == room for one in of_feature])
        part = np.nan_to_num(contributions[:, columns])
        weights[:, at] = part.sum(axis=1)
        speaker[:, at] = columns[np.argmax(part * np.sign(weights[:, at : at + 1]), axis=1)]
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
    """What can be said of a room beyond its feature's wording; one text a pair, empty where there is none.

    Attributes:
        speaking_for: By room, said where the room speaks for the pair (`titles share 'Maja tee'`).
        speaking_against: By room, said where it speaks against it (`colours differ: black, navy`).
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
        contributions: What each feature adds to the log-odds, (m, f).
        values: The features themselves, (m, f).
        names: Their names.
        wordings: `Wording`, or its parts, by name of feature.
        levels: What is nearly the same, and what is similar.
        details: What is said in place of a feature's wording.
    """
    found = strongest(contributions, names, wordings, ~np.isfinite(values))
    level = levels.level(values)
    spoken_of = [_wording(wordings, name) for name in names]
    told = details or Details({}, {})
    every = []
    for pair, chosen in enumerate(found.chosen.tolist()):
        own = []
        for room in (room for room in chosen if room != _NONE):
            feature, weight = int(found.speaker[pair, room]), float(found.weights[pair, room])
            side = told.speaking_for if weight > 0 else told.speaking_against
            detail = side[found.rooms[room]][pair] if found.rooms[room] in side else ""
            words = detail or _words(
                spoken_of[feature], weight > 0, int(level[pair, feature]), float(values[pair, feature])
            )
            own.append(Reason(found.rooms[room], words, round(weight, 4)))
        every.append(tuple(own))
    return every


def _wording(wordings: Mapping[str, Sequence[object]], name: str) -> Wording:
    given = wordings.get(name)
    if given is None:
        plain = name.replace("_", " ")
        return Wording(plain, f"{plain}: {{level}}", f"{plain}: {{level}}")
    return given if isinstance(given, Wording) else Wording(*given)  # type: ignore[arg-type]


def _words(wording: Wording, speaks_for: bool, level: int, value: float) -> str:
    if level == _NONE:
        return f"{wording.room}: nothing to compare"
    as_for = speaks_for if wording.cut is None else value >= wording.cut
    words = wording.words_for if as_for else wording.words_against
    by_side = (_LEVELS_FOR if speaks_for else _LEVELS_AGAINST)[level]
    return words.replace("{level}", by_side).replace("{value}", _LEVELS_OF_VALUE[level])


def differences(
    relations: Relations, told: Sequence[Told], left: NDArray[np.integer], right: NDArray[np.integer]
) -> list[tuple[str, ...]]:
    """In what each pair differs, with the values: `colours differ: black, navy`; the left product's value first.

    Args:
        relations: The pairs compared.
        told: The attributes that they were compared by, in the same order.
        left: Rows of the first products.
        right: Rows of the second.
    """
    return _compared(relations, told, left, right, DIFFER)


def agreements(
    relations: Relations, told: Sequence[Told], left: NDArray[np.integer], right: NDArray[np.integer]
) -> list[tuple[str, ...]]:
    """In what each pair agrees, with the value: `same colour: black`; arguments as for `differences`."""
    return _compared(relations, told, left, right, AGREE)


def _compared(
    relations: Relations,
    told: Sequence[Told],
    left: NDArray[np.integer],
    right: NDArray[np.integer],
    which: int,
) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = [()] * len(left)
    for at, one in enumerate(told):
        name = attribute_shown(one.attribute)
        for pair in np.flatnonzero(relations.compared[:, at] == which).tolist():
            first, second = one.values[one.codes[left[pair]]], one.values[one.codes[right[pair]]]
            same = f"same {name}: {spoken(first)}"
            said = same if which == AGREE else f"{_plural(name)} differ: {spoken(first)}, {spoken(second)}"
            found[pair] = (*found[pair], said)
    return found


def _plural(name: str) -> str:
    if name.endswith("s"):
        return name
    return f"{name[:-1]}ies" if re.search("[^aeiou]y$", name) else f"{name}s"


class TitleWords:
    """Finds the words that two titles, or two other texts, share: the rarest of them. Single letters tell nothing.

    Args:
        titles: Of all products.
        sellers: Who words each, int (n,), negative where unknown; words in more than half of a seller's titles are
            its fillers and never quoted.
        left_out: Folded words that are never quoted: `attribute_words`, since what variants differ in says little
            about whether they are variants.
        what: What the texts are called.
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
        """The first words of a title between quotation marks, without signs; empty where there are none."""
        words = [word for _, word in _placed(self._titles[row])[:_BEGINNING]]
        return _quoted(words) if words else ""

    def shared(self, left: int, right: int) -> str:
        """`titles share 'Maja tee'`: at most three words in the left title's order and spelling; else nothing."""
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


def attribute_words(told: Sequence[Told]) -> frozenset[str]:
    """The folded words of all values of attributes."""
    return frozenset(word for one in told for value in one.values for word in words_of(value))


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
    """Words between quotation marks, each no longer than a line bears."""
    short = (word if len(word) <= _LONGEST_WORD else f"{word[:_LONGEST_WORD]}…" for word in words)
    return f"'{' '.join(short)}'"


def _placed(title: str) -> list[tuple[str, str]]:
    """The words of a title, folded and as written."""
    normal = unicodedata.normalize("NFKC", title)
    return [(match[0].casefold(), match[0]) for match in _WORD.finditer(normal)]
