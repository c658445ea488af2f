"""What the demo's shops sell: models, the variants of each, and which seller offers which."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import cycle, product
from random import Random

from demo_catalogue.kinds import Kind
from demo_catalogue.look import Look
from demo_catalogue.motifs import MOTIFS
from demo_catalogue.palette import COLOURS, Colour, accent_for
from demo_catalogue.sellers import SELLERS, Seller
from demo_catalogue.shoes import Shoe
from demo_catalogue.stock import KINDS
from demo_catalogue.studio import Design
from demo_catalogue.titles import Facts
from demo_catalogue.wording import describe

MOST_MEMBERS = 9

_BRANDS = ("Norrvane", "Lumopell", "Hesselby", "Ostermarl", "Marrowby", "Quincerow", "Tarnfold", "Veldora")
_SYLLABLES = (
    ("Al", "Bri", "Cor", "Del", "El", "Fen", "Gal", "Hol", "Is", "Jor", "Ka", "Lin", "Mar", "Nor", "Ol", "Per"),
    ("va", "mi", "ta", "ro", "de", "li", "sa", "ne", "bo"),
    ("ra", "n", "lle", "s", "ko", "na", "th", "ma"),
)
_AUDIENCES = ("Women", "Women", "Women", "Men", "Men", "Unisex")
_SOLES = ("white", "white", "cream", "black", "camel", "charcoal")
_WEIGHTS = [kind.weight for kind in KINDS]


@dataclass(frozen=True)
class Model:
    """What all variants of one group share.

    Attributes:
        kind: What it is.
        design: How it is cut.
        name: What its maker calls it.
        brand: Who makes it.
        code: The maker's number.
        audience: Whom it is made for; empty for what is not worn.
        material: What it is made of.
        price: In euro.
        look: Its first colours and its pattern.
    """

    kind: Kind
    design: Design
    name: str
    brand: str
    code: str
    audience: str
    material: str
    price: float
    look: Look


@dataclass(frozen=True)
class Offer:
    """One look of a model in one shop: one picture, and one product for each size.

    Attributes:
        model: What is offered.
        look: In which colours and pattern.
        sizes: The sizes listed one by one; a single empty one where the shop lists none.
        seller: The shop.
    """

    model: Model
    look: Look
    sizes: tuple[str, ...]
    seller: Seller

    def facts(self, size: str) -> Facts:
        """Gathers what the seller knows of one size."""
        model, look = self.model, self.look
        return Facts(
            kind=model.kind,
            name=model.name,
            brand=model.brand,
            code=model.code,
            audience=model.audience,
            material=model.material,
            colour=look.main,
            pattern="printed" if look.motif else look.pattern,
            motif=look.motif,
            phrases=describe(model.design),
            size=size,
        )


Group = tuple[Offer, ...]
"""Offers that are variants of each other."""


def draw_groups(rng: Random, count: int) -> list[Group]:
    """Draws groups of variants; about a third of their models resemble another one without being it."""
    names = _names(rng)
    models: list[Model] = []
    while len(models) < count:
        fate = rng.random()
        if models and fate < 0.22:
            models.append(_look_alike(rng.choice(models), next(names), rng))
        elif models and fate < 0.36:
            models.append(_namesake(rng.choice(models), rng))
        else:
            models.append(_model(_kind(rng), next(names), rng))
    return [_group(model, rng) for model in models]


def draw_singles(rng: Random, count: int) -> list[Group]:
    """Draws models of which only one product is on sale."""
    names = _names(rng)
    models = [_model(_kind(rng), next(names), rng) for _ in range(count)]
    return [(Offer(model, model.look, ("",), rng.choice(SELLERS)),) for model in models]


def _names(rng: Random) -> Iterator[str]:
    """Makes up model names, no two alike until all are used."""
    names = ["".join(parts) for parts in product(*_SYLLABLES)]
    rng.shuffle(names)
    return cycle(names)


def _kind(rng: Random) -> Kind:
    return rng.choices(KINDS, _WEIGHTS)[0]


def _model(kind: Kind, name: str, rng: Random) -> Model:
    return Model(
        kind=kind,
        design=kind.draw(rng),
        name=name,
        brand=rng.choice(_BRANDS),
        code=_code(rng),
        audience="" if kind.path.startswith("Home") else rng.choice(_AUDIENCES),
        material=rng.choice(kind.materials),
        price=rng.randint(*kind.price) - 0.05,
        look=_first_look(kind, rng),
    )


def _code(rng: Random) -> str:
    return f"{rng.randint(1000, 9999)}{rng.choice('ABKLMRT')}{rng.randint(1, 9)}"


def _look_alike(other: Model, name: str, rng: Random) -> Model:
    """Makes another brand's model of almost the same cut, in the same colours and of the same stuff."""
    return replace(
        other,
        design=other.kind.resemble(other.design, rng),
        name=name,
        brand=rng.choice(_BRANDS),
        code=_code(rng),
        price=rng.randint(*other.kind.price) - 0.05,
    )


