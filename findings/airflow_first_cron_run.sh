#!/usr/bin/env bash
# Airflow 3.3.2: with `run_immediately=False` (the default), CronTriggerTimetable still runs the time that has passed.
#
# Its documentation says of False: "wait to run until the next scheduled time in the future". Without a start date, a DAG
# that is unpaused for the first time within a tenth of the period after a scheduled time is nevertheless started at once,
# for that past time. A nightly batch of two o'clock begins as soon as Airflow is first started at half past three, and a
# test that starts an Airflow passes or fails by the time of day. `run_immediately=timedelta(0)` does what False promises.
#
# Needs Python 3.11 and PyPI. Prints what was seen, and fails if the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check uv==0.13.8
"$folder/venv/bin/uv" pip install --quiet --python "$folder/venv/bin/python" "apache-airflow==3.3.2"
export AIRFLOW_HOME="$folder/airflow" AIRFLOW__CORE__LOAD_EXAMPLES=False
"$folder/venv/bin/python" - <<'PY'
from datetime import timedelta
from importlib.metadata import version

from airflow.timetables import trigger
from airflow.timetables.base import TimeRestriction

print("apache-airflow", version("apache-airflow"))
past = trigger.CronTriggerTimetable("0 2 * * *", timezone="UTC")._align_to_prev(
    trigger.coerce_datetime(trigger.utcnow())
)
seen = {}
for name, choice in (("False", False), ("timedelta(0)", timedelta(0))):
    for hours in (1, 2, 3):
        trigger.utcnow = lambda hours=hours: past + timedelta(hours=hours)
        timetable = trigger.CronTriggerTimetable("0 2 * * *", timezone="UTC", run_immediately=choice)
        info = timetable.next_dagrun_info(
            last_automated_data_interval=None,
            restriction=TimeRestriction(earliest=None, latest=None, catchup=False),
        )
        seen[name, hours] = "at once, for the time that has passed" if info.run_after == past else "at the next time"
        print(f"run_immediately={name}, {hours} h after the scheduled time: runs {seen[name, hours]}")
expected = {
    ("False", 1): "at once, for the time that has passed",
    ("False", 2): "at once, for the time that has passed",
    ("False", 3): "at the next time",
    **{("timedelta(0)", hours): "at the next time" for hours in (1, 2, 3)},
}
assert seen == expected, "the behaviour has changed"
PY
