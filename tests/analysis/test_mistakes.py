"""What the classifier goes by and where it fails, on a small run that learned one."""

import re
import shutil

import numpy as np
import pytest

from analysis.held_pairs import HeldPairs, resampled, stages
from analysis.label_noise import KINDS
from analysis.mistakes import AROUND, hidden, parts, rooms, set_aside, worst_mistakes
from analysis.pictures import Shelf, group_page, mistake_page
from analysis.thresholds import RIGHT, groups_of_each_kind, linked
from candidates.errors import VariantsError
from candidates.qrels import NOT_A_VARIANT, UNJUDGED, VARIANT
from eval.pair_metrics import PrecisionRecall
from service.pairs.precision import Precision
from service.pairs.wordings import WORDINGS
from service.runs.choices import Choices
from service.runs.job import Job
from tests.analysis.held_made_up import drawn_held, held_of
from tests.eval.made_up import qrels_of


@pytest.fixture(scope="module")
def evidence(held):
    return {room.name: room for room in rooms(held)}


def test_what_is_opened_is_what_the_run_measured(held):
    measured = Precision.open(held.job.folder.precision).pairs
    assert held.figures.average_precision == pytest.approx(measured.average_precision, abs=1e-4)
    assert held.figures.brier == pytest.approx(measured.brier, abs=1e-5)
    assert (held.figures.variants, held.known) == (measured.variants, measured.known)


def test_pairs_that_the_work_folder_lost_are_judged_once_more_and_alike(held, tmp_path):
    shutil.copytree(held.job.folder.work / "pairs", tmp_path / "work" / "pairs")
    (lost,) = (tmp_path / "work" / "pairs").glob("judged-*")
    lost.unlink()
    folder = type(held.job.folder)(held.job.folder.root, tmp_path / "work")
    again = HeldPairs.of(Job(Choices(folder, held.job.settings)))
    assert lost.is_file()
    np.testing.assert_allclose(again.probabilities, held.probabilities, atol=1e-6)
    np.testing.assert_allclose(again.first, held.first, atol=1e-6)


def test_a_run_without_a_classifier_says_so(finished):
    with pytest.raises(VariantsError, match="learned no classifier"):
        HeldPairs.of(finished)


def test_each_stage_is_measured_on_the_same_pairs(held):
    plain, first, both = stages(held)
    assert plain.ahead is None
    for before, one in ((plain, first), (first, both)):
        gain = one.average_precision.mean - before.average_precision.mean
        assert one.ahead.mean == pytest.approx(gain)
        assert one.ahead.low <= one.ahead.high
    assert both.average_precision.mean == pytest.approx(held.figures.average_precision)
    assert first.average_precision.mean > plain.average_precision.mean
    for one in (plain, first, both):
        assert one.average_precision.low < one.average_precision.mean < one.average_precision.high


def test_resampling_every_group_once_gives_the_average_precision_itself():
    """With a single group there is but one draw: the very pairs."""
    held = held_of([0, 0, 0, 0], [(0, 1), (0, 2), (1, 3)], [0.9, 0.4, 0.8], judged=[(1, 3, NOT_A_VARIANT)])
    whole = PrecisionRecall.of(held.probabilities, held.truth, held.known).average_precision
    assert resampled(held, [held.probabilities])[:, 0] == pytest.approx(whole)


def test_resampled_orders_spread_around_their_own_average_precision():
    held = drawn_held(4, evaluation={"bootstrap": 200})
    whole = PrecisionRecall.of(held.probabilities, held.truth, held.known).average_precision
    drawn = resampled(held, [held.probabilities, -held.probabilities])
    assert drawn[:, 0].mean() == pytest.approx(whole, abs=0.01)
    assert 0.001 < drawn[:, 0].std() < 0.1
    assert (drawn[:, 0] > drawn[:, 1]).all()


def test_every_kind_of_evidence_is_weighed(held, evidence):
    assert set(evidence) == {wording.room for wording in WORDINGS.values()}
    assert all(np.isfinite([room.variants, room.others, room.lost]).all() for room in evidence.values())
    apart = sum(room.variants - room.others for room in evidence.values())
    assert apart > 1  # Contributions tell variants from their rivals.
    assert max(room.lost for room in evidence.values()) > 0.01
    assert AROUND in evidence


