import numpy as np
import pytest

from analysis.drawings import code_chart, label_sides, recall_chart, speed_chart
from analysis.fingerprints import BITS, LEARNED, METRICS, RAW, WHITENED, FingerprintRecall
from analysis.fingerprints_in_words import (
    PAPER,
    as_frame,
    by_float_vectors,
    code_table,
    conclusion,
    field_table,
    loss_table,
    paper_table,
)
from eval.bootstrap import Interval

SPEED = {"gradients": 4.0, "hog": 6.0, "net": 12.0}
FOUND = {
    RAW: {"gradients": 0.4, "hog": 0.3, "net": 0.2},
    WHITENED: {"gradients": 0.5, "hog": 0.35, "net": 0.45},
    LEARNED: {"gradients": 0.6, "hog": 0.45, "net": 0.8},
}


def one_way(name, space, value, codes="", bits=0, rescored=False):
    found = np.full(40, value)
    values = dict.fromkeys(METRICS, value)
    wide = bits // 8 if codes else 384
    span = Interval(value, value - 0.01, value + 0.01)
    return FingerprintRecall(
        name, space, codes, bits, rescored, 192, wide, values, found, np.arange(40, dtype=np.int32) // 2, span
    )


def every_way(found=FOUND):
    made = []
    for space, by_name in found.items():
        for name, value in by_name.items():
            made.append(one_way(name, space, value))
            for codes, lost in (("hyperplanes", 0.05), ("rotations", 0.03)) if space != WHITENED else ():
                made += [one_way(name, space, value - lost, codes, bits) for bits in BITS]
                made += [one_way(name, space, value - lost / 10, codes, bits, True) for bits in BITS]
    return made


MADE = every_way()


def test_the_best_comes_first():
    assert [one.fingerprint for one in by_float_vectors(MADE, LEARNED)] == ["net", "gradients", "hog"]
    assert [one.fingerprint for one in by_float_vectors(MADE, RAW)] == ["gradients", "hog", "net"]


def test_every_table_has_a_row_for_each_fingerprint():
    tables = [
        paper_table(MADE, SPEED, RAW),
        paper_table(MADE, SPEED, LEARNED),
        field_table(MADE),
        code_table(MADE, RAW, "hyperplanes", 512),
        loss_table(MADE, LEARNED),
    ]
    for table in tables:
        assert set(table.index) == set(SPEED)
        assert table.notna().all().all()


def test_the_papers_table_holds_its_metrics_and_the_costs():
    table = paper_table(MADE, SPEED, LEARNED)
    assert table.columns.tolist() == [*PAPER, "dimensions", "bytes per product", "ms per picture"]
    assert table.loc["net"].tolist() == ["0.800"] * 5 + ["192", "384", "12.0"]


def test_the_fields_table_has_the_spaces_beside_each_other():
    table = field_table(MADE)
    assert table.index.tolist() == ["net", "gradients", "hog"]
    assert table.loc["net", "recall@10"].tolist() == ["0.200", "0.450", "0.800", "79.0–81.0%"]


def test_codes_stand_without_and_with_rescoring():
    table = code_table(MADE, LEARNED, "rotations", 512)
    assert table.loc["net", "codes alone"].tolist() == ["0.770"] * 5
    assert table.loc["net", "first rescored"].tolist() == ["0.797"] * 5


def test_losses_are_against_float_vectors_of_the_same_space():
    table = loss_table(MADE, LEARNED)
    assert table.columns.tolist() == [
        ("float", "", ""),
        *(
            (codes, said, f"{bits:,}")
            for codes in ("hyperplanes", "rotations")
            for said in ("codes alone", "first rescored")
            for bits in BITS
        ),
    ]
    assert table.loc["net"].tolist() == ["0.800"] + ["-5.0"] * 3 + ["-0.5"] * 3 + ["-3.0"] * 3 + ["-0.3"] * 3


def test_the_frame_holds_every_measurement():
    frame = as_frame(MADE, SPEED)
    assert len(frame) == len(MADE)
    assert frame["recall@10"].tolist() == [one.values["recall@10"] for one in MADE]
    assert set(frame.ms) == set(SPEED.values())


def test_the_conclusion_follows_the_numbers():
    said = conclusion(MADE, SPEED).split("\n\n")
    assert said[0].startswith("**The highest recall** is that of *net*")
    assert "20.0 points (+20.0 to +20.0) above *gradients*" in said[0]
    assert said[1].startswith("No faster fingerprint")
    assert "*gradients* is best" in said[2]
    assert "20.0 points less" in said[2]
    assert "+15.0 points (*hog*) to +60.0 (*net*)" in said[3]
    assert "*gradients* is best" in said[4]
    assert "64 bytes per product instead of 384" in said[5]
    assert "by -3.00 (-3.00 to -3.00) points" in said[5]
    assert "and by -0.30" in said[5]
    assert "+2.0 at 256 bits, +2.0 at 512 bits, +2.0 at 1,024 bits" in said[6]


def test_other_numbers_make_another_conclusion():
    found = {space: values | {"gradients": 0.9} for space, values in FOUND.items()}
    found[LEARNED] = found[LEARNED] | {"hog": 0.89}
    said = conclusion(every_way(found), SPEED | {"hog": 1.0})
    assert "that of *gradients*" in said
    assert "fastest within 2 points** is *hog*" in said
    assert "1.0 ms per picture instead of 4.0" in said
    assert "needs no weights" in said


def test_a_single_fingerprint_is_enough():
    made = [one for one in MADE if one.fingerprint == "net"]
    said = conclusion(made, SPEED)
    assert "that of *net*" in said
    assert "above" not in said
    assert "Without any weights" not in said
    assert recall_chart(made).data
    assert speed_chart(made, SPEED).data


def test_the_chart_of_recall_has_a_point_for_each_fingerprint_and_space():
    figure = recall_chart(MADE)
    assert {trace.name: dict(zip(trace.y, trace.x, strict=True)) for trace in figure.data} == FOUND
    learned = next(trace for trace in figure.data if trace.name == LEARNED)
    assert learned.y[-1] == "net"  # Plotly draws the last on top
    assert learned.error_x.array == pytest.approx([0.01] * 3)


def test_the_chart_of_speed_tells_what_needs_no_weights():
    figure = speed_chart(MADE, SPEED)
    told = {trace.name: dict(zip(trace.text, trace.x, strict=True)) for trace in figure.data}
    assert told == {"no weights needed": {"gradients": 4.0, "hog": 6.0}, "a network": {"net": 12.0}}


def test_the_chart_of_codes_has_a_line_for_each_kind_and_space():
    figure = code_chart(MADE, "net")
    lines = [trace for trace in figure.data if trace.x[0] is not None]
    assert len(lines) == 8
    assert all(trace.x == BITS for trace in lines)
    shown = [trace.name for trace in figure.data if trace.showlegend]
    assert len(shown) == len(set(shown)) == 5


def test_names_of_near_points_part_and_stay_within_the_chart():
    names = ["one", "a network with a long name", "another network", "far away"]
    sides = label_sides([(1.0, 0.2), (50.0, 0.8), (48.0, 0.79), (8.0, 0.5)], names)
    assert sides == ["middle right", "top left", "middle left", "middle right"]
    assert label_sides([(3.0, 0.5)], ["one"]) == ["middle right"]


def test_of_many_names_in_one_place_none_is_lost():
    assert len(label_sides([(3.0, 0.5)] * 12, ["the same"] * 12)) == 12
