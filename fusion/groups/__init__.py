"""From pairs to groups: which products belong together, and what varies among them."""
