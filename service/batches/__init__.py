"""What scheduled batches are made of: functions from paths and counts to paths and counts, for any scheduler.

Each does one piece of work once: called again, after a kill or because somebody cleared a task, it finds what it did.
"""
