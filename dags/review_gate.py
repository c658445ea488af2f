"""Exports groups to the shop after a person has approved them."""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.providers.standard.operators.hitl import HITLEntryOperator
from airflow.sdk import Param, dag, get_current_context, task

from apps.airflow.schedule import DEFAULTS, EVALUATED, alert, from_event, run_name, where

DOCS = """
### Asks for approval before groups are exported

Open the run, then the task **approve** and its *Required Actions*: the question shows the number of groups and the file
that lists them. *Approve* writes the groups to the file that the shop imports. *Reject*, or no answer within a week,
exports nothing. Your answer, name and comment are stored in `STORE/decisions.sqlite`. To be asked again, trigger the
DAG.
"""


@dag(
    schedule=[EVALUATED],
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS | {"on_failure_callback": alert},
    tags=["variants", "review"],
    doc_md=DOCS,
    params=where(
        generation=Param("", type="string", description="Generation of candidates; empty: the current one"),
        target=Param(
            os.environ.get("VARIANTS_EXPORT", ""),
            type="string",
            description="File to export to; empty: exports/GENERATION.tsv in the store",
        ),
        format=Param(
            "google",
            enum=["google", "shopify", "magento", "woocommerce"],
            description="File format that the shop imports",
        ),
    ),
)
def review_gate():
    """Builds the DAG."""

    @task
    def summarise():
        from service.batches import review

        event = from_event(get_current_context(), EVALUATED)
        return review.summarise(event["store"], event["generation"])

    @task
    def decide(summary, answer):
        from service.batches import review

        context, answer = get_current_context(), answer or {}
        by = (answer.get("responded_by_user") or {}).get("name") or ""
        comment = (answer.get("params_input") or {}).get("comment") or ""
        chosen = list(answer.get("chosen_options") or [])
        return review.decide(summary["store"], summary["generation"], run_name(context), chosen, by, str(comment))

    @task
    def export(summary, decision):
        from airflow.sdk.exceptions import AirflowSkipException

        from service.batches import review

        if decision["decision"] != review.APPROVE:
            who = f"rejected by {decision['by']}" if decision["by"] else "not approved in time"
            raise AirflowSkipException(f"{who}: nothing is exported")
        context = get_current_context()
        target = context["params"]["target"] or f"{summary['store']}/exports/{summary['generation']}.tsv"
        run = run_name(context)
        return review.export(summary["store"], summary["generation"], run, target, context["params"]["format"])

    summary = summarise()
    approve = HITLEntryOperator(
        task_id="approve",
        subject="Export the groups of generation {{ ti.xcom_pull(task_ids='summarise')['generation'] }}?",
        body=(
            "{% set s = ti.xcom_pull(task_ids='summarise') %}"
            "**{{ s['groups'] }} groups** with {{ s['in_groups'] }} of {{ s['products'] }} products.\n\n"
            "Groups: `{{ s['file'] }}`\n\nDoubtful groups: `{{ s['notes'] }}`"
        ),
        options=["Approve", "Reject"],
        defaults=["Reject"],
        response_timeout=timedelta(days=7),
        execution_timeout=None,
        params={"comment": Param("", type="string", description="Comment, stored with the decision")},
    )
    summary >> approve
    export(summary, decide(summary, approve.output))


review_gate()
