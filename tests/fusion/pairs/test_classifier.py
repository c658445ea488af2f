"""The classifier of pairs: what it may learn from, that it learns, and that it comes back from its files unharmed."""

import json
from functools import cache

import numpy as np
import pytest

from candidates.errors import ModelMissing, SchemaError
from candidates.qrels import Source
from fusion.pairs.classifier import (
    Boosting,
    PairModel,
    TooLittleKnown,
    _first_stage,
    _Pairs,
    _second_stage,
    bound_products,
    deal,
    learn_pair_model,
    source_weights,
)
from fusion.pairs.collective import PairGraph

NAMES = ("image_corrected_sum", "text_corrected_sum", "colour_agrees", "noise")
QUICK = (Boosting(rate=0.2, leaves=7, least=5, ridge=1.0, features=1.0, most=20),) * 2


def made(seed=0, groups=120, size=3, near=12, blur=0.6):
    """Products in groups around points of a plane, pairs of neighbours, and features of these pairs."""
    random = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), size).astype(np.int32)
    place = random.normal(size=(groups, 4))[group] * 2 + random.normal(size=(len(group), 4)) * blur
    apart = np.linalg.norm(place[:, None] - place[None], axis=2)
    order = np.argsort(apart, axis=1)[:, 1 : near + 1]
    one, two = np.repeat(np.arange(len(group)), near), order.reshape(-1)
    keys = np.unique(np.minimum(one, two) * len(group) + np.maximum(one, two))
    left, right = (side.astype(np.int32) for side in np.divmod(keys, len(group)))
    matrix = np.stack(
        [
            -apart[left, right],
            -apart[left, right] + random.normal(size=len(left)),
            np.where(random.random(len(left)) < 0.5, np.nan, random.integers(0, 2, len(left))),
            random.normal(size=len(left)),
        ],
        axis=1,
    ).astype(np.float32)
    truth = np.where(group[left] == group[right], 1, -1).astype(np.int8)
    return matrix, left, right, truth, group


@cache
def learned():
    """A model of a made-up catalogue, and the catalogue."""
    matrix, left, right, truth, group = made()
    return learn_pair_model(matrix, NAMES, left, right, truth, group, boosting=QUICK, threads=1), made()


def average_precision(scores, truth):
    order = np.argsort(-scores)
    hits = np.cumsum(truth[order] == 1)
    return np.mean((hits / np.arange(1, len(hits) + 1))[truth[order] == 1])


def test_both_stages_learn_and_the_second_learns_from_the_pairs_around():
    found, (matrix, _, _, truth, _) = learned()
    one, two = average_precision(found.first, truth), average_precision(found.held_out, truth)
    assert one > average_precision(matrix[:, 1], truth)
    assert two > max(one, average_precision(matrix[:, 0], truth)) + 0.02


def test_held_out_probabilities_are_calibrated():
    found, (_, _, _, truth, _) = learned()
    for low, high in [(0, 0.1), (0.1, 0.5), (0.5, 1)]:
        some = (found.held_out >= low) & (found.held_out < high)
        assert found.held_out[some].mean() == pytest.approx((truth[some] == 1).mean(), abs=0.08)


def test_it_holds_for_another_catalogue():
    found, _ = learned()
    matrix, left, right, truth, group = made(seed=1)
    told = found.model.probabilities(matrix, NAMES, left, right, len(group))
    assert average_precision(told, truth) > average_precision(matrix[:, 0], truth) + 0.02
    assert told.dtype == np.float64
    assert ((told > 0) & (told < 1)).all()


def test_the_same_pairs_in_another_order_have_the_same_probabilities():
    found, (matrix, left, right, _, group) = learned()
    told = found.model.probabilities(matrix, NAMES, left, right, len(group))
    order = np.random.default_rng(0).permutation(len(left))
    turned = found.model.probabilities(matrix[order], NAMES, right[order], left[order], len(group))
    np.testing.assert_allclose(turned, told[order], atol=1e-9)


