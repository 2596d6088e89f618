"""Restores: the source in the bucket, the schema, loading, views, roles, and the comparison."""
