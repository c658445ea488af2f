"""How an expert is told what speaks for or against a pair: which room a feature belongs to, and its words."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fusion.pairs.collective import NAMES as AROUND
from fusion.pairs.feature import Feature
from fusion.pairs.reasons import Wording
from fusion.pairs.table import FEATURES

_ROOMS: tuple[tuple[str, str, str, str], ...] = (
    ("image_", "picture shape", "pictures {level} in shape", "pictures {level} in shape"),
    ("text_", "meaning", "texts {level} in meaning", "texts {level} in meaning"),
    ("lexical_", "wording", "wording {level}", "wording {level}"),
    ("fused_", "neighbours", "each stands high in the other's list", "others stand higher in their lists"),
    ("title_", "title words", "titles {level}", "titles {level}"),
    ("description_", "description words", "descriptions {level}", "descriptions {level}"),
    ("picture_", "picture colour", "picture colours {level}", "picture colours {level}"),
    ("price_", "price", "prices {level}", "prices {level}"),
    ("category_", "category", "categories {level}", "categories {level}"),
)
"""Beginning of a feature's name, its room, what is said for a pair and what against it."""

_FRAMING = ("picture_box", "picture_fill", "picture_solidity", "picture_aspect", "picture_outline")


def _wording(feature: Feature) -> Wording:
    falling = feature.speaks == "against" or feature.room == "pictures"
    if feature.name in _FRAMING:
        return Wording("framing", "framing {level}", "framing {level}", True)
    for beginning, room, speaking_for, against in _ROOMS:
        if feature.name.startswith(beginning):
            return Wording(room, speaking_for, against, falling)
    return Wording("attributes", "attributes agree", "attributes differ", falling)


WORDINGS: Mapping[str, Wording] = MappingProxyType(
    {name: _wording(feature) for name, feature in FEATURES.items()}
    | {
        name: Wording("other candidates", "their other candidates agree", "other products fit better")
        for name in AROUND
    }
)
"""By name of feature, and of what the pairs around a pair say."""
