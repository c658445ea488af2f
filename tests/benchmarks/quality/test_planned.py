"""The judgement of plans on unseen groups, small."""

from benchmarks.quality.planned import measure, table
from candidates.settings import Settings
from service.pipeline.run import encode


def test_plans_are_judged_on_the_other_half(drawn, tmp_path):
    settings = Settings.read(None, feed={"groups_are_global": True}, image={"model": "hog"})
    with encode(drawn.feed, tmp_path / "run", settings) as job:
        made = measure(job, splits=1, budgets=(10, 25))
    assert [one.budget for one in made] == [10, 25]
    assert all(0 < one.recall <= 1 for one in made)
    assert all(one.lost > -0.01 for one in made)  # cuts made on the other half may differ by one candidate
    assert all(abs(one.cost / one.budget - 1) < 0.03 for one in made)
    assert len(table(made, drawn.feed).rows) == 2
