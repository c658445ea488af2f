"""After every new generation of candidates: measures how many variants are found, and at what cost."""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import Param, dag, get_current_context, task

from apps.airflow.schedule import CANDIDATES, DEFAULTS, EVALUATED, alert, from_event, open_place, run_name, tell, where

DOCS = """
### Measures candidates against known groups

**measure** computes the curve of recall against candidates per product; its output has the path of the report.
**compare** fails if recall is lower than in the last evaluation by more than *margin*, at the same number of
candidates. In that case read the report, and go back to the earlier generation until the cause is found. **publish**
makes this evaluation the reference for the next one; `review_gate` then starts automatically.

*blind*: judgements on pairs that were sampled at random. Judgements on suggested pairs can't show what was missed.
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
        generation=Param("", type="string", description="Generation of candidates; empty: the current one"),
        margin=Param(0.03, type="number", minimum=0, maximum=1, description="Maximum acceptable loss of recall"),
        blind=Param(
            os.environ.get("VARIANTS_BLIND", ""),
            type="string",
            description="CSV of judgements on randomly sampled pairs, or empty",
        ),
    ),
)
def evaluate():
    """Builds the DAG."""

    @task(multiple_outputs=True)
    def measure():
        from service.batches import evaluation

        context = get_current_context()
        event, blind = from_event(context, CANDIDATES), context["params"]["blind"]
        batch = evaluation.measure(event["store"], event["publish"], event["generation"], blind, run_name(context))
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
