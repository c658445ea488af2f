"""How people and programs get in: the command line, and what Airflow needs. No app imports another."""
