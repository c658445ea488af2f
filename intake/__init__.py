"""Reading and writing feeds, fetching pictures, and picture files on disk."""
