"""Six ways to write about the same goods, as six shops do."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from demo_catalogue.kinds import Kind
from demo_catalogue.palette import Colour
from demo_catalogue.wording import PATTERN_WORDS, Phrase


@dataclass(frozen=True)
class Facts:
    """What a seller knows of a product before writing about it."""

    kind: Kind
    name: str
    brand: str
    code: str
    audience: str
    material: str
    colour: Colour
    pattern: str
    motif: str
    phrases: tuple[Phrase, ...]
    size: str


@dataclass(frozen=True)
class Text:
    """What a seller writes: the text columns of one feed row."""

    title: str
    description: str = ""
    product_type: str = ""
    brand: str = ""
    color: str = ""
    pattern: str = ""
    material: str = ""
    mpn: str = ""


_SHOUTS = ("NEW", "HOT SALE", "Bestseller", "TOP DEAL", "Limited offer", "2024 Collection", "Last pieces")
_FILLERS = (
    "trendy", "everyday", "casual", "elegant", "must-have", "perfect gift", "premium quality", "comfortable",
    "stylish", "for every season", "classic", "modern",
)  # fmt: skip
_PUFFERY = (
    "You will love it! Order today, delivered tomorrow.",
    "Top quality at an unbeatable price, easy returns.",
    "The favourite of our customers, now back in stock.",
    "Treat yourself or surprise somebody you love.",
    "Only a few left, be quick!",
)
_OPENINGS = ("A beautiful piece", "Something special", "Our own favourite", "An easy companion", "A timeless find")


def model_first(facts: Facts, rng: Random) -> Text:
    """Writes the model's name first, then what it is: the tidy shop."""
    pattern = _pattern_word(facts, 0)
    told = facts.phrases[:4]
    article = _with_motif(facts, f"{pattern}{facts.kind.name}")
    return Text(
        title=_joined(f"{facts.name} {article}", facts.colour.name, facts.size),
        description=f"{facts.kind.name.capitalize()} in {facts.material} with {_listed([p.plain for p in told])}.",
        product_type=facts.kind.path,
        brand=facts.brand,
        color=facts.colour.name.capitalize(),
        pattern=PATTERN_WORDS[facts.pattern][0].capitalize(),
        material=facts.material.capitalize(),
        mpn=f"{facts.code}-{facts.colour.short}",
    )


def paraphrased(facts: Facts, rng: Random) -> Text:
    """Writes in other words than everybody else, and never the model's name."""
    noun, colour = rng.choice((facts.kind.name, *facts.kind.fancy)), rng.choice(facts.colour.fancy)
    told = [phrase.other for phrase in _told(facts, rng, 3)]
    article = f"{_with_motif(facts, noun)} in {colour} {_pattern_word(facts, 1)}".strip()
    return Text(
        title=_joined(article[0].upper() + article[1:], facts.size),
        description=f"{rng.choice(_OPENINGS)}: {_listed(told)}. Made of soft {facts.material}.",
        brand=facts.brand,
        product_type=noun.capitalize(),
        color=colour.capitalize(),
        material=facts.material,
    )


def stuffed(facts: Facts, rng: Random) -> Text:
    """Stuffs the title with whatever may be searched for."""
    fillers = rng.sample(_FILLERS, 3)
    audience = f"{facts.audience} " if facts.audience else ""
    pattern = _pattern_word(facts, 0)
    noun = rng.choice((facts.kind.name, facts.kind.name, facts.kind.fancy[0]))
    name = f"{facts.name} " if rng.random() < 0.6 else ""
    words = f"{name}{audience}{noun} {pattern}{facts.colour.name} {' '.join(fillers[:2])}"
    told = _listed([phrase.plain for phrase in _told(facts, rng, 3)])
    return Text(
        title=f"{rng.choice(_SHOUTS)}! {words} {facts.size} - {fillers[2]}".replace("  ", " "),
        description=f"{rng.choice(_PUFFERY)} {facts.kind.name.capitalize()} with {told}.",
        product_type=facts.kind.path.rsplit(" > ", 1)[-1],
        brand=facts.brand,
        color=facts.colour.name,
        pattern=PATTERN_WORDS[facts.pattern][0],
    )


def attributes_only(facts: Facts, rng: Random) -> Text:
    """Lists attributes and nothing else."""
    pattern = PATTERN_WORDS[facts.pattern][0].capitalize()
    told = ", ".join(phrase.plain.removeprefix("a ") for phrase in _told(facts, rng, 2))
    parts = [facts.brand, facts.kind.name, told, facts.colour.name.capitalize(), pattern]
    return Text(
        title=_joined(" - ".join(parts), facts.size),
        product_type=facts.kind.path.split(" > ")[0],
        brand=facts.brand,
        color=facts.colour.name.capitalize(),
        pattern=pattern,
        material=facts.material.capitalize(),
    )


def abbreviated(facts: Facts, rng: Random) -> Text:
    """Writes as the warehouse's screen allows."""
    parts = [
        facts.brand[:3].upper(), facts.name.upper(), facts.kind.short,
        _pattern_word(facts, 2).strip(), facts.colour.short, facts.size,
    ]  # fmt: skip
    told = _told(facts, rng, 3)
    return Text(
        title=" ".join(part for part in parts if part),
        description=", ".join([facts.material[:8].strip(), *(phrase.short for phrase in told)]),
        product_type=facts.kind.short,
        brand=facts.brand,
        color=facts.colour.short,
        mpn=f"{facts.code}{facts.colour.short}",
    )


def coded(facts: Facts, rng: Random) -> Text:
    """Goes by the maker's number."""
    told = "; ".join(phrase.plain for phrase in _told(facts, rng, 3))
    return Text(
        title=_joined(f"{facts.brand} {facts.code} {facts.kind.name}", facts.size),
        description=f"{facts.name}, art. {facts.code}/{facts.colour.short.lower()}. {told}; {facts.material}.",
        product_type=facts.kind.path.replace(" > ", "/"),
        brand=facts.brand,
        color=facts.colour.name.upper(),
        pattern=facts.pattern,
        mpn=facts.code,
    )


def _told(facts: Facts, rng: Random, count: int) -> list[Phrase]:
    """Picks the features worth a word, in their usual order."""
    picked = sorted(rng.sample(range(len(facts.phrases)), min(count, len(facts.phrases))))
    return [facts.phrases[index] for index in picked]


def _pattern_word(facts: Facts, way: int) -> str:
    """Names a pattern worth naming in a title; a single print is named by its motif."""
    return "" if facts.pattern in ("solid", "printed") else f"{PATTERN_WORDS[facts.pattern][way]} "


def _with_motif(facts: Facts, noun: str) -> str:
    return f"{noun} with {facts.motif} print" if facts.motif else noun


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _listed(parts: list[str]) -> str:
    """Lists as a sentence does."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
