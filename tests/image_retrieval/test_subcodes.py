import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from image_retrieval.subcodes import (
    InvertedLists,
    guaranteed_radius,
    pigeonhole_search,
    subcodes_of,
    tokens_of,
)


def plain_ball(codes: np.ndarray, query: np.ndarray, radius: int) -> list[tuple[int, int]]:
    """(row, distance) of every code within the radius, nearest first, by comparing all of them bit by bit."""
    distances = (np.unpackbits(codes, axis=1) != np.unpackbits(query)).sum(axis=1)
    return sorted(
        ((row, int(distance)) for row, distance in enumerate(distances) if distance <= radius),
        key=lambda pair: (pair[1], pair[0]),
    )


def found(codes: np.ndarray, queries: np.ndarray, matches: int) -> list[list[tuple[int, int]]]:
    ball = pigeonhole_search(codes, queries, matches)
    pairs = list(zip(ball.rows.tolist(), ball.distances.tolist(), strict=True))
    return [pairs[low:high] for low, high in zip(ball.offsets[:-1], ball.offsets[1:], strict=True)]


@st.composite
def searches(draw):
    """Codes around a few centres, some equal, and queries a few flipped bits away: balls that are not empty."""
    subcodes = draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    centres = rng.integers(0, 256, (draw(st.integers(1, 3)), 2 * subcodes), dtype=np.uint8)

    def near(count: int) -> np.ndarray:
        flips = rng.random((count, 16 * subcodes)) < draw(st.sampled_from([0.0, 0.02, 0.1, 0.5]))
        return centres[rng.integers(len(centres), size=count)] ^ np.packbits(flips, axis=1)

    return near(draw(st.integers(0, 40))), near(draw(st.integers(0, 5))), draw(st.integers(1, subcodes))


@given(searches())
@settings(max_examples=150, deadline=None)
def test_the_search_returns_exactly_the_promised_ball(search):
    codes, queries, matches = search
    radius = guaranteed_radius(codes.shape[1] // 2, matches)
    assert found(codes, queries, matches) == [plain_ball(codes, query, radius) for query in queries]


@given(st.integers(1, 64), st.data())
@settings(max_examples=80, deadline=None)
def test_within_the_radius_enough_subcodes_are_shared_and_beyond_it_not_always(subcodes, data):
    matches = data.draw(st.integers(1, subcodes))
    radius = guaranteed_radius(subcodes, matches)
    flipped = data.draw(st.permutations(range(16 * subcodes)))[:radius]
    code = np.zeros((1, 16 * subcodes), np.uint8)
    code[0, flipped] = 1
    assert (subcodes_of(np.packbits(code, axis=1)) == 0).sum() >= matches
    # One bit in each of radius + 1 subcodes: the promise can't reach further.
    code[:] = 0
    code[0, 16 * np.arange(radius + 1)] = 1
    assert (subcodes_of(np.packbits(code, axis=1)) == 0).sum() == matches - 1


def test_subcodes_hold_the_bits_in_order():
    code = np.array([[0xCA, 0xFE, 0x00, 0x01]], np.uint8)
    assert subcodes_of(code).tolist() == [[0xCAFE, 1]]
    assert subcodes_of(code).dtype == np.uint16
    bits = np.unpackbits(code, axis=1).reshape(2, 16)
    assert subcodes_of(code)[0].tolist() == [int("".join(map(str, row)), 2) for row in bits]


def test_subcodes_of_every_other_code():
    codes = np.arange(24, dtype=np.uint8).reshape(6, 4)
    assert np.array_equal(subcodes_of(codes[::2]), subcodes_of(codes)[::2])


def test_a_token_is_position_and_value():
    assert tokens_of(subcodes_of(np.array([[0xCA, 0xFE, 0, 1]], np.uint8))[0]) == ["0-51966", "1-1"]


def test_sharing_counts_subcodes_at_the_same_place_only():
    codes = np.array([[1, 2, 3], [3, 2, 1], [9, 9, 9], [1, 2, 9]], np.uint16)
    lists = InvertedLists.of(codes)
    query, rows = lists.sharing(np.array([[1, 2, 3], [9, 2, 9]], np.uint16), 1)
    assert list(zip(query.tolist(), rows.tolist(), strict=True)) == [
        (0, 0), (0, 1), (0, 3), (1, 0), (1, 1), (1, 2), (1, 3),
    ]  # fmt: skip
    query, rows = lists.sharing(np.array([[1, 2, 3], [9, 2, 9]], np.uint16), 2)
    assert list(zip(query.tolist(), rows.tolist(), strict=True)) == [(0, 0), (0, 3), (1, 2), (1, 3)]


@pytest.mark.parametrize(("n", "q"), [(0, 0), (0, 3), (3, 0)])
def test_nothing_to_search_or_to_ask(n, q):
    ball = pigeonhole_search(np.zeros((n, 4), np.uint8), np.zeros((q, 4), np.uint8))
    assert ball.offsets.tolist() == [0] * (q + 1)
    assert len(ball.rows) == len(ball.distances) == 0


def test_equal_codes_are_all_found_by_row():
    codes = np.tile(np.array([[7, 7]], np.uint8), (5, 1))
    assert found(codes, codes[:1], 1) == [[(row, 0) for row in range(5)]]
