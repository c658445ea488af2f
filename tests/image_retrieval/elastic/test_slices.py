from datetime import date

import pytest

from candidates.errors import RunFolderError, VariantsError, VersionMismatch
from image_retrieval.elastic.check import images_in
from image_retrieval.elastic.slices import inlet
from tests.image_retrieval.elastic.made_images import JULY, codes, filled, image, images

TODAY = date(2026, 8, 1)


def over_months(window):
    """One image a month of this year from March to July."""
    stored = codes(8)
    return filled(window, [image(n, stored[n], date(2026, n, 9)) for n in range(3, 8)])


def test_images_lie_in_the_slices_of_their_days(window_of):
    months, weeks = over_months(window_of()), over_months(window_of(every="week"))
    assert [one.slice.label for one in months.standing()] == [f"2026-{n:02d}" for n in range(3, 8)]
    assert [one.documents for one in months.standing()] == [1] * 5
    assert [one.slice.label for one in weeks.standing()] == ["2026-w11", "2026-w15", "2026-w19", "2026-w24", "2026-w28"]
    assert weeks.standing()[0].slice.first == date(2026, 3, 9)


def test_the_oldest_slices_are_dropped_and_todays_is_made(window_of):
    window = over_months(window_of())
    assert [one.slice.label for one in window.roll(TODAY)] == ["2026-03", "2026-04"]
    assert [one.slice.label for one in window.standing()] == ["2026-05", "2026-06", "2026-07", "2026-08"]
    assert sorted(images_in(window)) == ["i5", "i6", "i7"]
    assert window.roll(TODAY) == []


def test_an_empty_window_keeps_its_name_and_its_force(window_of):
    window = filled(window_of(), images(codes(2)))
    window.swap()
    window.roll(date(2029, 1, 1))
    assert [one.slice.label for one in window.standing()] == ["2029-01"]
    assert window.in_force
    window.require()


def test_a_slice_made_after_the_swap_is_in_force_too(window_of, client):
    window = filled(window_of(), images(codes(3)))
    window.swap()
    filled(window, [image(9, codes(1)[0], date(2026, 8, 9))])
    assert client.count(index=window.name)["count"] == 4


def test_nothing_there_is_said(window_of):
    window = window_of()
    with pytest.raises(RunFolderError, match="has no image index"):
        window.require()
    with pytest.raises(RunFolderError, match="no slices"):
        window.swap()
    with pytest.raises(VariantsError, match="no version"):
        window.drop_others()
    assert (window.standing(), window.count(), window.versions(), window.foreign()) == ([], 0, {}, 0)


@pytest.mark.parametrize("other", [{"fingerprint": "v2"}, {"codes": "seed8"}, {"search": "hnsw"}, {"bits": 128}])
def test_what_holds_another_version_is_refused_with_the_fix(window_of, other):
    old = filled(window_of(), images(codes(5)))
    old.swap()
    new = window_of(like=old, **other)
    with pytest.raises(VersionMismatch, match="beside the current one") as refused:
        new.require()
    assert "planes of v1, searched by flat" in str(refused.value)
    old.require()


def test_versions_stand_side_by_side_until_they_are_swapped(window_of, client):
    old = filled(window_of(), images(codes(5)))
    old.swap()
    new = filled(window_of(like=old, fingerprint="v2"), images(codes(8, seed=3)))
    assert (old.in_force, new.in_force) == (True, False)
    assert (old.count(), new.count(), client.count(index=old.name)["count"]) == (5, 8, 5)
    assert (old.foreign(), new.foreign()) == (0, 5)
    new.swap()
    assert (old.in_force, new.in_force) == (False, True)
    assert client.count(index=old.name)["count"] == 8
    assert set(old.versions()) == {old.alias, new.alias}
    old.require()
    assert new.drop_others() == [old.alias]
    assert (old.count(), new.count()) == (0, 8)
    with pytest.raises(VersionMismatch):
        old.require()


def test_an_index_that_only_has_the_right_name_is_refused(window_of, client):
    window = window_of()
    client.indices.create(index=window.index_of(JULY), mappings={"_meta": {"version": "odd"}})
    with pytest.raises(VersionMismatch, match="not an image index"):
        window.ensure(JULY)
    client.indices.put_alias(index=window.index_of(JULY), name=inlet(window.index_of(JULY)))
    with pytest.raises(VersionMismatch, match="not an image index"):
        window.ensure(JULY)


def test_a_slice_is_made_once(window_of):
    window = window_of()
    assert window.ensure(JULY) == window.ensure(date(2026, 7, 31)) == inlet(window.index_of(JULY))
    assert len(window.standing()) == 1


def test_an_index_in_the_way_of_an_alias_is_said(window_of, client):
    window = window_of()
    client.indices.create(index=window.alias)
    with pytest.raises(VariantsError, match="alias"):
        window.ensure(JULY)


def test_a_field_that_nobody_planned_is_refused(window_of, client):
    from elasticsearch import BadRequestError

    window = filled(window_of(), images(codes(2)))
    with pytest.raises(BadRequestError, match="strict_dynamic_mapping"):
        client.index(index=window.index_of(JULY), document={"colour": "red"})


def test_a_merge_leaves_one_segment_and_all_images(window_of, client):
    window = window_of()
    for start in range(0, 60, 20):
        filled(window, [image(n, code) for n, code in enumerate(codes(60))][start : start + 20])
    window.merge()
    index = window.index_of(JULY)
    shards = client.indices.segments(index=index)["indices"][index]["shards"]
    assert [len(copy["segments"]) for copies in shards.values() for copy in copies] == [1]
    assert window.count() == 60
