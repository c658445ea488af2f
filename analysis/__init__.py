"""What the notebooks call: measurements of one catalogue, as tables and charts."""
