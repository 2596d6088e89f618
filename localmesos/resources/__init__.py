"""Resources: arithmetic, ranges, text, offer operations."""
