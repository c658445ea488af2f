"""Tonight's feed into a store is tonight's feed from nothing, at the price of what changed."""

import shutil

import numpy as np
import pytest

from benchmarks.speed.nightly import EXACT, Cost, compare, feeds_of_two_nights
from candidates.settings import Settings
from service.files.candidate_files import read_candidates
from service.pipeline.run import run_into_store
from service.runs.store import Store
from tests.small_runs import small_settings


@pytest.fixture(scope="module")
def night(drawn, tmp_path_factory):
    merge, pairs = {"n": 8, "k": 2}, {"classify": False}
    settings = Settings.read(None, **EXACT, merge=merge, pairs=pairs, evaluation={"bootstrap": 50}, run={"chunk": 64})
    return compare(drawn.feed, tmp_path_factory.mktemp("night"), 0.03, 7, settings)


def test_a_delta_gives_the_very_candidates_of_a_full_run(night):
    assert night.same == 1.0


def test_a_delta_encodes_what_is_new_and_changed_alone(night):
    assert isinstance(night.delta, Cost)
    assert 0 < night.delta.texts <= 8  # 3 % new, 3 % changed of 137
    assert 0 < night.delta.pictures <= 12
    assert night.full.texts > 100


def test_gone_products_leave_every_list_and_new_ones_enter_old_ones(drawn, tmp_path):
    shutil.copytree(drawn.feed.parent, tmp_path, dirs_exist_ok=True)
    before, after = feeds_of_two_nights(drawn.feed, tmp_path, 0.05, 3)
    store = Store(tmp_path / "store")
    settings = small_settings(**EXACT)
    yesterday, tonight = run_into_store(before, store, settings), run_into_store(after, store, settings)
    old, now = set(yesterday.catalogue.axis), set(tonight.catalogue.axis)
    assert old - now
    assert now - old
    owned = tonight.pictures.axis
    assert not {picture.rsplit("#", 1)[0] for picture in owned} & (old - now)
    lists = read_candidates(tonight.folder.candidates, tonight.catalogue.axis).whole()
    ids = np.array(list(tonight.catalogue.axis))
    seen = set(ids[np.unique(lists.rows)])
    assert not seen & (old - now)
    new_rows = [row for row, one in enumerate(ids) if one not in old]
    of_old_products = ~np.isin(lists.query_rows, new_rows)
    assert np.isin(lists.rows[of_old_products], new_rows).any()
