import json

from service.learning.planner import Plan
from service.learning.planning import plan_run


def test_a_plan_of_a_finished_run(finished):
    made = plan_run(finished, 20)
    try:
        assert Plan.of(json.loads(finished.folder.plan.read_text("utf-8"))) == made
    finally:
        finished.folder.plan.unlink()
    assert {10, 20, 40} <= {one.budget for one in made.offers}
    asked = made.offer(20)
    assert abs(asked.candidates_per_product - 20) <= 1
    recalls = [one.recall for one in made.offers]
    assert all(0 < recall <= 1 for recall in recalls)
    assert recalls[-1] > recalls[0]
    assert asked.merge(finished.settings.merge).strategy == asked.strategy
