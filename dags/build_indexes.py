"""Every night: the feed becomes a generation of indexes."""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, Param, dag, get_current_context, task

from apps.airflow.schedule import DEFAULTS, INDEXES, alert, open_place, run_date, run_name, tell, where

DOCS = """
### Reads tonight's feed and makes it searchable

1. **read_feed** reads the feeds and fetches pictures. Rows that can't be used are listed with reason and fix in
   `refused.csv`. A feed that can't be read stops the run at once: fix it and trigger the run again.
2. **encode_texts**, **encode_pictures** work shard by shard. Only what is new or changed since last night is
   encoded.
3. **text_index**, **image_index** build the indexes beside those that serve.
4. **audit** compares the new generation with the one in force. If it is worse, it is *not* published, the task's
   log says why, and the old one goes on serving.
5. **publish** brings it into force in one step. `generate_candidates` follows by itself.

Trigger it by hand with a *feed* of your own; `{date}` in its path is the run's date. To do past nights again, use a
backfill. Clearing any task is safe: what is done is found and not done again.
"""


@dag(
    schedule=CronTriggerTimetable("0 2 * * *", timezone="UTC"),
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
            description="FEED or SELLER=FEED, parted by spaces; {date} in a path is the run's date",
        ),
        settings=Param(os.environ.get("VARIANTS_SETTINGS", ""), type="string", description="Settings file, or empty"),
        shards=Param(
            8, type="integer", minimum=1, maximum=1000, description="Pieces that encoding is cut into, at most"
        ),
        most_refused=Param(0.1, type="number", minimum=0, maximum=1, description="Audit: share of refused rows"),
        most_recall_lost=Param(
            0.1, type="number", minimum=0, maximum=1, description="Audit: loss of known-pair recall"
        ),
        most_products_lost=Param(0.5, type="number", minimum=0, maximum=1, description="Audit: share of products gone"),
    ),
)
def build_indexes():
    """The DAG."""

    @task
    def read_feed():
        from service.batches import indexes

        context = get_current_context()
        said = {name: context["params"][name] for name in ("feed", "store", "publish", "settings")}
        return indexes.read_feed(**said, date=run_date(context), run=run_name(context))

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

    # A catalogue without pictures has no shards of them, and a map over nothing is skipped.
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
        from service.batches.audit import audit as look

        params = get_current_context()["params"]
        limits = Limits(
            refused=params["most_refused"],
            recall_drop=params["most_recall_lost"],
            fewer=params["most_products_lost"],
        )
        return look(batch, limits)

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
