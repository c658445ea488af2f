"""The wording of each feature as a reason for or against a pair, and the room it belongs to.

A wording states what the feature measures and nothing more: two descriptions of one length are not "nearly the same",
and a product that ranks first in another's list need not look like it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fusion.pairs.collective import NAMES as AROUND
from fusion.pairs.feature import Feature
from fusion.pairs.reasons import Wording
from fusion.pairs.table import FEATURES

_SPACES: Mapping[str, tuple[str, str, str, str]] = {
    "text": ("meaning", "texts", "in meaning", "meaning"),
    "image": ("picture shape", "pictures", "in shape", "picture"),
    "lexical": ("wording", "texts", "letter by letter", "wording"),
    "fused": ("neighbours", "texts and pictures", "together", "text and picture"),
}
"""First part of a feature's name: its room, what is compared, in what respect, and what its neighbours are near by."""

_TEXTS = {"title": "titles", "description": "descriptions"}

_FRAMING = ("picture_box", "picture_fill", "picture_solidity", "picture_aspect", "picture_outline")

_AGREEMENTS: Mapping[str, tuple[str, str]] = {
    "attributes_agreeing": ("attributes agree", "no attribute is known to agree"),
    "attributes_differing": ("attributes differ", "no attribute is known to differ"),
    "attributes_one_sided": ("one of them has attributes that the other lacks", "both have the same attributes"),
    "same_seller": ("both from the same seller", "from different sellers"),
}
"""Features that are worded by their value: the text for one or more, and the text for less."""

OTHER_CANDIDATES = "other candidates"
"""The room of features computed from the other candidates of the two products."""

_BY = ("the same other products may match both", "other products match only one of the two")
_BEST = ("each is among the other's best matches", "other products match better")
_AROUND: Mapping[str, tuple[str, str]] = {
    "first": (
        "texts, pictures and attributes together suggest a match",
        "texts, pictures and attributes together suggest no match",
    ),
    "shared": _BY,
    "friend": _BY,
    "lead": _BEST,
    "rank": _BEST,
    "share": _BEST,
}


def _wording(feature: Feature) -> Wording:
    beginning, _, rest = feature.name.partition("_")
    falling = feature.speaks == "against" or feature.room == "pictures"
    if feature.name in _AGREEMENTS:
        return Wording("attributes", *_AGREEMENTS[feature.name], falling, 0.5)
    if rest in ("agrees", "said") or feature.name == "age_group_agrees":
        name = feature.name.removesuffix("_agrees").removesuffix("_said").replace("_", " ")
        return Wording("attributes", f"same {name}", f"{_plural(name)} differ", falling, 0.5)
    if beginning in _SPACES:
        return Wording(_SPACES[beginning][0], *_in_space(beginning, rest), falling)
    if beginning in _TEXTS:
        return Wording(f"{beginning} words", *_in_words(_TEXTS[beginning], rest), falling)
    if feature.name in _FRAMING:
        return Wording("framing", "framing {level}", "framing {level}", falling)
    if beginning == "picture":
        # Variants differ in colour, so different colours may count for a pair; the wording still says they differ.
        return Wording("picture colour", "picture colours {value}", "picture colours {value}", falling)
    name = {"price": "prices", "category": "categories"}[beginning]
    return Wording(beginning, f"{name} {{level}}", f"{name} {{level}}", falling)


def _plural(name: str) -> str:
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"


def _in_space(space: str, rest: str) -> tuple[str, str]:
    _, compared, how, near = _SPACES[space]
    if rest == "similarity":
        return f"{compared} {{level}} {how}", f"{compared} {{level}} {how}"
    if rest.startswith("shared_"):
        return f"they share many nearest products by {near}", f"they share few nearest products by {near}"
    if rest.startswith(("rank_", "score_")):
        return f"each ranks high in the other's list by {near}", f"other products rank higher in their lists by {near}"
    # Similarity minus each product's average similarity to others, and the gap to the tenth neighbour.
    return f"{compared} closer than those of other products", f"{compared} no closer than those of other products"


def _in_words(texts: str, rest: str) -> tuple[str, str]:
    if rest.endswith("length"):
        return f"{texts} {{level}} in length", f"{texts} {{level}} in length"
    if rest.endswith("rarest"):
        return f"{texts} share a rare word", f"{texts} share no rare word"
    if rest.endswith(("shared", "contained")):
        return f"{texts} share words", f"{texts} share few words"
    return f"{texts} {{level}}", f"{texts} {{level}}"


def _around(name: str) -> Wording:
    neither = ("their other candidates suggest a match", "their other candidates suggest no match")
    return Wording(OTHER_CANDIDATES, *_AROUND.get(name.partition("_")[0], neither))


WORDINGS: Mapping[str, Wording] = MappingProxyType(
    {name: _wording(feature) for name, feature in FEATURES.items()} | {name: _around(name) for name in AROUND}
)
"""The wording of each feature of pairs, and of each collective feature."""
