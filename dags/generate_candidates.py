"""After every new generation of indexes: candidates and suggestions."""

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
### Finds, for every product, those that may be its variants

It follows `build_indexes` by itself, and runs at the times of `VARIANTS_CANDIDATES_CRON` where that is set. Trigger
it by hand to try something else on the indexes that serve:

* *budget*: candidates per product that you can pay for; *strategy*: how they are found (`planned` finds most at the
  budget); *N* and *K* are those of the strategy `hop`. What you leave empty is as the settings say.
* *only_new*: ask people about new and changed products alone.

`review.csv` in the generation lists what people are to be asked; `evaluate` follows by itself. Clearing any task is
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
        generation=Param("", type="string", description="Generation of indexes; empty: the one in force"),
        strategy=Param(
            None,
            type=["null", "string"],
            enum=[None, "planned", "fused", "hop", "text", "image", "union", "rrf", "weighted"],
            description="How candidates are found; empty: as the settings say",
        ),
        n=Param(None, type=["null", "integer"], minimum=1, description="N: text neighbours of each product (hop)"),
        k=Param(None, type=["null", "integer"], minimum=0, description="K: image neighbours of each seed (hop)"),
        budget=Param(None, type=["null", "integer"], minimum=0, description="Candidates per product you can pay for"),
        only_new=Param(False, type="boolean", description="Ask people about new and changed products alone"),
        judgements=Param(
            os.environ.get("VARIANTS_JUDGEMENTS"), type=["null", "string"], description="CSV of judged pairs"
        ),
        shards=Param(
            8, type="integer", minimum=1, maximum=1000, description="Pieces that merging is cut into, at most"
        ),
    ),
)
def generate_candidates():
    """The DAG."""

    @task
    def start():
        from service.batches import suggestions

        context = get_current_context()
        said = from_event(context, INDEXES)
        named = ("strategy", "n", "k", "budget", "only_new", "judgements")
        choices = {name: context["params"][name] for name in named}
        return suggestions.start(said["store"], said["publish"], said["generation"], choices, run_name(context))

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
    cut = parts(batch)
    look_up(batch) >> cut
    merge.partial(batch=batch).expand(shard=cut) >> finish(batch) >> classify(batch) >> group(batch) >> publish(batch)


generate_candidates()
