"""Nightly: builds a generation of indexes from the feed."""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import Param, dag, get_current_context, task

from apps.airflow.schedule import DEFAULTS, INDEXES, alert, at_times, open_place, run_date, run_name, tell, where

DOCS = """
### Reads tonight's feed and makes it searchable

1. **read_feed** reads the feeds and fetches pictures. Rows that can't be used are listed in `refused.csv` with the
   reason and the fix. If the feed can't be read, the run stops at once: fix the feed and trigger the run again.
2. **encode_texts** and **encode_pictures** work in shards. They only encode texts and pictures that are new or have
   changed since last night.
3. **text_index** and **image_index** build new indexes beside the current ones.
4. **audit** compares the new generation with the current one. If it is worse, it is *not* published, the task's log
   shows why, and the current generation stays in use.
5. **publish** makes the new generation the current one, in one step. `generate_candidates` then starts automatically.

To use another feed, trigger the DAG with your own *feed*; `{date}` in its path is replaced by the run's date. To repeat
past nights, use a backfill. Clearing any task is safe: finished work is not repeated.
"""


@dag(
    schedule=at_times("0 2 * * *"),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=20),
    default_args=DEFAULTS | {"on_failure_callback": alert},
    tags=["variants", "nightly"],
    doc_md=DOCS,
    params=where(
        feed=Param(
            os.environ.get("VARIANTS_FEED", ""),
            type="string",
            description="FEED or SELLER=FEED, separated by spaces; {date} in a path is replaced by the run's date",
        ),
        settings=Param(
            os.environ.get("VARIANTS_SETTINGS", ""), type="string", description="Settings file; empty: the defaults"
        ),
        shards=Param(8, type="integer", minimum=1, maximum=1000, description="Maximum number of shards for encoding"),
        most_refused=Param(
            0.1, type="number", minimum=0, maximum=1, description="Audit: maximum share of refused rows"
        ),
        most_recall_lost=Param(
            0.1, type="number", minimum=0, maximum=1, description="Audit: maximum loss of recall of known pairs"
        ),
        most_products_lost=Param(
            0.5, type="number", minimum=0, maximum=1, description="Audit: maximum share of products lost"
        ),
    ),
)
def build_indexes():
    """Builds the DAG."""

    @task
    def read_feed():
        from service.batches import indexes

        context = get_current_context()
        chosen = {name: context["params"][name] for name in ("feed", "store", "publish", "settings")}
        return indexes.read_feed(**chosen, date=run_date(context), run=run_name(context))

    @task
    def text_shards(batch):
        from service.batches import indexes

        return indexes.text_shards(batch, get_current_context()["params"]["shards"])

    @task
    def image_shards(batch):
        from service.batches import indexes

        return indexes.image_shards(batch, get_current_context()["params"]["shards"])

    @task
    def encode_texts(batch, shard):
        from service.batches import indexes

        return indexes.encode_texts(batch, shard)

    @task
    def encode_pictures(batch, shard):
        from service.batches import indexes

        return indexes.encode_pictures(batch, shard)

    # A catalogue without pictures has no picture shards, and Airflow skips a map over nothing.
    @task(trigger_rule="none_failed")
    def gather(batch):
        from service.batches import indexes

        return indexes.gather_vectors(batch)

    @task
    def text_index(batch):
        from service.batches import indexes

        return indexes.build_text_index(batch)

    @task
    def image_index(batch):
        from service.batches import indexes

        return indexes.build_image_index(batch)

    @task
    def audit(batch):
        from service.batches.audit import Limits
        from service.batches.audit import audit as run_audit

        params = get_current_context()["params"]
        limits = Limits(
            refused=params["most_refused"],
            recall_drop=params["most_recall_lost"],
            fewer=params["most_products_lost"],
        )
        return run_audit(batch, limits)

    @task(outlets=[INDEXES])
    def publish(batch):
        from service.batches import indexes

        counts = indexes.publish(batch, open_place)
        tell(get_current_context(), INDEXES, batch)
        return counts

    batch = read_feed()
    encoded = [
        encode_texts.partial(batch=batch).expand(shard=text_shards(batch)),
        encode_pictures.partial(batch=batch).expand(shard=image_shards(batch)),
    ]
    gathered = gather(batch)
    indexes_built = [text_index(batch), image_index(batch)]
    encoded >> gathered >> indexes_built >> audit(batch) >> publish(batch)


build_indexes()
