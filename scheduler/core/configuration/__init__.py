"""The target configuration: overrides, canary, differences, and the trial by Cassandra."""
