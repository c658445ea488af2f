"""The image index on Elasticsearch, beside the embedded one."""