def test_columns_are_found_by_name_and_others_passed_over():
    found, (matrix, left, right, _, group) = learned()
    told = found.model.probabilities(matrix, NAMES, left, right, len(group))
    wider = np.concatenate([np.full((len(left), 1), 9, np.float32), matrix[:, ::-1]], axis=1)
    assert (found.model.probabilities(wider, ["further", *NAMES[::-1]], left, right, len(group)) == told).all()


def test_missing_columns_are_named():
    found, (matrix, left, right, _, group) = learned()
    with pytest.raises(SchemaError, match="no column text_corrected_sum, noise, which"):
        found.model.probabilities(matrix[:, [0, 2]], ["image_corrected_sum", "colour_agrees"], left, right, len(group))


def test_no_pair_at_all():
    found, _ = learned()
    none = np.zeros(0, np.int32)
    assert found.model.probabilities(np.zeros((0, 4), np.float32), NAMES, none, none, 3).shape == (0,)


def test_what_a_fold_knows_never_reaches_its_own_held_out_log_odds():
    """With everything said of one fold's pairs taken back, those that are judged in its name are judged the same."""
    matrix, left, right, truth, group = made(groups=60)
    bound = bound_products(left, right, truth, group)
    dealt = deal(bound, np.unique(bound[left[truth == 1]]), 5, 7)
    touched = (dealt[left] == 2) | (dealt[right] == 2)
    graph, nothing = PairGraph.of(left, right, len(group)), np.zeros(len(truth), np.float32)
    told = []
    for known in (truth, np.where(touched, 0, truth).astype(np.int8)):
        pairs = _Pairs(matrix, known, np.ones(len(truth)), nothing, graph, dealt, 5, 7, 1)
        # As many trees always: their number is chosen on fold 0 and 1, where fold 2's other pairs have a say.
        few = Boosting(rate=0.2, leaves=7, least=5, most=10)
        first = _first_stage(pairs, few, lambda steps, _: steps)
        second = _second_stage(pairs, first, few, lambda steps, _: steps)
        told.append((first.everywhere(pairs), second.held_out))
    inside, judged = (dealt[left] == 2) & (dealt[right] == 2), pairs.judge == 2
    assert (told[0][0][inside] == told[1][0][inside]).all()
    assert (told[0][1][judged] == told[1][1][judged]).all()
    assert (told[0][0][~touched] != told[1][0][~touched]).any()
    assert (told[0][1][~judged] != told[1][1][~judged]).any()


def test_unjudged_pairs_are_not_learned_from_and_scored_all_the_same():
    matrix, left, right, truth, group = made(groups=80)
    hidden = truth.copy()
    hidden[np.random.default_rng(0).random(len(truth)) < 0.5] = 0
    unknown = hidden == 0
    shouted = matrix.copy()
    options = {"boosting": QUICK, "threads": 1}
    one = learn_pair_model(matrix, NAMES, left, right, hidden, group, **options)
    # Only what is not learned from changes, so the first stage must stay as it is.
    shouted[unknown, 3] = 1e6
    other = learn_pair_model(shouted, NAMES, left, right, hidden, group, **options)
    assert one.model.first.arrays().keys() == other.model.first.arrays().keys()
    for name, array in one.model.first.arrays().items():
        assert (array == other.model.first.arrays()[name]).all()
    assert np.isfinite(one.held_out).all()
    assert average_precision(one.held_out[unknown], truth[unknown]) > 0.5


def test_a_rejected_pair_outweighs_a_mere_non_group():
    matrix, left, right, truth, group = made(groups=80)
    random = np.random.default_rng(3)
    # A trait that experts reject and groups know nothing of.
    trait = random.random(len(left)) < 0.15
    matrix[:, 3] = trait
    sources = np.where(trait, Source.JUDGEMENT, Source.FEED_GROUP)
    rejected = np.where(trait & (random.random(len(left)) < 0.7), -1, truth).astype(np.int8)
    options = {"boosting": QUICK, "threads": 1}
    light = learn_pair_model(matrix, NAMES, left, right, rejected, group, **options)
    heavy = learn_pair_model(matrix, NAMES, left, right, rejected, group, weights=source_weights(sources), **options)
    wrong = trait & (rejected == -1) & (truth == 1)
    assert heavy.first[wrong].mean() < light.first[wrong].mean()


