"""What every `MutableIndex` must do, written once; each index's test gives `build`.

The truth is a plain dictionary of pictures, and bits counted one by one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from random import Random

import numpy as np
import pytest

from candidates.axis import Axis
from candidates.catalogue import Catalogue
from candidates.contracts import MutableIndex
from candidates.errors import VersionMismatch
from candidates.filters import Filter
from candidates.product import Product
from candidates.vectors import Vectors
from image_retrieval.lsh import Hyperplanes
from image_retrieval.rolling import Rolling

DIMENSIONS, BITS, VERSION = 12, 128, "v1"
PLANES = Hyperplanes(DIMENSIONS, BITS, 5)
JULY = date(2026, 7, 15)


def vector(number: int) -> np.ndarray:
    """One of very many directions, the same for a number wherever it is asked for."""
    return np.random.default_rng(number).standard_normal(DIMENSIONS).astype(np.float32)


def product(name: str, **said: str) -> Product:
    return Product(name, title=f"thing {name}", **said)


@dataclass
class Shown:
    """A picture as the truth keeps it."""

    number: int
    product: Product
    added: date

    @property
    def code(self) -> np.ndarray:
        return np.unpackbits(PLANES.codes(vector(self.number)[None])[0])


@dataclass
class Truth:
    """What an index must hold, and a way to put the same things into both."""

    index: MutableIndex
    rolling: Rolling
    pictures: dict[str, Shown] = field(default_factory=dict)

    def add(self, pictures: list[tuple[str, int, Product]], added: date = JULY):
        ids = [image for image, _, _ in pictures]
        values = np.stack([vector(number) for _, number, _ in pictures])
        done = self.index.add(Vectors(Axis.of(ids), values, VERSION), [one for _, _, one in pictures], added)
        again = {one.id for _, _, one in pictures}
        self.pictures = {image: shown for image, shown in self.pictures.items() if shown.product.id not in again}
        self.pictures |= {image: Shown(number, one, added) for image, number, one in pictures}
        return done

    def remove(self, *products: str) -> int:
        self.pictures = {image: shown for image, shown in self.pictures.items() if shown.product.id not in products}
        return self.index.remove(products)

    def roll(self, today: date) -> int:
        kept = {
            image: shown
            for image, shown in self.pictures.items()
            if self.rolling.holds(self.rolling.slice_of(shown.added), today)
        }
        self.pictures = kept
        return self.index.roll(today)

    def agrees(self, k: int = 7, where: Filter | None = None) -> None:
        assert sorted(self.index.items) == sorted(self.pictures)
        admitted = {
            image: shown
            for image, shown in self.pictures.items()
            if not where or Catalogue.of([shown.product]).select(where)[0]
        }
        asked = [3, 1000, 17]
        queries = Vectors(Axis.of(map(str, asked)), np.stack([vector(one) for one in asked]), VERSION)
        run = self.index.search(queries, k, where)
        assert run.items == self.index.items
        for query, number in enumerate(asked):
            code = np.unpackbits(PLANES.codes(vector(number)[None])[0])
            distances = {image: int((shown.code != code).sum()) for image, shown in admitted.items()}
            rows, scores = run.ranked(query)
            found = [run.items[row] for row in rows]
            assert len(set(found)) == len(found)
            expected = sorted(distances.values())[:k]
            np.testing.assert_allclose(scores, 1 - np.array(expected) / BITS, atol=1e-6)
            assert [distances[image] for image in found] == expected


class MutableIndexContract:
    """The checks; `build` makes an empty index for `PLANES` and `VERSION`."""

    rolling = Rolling()

    def build(self, rolling: Rolling) -> MutableIndex:
        raise NotImplementedError

    @pytest.fixture
    def truth(self) -> Truth:
        return Truth(self.build(self.rolling), self.rolling)

    def test_an_empty_index_finds_nothing(self, truth):
        truth.agrees()
        assert truth.remove("nobody") == 0
        assert truth.index.version == VERSION

    def test_what_is_added_is_found_nearest_first(self, truth):
        done = truth.add([(f"i{n}", n, product(f"p{n // 3}")) for n in range(40)])
        assert (done.stored, done.replaced, dict(done.refused)) == (40, 0, {})
        truth.agrees()
        truth.agrees(k=100)

    def test_more_is_added_to_what_is_there(self, truth):
        truth.add([("a", 1, product("p"))])
        truth.add([("b", 2, product("q"))], JULY + timedelta(days=40))
        truth.agrees()

    def test_the_same_once_more_changes_nothing(self, truth):
        pictures = [(f"i{n}", n, product(f"p{n // 2}")) for n in range(10)]
        truth.add(pictures)
        assert truth.add(pictures).replaced == 0
        truth.agrees()

    @pytest.mark.parametrize("later", [0, 40])
    def test_a_product_that_comes_again_is_replaced_wherever_it_was(self, truth, later):
        truth.add([("a0", 1, product("a")), ("a1", 2, product("a")), ("b0", 3, product("b"))])
        done = truth.add([("a2", 4, product("a")), ("a0", 5, product("a"))], JULY + timedelta(days=later))
        assert (done.stored, done.replaced) == (2, 1 if not later else done.replaced)
        truth.agrees()
        assert sorted(truth.index.items) == ["a0", "a2", "b0"]

    @pytest.mark.parametrize("later", [0, 40])
    def test_a_picture_may_move_to_another_product(self, truth, later):
        truth.add([("x", 1, product("a")), ("y", 2, product("a"))])
        truth.add([("x", 3, product("b"))], JULY + timedelta(days=later))
        truth.agrees()

    def test_what_is_removed_is_gone(self, truth):
        truth.add([(f"i{n}", n, product(f"p{n // 3}")) for n in range(12)])
        truth.add([("late", 99, product("p1"))], JULY + timedelta(days=40))
        assert truth.remove("p1", "p3", "nobody") == 4
        truth.agrees()
        assert truth.remove("p1") == 0

    def test_the_window_keeps_what_is_young_and_forgets_what_is_old(self, truth):
        days = [date(2026, 3, 1), date(2026, 4, 12), date(2026, 4, 30), date(2026, 5, 2), JULY]
        for number, day in enumerate(days):
            truth.add([(f"i{number}", number, product(f"p{number}"))], day)
        before = len(truth.pictures)
        forgotten = truth.roll(date(2026, 8, 1))
        assert forgotten == before - len(truth.pictures) >= 2
        assert {"i3", "i4"} <= set(truth.pictures)
        truth.agrees()
        assert truth.roll(date(2026, 8, 1)) == 0
        assert truth.roll(date(2027, 8, 1)) == len(days) - forgotten
        truth.agrees()

    def test_filters(self, truth):
        said = [
            {"seller": "a", "product_type": "Clothing > Dresses", "description": "Blue, with dots"},
            {"seller": "b", "product_type": "Clothing > Shirts", "description": "a bluebell"},
            {"seller": "a", "product_type": "Shoes", "description": "BLUE"},
        ]
        pictures = [(f"i{n}", n, product(f"p{n}", **said[n % 3])) for n in range(15)]
        pictures[4] = (*pictures[4][:2], replace(pictures[4][2], attributes={"color": "Red"}))
        truth.add(pictures)
        for where in (
            Filter(category="clothing"),
            Filter(seller="a"),
            Filter(text="blue"),
            Filter(attributes=(("color", "red"),)),
            Filter(category="dress", seller="a", text="dots with"),
            Filter(seller="nobody"),
            Filter(),
        ):
            truth.agrees(where=where)

    def test_pictures_without_a_code_are_refused_and_counted(self, truth):
        values = np.stack([vector(1), np.zeros(DIMENSIONS, np.float32), np.full(DIMENSIONS, np.nan, np.float32)])
        done = truth.index.add(Vectors(Axis.of("abc"), values, VERSION), [product("p")] * 3, JULY)
        assert (done.stored, dict(done.refused)) == (1, {"it has no code": 2})
        assert list(truth.index.items) == ["a"]

    def test_a_product_of_which_no_new_picture_has_a_code_keeps_what_it_had(self, truth):
        truth.add([("a", 1, product("p")), ("b", 2, product("q"))])
        zeros = Vectors(Axis.of(["a", "c"]), np.zeros((2, DIMENSIONS), np.float32), VERSION)
        assert truth.index.add(zeros, [product("p")] * 2, JULY).stored == 0
        truth.agrees()

    def test_a_query_of_zeros_finds_nothing(self, truth):
        truth.add([("a", 1, product("p"))])
        queries = Vectors(Axis.of("xy"), np.stack([np.zeros(DIMENSIONS, np.float32), vector(1)]), VERSION)
        assert truth.index.search(queries, 5).counts.tolist() == [0, 1]

    def test_vectors_of_another_version_are_refused(self, truth):
        other = Vectors(Axis.of(["a"]), vector(1)[None], "v2")
        with pytest.raises(VersionMismatch, match="v2"):
            truth.index.add(other, [product("p")], JULY)
        with pytest.raises(VersionMismatch, match="v2"):
            truth.index.search(other, 3)
        truth.agrees()

    def test_a_run_keeps_the_axis_that_it_was_found_over(self, truth):
        truth.add([("a", 1, product("p")), ("b", 2, product("q"))])
        queries = Vectors(Axis.of(["x"]), vector(2)[None], VERSION)
        run = truth.index.search(queries, 1)
        truth.remove("p")
        assert [entry.item_id for entry in run.entries("x")] == ["b"]

    def test_a_checkpoint_changes_nothing(self, truth):
        truth.index.checkpoint()
        truth.add([(f"i{n}", n, product(f"p{n // 3}")) for n in range(9)])
        truth.remove("p1")
        truth.index.checkpoint()
        truth.agrees()
        truth.add([("a", 1, product("p1"))])
        truth.agrees()

    @pytest.mark.parametrize("seed", range(3))
    def test_any_course_of_events_ends_as_in_a_plain_dictionary(self, truth, seed):
        random = Random(seed)
        today = JULY
        for _ in range(12):
            event = random.random()
            if event < 0.6:
                shown = [(name, random.choice("ab")) for name in random.sample(range(8), random.randint(1, 3))]
                truth.add(
                    [
                        (f"i{name}.{place}", random.randrange(50), product(f"p{name}", seller=seller))
                        for name, seller in shown
                        for place in random.sample(range(4), random.randint(1, 3))
                    ],
                    today,
                )
            elif event < 0.75:
                truth.remove(f"p{random.randrange(8)}")
            elif event < 0.85:
                truth.index.checkpoint()
            else:
                truth.roll(today)
            today += timedelta(days=random.choice([0, 0, 9, 31]))
        truth.agrees()
        truth.agrees(where=Filter(seller="a"))
