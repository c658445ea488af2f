"""The wordings of reasons for and against a pair, as catalogue experts read them, and the room of each feature.

A wording names what the feature measures and no more: two descriptions of the same length are not "nearly the same",
and a product that is first in another's list need not look like it.
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
    "lexical": ("wording", "wordings", "letter by letter", "wording"),
    "fused": ("neighbours", "texts and pictures", "taken together", "text and picture"),
}
"""First part of a feature's name: its room, what is compared, in which respect, and the basis of its neighbours."""

_TEXTS = {"title": "titles", "description": "descriptions"}

_FRAMING = ("picture_box", "picture_fill", "picture_solidity", "picture_aspect", "picture_outline")

_AGREEMENTS: Mapping[str, tuple[str, str]] = {
    "attributes_agreeing": ("attributes agree", "no attributes are known to agree"),
    "attributes_differing": ("attributes differ", "no attributes are known to differ"),
    "attributes_one_sided": (
        "one product has attributes that the other lacks",
        "both products have the same attributes",
    ),
    "same_seller": ("both from the same seller", "from two sellers"),
}
"""Features with a wording by value: for 1 and more, and for less."""

OTHER_CANDIDATES = "other candidates"
"""The room of the collective features, which come from the pairs around a pair."""

_BY = ("other candidates match both products", "other candidates match only one of the two")
_BEST = ("each is among the other's best matches", "other products match better")
_AROUND: Mapping[str, tuple[str, str]] = {
    "first": ("the features together speak for the pair", "the features together speak against the pair"),
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
        # Variants differ in colour, so different colours may speak for a pair; the wording is the same on both sides.
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
        return f"similar to mostly the same products by {near}", f"similar to different products by {near}"
    if rest.startswith(("rank_", "score_")):
        return f"each is a close match of the other by {near}", f"other products are closer matches by {near}"
    # Similarity corrected for hubs, and the gap to the tenth neighbour.
    return f"{compared} more similar to each other than to other products", f"{compared} as similar to other products"


def _in_words(texts: str, rest: str) -> tuple[str, str]:
    if rest.endswith("length"):
        return f"{texts} {{level}} in length", f"{texts} {{level}} in length"
    if rest.endswith("rarest"):
        return f"{texts} share a rare word", f"{texts} share no rare word"
    if rest.endswith(("shared", "contained")):
        return f"{texts} share words", f"{texts} share few words"
    return f"{texts} {{level}}", f"{texts} {{level}}"


def _around(name: str) -> Wording:
    default = ("related pairs speak for it", "related pairs speak against it")
    return Wording(OTHER_CANDIDATES, *_AROUND.get(name.partition("_")[0], default))


WORDINGS: Mapping[str, Wording] = MappingProxyType(
    {name: _wording(feature) for name, feature in FEATURES.items()} | {name: _around(name) for name in AROUND}
)
"""The wording of each feature by its name, collective features included."""
