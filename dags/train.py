"""Every week: a model is learned anew, and comes into force if it is better."""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, Param, dag, get_current_context, task

from apps.airflow.schedule import DEFAULTS, MODELS, alert, open_place, run_name, tell, where

DOCS = """
### Learns from known groups and from what people judged

**learn** makes a model from nine tenths of the known groups. **compare** measures it and the model that serves on
the last tenth, the *decisive* groups, which never teach any model. **publish** brings it into force if it is
better; otherwise the task is skipped and the serving model stays. The next night's `build_indexes` uses it.
"""


@dag(
    schedule=CronTriggerTimetable("0 4 * * 0", timezone="UTC"),
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
    """The DAG."""

    @task
    def learn():
        from service.batches import training

        context = get_current_context()
        said = {name: context["params"][name] for name in ("store", "publish", "judgements")}
        return training.learn(**said, run=run_name(context))

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
            raise AirflowSkipException(f"{batch['generation']} does not beat {counts['against']}, which stays in force")
        tell(get_current_context(), MODELS, batch)
        return counts

    batch = learn()
    compare(batch) >> publish(batch)


train()
