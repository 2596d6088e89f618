"""The program that Mesos agents run: one Cassandra node, watched and reported to the scheduler."""
