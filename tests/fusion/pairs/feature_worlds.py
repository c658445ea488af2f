"""Small catalogues with everything that pair features are computed from, nasty products among them."""

from dataclasses import dataclass, field

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from candidates.catalogue import Catalogue
from candidates.collapse import Owners
from candidates.product import Product
from candidates.run import Run
from fusion.pairs.feature_context import Looks, PairContext, Space
from fusion.pairs.feature_pictures import WIDTH

SAYS = "maja leon tee dress shirt slim fit cotton black navy dark blue S XL 38 501 café solid striped wool"
WORDS = tuple(SAYS.split(" "))
TITLES = ("", "!!! ---", "Maja tee black", "Maja tee black", "  MAJA   Tee, navy ")
PRICES = ("", "free", "12.99 EUR", "EUR 9,50", "1.299,00 EUR", "1,299.00 USD", "10 - 20 EUR", "0.00 EUR", "7 EUR")
PATHS = ("", "Clothes > Tops > T-Shirts", "clothes > tops", "Clothes > Shoes", "Tops", "Unknown", " > ")
NUMBERS = ("", "4006381333931", "04006381333931", "0000", "abc", "123456789012345", "96385074")


@dataclass
class World:
    """Plain things to compute features from by loops, and the context made of them."""

    products: list
    text: np.ndarray
    image: np.ndarray
    owners: np.ndarray
    lexical: np.ndarray
    runs: dict
    looks: np.ndarray
    hub_weight: float
    context: PairContext = field(repr=False, default=None)

    @property
    def n(self):
        return len(self.products)

    def pictures(self, product):
        return [row for row in range(len(self.owners)) if self.owners[row] == product]


def product(rng, number):
    """A product that says a random part of what there is to say."""
    pick = lambda options: options[rng.integers(len(options))]  # noqa: E731
    words = lambda most: " ".join(pick(WORDS) for _ in range(rng.integers(0, most + 1)))  # noqa: E731
    options = {
        "color": ("Black", "dark  blue", "Dark Blue", "navy", " "),
        "size": ("S", "XL", "38", ""),
        "pattern": ("Solid", "striped"),
        "material": ("Wool", "cotton / wool"),
        "gender": ("male", "female"),
        "Heel": ("high", "low"),
    }
    return Product(
        id=f"p{number}",
        title=pick(TITLES) if rng.random() < 0.4 else words(5),
        description=words(12) if rng.random() < 0.7 else "",
        seller=pick(("", "one", "two")),
        brand=pick(("", "Acme", "ACME ", "Other")),
        product_type=pick(PATHS),
        price=pick(PRICES),
        gtin=pick(NUMBERS),
        mpn=pick(("", "AB-12", "ab 12", "--", "X9")),
        attributes={name: pick(values) for name, values in options.items() if rng.random() < 0.5},
        group=pick(("", "g1", "g2")),
    )


def listing(scores, known, depth, rng):
    """Ranked lists of every product by a matrix of scores, ties by row; some are cut short or empty."""
    n = len(scores)
    rows, values = np.full((n, depth), -1), np.zeros((n, depth), np.float32)
    for query in range(n):
        others = [c for c in range(n) if c != query and known[query] and known[c]]
        others = sorted(others, key=lambda c: (-scores[query, c], c))[:depth]
        if rng.random() < 0.15:
            others = others[: rng.integers(0, 4)]
        rows[query, : len(others)] = others
        values[query, : len(others)] = [scores[query, c] for c in others]
    return rows, values


def vectors(rng, count, width):
    """Random vectors in few directions, so that there are ties; some are zero."""
    values = rng.integers(-2, 3, (count, width)).astype(np.float32)
    values[rng.random(count) < 0.15] = 0
    return values


def unit(values):
    lengths = np.sqrt((values.astype(float) ** 2).sum(axis=1, keepdims=True))
    return values / np.where(lengths > 0, lengths, 1)


