"""The command line `cassandra-mesos`: a client of the REST API that needs nothing else of this repository."""
