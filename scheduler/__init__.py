"""The scheduler: one process that turns Mesos offers into Cassandra nodes and answers the REST API."""

__version__ = "0.1.0"
