from dataclasses import replace

import numpy as np
import pytest

from benchmarks.speed import expanding
from benchmarks.speed.made_up import made_lists
from fusion.merge.hop import expand


def test_expanding():
    found = expanding.measure(count=400, n=12, k=3, parts=2, sample=30)
    assert [way.name for way in found.ways] == [expanding.KERNEL, expanding.KERNELS, expanding.DICTS, expanding.SETS]
    by_name = {way.name: way for way in found.ways}
    assert by_name[expanding.DICTS].against_dicts.median == 1
    assert 12 < found.candidates_per_product < found.met == 12 + 13 * 3
    assert found.peak_mib >= found.resident_mib > 0
    assert len(expanding.table(found).rows) == 4


@pytest.mark.parametrize("column", ["rows", "via", "image_rank", "text_score"])
def test_expanding_is_stopped_by_a_candidate_that_differs(column):
    lists = made_lists(60, 8, 2)
    work = expanding.Work.of(lists.text, lists.text.items.rows, 8, 60)
    image = expanding.as_python(lists.image.whole(), 2)
    made = expand(lists.text, lists.image, 8, 2)
    expanding.check(made, work, image)
    part = made.whole()
    values = getattr(part, column).copy()
    values[17] += 1
    changed = made.replace_parts((replace(part, **{column: np.nan_to_num(values, nan=5)}),))
    with pytest.raises(AssertionError, match=column):
        expanding.check(changed, work, image)
