"""The Mesos executor: runs one Cassandra node and its jobs on an agent, and reports to the scheduler."""
