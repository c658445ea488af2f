"""Single questions to a finished run: similar products, explanations, and groups handed back to a shop."""
