"""Ids of groups live on from run to run; merges and splits are written down; a retry changes nothing."""

import multiprocessing
import random
import sqlite3
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

from candidates.errors import AxisMismatch, VariantsError
from service.pairs.group_ids import KEPT, Assignment, Change, GroupIds, name_of


def assigned(store, generation, *groups, alone=()):
    """Ids of groups written as strings of one-letter products; `alone` are products in none."""
    products = [*"".join(groups), *alone]
    numbers = [number for number, group in enumerate(groups) for _ in group] + [-1] * len(alone)
    return store.assign(generation, products, np.array(numbers, np.int32))


def ids(*numbers):
    return tuple(map(name_of, numbers))


@pytest.fixture
def store(tmp_path):
    return GroupIds(tmp_path / "store" / "groups.sqlite")


def test_the_first_generation_gets_new_ids(store):
    assert assigned(store, "one", "ab", "cde", alone="f") == Assignment(ids(1, 2), 2, ())
    assert ids(1, 2) == ("vg000001", "vg000002")


def test_ids_follow_the_products_and_not_the_numbers(store):
    assigned(store, "one", "ab", "cde")
    assert assigned(store, "two", "cde", "ab") == Assignment(ids(2, 1), 0, ())


def test_a_new_product_joins_and_a_new_group_gets_a_new_id(store):
    assigned(store, "one", "ab", "cd")
    assert assigned(store, "two", "abx", "yz", "cd") == Assignment(ids(1, 3, 2), 1, ())


def test_an_id_is_never_used_again(store):
    assigned(store, "one", "ab", "cd")
    assigned(store, "two", "ab", alone="cd")
    assert assigned(store, "three", "ab", "cd").ids == ids(1, 3)
    assert assigned(store, "four", "ef", alone="abcd").ids == ids(4)


def test_a_product_missing_for_a_night_finds_its_group_again(store):
    assigned(store, "one", "ab", "cd")
    assigned(store, "two", "ab")
    assert assigned(store, "three", "cd", "ab").ids == ids(2, 1)


def test_the_greatest_overlap_wins_then_the_larger_group_then_the_older_id(store):
    assigned(store, "one", "abcde")
    assert assigned(store, "two", "ab", "cde").ids == ids(2, 1)
    assigned(store, "three", "fghi")
    assert assigned(store, "four", "fg", "hix").ids == ids(4, 3)
    assigned(store, "five", "kl", "mn")
    assert assigned(store, "six", "kmv", "lnw").ids == ids(5, 6)


def test_equal_groups_are_distinguished_by_their_products_not_by_the_order_of_the_feed(store, tmp_path):
    other = GroupIds(tmp_path / "other.sqlite")
    for one in (store, other):
        assigned(one, "one", "abcd")
    assert dict(zip(("ab", "cd"), assigned(store, "two", "ab", "cd").ids, strict=True))["ab"] == name_of(1)
    assert dict(zip(("cd", "ab"), assigned(other, "two", "cd", "ab").ids, strict=True))["ab"] == name_of(1)


def test_a_merge_is_written_down(store):
    assigned(store, "one", "ab", "cde", "fg")
    merge = Change("two", "merge", ids(1, 2), name_of(2), (2, 3))
    assert assigned(store, "two", "abcdex", "fg") == Assignment(ids(2, 3), 0, (merge,))
    assert store.changes() == [merge]


def test_a_split_is_written_down_with_every_place(store):
    assigned(store, "one", "abcdef", "gh")
    made = assigned(store, "two", "abc", "de", "gh", alone="f")
    assert made.ids == ids(1, 3, 2)
    assert set(made.changes) == {
        Change("two", "split", ids(1), name_of(1), (3,)),
        Change("two", "split", ids(1), name_of(3), (2,)),
        Change("two", "split", ids(1), "", (1,)),
    }
    assert store.changes("two") == list(made.changes)
    assert store.changes("one") == []


