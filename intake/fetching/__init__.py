"""Fetches pictures by URL: politely, within limits, only from public addresses, each once, and stored by content."""
