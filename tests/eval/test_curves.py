import random
from dataclasses import asdict

import numpy as np
import pyarrow.parquet as pq
import pytest

from candidates.artifacts import write_parquet
from candidates.errors import AxisMismatch, SchemaError
from candidates.provenance import CandidatePart, Candidates
from eval.bootstrap import intervals
from eval.curves import (
    OperatingPoint,
    QuerySet,
    Setting,
    Sweep,
    find,
    from_table,
    pareto,
    points,
    sweep_list,
    sweep_union,
    sweep_walk,
    to_table,
)
from eval.metrics import by_group, judged, recall
from fusion.merge.hop import walks
from tests.eval.made_up import drawn_lists, drawn_qrels, qrels_of, run_of, variants_of

SEEDS = range(40)
GRID = (1, 2, 3, 7, 20)


def drawn(seed):
    """Random truth, the queries measured, and random text lists and image lists of them."""
    qrels = drawn_qrels(seed)
    queries = QuerySet(qrels.queries(), qrels)
    rows = queries.rows.tolist()
    return queries, drawn_lists(qrels, rows, f"text {seed}"), drawn_lists(qrels, rows, f"image {seed}")


def drawn_look_ups(size, seed, width=4):
    """Image neighbours of every product: some have none, some few; product 0 is everybody's first."""
    rng = random.Random(f"look-ups {seed}")
    lists = np.full((size, width), -1, np.int32)
    for row in range(size):
        others = [0] * (row > 0) + rng.sample(
            [other for other in range(size) if other not in (0, row)], max(0, size - 2)
        )
        length = min(len(others), rng.choice([0, 1, width, width]))
        lists[row, :length] = others[:length]
    return lists


def measured_by_sets(queries, candidate_sets):
    """Counts and hits of one setting from a set of candidates for each query."""
    known = [variants_of(queries.qrels, query) for query in queries.rows.tolist()]
    return [len(one) for one in candidate_sets], [len(one & k) for one, k in zip(candidate_sets, known, strict=True)]


def check_against_sets(sweep, queries, candidates_at):
    """Compares each column of a sweep with `candidates_at(setting)`: a set for each query."""
    assert sweep.counts.dtype == sweep.hits.dtype == np.int32
    assert sweep.counts.shape == sweep.hits.shape == (len(queries.rows), len(sweep.settings))
    for column, setting in enumerate(sweep.settings):
        counts, hits = measured_by_sets(queries, candidates_at(setting))
        assert sweep.counts[:, column].tolist() == counts
        assert sweep.hits[:, column].tolist() == hits


def longest(lists):
    return max(map(len, lists), default=0)


def reached(lists, grid=GRID):
    """The grid cut to the longest list."""
    return sorted({min(depth, longest(lists)) for depth in grid} - {0})


