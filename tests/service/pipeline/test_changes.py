import random

import pytest

from candidates.catalogue import Catalogue
from candidates.product import Product
from service.pipeline.changes import Changes


def catalogue(**titles):
    return Catalogue.of(Product(name, title, line=place) for place, (name, title) in enumerate(titles.items()))


def test_new_changed_gone_and_same_by_hand():
    made = Changes.between(catalogue(a="x", b="x", c="x"), catalogue(c="x", b="y", d="x"))
    assert made.new.tolist() == [2]
    assert made.changed.tolist() == [1]
    assert made.gone.tolist() == [0]
    assert made.counts == {"new": 1, "changed": 1, "gone": 1, "same": 1}
    assert made.in_words() == "1 new, 1 changed, 1 gone, 1 same"


def test_against_nothing_and_nothing_against():
    some, none = catalogue(a="x", b="y"), catalogue()
    assert Changes.between(none, some).counts == {"new": 2, "changed": 0, "gone": 0, "same": 0}
    assert Changes.between(some, none).counts == {"new": 0, "changed": 0, "gone": 2, "same": 0}


@pytest.mark.parametrize("seed", range(5))
def test_as_dictionaries_would_have_it(seed):
    drawn = random.Random(seed)

    def some():
        names = drawn.sample([f"p{n}" for n in range(30)], 20)
        return {name: drawn.choice("xyz") for name in names}

    left, right = some(), some()
    made = Changes.between(catalogue(**left), catalogue(**right))
    before, after = list(left), list(right)
    assert [after[row] for row in made.new] == [name for name in right if name not in left]
    assert [after[row] for row in made.changed] == [n for n in right if n in left and left[n] != right[n]]
    assert [before[row] for row in made.gone] == [name for name in left if name not in right]
    assert made.same == sum(left.get(name) == title for name, title in right.items())
