"""How good candidates, pairs and groups are."""
