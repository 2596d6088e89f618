"""Fetch the files of a backup and load them into Cassandra."""
