"""The figures on unseen groups: no query's group in what ranks it, the same folds everywhere, floors that can fail."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.quality import held_out
from benchmarks.quality.held_out import ALL, AT, FLOORS, GUESSED, MAIN, OWN, SAME, Check
from demo_catalogue.catalogue import draw_catalogue
from eval.bootstrap import Interval
from eval.metrics import judged, recall
from service.learning.held_out import held_out as product_lists
from service.learning.held_out import hopped
from service.pipeline.run import encode


@pytest.fixture(scope="module")
def feed(tmp_path_factory):
    return draw_catalogue(tmp_path_factory.mktemp("held-out"), groups=24).feed


@pytest.fixture(scope="module")
def on(feed, tmp_path_factory):
    sections = {"run": {"threads": 1, "chunk": 64}, "evaluation": {"bootstrap": 50}}
    settings = held_out.settings_for("phash", "brand", **sections)
    return held_out.ground(feed, tmp_path_factory.mktemp("run") / "run", settings)


@pytest.fixture(scope="module")
def found(on):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(held_out, "FOLDS", 2)
        return held_out.measure(on, same_seller=True)


def test_every_query_is_measured_once_by_everything_that_was_learned_from(found):
    assert list(found.runs) == [ALL, SAME, GUESSED, OWN]
    for lists in found.runs.values():
        assert list(lists) == ["text", "image", "lexical", "fused", MAIN]
        for run in lists.values():
            assert sorted(run.items.rows_of(run.queries.ids)) == sorted(found.truth.queries())
            assert run.counts.max() <= max(AT)


def test_the_product_searches_held_out_groups_in_the_same_spaces(feed, on, tmp_path):
    """The benchmark and `service.learning.held_out` put folds, heads and look-ups together each by itself."""
    sections = {"run": {"threads": 1, "chunk": 64}, "evaluation": {"bootstrap": 50}}
    settings = held_out.settings_for("phash", "brand", **sections)
    settings = settings.model_copy(update={"feed": settings.feed.model_copy(update={"groups_are_global": True})})
    measured = held_out.measure(on, same_seller=False)
    with encode(feed, tmp_path / "run", settings) as job:
        found = product_lists(job).fused_with(job.fused)
        hop = found.queries.each(hopped).top(max(AT))
    assert found.cross_validated
    for name in ("text", "image"):
        ours, theirs = measured.runs[ALL][name], getattr(found.queries, name).top(max(AT))
        assert ours.queries == theirs.queries
        assert ours.whole().offsets.tolist() == theirs.whole().offsets.tolist()
        assert ours.whole().rows.tolist() == theirs.whole().rows.tolist(), name
        np.testing.assert_allclose(ours.whole().scores, theirs.whole().scores, rtol=1e-6)
    # The product fuses shallower lists of the seeds, so a few candidates of the hop differ.
    by_product = [recall(judged(hop, measured.truth), k).mean() for k in AT]
    assert [interval.mean for interval in measured.recalls(ALL)] == pytest.approx(by_product, abs=0.01)


def test_the_figures_are_those_of_the_lists(found):
    measured = found.recalls(SAME, "text")
    lists = judged(found.runs[SAME]["text"], found.truth)
    for k, one in zip(AT, measured, strict=True):
        assert one.mean == pytest.approx(recall(lists, k).mean())
        assert one.low <= one.mean <= one.high
    assert [one.mean for one in measured] == sorted(one.mean for one in measured)


def test_no_head_sees_a_group_that_is_asked_for(on, monkeypatch):
    learned = []
    plain = held_out.learn_head

    def watched(values, groups, **options):
        learned.append(np.asarray(groups))
        return plain(values, groups, **options)

    monkeypatch.setattr(held_out, "learn_head", watched)
    hidden = held_out.split_groups(on.whole.groups, held_out.FOLDS, 7) == 0
    assert hidden.any()
    told = []
    made = dict(held_out._situations(on, hidden, True, told))
    texts, images = learned[0::2], learned[1::2]
    for name, text, image in zip(made, texts, images, strict=True):
        if name != OWN:  # Guesses join products that no label joins.
            assert (text[hidden] == -1).all()
            assert (image[hidden[on.owners.rows]] == -1).all()
        assert (text[~hidden] >= 0).any()
    assert [one.head for one in told] == ["text", "image"]


def test_same_seller_groups_join_no_two_sellers(on):
    pairs = np.array([(one, other) for one in range(len(on.sellers)) for other in range(one)])
    left, right = pairs.T
    same = (on.own.groups[left] == on.own.groups[right]) & (on.own.groups[left] >= 0)
    whole = (on.whole.groups[left] == on.whole.groups[right]) & (on.whole.groups[left] >= 0)
    np.testing.assert_array_equal(same, whole & (on.sellers[left] == on.sellers[right]))
    assert same.sum() < whole.sum()


def test_products_that_are_measured_are_in_no_guess(on, monkeypatch):
    asked = []
    plain = held_out.guessed_pairs

    def watched(*given, leave_out, **options):
        asked.append(leave_out)
        return plain(*given, leave_out=leave_out, **options)

    monkeypatch.setattr(held_out, "guessed_pairs", watched)
    hidden = held_out.split_groups(on.whole.groups, held_out.FOLDS, 7) == 1
    list(held_out._situations(on, hidden, True, []))
    np.testing.assert_array_equal(asked[0], hidden)
    assert asked[1] is None


def test_tables_show_every_figure(found):
    whole, apart, guesses = held_out.recall_table(found), held_out.apart_table(found), held_out.guesses_table(found)
    assert len(whole.rows) == 4 * 4 + 1  # The lexical list learns nothing and stands there once.
    assert [row[1] for row in apart.rows[:7]] == [
        "over groups",
        "within one seller",
        "across sellers",
        "over groups",
        "within one seller",
        "across sellers",
        "less all groups, paired",
    ]
    assert len(guesses.rows) == 2
    for table in (whole, apart, guesses):
        assert {len(row) for row in table.rows} == {len(table.columns)}


def test_the_difference_is_nothing_where_the_lists_are_the_same(found):
    twin = replace(found, runs={ALL: found.runs[ALL], SAME: found.runs[ALL]})
    assert held_out.apart_table(twin).rows[-1][2:] == ("+0.000 (+0.000 to +0.000)",) * 3


@pytest.fixture
def named(found, monkeypatch):
    """Makes measured models with other names and the recalls given."""
    reached = {}
    monkeypatch.setattr(
        held_out.HeldOutRuns, "recalls", lambda self, *_: [Interval(mean, mean, mean) for mean in reached[self.model]]
    )

    def make(model, *recalls):
        reached[model] = recalls
        return replace(found, model=model)

    return make


def test_floors_hold_or_do_not(named):
    one = named("onnx:x/mobilenetv2_fp16.onnx#grid7", 0.80, 0.93, 0.97)
    made = held_out.checks([one], {})
    assert [check.holds for check in made] == [True, False, True]
    assert "NO" in held_out.floors_table(made).text()
    assert [check.floor for check in held_out.checks([one], {50: 0.9})] == [0.9]
    assert held_out.checks([named("phash", 0.1, 0.1, 0.1)], {}) == []


def test_the_larger_network_must_find_more_than_the_smaller(named):
    _, small, large = FLOORS
    lesser, greater = named(f"onnx:{small}", 0.80, 0.95, 0.98), named(f"onnx:{large}", 0.82, 0.96, 0.979)
    compared = held_out.checks([lesser, greater], {})[-3:]
    assert [check.holds for check in compared] == [True, True, False]
    assert len(held_out.checks([greater], {})) == 3


def test_a_check_holds_at_its_floor():
    assert Check("", 0.5, 0.5, "").holds
    assert not Check("", 0.499, 0.5, "").holds


def test_the_command_prints_and_ends_with_status_1_below_a_floor(feed, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(held_out, "FOLDS", 2)
    words = ["--feed", str(feed), "--image-model", "phash", "--folder", str(tmp_path / "run")]
    held_out.main([*words, "--floor", "10=0", "--write", str(tmp_path / "page.md")])
    assert "phash: recall on held-out groups" in capsys.readouterr().out
    assert "| all groups | fused hop |" in (tmp_path / "page.md").read_text("utf-8")
    with pytest.raises(SystemExit, match="below its floor: phash @100"):
        held_out.main([*words, "--floor", "100=1.01"])


@pytest.mark.parametrize("floor", ["10", "11=.5", "10=high", "x=.5"])
def test_a_floor_is_written_as_depth_and_recall(floor, capsys):
    with pytest.raises(SystemExit) as ended:
        held_out.main(["--feed", "feed.tsv", "--floor", floor])
    assert ended.value.code == 2
    assert "--floor" in capsys.readouterr().err
