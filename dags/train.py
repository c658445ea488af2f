"""Weekly: trains a new model, and makes it the current one if it is better."""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import Param, dag, get_current_context, task

from apps.airflow.schedule import DEFAULTS, MODELS, alert, at_times, open_place, run_name, tell, where

DOCS = """
### Learns from known groups and from judgements

**learn** trains a model on nine tenths of the known groups. **compare** measures it and the current model on the
remaining tenth, the *decisive* groups, on which no model is ever trained. **publish** makes the new model the current
one if it is better; otherwise the task is skipped and the current model stays. The next `build_indexes` run uses it.
"""


@dag(
    schedule=at_times("0 4 * * 0"),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=20),
    default_args=DEFAULTS | {"on_failure_callback": alert},
    tags=["variants", "weekly"],
    doc_md=DOCS,
    params=where(
        judgements=Param(os.environ.get("VARIANTS_JUDGEMENTS", ""), type="string", description="CSV of judged pairs"),
    ),
)
def train():
    """Builds the DAG."""

    @task
    def learn():
        from service.batches import training

        context = get_current_context()
        chosen = {name: context["params"][name] for name in ("store", "publish", "judgements")}
        return training.learn(**chosen, run=run_name(context))

    @task
    def compare(batch):
        from service.batches import training

        return training.compare(batch)

    @task(outlets=[MODELS])
    def publish(batch):
        from airflow.sdk.exceptions import AirflowSkipException

        from service.batches import training

        counts = training.publish(batch, open_place)
        if not counts["published"]:
            raise AirflowSkipException(
                f"{batch['generation']} is not better than {counts['against']}, which stays the current model"
            )
        tell(get_current_context(), MODELS, batch)
        return counts

    batch = learn()
    compare(batch) >> publish(batch)


train()
