"""The wire formats of Mesos v1: streams, calls, durations, identifiers, authentication."""
