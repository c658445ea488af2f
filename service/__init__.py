"""The wiring floor: steps from paths and settings to paths and counts, the store, and the command line.

Only here do two wings meet. The command line and the scheduler call the same functions.
"""
