"""Repair of a node's token ranges in segments: the plan (pure), and one repair of Cassandra at a time."""
