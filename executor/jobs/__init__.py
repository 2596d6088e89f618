"""Maintenance jobs: the executor's work on its Cassandra besides running it."""
