"""The report: one self-contained page of what a run found, for a catalogue expert and an analyst."""