def world(n=30, seed=0, *, depth=25, spaces=("text", "image", "lexical"), looks=True, threads=2, hub_weight=0.5):
    """A world of n products."""
    rng = np.random.default_rng(seed)
    products = [product(rng, number) for number in range(n)]
    owners = np.repeat(np.arange(n), rng.integers(0, 3, n))
    rng.shuffle(owners)
    text, image = vectors(rng, n, 4), vectors(rng, len(owners), 5)
    says = [f"{one.title} {one.description}" for one in products]
    made = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 4), dtype=np.float32)
    lexical = made.fit_transform(says) if "".join(says).strip() else np.zeros((n, 1), np.float32)
    seen = rng.random((len(owners), WIDTH)).astype(np.float32)
    seen[:, 32:34] += 1  # Boxes end behind where they begin.
    seen[rng.random(len(owners)) < 0.1] = np.nan
    dense = lexical.toarray() if hasattr(lexical, "toarray") else lexical
    made_of = World(products, text, image, owners, dense, {}, seen, hub_weight)
    made_of.context = context(made_of, lexical, depth, spaces, looks, threads, rng)
    return made_of


def context(made_of, lexical, depth, spaces, looks, threads, rng):
    from scipy.sparse import csr_matrix

    catalogue = Catalogue.of(made_of.products)
    axis, n = catalogue.axis, made_of.n
    pictures = Owners(axis, made_of.owners.astype(np.int32))
    values = {"text": made_of.text, "image": made_of.image, "lexical": csr_matrix(lexical)}
    cosines = {name: plain_cosines(made_of, name) for name in values}
    for name, scores in cosines.items():
        known = [not np.isnan(scores[row, row]) for row in range(n)]
        made_of.runs[name] = Run.from_matrix(name, axis, axis, *listing(scores, known, depth, rng))
    fused = rng.random((n, n)).round(1).astype(np.float32)
    made_of.runs["fused"] = Run.from_matrix("fused", axis, axis, *listing(fused, [True] * n, depth, rng))
    made = {
        name: Space.of(
            values[name],
            made_of.runs[name],
            pictures if name == "image" else None,
            hub_weight=made_of.hub_weight,
        )
        for name in spaces
    }
    seen = Looks(made_of.looks, pictures) if looks else None
    return PairContext(catalogue, made, made_of.runs["fused"], seen, threads)


def plain_cosine(made_of, name, a, b):
    """Cosine by the definition; of pictures the best; NaN where there is nothing."""
    rows = {"text": made_of.text, "image": made_of.image, "lexical": made_of.lexical}[name]
    of = made_of.pictures if name == "image" else lambda row: [row]
    found = []
    for i in of(a):
        for j in of(b):
            one, other = rows[i].astype(float), rows[j].astype(float)
            if one.any() and other.any():
                found.append(float(one @ other / np.sqrt((one @ one) * (other @ other))))
    return max(found) if found else np.nan


def plain_cosines(made_of, name):
    n = made_of.n
    return np.array([[plain_cosine(made_of, name, a, b) for b in range(n)] for a in range(n)]).reshape(n, n)


def plain_near(made_of, name):
    """Mean of each product's ten best scores; over the others where it has none."""
    means = []
    for row in range(made_of.n):
        scores = made_of.runs[name].ranked(row)[1][:10]
        means.append(np.mean(scores, dtype=float) if len(scores) else None)
    known = [mean for mean in means if mean is not None]
    return np.array([(np.mean(known) if known else 0.0) if mean is None else mean for mean in means], np.float32)


def plain_lists(made_of, name):
    """For every product the rows and scores that features read: hubs stepped back, but in the fused list."""
    lists = []
    near = plain_near(made_of, name) if name != "fused" else None
    for row in range(made_of.n):
        rows, scores = made_of.runs[name].ranked(row)
        entries = list(zip(rows.tolist(), scores.astype(float).tolist(), strict=True))
        if near is not None:
            entries = [(c, s - made_of.hub_weight * float(near[c])) for c, s in entries]
            entries.sort(key=lambda entry: -entry[1])
        lists.append(([c for c, _ in entries[:100]], [s for _, s in entries[:100]]))
    return lists


def all_pairs(n):
    """Every pair of different products, the lower first: two arrays."""
    left, right = np.triu_indices(n, 1)
    return left.astype(np.int32), right.astype(np.int32)
