from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from image_retrieval.rolling import Rolling, slice_named

days = st.dates(date(1999, 1, 1), date(2050, 12, 31))
kinds = st.sampled_from(["week", "month"])


@given(days, kinds)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_a_day_lies_in_its_slice_and_slices_follow_each_other(day, every):
    rolling = Rolling(every)
    part = rolling.slice_of(day)
    assert part.first <= day <= part.last
    following = rolling.slice_of(part.last + timedelta(days=1))
    assert following.first == part.last + timedelta(days=1)
    assert following.label > part.label
    assert rolling.slice_of(part.first) == rolling.slice_of(part.last) == part == slice_named(part.label)


@given(days, days, kinds, st.integers(1, 14))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_nothing_younger_than_the_window_is_dropped_and_nothing_stays_much_longer(day, today, every, months):
    rolling = Rolling(every, months)
    held = rolling.holds(rolling.slice_of(day), today)
    oldest = rolling.oldest(today)
    if day >= oldest:
        assert held
    if day < oldest - timedelta(days=6 if every == "week" else 30):
        assert not held


@pytest.mark.parametrize(
    ("today", "months", "oldest"),
    [
        (date(2026, 7, 15), 3, date(2026, 4, 15)),
        (date(2026, 5, 31), 3, date(2026, 2, 28)),
        (date(2024, 5, 31), 3, date(2024, 2, 29)),
        (date(2026, 1, 1), 1, date(2025, 12, 1)),
        (date(2026, 3, 5), 15, date(2024, 12, 5)),
    ],
)
def test_the_window_begins_months_ago(today, months, oldest):
    assert Rolling(months=months).oldest(today) == oldest


def test_labels():
    assert Rolling("week").slice_of(date(2027, 1, 2)).label == "2026-w53"
    assert Rolling("month").slice_of(date(2026, 7, 31)).label == "2026-07"
    with pytest.raises(ValueError, match="nonsense"):
        slice_named("nonsense")