def _namesake(other: Model, rng: Random) -> Model:
    """Makes another model of the same kind and family: its words are nearly the same, its cut is not."""
    fresh = _model(other.kind, other.name, rng)
    return replace(fresh, brand=other.brand, audience=other.audience, material=other.material)


def _first_look(kind: Kind, rng: Random) -> Look:
    main = rng.choice(COLOURS)
    pattern = rng.choice(kind.prints) if kind.prints and rng.random() < 0.4 else "solid"
    motif = rng.choice(sorted(MOTIFS)) if kind.motifs and pattern == "solid" and rng.random() < 0.4 else ""
    return Look(main, _accent(kind, main, rng), pattern, motif, rng.uniform(0.1, 0.15), rng.randrange(1000))


def _accent(kind: Kind, main: Colour, rng: Random) -> Colour:
    """Draws the second colour; a shoe's is that of its sole, and seldom a loud one."""
    if kind.form is Shoe and rng.random() < 0.7:
        return _named(rng.choice(_SOLES))
    return accent_for(main, rng)


def _named(name: str) -> Colour:
    return next(colour for colour in COLOURS if colour.name == name)


def _group(model: Model, rng: Random) -> Group:
    """Draws a group's variants along its axis and spreads them over sellers."""
    axis = rng.choices(("colour", "colour and size", "size", "pattern"), (46, 26, 8, 20))[0]
    sellers = rng.sample(SELLERS, rng.choice((1, 2, 3, 3, 4)))
    if axis == "size":
        return _other_sizes(model, sellers)
    printable = model.kind.motifs or len(model.kind.prints) > 2
    looks = _other_patterns(model, rng) if axis == "pattern" and printable else _other_colours(model, rng)
    sized = axis == "colour and size"
    offers = [
        Offer(model, look, _sizes(model.kind, rng) if sized else ("",), seller)
        for look, seller in zip(looks, cycle(sellers), strict=False)
    ]
    return _trimmed(offers)


def _other_sizes(model: Model, sellers: list[Seller]) -> Group:
    """Lets the sellers share out the sizes of a single look."""
    shops = sellers[:2]
    return tuple(Offer(model, model.look, model.kind.sizes[at :: len(shops)], shop) for at, shop in enumerate(shops))


def _sizes(kind: Kind, rng: Random) -> tuple[str, ...]:
    """Picks neighbouring sizes."""
    count = rng.choice((1, 2, 2, 3, 4))
    start = rng.randrange(len(kind.sizes) - count + 1)
    return kind.sizes[start : start + count]


def _other_colours(model: Model, rng: Random) -> list[Look]:
    """Dyes the first look in other colours; the second colour stays in half of the groups."""
    count = rng.choice((2, 2, 3, 3, 4, 4, 5, 6, 7))
    mains = rng.sample([colour for colour in COLOURS if colour != model.look.accent], count)
    kept = rng.random() < 0.5
    return [
        replace(model.look, main=main, accent=model.look.accent if kept else _accent(model.kind, main, rng))
        for main in mains
    ]


def _other_patterns(model: Model, rng: Random) -> list[Look]:
    """Prints the first look with other patterns, or other motifs; its colours change in half of the groups."""
    count = rng.choice((2, 3, 3, 4, 5))
    if model.look.motif or not model.kind.prints:
        looks = [replace(model.look, motif=motif) for motif in rng.sample(sorted(MOTIFS), count)]
    else:
        patterns = rng.sample(("solid", *model.kind.prints), min(count, 1 + len(model.kind.prints)))
        looks = [replace(model.look, pattern=pattern) for pattern in patterns]
    if rng.random() < 0.5:
        return looks
    mains = rng.sample(COLOURS, len(looks))
    return [replace(look, main=main, accent=accent_for(main, rng)) for look, main in zip(looks, mains, strict=True)]


def _trimmed(offers: list[Offer]) -> Group:
    """Drops what would make a group too large."""
    kept: list[Offer] = []
    room = MOST_MEMBERS
    for offer in offers:
        if room > 0:
            kept.append(replace(offer, sizes=offer.sizes[:room]))
            room -= len(kept[-1].sizes)
    return tuple(kept)
