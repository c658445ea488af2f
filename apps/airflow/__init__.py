"""What the DAGs share: schedules, retries, alerts and parameters. Besides `dags/`, only this imports Airflow."""