def test_a_product_that_changes_sides_is_a_split_and_no_merge(store):
    assigned(store, "one", "abc", "de")
    made = assigned(store, "two", "ab", "cde")
    assert made.ids == ids(1, 2)
    assert [(one.kind, one.new_id, one.counts) for one in made.changes] == [
        ("split", name_of(1), (2,)),
        ("split", name_of(2), (1,)),
    ]


def test_a_group_that_falls_apart_is_a_split(store):
    assigned(store, "one", "ab")
    assert assigned(store, "two", alone="ab").changes == (Change("two", "split", ids(1), "", (2,)),)


def test_products_that_left_the_feed_are_no_split(store):
    assigned(store, "one", "abcd")
    assert assigned(store, "two", "ab").changes == ()


def test_the_same_generation_again_is_free(store):
    assigned(store, "one", "ab", "cd")
    first = assigned(store, "two", "abcd", "ef")
    bytes_then = store.path.read_bytes()
    assert assigned(store, "two", "abcd", "ef") == first
    assert store.path.read_bytes() == bytes_then
    assigned(store, "three", "ab", "cd", "ef")
    assert assigned(store, "two", "abcd", "ef") == first
    assert len(store.changes("two")) == 1


def test_other_groups_under_the_same_name_are_matched_anew(store):
    assigned(store, "one", "ab", "cd")
    assert assigned(store, "one", "ab", "cde", "fg").ids == ids(1, 2, 3)


def test_only_so_many_generations_are_remembered(store):
    for turn in range(KEPT + 5):
        assigned(store, f"g{turn}", "ab")
    with sqlite3.connect(store.path) as file:
        assert file.execute("SELECT count(*) FROM generations").fetchone()[0] == KEPT


def test_ids_survive_where_a_fifth_of_the_products_is_new(store):
    """Groups keep four fifths of their products on average, get new ones, and new groups come."""
    chance = random.Random(7)
    groups = [[f"p{chance.random():.12f}" for _ in range(chance.randint(2, 8))] for _ in range(400)]

    def assign(generation, groups):
        order = chance.sample(range(len(groups)), len(groups))
        products = [product for number in order for product in groups[number]]
        numbers = np.repeat(np.arange(len(order)), [len(groups[number]) for number in order])
        made = store.assign(generation, products, numbers)
        return {number: made.ids[place] for place, number in enumerate(order)}, made

    before, _ = assign("one", groups)
    renewed = [[f"n{chance.random():.12f}" if chance.random() < 0.2 else one for one in group] for group in groups]
    after, made = assign("two", renewed)
    survivors = [number for number in before if set(groups[number]) & set(renewed[number])]
    assert len(survivors) > 380
    assert all(before[number] == after[number] for number in survivors)
    assert made.new == len(groups) - len(survivors)
    assert made.changes == ()


def plain(old, new):
    """Greedy matching over all pairs, written out; names of earlier groups sort by age."""
    found = {}
    pairs = sorted(
        (-len(one & two), -len(two), name, min(two), number)
        for name, one in old.items()
        for number, two in enumerate(new)
        if one & two
    )
    for _, _, name, _, number in pairs:
        if number not in found and name not in found.values():
            found[number] = name
    return found


