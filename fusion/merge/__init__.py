"""Two ranked lists become one list of candidates; one method, one file."""
