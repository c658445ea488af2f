import math

import pytest

from analysis.cost import PUBLISHED, AtBudget, Step
from analysis.cost_in_words import (
    answer_in_words,
    best_strategy,
    cost_of,
    equal_cost_frame,
    equal_cost_table,
    equal_recall_table,
    line_of,
    plan_table,
)
from eval.bootstrap import Interval
from eval.curves import OperatingPoint
from service.learning.planner import Offer, Plan


def point(strategy, cost, recall):
    return OperatingPoint(strategy, None, None, None, cost, cost / 1000, recall, recall, recall, recall, 5)


def row(strategy, budget, recall, cost=None):
    return AtBudget(strategy, budget, cost or budget, recall, recall - 0.01, recall + 0.01, "")


ROWS = [
    *(row("text", *one) for one in ((50, 0.30), (100, 0.40))),
    *(row("image", *one) for one in ((50, 0.45), (100, 0.55))),
    *(row("fused", *one) for one in ((50, 0.70), (100, 0.80))),
    *(row("hop", *one) for one in ((50, 0.50), (100, 0.60))),
    row(PUBLISHED, 50, 0.35),
    row(PUBLISHED, 100, 0.45, cost=80),
]
LEARNED = [point("hop", 400, 0.9), point("text", 500, 0.6), point("hop", 40, 0.2)]
STEPS = [Step(50, 100, 0.7, 0.8, Interval(0.1, 0.05, 0.15))]


def test_a_line_rises_and_holds_what_either_way_measured():
    line = line_of([*LEARNED, point("hop", 450, 0.85), point("hop", 0, 0.99)], ROWS, "hop")
    assert line == [(40, 0.2), (50, 0.5), (100, 0.6), (400, 0.9)]
    assert line_of(LEARNED, ROWS, PUBLISHED)[:2] == [(40, 0.2), (50, 0.35)]
    assert line_of(LEARNED, [], "union") == []


def test_the_cost_of_a_recall_goes_straight_over_the_logarithm():
    line = [(50.0, 0.5), (100.0, 0.6), (400.0, 0.9)]
    assert cost_of(line, 0.6) == pytest.approx(100)
    assert cost_of(line, 0.75) == pytest.approx(math.sqrt(100 * 400))
    assert cost_of(line, 0.1) == 50
    assert cost_of(line, 0.91) is None
    assert cost_of([], 0.5) is None


def test_the_table_has_a_line_for_each_strategy_the_best_first():
    table = equal_cost_table(ROWS)
    assert table.columns.tolist() == ["50 candidates", "100 candidates"]
    assert table.index[0] == "Three fused lists and a hop"
    assert table.index[-1] == "Text alone"
    assert len(table) == 5
    assert table.iloc[0, 1].startswith("80.0")
    # Where a strategy has no more to give, the candidates that it has are said.
    assert table.loc["Suggestion of suggestions, as published", "100 candidates"].endswith("with 80")
    assert "with" not in table.loc["Suggestion of suggestions, as published", "50 candidates"]


def test_a_strategy_that_was_not_measured_at_a_budget_has_a_dash():
    table = equal_cost_table([*ROWS, row("rrf", 100, 0.1)])
    assert table.loc["Reciprocal rank fusion", "50 candidates"] == "–"


def test_the_frame_holds_the_numbers():
    frame = equal_cost_frame(ROWS)
    assert len(frame) == len(ROWS)
    assert frame.recall.tolist() == [one.recall for one in ROWS]


def test_the_best_is_the_best_over_all_budgets():
    assert best_strategy(ROWS) == "fused"
    assert best_strategy([*ROWS, row("rrf", 50, 0.75), row("rrf", 100, 0.76)]) == "rrf"


def test_equal_recall_says_how_many_candidates_others_need():
    table = equal_recall_table(ROWS, LEARNED, [point("hop", 700, 0.5)])
    assert table.index.tolist() == [50, 100]
    hop = table["Suggestion of suggestions"].tolist()
    assert hop == [f"{100 * 4 ** (1 / 3):.0f}", f"{100 * 4 ** (2 / 3):.0f}"]
    assert table["Text alone"].tolist()[0].startswith("never (60.0")
    assert table["Suggestion of suggestions, as published"].tolist()[1].endswith("with 700)")


def test_a_plan_is_shown_with_what_it_is_ahead_of():
    known = Offer("fused", {}, 100, 99.6, 0.8, 0.7, 0.9, "rrf", 0.02, 0.01, 0.03)
    unknown = Offer("text", {}, 50, 50.0, None, None, None, "", None, None, None)
    table = plan_table(Plan("known groups", 5, 2, 100, (unknown, known)))
    assert table.index.tolist() == [50, 100]
    assert table.iloc[0].tolist() == ["50", "Text alone", "–", "–", "–"]
    assert table.iloc[1, 3:].tolist() == ["Reciprocal rank fusion", "+2.0 (+1.0 to +3.0)"]


def test_the_answer_is_made_of_the_numbers():
    said = answer_in_words(ROWS, STEPS, LEARNED, [point("hop", 700, 0.5)]).split("\n\n")
    assert len(said) == 5
    assert "100 candidates" in said[0]
    assert "80.0" in said[0]
    assert "from 70.0% to 80.0%: +10.0 (+5.0 to +15.0) points" in said[1]
    assert "40.0 points less" in said[2]
    assert "never reaches 80.0" in said[2]
    assert "needs 252, 2.5 times as many" in said[3]
    assert "35.0 points less" in said[4]
    assert "with 700 candidates" in said[4]


def test_without_budgets_in_the_plan_the_answer_still_stands():
    assert len(answer_in_words(ROWS, [], LEARNED, []).split("\n\n")) == 4
