"""A Mesos-compatible master and agent for one machine; knows nothing of Cassandra or of this framework."""
