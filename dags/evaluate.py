"""After every new generation of candidates: how many variants are found, at what cost."""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import Param, dag, get_current_context, task

from apps.airflow.schedule import CANDIDATES, DEFAULTS, EVALUATED, alert, from_event, open_place, run_name, tell, where

DOCS = """
### Measures candidates against known groups

**measure** draws the curve of recall against candidates per product; its output names the report, a page to open.
**compare** fails if recall fell by more than *margin* against the last evaluation, at the same number of
candidates: then read the report, and bring the earlier generation back while somebody looks into it. **publish**
makes this evaluation the one that the next is compared with; `review_gate` follows by itself.

*blind*: judgements on pairs that were drawn blindly. Judgements on pairs that were shown tell nothing about what
was missed.
"""


@dag(
    schedule=[CANDIDATES],
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=6),
    default_args=DEFAULTS | {"on_failure_callback": alert},
    tags=["variants", "nightly"],
    doc_md=DOCS,
    params=where(
        generation=Param("", type="string", description="Generation of candidates; empty: the one in force"),
        margin=Param(0.03, type="number", minimum=0, maximum=1, description="Loss of recall that is put up with"),
        blind=Param(os.environ.get("VARIANTS_BLIND", ""), type="string", description="CSV of blindly drawn judgements"),
    ),
)
def evaluate():
    """The DAG."""

    @task(multiple_outputs=True)
    def measure():
        from service.batches import evaluation

        context = get_current_context()
        said, blind = from_event(context, CANDIDATES), context["params"]["blind"]
        batch = evaluation.measure(said["store"], said["publish"], said["generation"], blind, run_name(context))
        return {"batch": batch, **evaluation.summary_of(batch)}

    @task
    def compare(batch):
        from service.batches import evaluation

        return evaluation.compare(batch, get_current_context()["params"]["margin"])

    @task(outlets=[EVALUATED])
    def publish(batch):
        from service.batches import evaluation

        counts = evaluation.publish(batch, open_place)
        tell(get_current_context(), EVALUATED, batch)
        return counts

    batch = measure()["batch"]
    compare(batch) >> publish(batch)


evaluate()
