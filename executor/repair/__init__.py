"""Repair of a node's token ranges in segments: what to repair (pure), and one repair of Cassandra's at a time."""
