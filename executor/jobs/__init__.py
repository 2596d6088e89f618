"""Maintenance jobs: what an executor does to its own Cassandra besides running it."""