def test_a_classifier_of_its_own_knows_nothing_of_the_groups_set_aside(held):
    model, aside = set_aside(held)
    groups = held.qrels.groups
    assert 0.1 < aside.mean() < 0.35
    for group in np.unique(groups[groups >= 0]):
        assert len(set(aside[groups == group].tolist())) == 1
    touched = aside[held.table.left] | aside[held.table.right]
    assert model.about["learned_from"]["variants"] == int((held.truth[~touched] == VARIANT).sum())


def test_hidden_products_are_judged_by_nobody():
    truth = qrels_of([0, 0, 1, 1, 2, 2], judged=[(0, 2, VARIANT), (3, 4, VARIANT), (1, 5, NOT_A_VARIANT)])
    seen = hidden(truth, np.array([True, True, False, False, False, False]))
    one, other = np.triu_indices(6, 1)
    before, after = truth.judge(one, other), seen.judge(one, other)
    touched = one < 2
    assert (after[touched] == UNJUDGED).all()
    assert (after[~touched] == before[~touched]).all()


def test_parts_count_each_pair_once(held):
    found = parts(held)
    taken = held.probabilities >= held.threshold
    for about in {part.about for part in found}:
        own = [part for part in found if part.about == about]
        assert sum(part.variants for part in own) == held.figures.variants
        assert sum(part.found for part in own) == int((taken & (held.truth == VARIANT)).sum())
        assert sum(part.wrong for part in own) == int((taken & (held.truth == NOT_A_VARIANT)).sum())
    by_hand = held.table.columns["colour_agrees"] == 1
    one = next(part for part in found if (part.about, part.state) == ("colour", "agrees"))
    assert one.variants == int((by_hand & (held.truth == VARIANT)).sum())
    assert any(part.about == "seller" for part in found)


@pytest.mark.parametrize("truth", [NOT_A_VARIANT, VARIANT])
def test_the_worst_mistakes_are_the_worst_and_of_different_groups(held, truth):
    found = worst_mistakes(held, truth, 6)
    assert len(found) == 6
    axis, groups = held.job.catalogue.axis, held.qrels.groups
    rows = [(axis.row_of(one.suggestion.left), axis.row_of(one.suggestion.right)) for one in found]
    assert len({tuple(sorted(groups[list(pair)].tolist())) for pair in rows}) == 6
    values = [one.suggestion.probability for one in found]
    own = held.probabilities[held.truth == truth]
    if truth == VARIANT:
        assert values == sorted(values)
        assert values[0] == pytest.approx(own.min())
        assert all(groups[one] == groups[other] for one, other in rows)
    else:
        assert values == sorted(values, reverse=True)
        assert values[0] == pytest.approx(own.max())
        assert all(groups[one] != groups[other] for one, other in rows)
    assert all(one.suggestion.reasons and one.kind in KINDS for one in found)


def test_mistakes_are_shown_as_pictures_and_titles_stay_harmless(held, monkeypatch):
    shelf = Shelf.of(held.job)
    found = worst_mistakes(held, VARIANT, 3)
    page = mistake_page(shelf, found)._repr_html_()
    assert page.count("data:image/jpeg;base64,") == sum(
        held.job.catalogue.axis.row_of(side) in shelf.pictures
        for one in found
        for side in (one.suggestion.left, one.suggestion.right)
    )
    assert f"{found[0].suggestion.probability:.3f}" in page
    product = held.job.catalogue.product(0)
    hostile = type(product)(**(vars(product) | {"title": "<script>alert(1)</script>\u202egnp"}))
    monkeypatch.setattr(type(held.job.catalogue), "product", lambda self, row: hostile)
    assert "<script>" not in shelf.product(0)
    assert "\u202e" not in shelf.product(0)


def test_groups_are_shown_with_what_varies(held):
    made = groups_of_each_kind(held, linked(held, 0.25), each=2)
    assert any(one.judged == RIGHT for one in made)
    assert any(one.varies for one in made)
    for one in made:
        assert len(one.rows) == len(one.known) >= 2
        assert 0 < one.strength <= 1
    page = group_page(Shelf.of(held.job), made).html
    assert len(re.findall("what varies", page)) == len(made)
    assert all(one.judged in page for one in made)