@pytest.mark.parametrize("seed", SEEDS)
def test_one_list_against_sets(seed):
    queries, text, _ = drawn(seed)
    run = run_of(queries.qrels, queries.rows, text, cuts=[len(text) // 2])
    sweep = sweep_list("text", run, queries, GRID, "n")
    assert [setting.n for setting in sweep.settings] == reached(text)
    check_against_sets(sweep, queries, lambda setting: [set(one[: setting.n]) for one in text])


def pooled_of(queries, text, image, cuts):
    """Both lists of every query with the rank in either, as `Candidates` in parts."""
    run = run_of(
        queries.qrels, queries.rows, [list(dict.fromkeys(t + i)) for t, i in zip(text, image, strict=True)], cuts
    )
    parts = []
    for part in run.parts:
        entries = list(zip(part.query_rows.tolist(), part.rows.tolist(), strict=True))
        ranks = {
            f"{name}_rank": np.array(
                [1 + lists[q].index(row) if row in lists[q] else 0 for q, row in entries], np.int32
            )
            for name, lists in (("text", text), ("image", image))
        }
        nothing = {"text_score": part.scores, "image_score": part.scores, "via": np.full(len(entries), -1, np.int32)}
        parts.append(CandidatePart(part.start, part.offsets, part.rows, part.scores, **ranks, **nothing))
    return Candidates("union", run.queries, run.items, tuple(parts))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_union_against_sets(seed):
    queries, text, image = drawn(seed)
    pooled = pooled_of(queries, text, image, cuts=[len(text) // 3, len(text) // 2])
    asked = [(1, 1), (3, 3), (2, 7), (20, 20), (20, 40)]
    sweep = sweep_union(pooled, queries, asked)
    cut = {(min(n, longest(text)), min(m, longest(image))) for n, m in asked} - {(0, 0)}
    assert [(setting.n, setting.k) for setting in sweep.settings] == sorted(cut)
    check_against_sets(
        sweep, queries, lambda s: [set(t[: s.n]) | set(i[: s.k]) for t, i in zip(text, image, strict=True)]
    )


def hop_by_sets(query, text, look_ups, n, k):
    """Suggestion of suggestions in plain sets: N text neighbours, K look-ups of the query and of each of these."""
    found = set(text[:n])
    for seed in [query, *text[:n]]:
        found |= set(look_ups[seed, :k].tolist())
    return found - {query, -1}


def walked(query, text, look_ups, k):
    """The hop in plain Python: each candidate with the step at which it enters, in the order of the walk."""
    steps = {}
    for step, seed in enumerate([query, *text]):
        for row in [seed] * (step > 0) + look_ups[seed, :k].tolist():
            if row not in (query, -1):
                steps.setdefault(row, step)
    return steps


def plain_walks(queries, text, look_ups, k, cuts=()):
    """The walks of all queries as blocks of arrays, a new block at each cut."""
    steps = [walked(query, one, look_ups, k) for query, one in zip(queries.rows.tolist(), text, strict=True)]
    run = run_of(queries.qrels, queries.rows, [list(one) for one in steps], cuts)
    for part in run.parts:
        yield part, np.array([step for one in steps[part.start : part.stop] for step in one.values()], np.int32)


def hop_walks(queries, text, look_ups, k, cuts=()):
    """The same from the hop itself, in blocks of a few queries."""
    qrels = queries.qrels
    image = run_of(qrels, range(len(look_ups)), [[row for row in one if row >= 0] for one in look_ups.tolist()])
    yield from walks(run_of(qrels, queries.rows, text), image, max(GRID), k, most=30)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("k", [0, 1, 2, 4])
@pytest.mark.parametrize("blocks", [plain_walks, hop_walks])
def test_the_hop_at_every_n_against_sets(seed, k, blocks):
    queries, text, _ = drawn(seed)
    look_ups = drawn_look_ups(len(queries.qrels.items), seed)
    run = run_of(queries.qrels, queries.rows, text, cuts=[len(text) // 2])
    made = blocks(queries, text, look_ups, k, cuts=[len(text) // 3, len(text) // 3, len(text) // 2])
    sweep = sweep_walk("hop", run, made, queries, GRID, k)
    assert sweep.settings == tuple(Setting(n=n, k=k) for n in reached(text))
    check_against_sets(
        sweep,
        queries,
        lambda s: [
            hop_by_sets(query, one, look_ups, s.n, k) for query, one in zip(queries.rows.tolist(), text, strict=True)
        ],
    )


def test_a_hop_on_paper():
    # p0 … p3 are variants. Text finds p1, then p4; the look-ups bring p2 (of p0 itself), p5 (of p1), p3 (of p4).
    queries = QuerySet(np.array([0], np.int32), qrels_of([0, 0, 0, 0, 1, 1]))
    text = run_of(queries.qrels, [0], [[1, 4]])
    look_ups = np.array([[2, 5], [5, 0], [0, 1], [0, 1], [3, 2], [4, 0]], np.int32)

    def counted(k):
        sweep = sweep_walk("hop", text, plain_walks(queries, [[1, 4]], look_ups, k), queries, [1, 2], k)
        return sweep.counts.tolist(), sweep.hits.tolist()

    assert counted(1) == ([[3, 5]], [[2, 3]])
    assert counted(0) == ([[1, 2]], [[1, 1]])
    # The query is a neighbour of its neighbours, but never its own candidate.
    assert counted(2) == ([[3, 5]], [[2, 3]])


@pytest.mark.parametrize("seed", SEEDS)
def test_without_look_ups_the_hop_is_text_alone(seed):
    queries, text, _ = drawn(seed)
    run = run_of(queries.qrels, queries.rows, text)
    hop = sweep_walk("hop", run, plain_walks(queries, text, np.zeros((len(run.items), 0), int), 0), queries, GRID, 0)
    alone = sweep_list("text", run, queries, GRID, "n")
    assert np.array_equal(hop.counts, alone.counts)
    assert np.array_equal(hop.hits, alone.hits)


def test_a_depth_that_no_list_reaches_is_never_claimed():
    # Some products have no picture: their lists are empty, and the mean alone would not give the short lists away.
    queries = QuerySet(np.array([0, 1, 2], np.int32), qrels_of([0, 0, 0, 1, 1]))
    run = run_of(queries.qrels, [0, 1, 2], [[3, 1], [], [0, 1]])
    sweep = sweep_list("image", run, queries, [1, 500, 1000], "k")
    assert [setting.k for setting in sweep.settings] == [1, 2]
    made = points([sweep], queries)
    assert find(made, "image", k=1000) is None
    assert [point.candidates_per_product for point in made] == pytest.approx([2 / 3, 4 / 3])


def test_lists_that_are_all_empty_make_no_point():
    queries = QuerySet(np.array([0, 1], np.int32), qrels_of([0, 0, 1]))
    run = run_of(queries.qrels, [0, 1], [[], []])
    pooled = pooled_of(queries, [[], []], [[], []], cuts=[])
    look_ups = np.full((3, 2), -1, np.int32)
    sweeps = [
        sweep_list("text", run, queries, GRID, "n"),
        sweep_union(pooled, queries, [(5, 5)]),
        sweep_walk("hop", run, plain_walks(queries, [[], []], look_ups, 2), queries, GRID, 2),
    ]
    assert points(sweeps, queries) == []


def test_walks_of_only_some_of_the_queries_are_our_own_mistake():
    queries = QuerySet(np.array([0, 1], np.int32), qrels_of([0, 0]))
    run = run_of(queries.qrels, [0, 1], [[1], [0]])
    blocks = list(plain_walks(queries, [[1], [0]], np.array([[1], [0]]), 1, cuts=[1]))
    with pytest.raises(AssertionError, match="1 of 2 queries"):
        sweep_walk("hop", run, blocks[:1], queries, [1], 1)


@pytest.mark.parametrize("other", [[1, 0], [0], [0, 2]])
def test_a_run_of_other_queries_is_refused(other):
    queries = QuerySet(np.array([0, 1], np.int32), qrels_of([0, 0, 0]))
    run = run_of(queries.qrels, other, [[] for _ in other])
    with pytest.raises(AxisMismatch, match="not those that are measured"):
        sweep_list("text", run, queries, [1], "n")
    with pytest.raises(AxisMismatch, match="not those that are measured"):
        sweep_walk("hop", run, [], queries, [1], 1)
    with pytest.raises(AxisMismatch, match="not those that are measured"):
        sweep_union(Candidates("union", run.queries, run.items, run.parts), queries, [(1, 1)])


def test_points_on_paper():
    # Two groups: {p0, p1, p2} and {p3, p4}; ten products in all.
    queries = QuerySet(np.array([0, 3, 4], np.int32), qrels_of([0, 0, 0, 1, 1, 2, 3, 4, 5, 6]))
    run = run_of(queries.qrels, [0, 3, 4], [[1, 5, 2], [5], [3, 5, 6]])
    made = points([sweep_list("text", run, queries, [1, 3], "n")], queries)
    assert [(point.strategy, point.n, point.k, point.budget, point.queries) for point in made] == [
        ("text", 1, None, None, 3),
        ("text", 3, None, None, 3),
    ]
    first, last = made
    assert first.candidates_per_product == pytest.approx((1 + 1 + 1) / 3)
    assert first.share == pytest.approx(1 / 10)
    assert first.recall == pytest.approx((1 / 2 + 0 + 1) / 3)
    assert first.recall_by_group == pytest.approx((1 / 2 + (0 + 1) / 2) / 2)
    assert last.candidates_per_product == pytest.approx((3 + 1 + 3) / 3)
    assert last.recall == pytest.approx((1 + 0 + 1) / 3)
    assert last.recall_by_group == pytest.approx((1 + 1 / 2) / 2)
    assert first.low <= first.recall <= first.high


@pytest.mark.parametrize("seed", SEEDS)
def test_points_are_the_metrics_of_the_cut_lists(seed):
    queries, text, _ = drawn(seed)
    run = run_of(queries.qrels, queries.rows, text)
    made = points([sweep_list("text", run, queries, GRID, "n")], queries, resamples=50, seed=seed)
    assert len(made) == (len(reached(text)) if len(queries.rows) else 0)
    for point in made:
        values = recall(judged(run.top(point.n), queries.qrels), point.n)
        assert point.recall == pytest.approx(values.mean())
        assert point.recall_by_group == pytest.approx(by_group(values, queries.groups))
        assert point.candidates_per_product == pytest.approx(run.top(point.n).counts.mean())
        span = intervals(values[:, None], queries.groups, resamples=50, seed=seed)[0]
        assert (point.low, point.high) == pytest.approx((span.low, span.high))


def test_the_sweep_stops_at_the_share_of_the_catalogue():
    queries = QuerySet(np.array([0, 1], np.int32), qrels_of([0, 0, *range(1, 19)]))
    run = run_of(queries.qrels, [0, 1], [list(range(2, 12)), list(range(2, 12))])
    sweep = sweep_list("text", run, queries, [1, 4, 5, 6, 10], "n")
    assert [point.n for point in points([sweep], queries, max_share=0.25)] == [1, 4, 5]
    assert [point.n for point in points([sweep], queries)] == [1, 4, 5, 6, 10]


def test_nothing_to_measure():
    nobody = QuerySet(np.zeros(0, np.int32), qrels_of([0, 1]))
    assert points([sweep_list("text", run_of(nobody.qrels, [], []), nobody, [5], "n")], nobody) == []
    assert points([], QuerySet(np.array([0], np.int32), qrels_of([0, 0]))) == []


def point(cost, found, strategy="text", **parameters):
    """An operating point of which only cost and recall matter."""
    setting = Setting(**parameters)
    return OperatingPoint(strategy, setting.n, setting.k, setting.budget, cost, cost / 100, found, 0.0, 1.0, found, 9)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_frontier_against_all_pairs(seed):
    rng = random.Random(seed)
    made = [point(rng.randint(1, 9), rng.randint(0, 9) / 9, n=number) for number in range(rng.choice([0, 1, 5, 30]))]
    values = {(one.candidates_per_product, one.recall) for one in made}
    unbeaten = {
        (cost, found)
        for cost, found in values
        if not any((c <= cost and r >= found) and (c, r) != (cost, found) for c, r in values)
    }
    frontier = pareto(made)
    assert [(one.candidates_per_product, one.recall) for one in frontier] == sorted(unbeaten)
    assert set(frontier) <= set(made)


def test_finding_a_point():
    made = [point(5, 0.1, n=5), point(9, 0.2, "hop", n=5, k=1), point(9, 0.3, "hop", n=5, k=2)]
    assert find(made, "hop", n=5, k=2) is made[2]
    assert find(made, "hop", n=6, k=2) is None


def test_points_survive_the_table(tmp_path):
    made = [point(5, 0.1, n=5), point(7.25, 0.2, "hop", n=5, k=0), point(9, 1 / 3, "rrf", budget=10)]
    path = tmp_path / "curves.parquet"
    write_parquet(path, to_table(made))
    table = pq.read_table(path)
    assert from_table(table) == made
    assert table.column_names == list(asdict(made[0]))
    assert table["budget"].to_pylist() == [None, None, 10]
    assert from_table(to_table([])) == []


def test_a_table_without_a_column_is_refused_by_name():
    with pytest.raises(SchemaError, match="share"):
        from_table(to_table([point(5, 0.1, n=5)]).drop_columns(["share"]))


def test_every_setting_of_a_sweep_is_a_point():
    queries = QuerySet(np.array([0, 1, 2], np.int32), qrels_of([0, 0, 0, 1]))
    grids = np.array([[1, 2], [1, 3], [1, 3]], np.int32), np.array([[1, 2], [0, 1], [1, 2]], np.int32)
    made = points([Sweep("rrf", (Setting(budget=1), Setting(budget=3)), *grids)], queries)
    assert [one.budget for one in made] == [1, 3]
    assert [one.recall for one in made] == pytest.approx([(1 / 2 + 0 + 1 / 2) / 3, (1 + 1 / 2 + 1) / 3])
