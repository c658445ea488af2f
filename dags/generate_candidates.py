"""After every new generation of indexes: generates candidates and suggestions."""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import Param, dag, get_current_context, task

from apps.airflow.schedule import (
    CANDIDATES,
    DEFAULTS,
    INDEXES,
    alert,
    follows,
    from_event,
    open_place,
    run_name,
    tell,
    where,
)

DOCS = """
### Finds, for every product, the products that may be its variants

It starts automatically after `build_indexes`, and also at the times in `VARIANTS_CANDIDATES_CRON` if that is set.
Trigger it by hand to try other choices on the current indexes:

* *budget*: maximum candidates per product; *strategy*: how they are found (`planned` uses the strategy with the highest
  recall at the budget); *n* and *k* belong to the strategy `hop`. Empty fields use the settings.
* *only_new*: only list new and changed products for review.

`review.csv` in the generation lists the pairs to review; `evaluate` then starts automatically. Clearing any task is
safe.
"""


@dag(
    schedule=follows(INDEXES, os.environ.get("VARIANTS_CANDIDATES_CRON", "")),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=20),
    default_args=DEFAULTS | {"on_failure_callback": alert},
    tags=["variants", "nightly"],
    doc_md=DOCS,
    params=where(
        generation=Param("", type="string", description="Generation of indexes; empty: the current one"),
        strategy=Param(
            None,
            type=["null", "string"],
            enum=[None, "planned", "fused", "hop", "text", "image", "union", "rrf", "weighted"],
            description="How candidates are found; empty: from the settings",
        ),
        n=Param(None, type=["null", "integer"], minimum=1, description="N: text neighbours of each product (hop)"),
        k=Param(None, type=["null", "integer"], minimum=0, description="K: image neighbours of each seed (hop)"),
        budget=Param(None, type=["null", "integer"], minimum=0, description="Maximum candidates per product"),
        only_new=Param(False, type="boolean", description="Only list new and changed products for review"),
        judgements=Param(
            os.environ.get("VARIANTS_JUDGEMENTS"), type=["null", "string"], description="CSV of judged pairs"
        ),
        shards=Param(8, type="integer", minimum=1, maximum=1000, description="Maximum number of shards for merging"),
    ),
)
def generate_candidates():
    """Builds the DAG."""

    @task
    def start():
        from service.batches import suggestions

        context = get_current_context()
        event = from_event(context, INDEXES)
        names = ("strategy", "n", "k", "budget", "only_new", "judgements")
        choices = {name: context["params"][name] for name in names}
        return suggestions.start(event["store"], event["publish"], event["generation"], choices, run_name(context))

    @task
    def look_up(batch):
        from service.batches import suggestions

        return suggestions.look_up(batch)

    @task
    def parts(batch):
        from service.batches import suggestions

        return suggestions.parts(batch, get_current_context()["params"]["shards"])

    @task
    def merge(batch, shard):
        from service.batches import suggestions

        return suggestions.merge(batch, shard)

    @task
    def finish(batch):
        from service.batches import suggestions

        return suggestions.finish_candidates(batch)

    @task
    def classify(batch):
        from service.batches import suggestions

        return suggestions.classify(batch)

    @task
    def group(batch):
        from service.batches import suggestions

        return suggestions.group(batch)

    @task(outlets=[CANDIDATES])
    def publish(batch):
        from service.batches import suggestions

        counts = suggestions.publish(batch, open_place)
        tell(get_current_context(), CANDIDATES, batch)
        return counts

    batch = start()
    shards = parts(batch)
    look_up(batch) >> shards
    merged = merge.partial(batch=batch).expand(shard=shards)
    merged >> finish(batch) >> classify(batch) >> group(batch) >> publish(batch)


generate_candidates()
