"""What is learned from the groups that a catalogue already knows."""
