"""A real Elasticsearch node, or three, for development and tests: fetched, started on loopback, ended."""
