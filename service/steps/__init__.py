"""The steps: typed functions from a job to a record of paths and counts.

`ingest → encode_text → encode_images → retrieve_text → retrieve_images → expand → evaluate → report`.
Each skips work that is already done, so a retry costs nothing.
"""