def test_weights_by_source():
    found = source_weights(np.array([Source.FEED_GROUP, Source.JUDGEMENT, Source.FILE, Source.NONE]))
    assert found[1] > found[2] > found[0] > found[3] == 0


def test_what_is_bound_together_is_dealt_together():
    group = np.array([0, 0, 1, 1, -1, -1, -1], np.int32)
    left, right = np.array([1, 4, 5], np.int32), np.array([2, 5, 6], np.int32)
    truth = np.array([1, 1, -1], np.int8)
    bound = bound_products(left, right, truth, group)
    assert len(set(bound[:4])) == 1
    assert bound[4] == bound[5] != bound[6]
    dealt = deal(bound, np.unique(bound[:1]), 5, 0)
    assert len(set(dealt[:4])) == 1
    assert dealt[4] == dealt[5]


def test_folds_have_their_share_of_what_tells_of_variants():
    bound = np.arange(1000)
    dealt = deal(bound, np.arange(0, 1000, 10), 5, 1)
    assert np.bincount(dealt[::10]).tolist() == [20] * 5
    assert np.bincount(dealt).tolist() == [200] * 5
    assert (dealt != deal(bound, np.arange(0, 1000, 10), 5, 2)).any()


def held(folds=5):
    """Pairs of products in all folds."""
    random = np.random.default_rng(0)
    dealt = random.integers(0, folds, 40)
    left, right = (side.astype(np.int32) for side in np.triu_indices(40, 1))
    nothing = np.zeros(len(left))
    graph = PairGraph.of(left, right, 40)
    return _Pairs(nothing[:, None], nothing, nothing, nothing, graph, dealt, folds, 0, 1)


@pytest.mark.parametrize("outer", [None, 0, 3])
def test_always_two_folds_are_held_from_who_judges_a_pair(outer):
    pairs = held()
    one, two = pairs.sides
    low, high = pairs.holders(outer)
    assert (low < high).all()
    for place in range(len(one)):
        away = {int(low[place]), int(high[place])}
        if outer is None:
            assert {int(one[place]), int(two[place])} <= away
        else:
            # The outer fold judges no pair, and of the pair's own folds at least one is held.
            assert outer in away
            assert away & {int(one[place]), int(two[place])}
            if outer in (one[place], two[place]):
                assert {int(one[place]), int(two[place])} <= away
    within = one == two
    assert set(np.unique(low[within] * 5 + high[within])) == set(np.unique(low * 5 + high))


def test_nothing_is_learned_from_a_pair_with_a_product_held_out():
    pairs = held()
    one, two = pairs.sides
    some = pairs.without(1, 4)
    assert (some == ~(np.isin(one, [1, 4]) | np.isin(two, [1, 4]))).all()
    assert (np.isin(pairs.judge, one) | np.isin(pairs.judge, two)).all()


def test_too_few_groups_are_no_model():
    matrix, left, right, truth, group = made(groups=29)
    with pytest.raises(TooLittleKnown, match="29 known groups"):
        learn_pair_model(matrix, NAMES, left, right, truth, group)


def test_no_known_non_variant_is_no_model():
    matrix, left, right, truth, group = made(groups=40)
    with pytest.raises(TooLittleKnown, match="no pair is known not to be"):
        learn_pair_model(matrix, NAMES, left, right, np.maximum(truth, 0), group)


def test_thirty_groups_with_absent_columns_are_enough():
    matrix, left, right, truth, group = made(groups=30)
    matrix[:, 1] = np.nan
    matrix[0, 3] = np.inf
    found = learn_pair_model(matrix, NAMES, left, right, truth, group, boosting=QUICK, threads=1)
    assert np.isfinite(found.held_out).all()
    assert found.model.about["learned_from"]["groups"] == 30


def test_contributions_make_up_the_second_stage_and_name_its_reasons():
    found, (matrix, left, right, truth, group) = learned()
    model = found.model
    scores = model.score(matrix, NAMES, left, right, len(group))
    rows = np.flatnonzero(truth == 1)[:50]
    credited = model.contributions(matrix[rows], NAMES, scores.collective[rows])
    assert credited.shape == (50, len(model.all_names))
    joined = np.concatenate([matrix[rows], scores.collective[rows]], axis=1)
    np.testing.assert_allclose(credited.sum(axis=1) + model.bias, model.second.predict(joined), atol=1e-4)
    # What is credited to the first verdict has been handed on, and the nearness of pictures speaks loudest.
    assert model.all_names[4] == "first_log_odds"
    assert (credited[:, 4] == 0).mean() > 0.8
    assert np.argmax(np.abs(credited[:, :4]).sum(axis=0)) == 0


