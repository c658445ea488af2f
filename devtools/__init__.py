"""Local Elasticsearch and Airflow, for development and tests."""
