"""The report: one self-contained page on the results of a run, for a catalogue expert and an analyst."""
