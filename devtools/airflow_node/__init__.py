"""A whole Airflow on this machine alone: to try the DAGs on the demo's catalogue, and for tests."""
