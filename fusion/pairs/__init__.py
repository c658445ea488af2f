"""Pairs of products: what is known of each, how likely it is a pair of variants, and why."""
