"""What Airflow adds to a run."""