@pytest.mark.parametrize("seed", range(8))
def test_equals_the_matching_written_out(store, seed):
    chance = random.Random(seed)
    products = [f"p{number:02d}" for number in range(40)]
    state = {}
    for turn in range(6):
        here = [product for product in products if chance.random() < 0.9]
        place = {product: chance.randrange(12) for product in here}
        new = [group for group in ({p for p in here if place[p] == k} for k in range(12)) if len(group) > 1]
        numbers = [next((k for k, group in enumerate(new) if p in group), -1) for p in here]
        made = store.assign(f"g{turn}", here, np.array(numbers))
        old = {name: {p for p in here if state.get(p) == name} for name in sorted(set(state.values()))}
        expected = plain({name: members for name, members in old.items() if members}, new)
        assert {number: made.ids[number] for number in expected} == expected
        fresh = [one for number, one in enumerate(made.ids) if number not in expected]
        assert made.new == len(fresh)
        assert not set(fresh) & set(state.values())
        assert len(set(made.ids)) == len(made.ids)
        moved = Counter((state[p], numbers[i]) for i, p in enumerate(here) if p in state)
        places = {name: [(k, n) for (one, k), n in moved.items() if one == name] for name, _ in moved}
        pieces = {name: sum(n if k < 0 else 1 for k, n in found) for name, found in places.items()}
        said = {(one.old_ids[0], one.new_id): one.counts[0] for one in made.changes if one.kind == "split"}
        assert said == {
            (name, made.ids[k] if k >= 0 else ""): n
            for name, found in places.items()
            if pieces[name] > 1
            for k, n in found
        }
        for p, number in zip(here, numbers, strict=True):
            state.pop(p, None)
            if number >= 0:
                state[p] = made.ids[number]


def work(path, name):
    """Many generations of two groups, the first of which several processes share."""
    store = GroupIds(path)
    own = [
        store.assign(f"{name}-{turn}", ["a", "b", f"{name}{turn}", f"{name}{turn}'"], np.array([0, 0, 1, 1]))
        for turn in range(10)
    ]
    shared = [
        store.assign(f"shared-{turn}", ["a", "b", f"s{turn}", f"t{turn}"], np.array([0, 0, 1, 1])) for turn in range(5)
    ]
    return [one.ids for one in own], [one.ids for one in shared]


def test_two_processes_at_once_never_give_one_id_twice(store):
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        one, two = (pool.submit(work, store.path, name) for name in ("x", "y"))
        (own, shared), (other, same) = one.result(), two.result()
    assert shared == same
    assert {pair[0] for pair in [*own, *other, *shared]} == {own[0][0]}
    given = [pair[1] for pair in [*own, *other, *shared]]
    assert len(set(given)) == len(given) == 25


def test_nothing_is_kept_of_a_call_that_fails_halfway(store, monkeypatch):
    assigned(store, "one", "ab", "cd")
    monkeypatch.setattr("service.pairs.group_ids._splits", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        assigned(store, "two", "abcd", "ef")
    monkeypatch.undo()
    assert assigned(store, "two", "ab", "cd", "ef") == Assignment(ids(1, 2, 3), 1, ())


def test_no_products_and_no_groups(store):
    assert store.changes() == []
    assert not store.path.exists()
    assert store.assign("one", [], np.zeros(0, np.int32)) == Assignment((), 0, ())
    assert assigned(store, "two", alone="ab") == Assignment((), 0, ())


def test_numbers_for_other_products_are_refused(store):
    with pytest.raises(AxisMismatch, match="2 products"):
        store.assign("one", ["a", "b"], np.zeros(3, np.int32))


def test_a_broken_file_and_one_of_another_version_are_named(tmp_path):
    broken = GroupIds(tmp_path / "groups.sqlite")
    broken.path.write_bytes(b"no database " * 100)
    with pytest.raises(VariantsError, match=r"groups\.sqlite.*Move the file away"):
        assigned(broken, "one", "ab")
    later = GroupIds(tmp_path / "later.sqlite")
    with sqlite3.connect(later.path) as file:
        file.execute("PRAGMA user_version = 99")
    with pytest.raises(VariantsError, match="another version"):
        assigned(later, "one", "ab")


def test_a_place_that_can_not_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(VariantsError, match="Name a store"):
        assigned(GroupIds(tmp_path / "file" / "groups.sqlite"), "one", "ab")
    (tmp_path / "folder.sqlite").mkdir()
    with pytest.raises(VariantsError, match="unable to open"):
        assigned(GroupIds(tmp_path / "folder.sqlite"), "one", "ab")
