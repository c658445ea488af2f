"""Words for what is drawn: each part of a design as a shop, a paraphraser and a warehouse would put it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from demo_catalogue.studio import Design


@dataclass(frozen=True)
class Phrase:
    """One feature in three ways of writing."""

    plain: str
    other: str
    short: str


PARTS: dict[str, Phrase] = {
    "Top.neckline:crew": Phrase("a crew neck", "a close round neckline", "crw nk"),
    "Top.neckline:v": Phrase("a V-neck", "a plunging neckline", "v nk"),
    "Top.neckline:scoop": Phrase("a scoop neck", "a low rounded neckline", "scp nk"),
    "Top.neckline:boat": Phrase("a boat neck", "a wide shallow neckline", "bt nk"),
    "Top.neckline:collar": Phrase("a turn-down collar", "a classic collar", "collr"),
    "Top.neckline:hood": Phrase("a drawstring hood", "a hood with cords", "hd w/cord"),
    "Top.neckline:roll": Phrase("a roll neck", "a high folded collar", "roll nk"),
    "Top.neckline:straps": Phrase("wide shoulder straps", "a low cut and broad straps", "strp"),
    "Top.front:buttons": Phrase("buttons down the front", "a full row of buttons", "btn frt"),
    "Top.front:zip": Phrase("a zip down the front", "a full-length zipper", "zip frt"),
    "Top.front:placket": Phrase("a buttoned placket", "three buttons at the throat", "plckt"),
    "Top.pocket:chest": Phrase("a chest pocket", "a patch on the breast", "1 pkt"),
    "Top.pocket:kangaroo": Phrase("a kangaroo pocket", "a roomy front pouch", "kng pkt"),
    "Top.pocket:patch": Phrase("two patch pockets", "pouches at the hips", "2 pkt"),
    "Top.pocket:flap": Phrase("flap chest pockets", "buttoned breast pockets", "flp pkt"),
    "Top.hem:ribbed": Phrase("ribbing at cuffs and hem", "elasticated edges", "rib"),
    "Top.hem:curved": Phrase("a rounded hem", "a curved lower edge", "crv hem"),
    "Dress.neckline:round": Phrase("a round neck", "a curved neckline", "rnd nk"),
    "Dress.neckline:v": Phrase("a V-neck", "a plunging neckline", "v nk"),
    "Dress.neckline:square": Phrase("a square neck", "a straight-cut neckline", "sq nk"),
    "Dress.neckline:heart": Phrase("a sweetheart neckline", "a heart-shaped top edge", "swht nk"),
    "Dress.sleeve:straps": Phrase("narrow shoulder straps", "thin straps", "spag strp"),
    "Dress.sleeve:wide straps": Phrase("no sleeves", "bare arms", "slvls"),
    "Dress.sleeve:cap": Phrase("cap sleeves", "tiny sleeves", "cap slv"),
    "Dress.sleeve:puff": Phrase("puff sleeves", "full gathered sleeves", "puff slv"),
    "Dress.sleeve:long": Phrase("long sleeves", "full-length arms", "ls"),
    "Dress.skirt:pleated": Phrase("a pleated skirt", "sharp folds below the waist", "plt"),
    "Dress.skirt:tiered": Phrase("a tiered skirt", "gathered layers", "tier"),
    "Dress.skirt:wrap": Phrase("a wrapover skirt", "an overlapping front", "wrap"),
    "Dress.belt:sash": Phrase("a belt with a metal buckle", "a buckled waist", "blt"),
    "Dress.belt:bow": Phrase("a tie belt", "a knotted ribbon at the waist", "tie blt"),
    "Dress.buttons:True": Phrase("buttons down the front", "a full row of buttons", "btn frt"),
    "Bottoms.band:tailored": Phrase("belt loops and a button", "a tailored waist", "tlrd"),
    "Bottoms.band:elastic": Phrase("an elasticated drawstring waist", "a stretchy waist with cords", "elst wst"),
    "Bottoms.band:jeans": Phrase("a zip fly and a metal button", "a classic denim closure", "zip fly"),
    "Bottoms.pockets:slant": Phrase("diagonal side pockets", "slanted pouches", "sd pkt"),
    "Bottoms.pockets:jeans": Phrase("five pockets", "rounded front pockets with rivets", "5 pkt"),
    "Bottoms.pockets:cargo": Phrase("cargo leg pockets", "big pouches on the thighs", "crgo"),
    "Bottoms.crease:pressed": Phrase("pressed creases", "a sharp line down the front", "crs"),
    "Bottoms.crease:pleats": Phrase("pleats", "folds at the waist", "plt"),
    "Bottoms.cuff:turned": Phrase("turn-ups", "rolled edges", "trn up"),
    "Bottoms.cuff:ribbed": Phrase("ribbed hems", "snug ankles", "rib"),
    "Bottoms.cuff:raw": Phrase("raw-edge hems", "frayed ends", "raw"),
    "Shoe.closure:laces": Phrase("lacing", "tied up the front", "lace"),
    "Shoe.closure:straps": Phrase("hook and loop straps", "two easy tabs", "vlc"),
    "Shoe.closure:zip": Phrase("a zip at the side", "a side zipper", "zip"),
    "Shoe.closure:elastic": Phrase("elastic gores", "stretch panels", "elst"),
    "Shoe.closure:buckle": Phrase("a strap with a buckle", "a buckled band", "bkl"),
    "Shoe.closure:slip-on": Phrase("a slip-on cut", "no fastening", "slip"),
    "Shoe.side:bars": Phrase("two side bars", "contrast bands", "bars"),
    "Shoe.side:wave": Phrase("waves on the side", "two wavy lines", "wave"),
    "Shoe.side:badge": Phrase("a mountain badge", "an emblem at the ankle", "bdg"),
    "Shoe.side:panel": Phrase("a contrasting panel", "an inset at the side", "pnl"),
    "Shoe.side:stitching": Phrase("decorative stitching", "visible seams", "stch"),
    "Shoe.side:chevrons": Phrase("side arrows", "zigzag marks", "chev"),
    "Shoe.cap:True": Phrase("a toe cap", "a reinforced tip", "cap"),
    "Shoe.tread:lugs": Phrase("a chunky lug sole", "a deep grip below", "lug"),
    "OpenShoe.heel:none": Phrase("a flat sole", "no heel", "flat"),
    "OpenShoe.heel:stiletto": Phrase("a stiletto heel", "a needle-thin heel", "stlto"),
    "OpenShoe.heel:block": Phrase("a block heel", "a sturdy heel", "blk hl"),
    "OpenShoe.heel:kitten": Phrase("a kitten heel", "a dainty low heel", "ktn"),
    "OpenShoe.heel:wedge": Phrase("a wedge heel", "a cork-covered platform", "wdg"),
    "OpenShoe.toe:pointed": Phrase("a pointed toe", "a sharp tip", "pt toe"),
    "OpenShoe.toe:round": Phrase("a rounded toe", "a soft tip", "rd toe"),
    "OpenShoe.straps:1": Phrase("one broad strap", "a single band", "1 strp"),
    "OpenShoe.straps:2": Phrase("two straps", "a pair of bands", "2 strp"),
    "OpenShoe.straps:3": Phrase("three straps", "several bands", "3 strp"),
    "OpenShoe.ankle:strap": Phrase("an ankle strap", "a buckled ring above", "ankl"),
    "OpenShoe.ankle:back": Phrase("a sling back", "a strap behind the heel", "slng"),
    "OpenShoe.ankle:tie": Phrase("ankle ties", "cords wound up the leg", "tie"),
    "OpenShoe.ornament:bow": Phrase("a bow", "a ribbon knot", "bow"),
    "OpenShoe.ornament:buckle": Phrase("a metal buckle", "a golden ornament", "bkl"),
    "OpenShoe.ornament:stone": Phrase("sparkling stones", "a row of crystals", "stn"),
    "Mug.handle:round": Phrase("a round handle", "a curved grip", "rd hdl"),
    "Mug.handle:ear": Phrase("an ear-shaped handle", "a swinging grip", "ear hdl"),
    "Mug.handle:square": Phrase("a square handle", "an angular grip", "sq hdl"),
    "Mug.handle:loop": Phrase("a small loop handle", "a finger ring", "lp hdl"),
    "Mug.handle:none": Phrase("no handle", "a bare wall to warm your hands on", "no hdl"),
    "Mug.saucer:True": Phrase("a saucer", "a matching plate", "scr"),
    "Mug.dipped:True": Phrase("a dipped glaze", "a two-tone finish", "dip"),
    "Mug.inner:True": Phrase("a contrasting inside", "a coloured interior", "inr"),
    "Mug.edge:rimmed": Phrase("a painted rim", "an edge in another colour", "rim"),
    "Mug.edge:ribbed": Phrase("a ribbed surface", "fluted walls", "rib"),
}
"""What is said of a named part, by class, field and value; what is not here is not worth a word."""

MEASURES: dict[str, tuple[tuple[float, Phrase], ...]] = {
    "Top.sleeve": (
        (0.01, Phrase("no sleeves", "bare arms", "slvls")),
        (0.45, Phrase("short sleeves", "half arms", "ss")),
        (0.74, Phrase("three-quarter sleeves", "sleeves to the elbow", "3/4 slv")),
        (9.0, Phrase("long sleeves", "full-length arms", "ls")),
    ),
    "Top.length": (
        (0.43, Phrase("a cropped cut", "a waist-length shape", "crop")),
        (0.62, Phrase("a regular length", "an easy fit", "reg")),
        (9.0, Phrase("a longer cut", "extra length", "long")),
    ),
    "Dress.length": (
        (0.5, Phrase("a short cut", "above the knee", "mini")),
        (0.72, Phrase("knee length", "a medium length", "knee")),
        (9.0, Phrase("calf length", "falls below the knee", "midi")),
    ),
    "Bottoms.hem": (
        (0.21, Phrase("a slim fit", "a narrow cut", "slim")),
        (0.3, Phrase("a straight fit", "an even cut", "strt")),
        (0.45, Phrase("a wide fit", "a roomy cut", "wide")),
        (9.0, Phrase("a flared shape", "a swinging shape", "flr")),
    ),
    "Shoe.sole": (
        (0.11, Phrase("a thin sole", "a light sole", "thn sl")),
        (0.17, Phrase("a rubber sole", "a cushioned base", "rub sl")),
        (9.0, Phrase("a thick sole", "a platform base", "thk sl")),
    ),
    "OpenShoe.rise": (
        (0.12, Phrase("a low height", "ground-hugging comfort", "low")),
        (0.4, Phrase("a medium height", "a little lift", "mid")),
        (9.0, Phrase("a high heel", "serious height", "high")),
    ),
    "Mug.height": (
        (0.42, Phrase("a low shape", "a squat form", "low")),
        (0.52, Phrase("a classic shape", "a familiar form", "std")),
        (9.0, Phrase("a tall shape", "a slender form", "tall")),
    ),
}
"""What is said of a measure: the first phrase whose limit it stays under."""


def describe(design: Design) -> tuple[Phrase, ...]:
    """Lists what can be said of a design, in the order of its parts."""
    phrases = []
    for part in dataclasses.fields(design):
        name, value = f"{type(design).__name__}.{part.name}", getattr(design, part.name)
        if name in MEASURES:
            phrases.append(next(phrase for limit, phrase in MEASURES[name] if value < limit))
        elif f"{name}:{value}" in PARTS:
            phrases.append(PARTS[f"{name}:{value}"])
    return tuple(phrases)


PATTERN_WORDS: dict[str, tuple[str, str, str]] = {
    "solid": ("solid", "plain", "SLD"),
    "printed": ("printed", "with a picture", "PRT"),
    "striped": ("striped", "with stripes", "STR"),
    "breton": ("fine stripes", "sailor-style", "BRT"),
    "pinstripe": ("pinstripe", "with thin lines", "PIN"),
    "dotted": ("dotted", "with polka dots", "DOT"),
    "checked": ("checked", "gingham", "CHK"),
    "tartan": ("tartan", "plaid", "TRT"),
    "argyle": ("argyle", "with diamonds", "ARG"),
    "chevron": ("chevron", "zigzag", "CHV"),
    "floral": ("floral", "with flowers", "FLR"),
    "leaf": ("leaf print", "botanical", "LEA"),
    "leopard": ("leopard print", "animal-print", "LEO"),
    "speckled": ("speckled", "with flecks", "SPK"),
    "colour block": ("colour block", "two-tone", "CBL"),
}
"""Each pattern as a shop, a paraphraser and a warehouse write it."""
