"""The building blocks of scheduled batches: functions on paths and counts, for any scheduler.

Each is idempotent: called again, after a kill or because a task was cleared, it finds its earlier result.
"""
