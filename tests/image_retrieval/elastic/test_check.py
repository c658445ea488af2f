import json
import random
from datetime import date

import pytest

from candidates.errors import RunFolderError, VariantsError
from candidates.product import Refusal
from image_retrieval.elastic import check as checking
from image_retrieval.elastic.check import audit, check, images_in, named, repair, swap_after_audit
from image_retrieval.elastic.documents import identifier_of
from image_retrieval.elastic.load import load
from tests.image_retrieval.elastic.made_images import JULY, codes, documents, filled, image, images

JUNE = date(2026, 6, 3)


def key(number):
    return identifier_of(f"i{number}")[1]


def keys(*numbers):
    return sorted(map(key, numbers))


def mishap(window):
    """A window in which all that can be wrong is wrong, and what it should hold."""
    stored = codes(120)
    filled(window, [image(n, stored[n]) for n in range(100)])
    # Stray: 90–99. Missing: 100–119. Changed: a code, a title. Twice: 5 and 6.
    load(window, documents([image(3, stored[50]), image(4, stored[4], title="old")], window))
    before = [image(n, stored[n], JUNE) for n in (5, 6)]
    window.ensure(JUNE)
    lines = [
        line
        for one in documents(before, window)
        for line in ({"index": {"_index": window.index_of(JUNE), "_id": one.id}}, json.loads(one.source(1)))
    ]
    window.client.bulk(operations=lines, refresh=True)
    should = documents([image(n, None if n == 60 else stored[n]) for n in [*range(90), *range(100, 120)]], window)
    random.Random(1).shuffle(should)
    return lambda: iter(should)


@pytest.mark.parametrize("page", [10_000, 7])
def test_all_that_differs_is_counted_and_mended(window_of, monkeypatch, page):
    monkeypatch.setattr(checking, "PAGE", page)
    monkeypatch.setattr("image_retrieval.elastic.load.PAGE", page)
    window = window_of()
    should = mishap(window)
    found = check(window, should)
    assert found.counts == {
        "expected": 109,
        "found": 102,
        "refused": 1,
        "missing": 20,
        "changed": 2,
        "stray": 11,
        "twice": 2,
        "wrong version": 0,
    }
    assert sorted(found.missing.tolist()) == keys(*range(100, 120))
    assert sorted(found.changed.tolist()) == keys(3, 4)
    assert sorted(found.stray.tolist()) == keys(60, *range(90, 100))
    assert sorted(found.twice.tolist()) == keys(5, 6)
    assert set(named(should(), found.changed)) == {"i3", "i4"}
    assert not found.complete
    repaired = repair(window, should)
    assert (repaired.loaded.stored, repaired.removed) == (22, 13)
    after = check(window, should)
    assert after.complete
    assert after.found == after.expected == 109
    assert sorted(images_in(window)) == sorted(one.image for one in should() if not isinstance(one, Refusal))
    again = repair(window, should)
    assert (again.loaded.stored, again.removed) == (0, 0)


def test_a_changed_image_of_another_day_leaves_its_old_slice(window_of):
    window, stored = window_of(), codes(3)
    filled(window, [image(n, stored[n], JUNE) for n in range(3)])
    should = documents([image(0, stored[0]), image(1, stored[1], title="new"), image(2, stored[2])], window)
    repair(window, lambda: should)
    assert check(window, lambda: should).complete
    # What has not changed stays where it came in.
    assert [(one.slice.label, one.documents) for one in window.standing()] == [("2026-06", 2), ("2026-07", 1)]


def test_a_comparison_made_before_is_used(window_of):
    window = window_of()
    should = mishap(window)
    found, calls = check(window, should), []
    repair(window, lambda: calls.append(1) or should(), checked=found)
    assert calls == [1]
    assert check(window, should).complete


def test_images_of_another_version_are_counted(window_of):
    old = filled(window_of(), images(codes(5)))
    old.swap()
    new = filled(window_of(like=old, fingerprint="v2"), images(codes(5)))
    should = documents(images(codes(5)), new)
    found = check(new, lambda: should)
    assert found.complete
    assert found.counts["wrong version"] == 5
    swap_after_audit(new, lambda: should)
    assert check(new, lambda: should).counts["wrong version"] == 0


@pytest.mark.parametrize("way", ["flat", "subcodes", "hnsw"])
def test_a_version_comes_into_force_after_its_audit(window_of, way):
    window = filled(window_of(search=way), images(codes(250)))
    should = documents(images(codes(250)), window)
    result = swap_after_audit(window, lambda: should)
    assert (result.looked_up, result.held, result.found) == (100, 100, 100)
    assert window.in_force
    assert len({one.image for one in result.checked.sample}) == 100


def test_a_version_that_is_not_whole_does_not_come_into_force(window_of):
    old = filled(window_of(), images(codes(20)))
    old.swap()
    new = filled(window_of(like=old, fingerprint="v2"), images(codes(19)))
    should = documents(images(codes(20)), new)
    with pytest.raises(VariantsError, match="1 missing"):
        swap_after_audit(new, lambda: should)
    assert old.in_force
    repair(new, lambda: should)
    swap_after_audit(new, lambda: should)
    assert new.in_force


def test_an_audit_notices_codes_that_are_not_what_their_digests_say(window_of):
    window = window_of()
    should = documents(images(codes(20)), window)
    rotten = [
        one._replace(content=json.dumps({**json.loads(one.content), "code": "f0" * 8}).encode()) for one in should[:4]
    ]
    load(window, [*rotten, *should[4:]])
    result = audit(window, lambda: should)
    assert result.checked.complete
    assert (result.looked_up, result.held) == (20, 16)
    assert not result.passed


def test_the_sample_is_drawn_from_the_whole_stream(window_of):
    window = filled(window_of(), images(codes(400)))
    sample = check(window, lambda: documents(images(codes(400)), window)).sample
    numbers = sorted(int(one.image[1:]) for one in sample)
    assert len(set(numbers)) == 100
    assert 120 < sum(numbers) / 100 < 280


def test_nothing_expected_and_nothing_there(window_of):
    window = window_of()
    with pytest.raises(RunFolderError):
        check(window, list)
    window.ensure(JULY)
    assert check(window, list).complete
    assert audit(window, list).passed


def test_one_id_twice_is_a_mistake_of_the_caller(window_of):
    window = filled(window_of(), images(codes(2)))
    with pytest.raises(VariantsError, match="the same id"):
        check(window, lambda: documents([*images(codes(2)), image(1, codes(2)[0])], window))