def test_a_threshold_holds_on_groups_held_out():
    found, (_, _, _, truth, _) = learned()
    threshold = found.model.threshold_for(0.6)
    taken = found.held_out >= threshold.probability
    assert threshold.reached
    assert (truth[taken] == 1).mean() == pytest.approx(threshold.precision)
    assert threshold.precision >= 0.6


def test_the_same_is_learned_again():
    found, (matrix, left, right, truth, group) = learned()
    again = learn_pair_model(matrix, NAMES, left, right, truth, group, boosting=QUICK, threads=1)
    assert again.model.version == found.model.version
    assert (again.held_out == found.held_out).all()


def test_a_model_comes_back_from_its_folder(tmp_path):
    found, (matrix, left, right, _, group) = learned()
    found.model.save(tmp_path / "pairs")
    again = PairModel.open(tmp_path / "pairs")
    assert again.version == found.model.version
    assert again.names == NAMES
    assert again.about == json.loads(json.dumps(found.model.about))
    assert again.threshold_for(0.6) == found.model.threshold_for(0.6)
    told = found.model.probabilities(matrix, NAMES, left, right, len(group))
    assert (again.probabilities(matrix, NAMES, left, right, len(group)) == told).all()


def one_line(error):
    return "\n" not in str(error.value)


def test_a_folder_without_a_model_is_one_line(tmp_path):
    with pytest.raises(ModelMissing, match="no readable classifier") as error:
        PairModel.open(tmp_path)
    assert one_line(error)


@pytest.mark.parametrize("how", ["cut", "tampered", "no arrays", "not json", "another format", "a list"])
def test_a_cut_or_changed_model_is_one_line(tmp_path, how):
    learned()[0].model.save(tmp_path)
    arrays, about = tmp_path / "pairs.npz", tmp_path / "pairs.json"
    content, plain = arrays.read_bytes(), json.loads(about.read_text())
    if how == "cut":
        arrays.write_bytes(content[: len(content) // 2])
    elif how == "tampered":
        arrays.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif how == "no arrays":
        arrays.unlink()
    elif how == "not json":
        about.write_text(about.read_text()[:-20])
    elif how == "another format":
        about.write_text(json.dumps(plain | {"format": 99}))
    else:
        about.write_text("[]")
    with pytest.raises(ModelMissing) as error:
        PairModel.open(tmp_path)
    assert one_line(error)


@pytest.mark.parametrize("change", ["features", "children", "an object", "shorter", "calibration", "thresholds"])
def test_arrays_that_fit_their_digest_are_still_checked(tmp_path, change):
    """A file may be changed together with the digest that names it; compiled code must not follow it anywhere."""
    from candidates.artifacts import digest_file

    learned()[0].model.save(tmp_path)
    with np.load(tmp_path / "pairs.npz") as file:
        arrays = dict(file)
    if change == "features":
        arrays["first.features"] = np.full_like(arrays["first.features"], 1000)
    elif change == "children":
        arrays["second.children"] = arrays["second.children"] * 1000
    elif change == "an object":
        arrays["first.values"] = np.array([{}], dtype=object)
    elif change == "shorter":
        del arrays["second.starts"]
    elif change == "calibration":
        arrays["calibration.heights"] = np.array([np.nan])
    else:
        arrays["thresholds.precision"] = arrays["thresholds.precision"][:-1]
    np.savez(tmp_path / "pairs.npz", **arrays)
    plain = json.loads((tmp_path / "pairs.json").read_text())
    plain["files"]["pairs.npz"] = digest_file(tmp_path / "pairs.npz")
    (tmp_path / "pairs.json").write_text(json.dumps(plain))
    with pytest.raises(ModelMissing) as error:
        PairModel.open(tmp_path)
    assert one_line(error)
