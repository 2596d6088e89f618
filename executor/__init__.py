"""The program that Mesos agents run: one Cassandra node, watched and reported to the scheduler."""

# What an agent runs in a sandbox into which the executor bundle was unpacked.
DEFAULT_COMMAND = "exec sh executor-bundle/run"
