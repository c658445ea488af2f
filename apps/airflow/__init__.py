"""What the DAGs share: schedules, retries, alerts and parameters. Only this package and `dags/` import Airflow."""
