"""Pictures by URL: fetched with limits, from public addresses only, politely, each once, kept by content."""
